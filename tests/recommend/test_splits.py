"""What is held out is never in training, and nothing is lost between the two."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from personalization.recommend.data import Interactions
from personalization.recommend.splits import Split, last_k, newest_of_each, random_per_visitor, temporal

rows = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz"), st.integers(0, 40)), min_size=4, max_size=60
)


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
