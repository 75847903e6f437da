"""Lists as a whole: variety by determinants, and the visitor's own mix."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.recommend import rerankers as r
from personalization.recommend.rerankers.diversity import OWN

seeds = st.integers(0, 2**32 - 1)
TAGS = "abcd"


def world(seed: int, m: int, d: int = 5):
    """Candidates with different scores, unit vectors and up to two tags each."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(m, d))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tags = [tuple(rng.choice(list(TAGS), size=rng.integers(0, 3), replace=False).tolist()) for _ in range(m)]
    return rng.permutation(100)[:m], rng.permutation(m) + rng.random(m) / 2, vectors, tags


def choosers(vectors, tags, wanted):
    """The two choices as functions of candidates' places, scores, size and how much the scores count."""
    return {
        "dpp": lambda rows, scores, k, trust: r.dpp(rows, scores, vectors[rows], k, trade_off=trust),
        "calibrate": lambda rows, scores, k, trust: r.calibrate(
            rows, scores, [tags[row] for row in rows], wanted, k, strength=1 - trust
        ),
    }


@pytest.mark.parametrize("name", ["dpp", "calibrate"])
@given(seeds, st.integers(1, 20), st.integers(0, 12), st.floats(0, 1))
def test_k_different_candidates_are_chosen_whatever_their_order_of_input(name, seed, m, k, trust):
    rng = np.random.default_rng(seed)
    _candidates, scores, vectors, tags = world(seed, m)
    choose = choosers(vectors, tags, {"a": 2.0, "b": 1.0})[name]
    rows, mixed = np.arange(m), rng.permutation(m)
    chosen = choose(rows, scores, k, trust).tolist()
    assert len(chosen) == len(set(chosen)) == min(k, m)
    assert set(chosen) <= set(rows.tolist())
    assert choose(mixed, scores[mixed], k, trust).tolist() == chosen


@pytest.mark.parametrize("name", ["dpp", "calibrate"])
@given(seeds, st.integers(1, 20), st.integers(1, 12))
def test_with_scores_alone_it_is_the_top(name, seed, m, k):
    _candidates, scores, vectors, tags = world(seed, m)
    choose = choosers(vectors, tags, {"a": 2.0, "b": 1.0})[name]
    assert choose(np.arange(m), scores, k, 1.0).tolist() == r.top(scores, None, k).tolist()


@pytest.mark.parametrize("name", ["dpp", "calibrate"])
def test_what_was_excluded_is_never_taken(name):
    choose = choosers(np.eye(3), [("a",)] * 3, {"a": 1.0})[name]
    assert choose(np.arange(3), np.array([-np.inf, 1.0, np.nan]), 3, 0.5).tolist() == [1]
    assert choose(np.arange(3), np.full(3, -np.inf), 3, 0.5).tolist() == []


def kernel(vectors):
    alike = (1 - OWN) * (1 + vectors @ vectors.T) / 2
    np.fill_diagonal(alike, 1.0)
    return alike


def worth(chosen, scores, similarity, trade_off):
    """The objective of a set, by its definition."""
    scaled = (scores - scores.min()) / (np.ptp(scores) or 1.0)
    places = np.asarray(chosen, dtype=int)
    return trade_off * scaled[places].sum() + (1 - trade_off) * np.linalg.slogdet(similarity[np.ix_(places, places)])[1]


# Between 0 and this the scores are lost in the rounding of the definition's own logarithms.
@given(seeds, st.integers(1, 9), st.integers(1, 6), st.just(0.0) | st.floats(1e-6, 0.95))
def test_a_dpp_chosen_step_by_step_is_the_greedy_choice_by_determinants(seed, m, k, trade_off):
    candidates, scores, vectors, _tags = world(seed, m)
    similarity = kernel(vectors)
    expected = [int(scores.argmax())] if trade_off == 0 else []
    while len(expected) < min(k, m):
        left = [row for row in range(m) if row not in expected]
        expected.append(max(left, key=lambda row: worth([*expected, row], scores, similarity, trade_off)))
    found = r.dpp(candidates, scores, vectors, k, trade_off)
    assert found.tolist() == candidates[expected].tolist()


