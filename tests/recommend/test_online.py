"""Online accuracy: sums that add up, drops that are told from chance, and rankings that are right or wrong."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from personalization.recommend.online import Level, calibration, drop, rank_calibration


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_levels_of_two_days_add_up_to_that_of_both(first, second):
    def level(places):
        return Level.of_ranks({place: places.count(place) for place in places})

    both, whole = level(first) + level(second), level(first + second)
    gains = 1 / (np.asarray(first + second) + 1)
    assert both.mean == pytest.approx(whole.mean) == pytest.approx(gains.mean())
    assert both.error == pytest.approx(gains.var() / len(gains), abs=1e-12)


def test_a_drop_is_a_part_of_what_was_and_a_rise_is_none():
    assert drop(Level.of_share(200, 1000), Level.of_share(100, 1000))[0] == pytest.approx(0.5)
    fall, p_value = drop(Level.of_share(100, 1000), Level.of_share(200, 1000))
    assert (fall, p_value > 0.999) == (-1.0, True)
    assert drop(Level(), Level.of_share(1, 2)) == (0.0, 1.0)
    assert drop(Level.of_share(5, 5), Level.of_share(5, 5)) == (0.0, 1.0)


def test_chance_alone_is_rarely_taken_for_a_drop():
    rng = np.random.default_rng(8)
    clicks = rng.binomial(2000, 0.05, size=(400, 2))
    surprised = [drop(Level.of_share(a, 2000), Level.of_share(b, 2000))[1] < 0.05 for a, b in clicks]
    assert 0.02 <= np.mean(surprised) <= 0.08


def test_scores_that_order_choices_well_have_no_disorder():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=5000)
    chosen = rng.random(5000) < 1 / (1 + np.exp(-2 * scores))
    right, wrong = rank_calibration(scores, chosen), rank_calibration(-scores, chosen)
    assert right.disorder < 0.05
    assert wrong.disorder > 0.4
    assert right.auc == pytest.approx(roc_auc_score(chosen, scores))
    assert wrong.auc == pytest.approx(1 - right.auc)
    assert sum(shown for shown, _ in right.deciles) == 5000
    assert len(right.deciles) == 10


def test_ties_and_emptiness_are_no_errors():
    same = rank_calibration(np.zeros(50), np.arange(50) < 10)
    assert (same.deciles, same.disorder, same.auc) == (((50, 10),), 0.0, 0.5)
    assert rank_calibration([], []).deciles == ()
    assert rank_calibration([1.0, 2.0], [False, False]).auc is None
    with pytest.raises(ValueError, match="each score"):
        rank_calibration([1.0], [])


def test_right_probabilities_are_hardly_ever_taken_for_wrong_ones():
    rng = np.random.default_rng(6)
    errors, surprised = [], 0
    for _ in range(300):
        stated = rng.beta(1, 6, size=60)
        found = calibration(stated, rng.random(60) < stated)
        errors.append(found.error)
        surprised += found.error > found.noise
    # So few showings look miscalibrated by themselves: that must not wake anybody.
    assert np.mean(errors) > 0.03
    assert surprised <= 2


def test_wrong_probabilities_are_told_by_how_much():
    chosen = np.random.default_rng(7).random(2000) < 0.1
    found = calibration(np.full(2000, 0.3), chosen)
    assert found.error == pytest.approx(0.3 - chosen.mean())
    assert found.error > 3 * found.noise
    assert (found.stated, found.happened, found.n) == (pytest.approx(0.3), chosen.mean(), 2000)
    assert calibration([], []).stated is None
    assert calibration([1.0, 0.0], [True, False]).error == 0
    with pytest.raises(ValueError, match="one outcome"):
        calibration([0.5], [])
