"""What is held out is never in training, and nothing is lost between the two."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from personalization.recommend.data import Interactions
from personalization.recommend.splits import (
    ColdSplit,
    Split,
    cold_items,
    k_folds,
    last_k,
    newest_of_each,
    random_per_visitor,
    temporal,
    temporal_rows,
)

rows = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz"), st.integers(0, 40)), min_size=4, max_size=60
)


# A visitor with whom any world can be split.
GUEST = [("guest", item, time) for item, time in zip("uvwxyz", (3, 9, 14, 22, 31, 40), strict=True)]
worlds = rows.map(lambda events: events + GUEST)


def pairs(interactions):
    return set(zip(interactions.rows.tolist(), interactions.matrix.indices.tolist(), strict=True))


def split_or_discard(splitter, events, **options):
    seen = Interactions.from_rows(*zip(*events, strict=True))
    try:
        return seen, splitter(seen, **options)
    except ValueError:
        assume(False)


@given(rows, st.sampled_from([(temporal, {}), (random_per_visitor, {}), (last_k, {"k": 2}), (newest_of_each, {})]))
def test_no_pair_is_on_both_sides_and_shapes_stay(events, how):
    seen, split = split_or_discard(how[0], events, **how[1])
    assert not pairs(split.train) & pairs(split.test)
    assert pairs(split.train) | pairs(split.test) <= pairs(seen)
    assert split.train.matrix.shape == split.test.matrix.shape == seen.matrix.shape
    assert set(split.train.rows[: split.train.matrix.nnz]) >= set(split.test_rows)


@given(rows, st.floats(0.1, 0.9))
def test_a_temporal_split_never_trains_on_the_future(events, fraction):
    seen, split = split_or_discard(temporal, events, fraction=fraction)
    assume(len(split.test_rows))
    assert split.train.timestamps.max() < split.test.timestamps.min()
    newcomers = set(seen.rows) - set(split.train.rows)
    assert split.left_out == len(newcomers)
    kept = split.train.matrix.nnz + split.test.matrix.nnz
    assert seen.matrix.nnz - kept == np.isin(seen.rows, list(newcomers)).sum()


@given(rows)
def test_the_last_k_are_each_visitors_newest(events):
    seen, split = split_or_discard(last_k, events, k=2)
    for row in range(seen.n_visitors):
        train, test = split.train.history(row), split.test.history(row)
        assert len(test) == (2 if len(seen.history(row)) > 2 else 0)
        assert not len(test) or train.timestamps.max() <= test.timestamps.min()


@given(rows, st.floats(0.1, 0.9))
def test_the_newest_share_of_each_visitor_is_held_out_and_one_left(events, fraction):
    seen, split = split_or_discard(newest_of_each, events, fraction=fraction)
    for row in range(seen.n_visitors):
        n, train, test = len(seen.history(row)), split.train.history(row), split.test.history(row)
        assert len(test) == min(int(np.ceil(n * fraction)), n - 1)
        assert not len(test) or train.timestamps.max() <= test.timestamps.min()


@given(rows, st.floats(0.1, 0.9))
def test_a_random_split_holds_out_its_share_of_each_visitor_and_leaves_one(events, fraction):
    seen, split = split_or_discard(random_per_visitor, events, fraction=fraction)
    assert split.left_out == 0
    for row in range(seen.n_visitors):
        n, held_out = len(seen.history(row)), len(split.test.history(row))
        assert held_out == min(int(np.floor(n * fraction + 0.5)), n - 1)


@settings(max_examples=40)
@given(worlds, st.integers(2, 4))
def test_few_interactions_may_be_spared_by_their_visitors_number(events, more_than):
    seen = Interactions.from_rows(*zip(*events, strict=True))
    split = last_k(seen, k=2, more_than=more_than)
    for row in range(seen.n_visitors):
        assert len(split.test.history(row)) == (2 if len(seen.history(row)) > more_than else 0)


@settings(max_examples=40)
@given(worlds, st.floats(0.1, 0.9))
def test_rows_are_split_by_time_before_repeats_are_merged(events, fraction):
    visitors, items, times = zip(*events, strict=True)
    split = temporal_rows(visitors, items, times, fraction=fraction)
    cut = sorted(times)[int(len(times) * (1 - fraction))]
    cut = cut if min(times) < cut else cut + 1
    earlier = {(v, i): t for v, i, t in sorted(events, key=lambda row: row[2]) if t < cut}
    known = {v for v, _ in earlier}
    later = {(v, i) for v, i, t in events if t >= cut}
    named = {
        (split.train.visitor_ids[row], split.train.item_ids[column]): time
        for (row, column), time in zip(sorted(pairs(split.train)), split.train.timestamps.tolist(), strict=True)
    }
    assert named == earlier
    assert {(split.test.visitor_ids[r], split.test.item_ids[c]) for r, c in pairs(split.test)} == {
        pair for pair in later - set(earlier) if pair[0] in known
    }
    assert split.left_out == len({v for v, _ in later} - known)
    assert split.train.matrix.sum() == sum(t < cut for t in times)


def test_without_repeats_rows_and_pairs_are_split_alike():
    rng = np.random.default_rng(0)
    cells = rng.choice(200, 120, replace=False)
    visitors, items = [f"v{c // 20}" for c in cells], [f"i{c % 20:02}" for c in cells]
    times = rng.permutation(120)
    by_rows = temporal_rows(visitors, items, times, fraction=0.3)
    by_pairs = temporal(Interactions.from_rows(visitors, items, times), fraction=0.3)
    assert pairs(by_rows.train) == pairs(by_pairs.train)
    assert pairs(by_rows.test) == pairs(by_pairs.test)
    assert by_rows.left_out == by_pairs.left_out


@settings(max_examples=40)
@given(worlds, st.integers(2, 4))
def test_every_interaction_is_held_out_in_one_fold_and_each_visitors_are_spread(events, n):
    seen = Interactions.from_rows(*zip(*events, strict=True))
    folds = k_folds(seen, n=n)
    assert len(folds) == n
    lonely = {row for row in range(seen.n_visitors) if len(seen.history(row)) == 1}
    held_out = [pair for split in folds for pair in sorted(pairs(split.test))]
    assert len(held_out) == len(set(held_out))
    assert set(held_out) == {pair for pair in pairs(seen) if pair[0] not in lonely}
    assert sum(split.left_out for split in folds) == len(lonely)
    for row in set(range(seen.n_visitors)) - lonely:
        counts = [len(split.test.history(row)) for split in folds]
        assert max(counts) - min(counts) <= 1
    assert max(len(pairs(s.test)) for s in folds) - min(len(pairs(s.test)) for s in folds) <= 1 + len(lonely)


@settings(max_examples=40)
@given(worlds, st.floats(0.2, 0.8), st.integers(0, 9))
def test_withheld_items_are_in_no_training_row(events, fraction, seed):
    seen = Interactions.from_rows(*zip(*events, strict=True))
    split = cold_items(seen, fraction=fraction, seed=seed)
    assert isinstance(split, ColdSplit)
    assert not split.cold[split.train.matrix.indices].any()
    assert split.cold[split.test.matrix.indices].all()
    assert split.cold.sum() == int(np.floor(len(set(seen.matrix.indices)) * fraction + 0.5))
    assert split.candidates is split.cold
    again = cold_items(seen, fraction=fraction, seed=seed)
    np.testing.assert_array_equal(again.cold, split.cold)


def test_a_cold_split_says_of_each_item_whether_it_is_withheld():
    one = Interactions.from_rows(["a"], ["x"], [1.0])
    with pytest.raises(ValueError, match="one mark for each item"):
        ColdSplit(one, one, cold=np.array([True, False]))


def test_senseless_folds_are_refused():
    seen = Interactions.from_rows(["a", "a"], ["x", "y"], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least 2 folds"):
        k_folds(seen, n=1)
    with pytest.raises(ValueError, match="too few"):
        k_folds(seen, n=3)
    with pytest.raises(ValueError, match="more_than"):
        last_k(seen, k=2, more_than=1)


def test_the_seed_decides_what_a_random_split_holds_out():
    rng = np.random.default_rng(0)
    seen = Interactions.from_rows(
        [str(v) for v in rng.integers(0, 9, 200)], [str(i) for i in rng.integers(0, 40, 200)], np.arange(200.0)
    )
    assert pairs(random_per_visitor(seen, seed=1).test) == pairs(random_per_visitor(seen, seed=1).test)
    assert pairs(random_per_visitor(seen, seed=1).test) != pairs(random_per_visitor(seen, seed=2).test)


@pytest.mark.parametrize("splitter", [temporal, random_per_visitor, last_k, newest_of_each])
def test_a_single_interaction_cannot_be_split(splitter):
    with pytest.raises(ValueError, match="too few"):
        splitter(Interactions.from_rows(["a"], ["x"], [1.0]))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_fraction_must_leave_something_on_both_sides(fraction):
    seen = Interactions.from_rows(["a", "a"], ["x", "y"], [1.0, 2.0])
    for splitter in (temporal, random_per_visitor, newest_of_each):
        with pytest.raises(ValueError, match="between 0 and 1"):
            splitter(seen, fraction=fraction)
    with pytest.raises(ValueError, match="at least 1"):
        last_k(seen, k=0)


def test_the_two_sides_must_be_about_the_same_things():
    one = Interactions.from_rows(["a"], ["x"], [1.0])
    with pytest.raises(ValueError, match="same visitors and items"):
        Split(one, Interactions.from_rows(["b"], ["x"], [1.0]))