@given(seeds, st.integers(1, 4))
def test_a_dpp_is_the_best_of_all_sets_where_greed_is_enough(seed, k):
    """Twins in pairs, otherwise unrelated: the best set takes the better of each pair, the best pairs first."""
    scores = np.random.default_rng(seed).permutation(8).astype(float)
    vectors = np.repeat(np.eye(4), 2, axis=0)
    found = r.dpp(np.arange(8), scores, vectors, k, trade_off=0.5)
    values = [worth(chosen, scores, kernel(vectors), 0.5) for chosen in combinations(range(8), k)]
    assert worth(found, scores, kernel(vectors), 0.5) == pytest.approx(max(values))
    assert len({row // 2 for row in found.tolist()}) == k


def test_twins_are_taken_when_nothing_else_is_left():
    assert sorted(r.dpp([0, 1, 2], [3.0, 2.0, 1.0], np.ones((3, 1)), 3, trade_off=0).tolist()) == [0, 1, 2]


def test_a_dpp_sees_what_several_items_say_together_where_mmr_looks_at_one():
    """The third lies between the first two: no nearer to either than the fourth is, but nothing new beside both."""
    slope = np.sqrt(0.5)
    vectors = np.array([[1, 0, 0], [0, 1, 0], [slope, slope, 0], [slope, 0, slope]])
    scores = [1.0, 0.9, 0.1, 0.0]
    assert r.mmr(range(4), scores, vectors, 3, trade_off=0.5).tolist() == [0, 1, 2]
    assert r.dpp(range(4), scores, vectors, 3, trade_off=0.5).tolist() == [0, 1, 3]


@given(seeds, st.integers(1, 12), st.integers(1, 6), st.floats(0.05, 0.95))
def test_each_step_of_calibration_is_the_best_by_definition(seed, m, k, strength):
    _candidates, scores, _vectors, tags = world(seed, m)
    wanted = {"a": 5.0, "b": 3.0, "c": 1.0}

    def value(rows):
        gain = (scores[rows] - scores.min()).sum() / (np.ptp(scores) or 1.0)
        return (1 - strength) * gain - strength * r.miscalibration([tags[row] for row in rows], wanted)

    listed = r.calibrate(np.arange(m), scores, tags, wanted, k, strength).tolist()
    for step, row in enumerate(listed):
        before = listed[:step]
        others = [value([*before, other]) for other in range(m) if other not in before]
        assert value([*before, row]) == pytest.approx(max(others))


def test_two_thirds_of_film_stay_two_thirds():
    tags = [("film",)] * 10 + [("food",)] * 10 + [("golf",)] * 10
    scores = np.concatenate([np.linspace(1, 0.8, 10), np.linspace(0.7, 0.5, 10), np.linspace(0.9, 0.4, 10)])
    listed = r.calibrate(np.arange(30), scores, tags, {"film": 2, "food": 1}, 6, strength=0.9).tolist()
    assert sorted(tags[row][0] for row in listed) == ["film"] * 4 + ["food"] * 2
    assert r.miscalibration([tags[row] for row in listed], {"film": 2, "food": 1}) == pytest.approx(0)
    top = r.top(scores, None, 6).tolist()
    assert r.miscalibration([tags[row] for row in top], {"film": 2, "food": 1}) > 0.5


@given(st.lists(st.lists(st.sampled_from(TAGS), max_size=3), max_size=8), st.data())
def test_a_mix_adds_up_and_is_calibrated_to_itself(groups, data):
    weights = data.draw(st.lists(st.floats(0.1, 9), min_size=len(groups), max_size=len(groups)))
    mix = r.mix_of(groups, weights)
    assert set(mix) == {tag for own in groups for tag in own}
    assert sum(mix.values()) == pytest.approx(1 if mix else 0)
    tagged = [own for own in groups if own]
    assert r.miscalibration(tagged, r.mix_of(tagged)) == pytest.approx(0, abs=1e-9)
    assert 0 <= r.miscalibration([], mix) <= -np.log(0.01) + 1e-9


def test_without_a_mix_nothing_is_calibrated():
    assert r.calibrate([4, 5, 6], [1.0, 3.0, 2.0], [("a",)] * 3, {}, 2, strength=0.9).tolist() == [5, 6]
    assert r.miscalibration([("a",)], {}) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one length"):
        r.dpp([1, 2], [1.0], np.eye(2), 2)
    with pytest.raises(ValueError, match="trade-off"):
        r.dpp([1], [1.0], np.eye(1), 1, trade_off=-0.1)
    with pytest.raises(ValueError, match="one length"):
        r.calibrate([1], [1.0], [], {"a": 1}, 1)
    with pytest.raises(ValueError, match="strength"):
        r.calibrate([1], [1.0], [()], {"a": 1}, 1, strength=2)
    with pytest.raises(ValueError, match="not negative"):
        r.calibrate([1], [1.0], [()], {"a": -1}, 1)
    with pytest.raises(ValueError, match="weight for each"):
        r.mix_of([("a",)], [1, 2])
