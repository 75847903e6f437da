"""Rerankers keep their promises for any scores, any pins and any caps."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.recommend import rerankers as r

finite = st.floats(-1e3, 1e3, width=32)
some_scores = st.lists(finite | st.just(-np.inf), min_size=1, max_size=40)
ranked_lists = st.lists(st.integers(0, 50), unique=True, max_size=30)
pin_maps = st.dictionaries(st.integers(0, 12), st.integers(0, 60), max_size=6)


@given(some_scores, st.integers(0, 50), st.data())
def test_the_top_is_the_head_of_the_eligible_sorted(scores, n, data):
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    eligible = [i for i, score in enumerate(scores) if mask[i] and score > -np.inf]
    assert r.top(scores, mask, n).tolist() == sorted(eligible, key=lambda i: (-scores[i], i))[:n]


def test_the_top_of_numbers_that_are_not_is_empty():
    assert r.top([float("nan"), -np.inf], None, 2).tolist() == []


@given(st.lists(st.lists(finite | st.just(-np.inf), min_size=5, max_size=5), min_size=1, max_size=6), st.integers(1, 8))
def test_the_top_of_each_row_is_best_first_and_padded(rows, k):
    ranked = r.top_rows(np.array(rows), k)
    assert ranked.shape == (len(rows), k)
    for scores, order in zip(rows, ranked.tolist(), strict=True):
        chosen = [i for i in order if i >= 0]
        assert order == chosen + [-1] * (k - len(chosen))
        assert sorted((scores[i] for i in chosen), reverse=True) == [scores[i] for i in chosen]
        assert len(chosen) == len(set(chosen)) == min(k, sum(score > -np.inf for score in scores))
        assert all(scores[i] <= min((scores[j] for j in chosen), default=0) for i in set(range(5)) - set(chosen))


@given(st.integers(1, 12), st.integers(1, 3_000), st.integers(0, 2**32 - 1))
def test_the_top_of_long_rows_is_the_head_of_the_sorted_row(k, width, seed):
    random = np.random.default_rng(seed)
    rows = random.integers(-50, 50, size=(3, width)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = -np.inf
    rows[random.random(rows.shape) < 0.05] = np.nan
    for scores, order in zip(rows, r.top_rows(rows, k), strict=True):
        best = np.sort(scores[scores > -np.inf])[::-1][:k]
        assert scores[order[order >= 0]].tolist() == best.tolist()
        assert len(set(order[order >= 0].tolist())) == len(best)


@given(st.lists(finite, min_size=2, max_size=20), st.data())
def test_a_boost_lifts_lowers_and_removes_whatever_the_sign_of_the_score(scores, data):
    item = data.draw(st.integers(0, len(scores) - 1))
    factors = np.ones(len(scores))
    assert r.apply_boosts(scores, factors).tolist() == pytest.approx(scores)
    factors[item] = 4
    assert r.apply_boosts(scores, factors)[item] == pytest.approx(scores[item] + 2 * r.spread(scores))
    factors[item] = 0.5
    assert r.apply_boosts(scores, factors)[item] < scores[item]
    factors[item] = 0
    assert item not in r.top(r.apply_boosts(scores, factors), None, len(scores))


@pytest.mark.parametrize("factor", [-1, float("nan"), float("inf")])
def test_a_senseless_boost_is_refused(factor):
    with pytest.raises(ValueError, match="Boosts"):
        r.apply_boosts([1.0], [factor])


@given(st.lists(finite, min_size=2, max_size=20), st.floats(0, 400), st.floats(0.1, 100), st.floats(0, 5))
def test_the_newer_of_two_equals_comes_first_and_the_unknown_gets_nothing(scores, age, half_life, strength):
    scores = [*scores, 0.0, 0.0, 0.0]
    ages = np.full(len(scores), np.nan)
    ages[-2:] = [age, age + half_life]
    lifted = r.freshness(scores, ages, half_life, strength)
    assert lifted[:-2] == pytest.approx(scores[:-2])
    bonus = strength * r.spread(scores) * 0.5 ** (age / half_life)
    assert lifted[-2:] == pytest.approx([bonus, bonus / 2])


def test_a_page_dated_in_the_future_is_no_fresher_than_new():
    assert r.freshness([0.0, 1.0], [-30.0, 0.0], 7, 1).tolist() == [0.5, 1.5]


@pytest.mark.parametrize(("half_life", "strength"), [(0, 1), (-1, 1), (7, -1), (float("nan"), 1)])
def test_senseless_freshness_is_refused(half_life, strength):
    with pytest.raises(ValueError, match="half-life"):
        r.freshness([1.0], [1.0], half_life, strength)


@given(st.lists(finite, min_size=2, max_size=20), st.data())
def test_what_was_shown_too_often_goes_or_sinks(scores, data):
    shown = np.array(data.draw(st.lists(st.integers(0, 6), min_size=len(scores), max_size=len(scores))))
    dropped = r.frequency_cap(scores, shown, cap=3)
    assert (np.isneginf(dropped) == (shown >= 3)).all()
    sunk = r.frequency_cap(scores, shown, cap=3, penalty=2.0)
    assert sunk == pytest.approx(np.array(scores) - 2 * r.spread(scores) * (shown >= 3))


def test_a_senseless_cap_is_refused():
    with pytest.raises(ValueError, match="cap"):
        r.frequency_cap([1.0], [1], cap=0)
    with pytest.raises(ValueError, match="cap"):
        r.frequency_cap([1.0], [1], cap=1, penalty=-1)
    with pytest.raises(ValueError, match="cap"):
        r.limit_per_group([1], [("a",)], cap=0, k=1)


@given(st.lists(finite, min_size=1, max_size=20), st.data())
def test_what_was_seen_never_comes_back_and_the_callers_scores_stay(scores, data):
    seen = data.draw(st.lists(st.integers(0, len(scores) - 1)))
    original = np.array(scores)
    chosen = r.top(r.drop_seen(original, seen), None, len(scores))
    assert set(chosen.tolist()) == set(range(len(scores))) - set(seen)
    assert original.tolist() == scores


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 12), st.floats(0, 1), st.floats(-1, 1))
def test_mmr_chooses_k_different_candidates_and_first_the_best(seed, m, k, trade_off, floor):
    rng = np.random.default_rng(seed)
    candidates, scores = rng.permutation(100)[:m], rng.normal(size=m)
    vectors = rng.normal(size=(m, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    chosen = r.mmr(candidates, scores, vectors, k, trade_off, floor).tolist()
    assert len(chosen) == len(set(chosen)) == min(k, m)
    assert set(chosen) <= set(candidates.tolist())
    assert chosen[:1] == candidates[[scores.argmax()]].tolist()[:k]


@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_mmr_that_trades_nothing_is_the_top(seed, k):
    rng = np.random.default_rng(seed)
    scores, vectors = rng.normal(size=20), rng.normal(size=(20, 4))
    assert r.mmr(np.arange(20), scores, vectors, k, trade_off=1).tolist() == r.top(scores, None, k).tolist()


def test_mmr_prefers_another_subject_to_a_twin_unless_twins_are_tolerated():
    vectors = np.array([[1, 0], [0.9, np.sqrt(1 - 0.81)], [0, 1.0]])
    assert r.mmr([0, 1, 2], [1.0, 0.9, 0.5], vectors, 2, trade_off=0.5).tolist() == [0, 2]
    assert r.mmr([0, 1, 2], [1.0, 0.9, 0.5], vectors, 2, trade_off=0.5, similarity_floor=0.95).tolist() == [0, 1]


def test_mmr_never_takes_what_was_excluded():
    assert r.mmr([3, 4], [-np.inf, 0.0], np.eye(2), 2, trade_off=0).tolist() == [4]


def test_mmr_refuses_lists_that_do_not_fit():
    with pytest.raises(ValueError, match="one length"):
        r.mmr([1, 2], [1.0], np.eye(2), 2)
    with pytest.raises(ValueError, match="trade-off"):
        r.mmr([1], [1.0], np.eye(1), 1, trade_off=1.5)


@given(ranked_lists, pin_maps, st.integers(0, 10))
def test_pins_stand_at_their_place_nothing_twice_and_the_rest_in_order(ranked, pins, k):
    page = r.place_pins(ranked, pins, k).tolist()
    assert len(page) == len(set(page)) <= k
    wanted = {}
    for position in sorted(p for p in pins if p < k):
        if pins[position] not in wanted.values():
            wanted[position] = pins[position]
    rest = [item for item in page if item not in wanted.values()]
    unpinned = [item for item in ranked if item not in wanted.values()]
    assert rest == unpinned[: len(rest)]
    assert set(wanted.values()) <= set(page)
    assert len(page) == min(k, len(wanted) + len(unpinned))
    if len(page) == k:
        assert all(page[position] == item for position, item in wanted.items())


def test_a_pin_before_the_first_place_is_refused():
    with pytest.raises(ValueError, match="position"):
        r.place_pins([1], {-1: 3}, 2)


@given(ranked_lists, st.data(), st.integers(1, 3), st.integers(0, 10))
def test_no_group_exceeds_its_cap_and_nobody_is_held_back_without_need(ranked, data, cap, k):
    names = st.lists(st.sampled_from("abc"), max_size=2).map(tuple)
    groups = data.draw(st.lists(names, min_size=len(ranked), max_size=len(ranked)))
    kept = r.limit_per_group(ranked, groups, cap, k).tolist()
    group_of = dict(zip(ranked, groups, strict=True))
    assert kept == [item for item in ranked if item in kept]
    assert len(kept) <= k
    for name in "abc":
        assert sum(name in group_of[item] for item in kept) <= cap
    assume(len(kept) < k)
    for item in set(ranked) - set(kept):
        assert any(sum(name in group_of[other] for other in kept) >= cap for name in group_of[item])


def test_groups_must_be_given_for_each_item():
    with pytest.raises(ValueError, match="groups for each"):
        r.limit_per_group([1, 2], [()], cap=1, k=2)
