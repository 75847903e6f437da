"""Metrics agree with figures worked out by hand and with an independent implementation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score
from sklearn.metrics import log_loss as log_loss_elsewhere

from personalization.recommend import metrics

RANKED = np.array([[4, 0, 3, 1], [2, 1, -1, -1], [0, 1, 2, 3]])
HELD_OUT = csr_array(np.array([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]]))

# The first visitor's hits stand in places 2 and 4, out of 3 held-out items; the second has nothing held out; the third
# has no hit.
BY_HAND = {
    metrics.ndcg_at_k: (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3) + 1 / math.log2(4)),
    metrics.recall_at_k: 2 / 3,
    metrics.precision_at_k: 2 / 4,
    metrics.map_at_k: (1 / 2 + 2 / 4) / 3,
    metrics.hit_rate_at_k: 1,
    metrics.mrr: 1 / 2,
}
PER_VISITOR = list(BY_HAND)


@pytest.mark.parametrize("metric", PER_VISITOR)
def test_figures_worked_out_by_hand(metric):
    assert metric(RANKED, HELD_OUT, 4) == pytest.approx([BY_HAND[metric], math.nan, 0], nan_ok=True)


@pytest.mark.parametrize("metric", PER_VISITOR)
def test_only_visitors_with_something_held_out_count(metric):
    assert metrics.average(metric(RANKED, HELD_OUT, 4)) == pytest.approx(BY_HAND[metric] / 2)
    assert math.isnan(metrics.average(metric(RANKED[1:2], HELD_OUT[[1]], 4)))


def test_the_ideal_is_over_as_many_places_as_there_are():
    relevant = csr_array(np.ones((1, 30)))
    assert metrics.ndcg_at_k(np.arange(10)[None, :], relevant, 10) == pytest.approx([1])
    assert metrics.recall_at_k(np.arange(10)[None, :], relevant, 10) == pytest.approx([1 / 3])
    assert metrics.map_at_k(np.arange(10)[None, :], relevant, 10) == pytest.approx([1])


def test_a_ranking_shorter_than_k_has_misses_behind_it():
    assert metrics.precision_at_k([[0]], csr_array([[1, 1]]), 4).tolist() == [0.25]


worlds = st.integers(0, 2**32 - 1)


@given(worlds, st.integers(1, 12))
def test_ndcg_agrees_with_scikit_learn(seed, k):
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(12.0), (5, 1)), axis=1)
    relevant = (rng.random((5, 12)) < 0.4).astype(float)
    relevant[:, 0] = 1
    ranked = np.argsort(-scores, axis=1)
    ours = metrics.ndcg_at_k(ranked, csr_array(relevant), k).mean()
    assert ours == pytest.approx(ndcg_score(relevant, scores, k=k))


@given(worlds)
def test_average_precision_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores = rng.permutation(12.0 * np.arange(12))
    relevant = rng.random(12) < 0.4
    relevant[0] = True
    ours = metrics.map_at_k(np.argsort(-scores)[None, :], csr_array(relevant[None, :]), 12)[0]
    assert ours == pytest.approx(average_precision_score(relevant, scores))


@given(worlds, st.integers(1, 8))
def test_every_accuracy_lies_between_nothing_and_all(seed, k):
    rng = np.random.default_rng(seed)
    ranked = rng.permuted(np.tile(np.arange(9), (4, 1)), axis=1)[:, :6]
    relevant = csr_array((rng.random((4, 9)) < 0.5).astype(int))
    for metric in PER_VISITOR:
        values = metric(ranked, relevant, k)
        values = values[~np.isnan(values)]
        assert ((values >= 0) & (values <= 1 + 1e-12)).all()


def test_a_senseless_question_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        metrics.ndcg_at_k(RANKED, HELD_OUT, 0)
    with pytest.raises(ValueError, match="one ranking"):
        metrics.ndcg_at_k(RANKED[:2], HELD_OUT, 3)


def test_coverage_counts_what_anybody_was_shown():
    assert metrics.coverage(RANKED, 5, 2) == 4 / 5
    assert metrics.coverage(np.full((2, 3), -1), 5, 3) == 0


def test_novelty_is_the_mean_information_of_what_is_shown():
    assert metrics.novelty([[0, 1], [2, -1]], [8, 4, 0], 8, 2) == pytest.approx(((0 + 1) / 2 + 3) / 2)
    assert math.isnan(metrics.novelty([[-1]], [1], 1, 1))


def test_popularity_is_that_of_the_items_shown_and_its_lift_is_over_ones_own():
    assert metrics.list_popularity([[0, 1], [2, -1]], [8, 4, 0], 2).tolist() == [6, 0]
    assert metrics.popularity_lift([6.0, 0.0], [2.0, 2.0]) == pytest.approx(0.5)
    assert math.isnan(metrics.popularity_lift([1.0], [0.0]))


@settings(max_examples=40)
@given(worlds)
def test_the_area_under_the_curve_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (4, 12)).astype(float)  # few levels, many ties
    relevant = (rng.random((4, 12)) < 0.3).astype(int)
    seen = (rng.random((4, 12)) < 0.3) & (relevant == 0)
    areas = metrics.auc(scores, csr_array(relevant), seen=csr_array(seen.astype(int)))
    for area, line, held_out, known in zip(areas, scores, relevant, seen, strict=True):
        if held_out.any() and (held_out + known == 0).any():
            assert area == pytest.approx(roc_auc_score(held_out[~known], line[~known]))
        else:
            assert math.isnan(area)


def test_an_item_without_a_score_is_not_compared():
    assert metrics.auc([[0.5, np.nan, -np.inf, 0.1]], csr_array([[1, 0, 0, 0]])).tolist() == [1]
    assert math.isnan(metrics.auc([[-np.inf, 0.3]], csr_array([[1, 0]]))[0])
    with pytest.raises(ValueError, match="one score"):
        metrics.auc([[0.5]], csr_array([[1, 0]]))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=12), st.integers(0, 5))
def test_gini_is_the_mean_difference_of_all_pairs(counts, unseen):
    values = np.array([*counts, *[0] * unseen], dtype=float)
    ours = metrics.gini_of_counts([counts], n_items=len(values))[0]
    if not values.any():
        assert math.isnan(ours)
    else:
        differences = np.abs(values[:, None] - values).sum()
        assert ours == pytest.approx(differences / (2 * len(values) ** 2 * values.mean()))


def test_gini_counts_the_lists_an_item_stands_in():
    assert metrics.gini([[0, 1], [0, 2]], 4, 1) == pytest.approx(0.75)
    assert metrics.gini([[0, 1], [2, 3]], 4, 2) == 0
    assert math.isnan(metrics.gini([[-1]], 4, 1))


@settings(max_examples=40)
@given(worlds)
def test_log_loss_agrees_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    chances, outcomes = rng.random(30), rng.random(30) < 0.4
    ours = metrics.log_loss(chances, outcomes)
    assert ours == pytest.approx(log_loss_elsewhere(outcomes, chances, labels=[False, True]))


@settings(max_examples=40)
@given(worlds, st.integers(1, 12))
def test_calibration_error_agrees_with_a_loop_over_bins(seed, bins):
    rng = np.random.default_rng(seed)
    chances, outcomes = rng.random(40), rng.random(40) < 0.4
    total = 0.0
    for number in range(bins):
        inside = (chances >= number / bins) & (chances < (number + 1) / bins)
        if inside.any():
            total += inside.mean() * abs(chances[inside].mean() - outcomes[inside].mean())
    assert metrics.expected_calibration_error(chances, outcomes, bins) == pytest.approx(total)


def test_what_is_no_probability_is_refused():
    for measure in (metrics.log_loss, metrics.expected_calibration_error):
        with pytest.raises(ValueError, match="between 0 and 1"):
            measure([1.2], [1])
        with pytest.raises(ValueError, match="one outcome"):
            measure([0.2, 0.3], [1])
        assert math.isnan(measure([], []))
    with pytest.raises(ValueError, match="at least one bin"):
        metrics.expected_calibration_error([0.2], [1], bins=0)


def test_certainty_that_errs_costs_much_but_not_everything():
    assert 30 < metrics.log_loss([0.0], [1]) < 40
    assert metrics.expected_calibration_error([1.0, 0.0], [1, 0]) == 0


def test_diversity_is_the_mean_unlikeness_of_pairs():
    vectors = np.array([[1, 0], [0, 1], [-1, 0], [0, 0]], dtype=float)
    assert metrics.diversity([[0, 1, 2]], vectors, 3) == pytest.approx(1 - (0 + -1 + 0) / 3)
    assert metrics.diversity([[0, 3], [0, -1]], vectors, 2) == 1
    assert math.isnan(metrics.diversity([[0, -1]], vectors, 2))
