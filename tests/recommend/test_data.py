"""Interactions, items and histories: built from rows, checked, and put in order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from personalization.recommend.data import Explanation, History, Interactions, Items, centre

rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.floats(0, 1e9), st.floats(0.5, 9, width=32)),
    min_size=1,
    max_size=30,
)


@given(rows)
def test_repeated_pairs_sum_their_weights_and_keep_their_last_time(events):
    visitors, items, times, weights = zip(*events, strict=True)
    seen = Interactions.from_rows(visitors, items, times, weights)
    for row, visitor in enumerate(seen.visitor_ids):
        for column, item in enumerate(seen.item_ids):
            mine = [(t, w) for v, i, t, w in events if (v, i) == (visitor, item)]
            assert seen.matrix[row, column] == pytest.approx(sum(w for _, w in mine), rel=1e-5)
            if mine:
                position = seen.history(row).items.tolist().index(column)
                assert seen.history(row).timestamps[position] == max(t for t, _ in mine)


@given(rows)
def test_a_history_runs_from_oldest_to_newest(events):
    seen = Interactions.from_rows(*zip(*events, strict=True))
    histories = seen.histories()
    assert len(histories) == seen.n_visitors
    assert sum(map(len, histories)) == seen.matrix.nnz
    assert all((np.diff(history.timestamps) >= 0).all() for history in histories)
    assert [len(h) for h in seen.histories([0])] == [len(histories[0])]


def test_a_fixed_universe_sets_columns_and_their_order():
    seen = Interactions.from_rows(["a"], ["y"], [1.0], item_ids=["z", "y", "x"])
    assert seen.item_ids == ("z", "y", "x")
    assert seen.matrix.toarray().tolist() == [[0, 1, 0]]


def test_a_history_bears_its_visitors_segment():
    seen = Interactions.from_rows(
        ["b", "a", "a", "c"], ["x", "x", "y", "y"], [1.0, 2.0, 3.0, 4.0], segments={"a": "fr", "b": "en", "z": "de"}
    )
    assert seen.segments == ("fr", "en", "")
    assert [history.segment for history in seen.histories()] == ["fr", "en", ""]
    assert seen.keep(np.array([True, False, True, True])).segments == seen.segments


def test_without_segments_every_visitor_is_of_none():
    assert Interactions.from_rows(["a", "b"], ["x", "x"], [1.0, 2.0]).segments == ("", "")


def test_every_visitor_needs_a_segment_or_none_has():
    seen = Interactions.from_rows(["a", "b"], ["x", "x"], [1.0, 2.0])
    with pytest.raises(ValueError, match="one segment for each visitor"):
        Interactions(seen.matrix, seen.timestamps, seen.visitor_ids, seen.item_ids, segments=("en",))


def test_fixed_visitors_set_rows_and_their_order():
    seen = Interactions.from_rows(["a"], ["y"], [1.0], visitor_ids=["b", "a"])
    assert seen.visitor_ids == ("b", "a")
    assert seen.matrix.toarray().tolist() == [[0], [1]]
    with pytest.raises(ValueError, match="Unknown visitor 'a'"):
        Interactions.from_rows(["a"], ["y"], [1.0], visitor_ids=["b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((["a"], ["x", "y"], [1.0]), "same length"),
        ((["a"], ["x"], [1.0], [1.0, 2.0]), "same length"),
        (([], [], []), "no interactions"),
        ((["a"], ["x"], [float("nan")]), "Timestamps"),
        ((["a"], ["x"], [-1.0]), "Timestamps"),
        ((["a"], ["x"], [1.0], [0.0]), "Weights"),
        ((["a"], ["x"], [1.0], [float("inf")]), "Weights"),
    ],
)
def test_bad_rows_are_refused_with_a_reason(arguments, message):
    with pytest.raises(ValueError, match=message):
        Interactions.from_rows(*arguments)


def test_an_item_outside_the_universe_is_named():
    with pytest.raises(ValueError, match="Unknown item 'x'"):
        Interactions.from_rows(["a"], ["x"], [1.0], item_ids=["y"])


def test_a_universe_with_a_repeated_id_is_refused():
    with pytest.raises(ValueError, match="once"):
        Interactions.from_rows(["a"], ["y"], [1.0], item_ids=["y", "y"])


@pytest.mark.parametrize(
    "fields",
    [
        {"items": [-1]},
        {"items": [1], "weights": [1.0, 2.0]},
        {"items": [1], "timestamps": [float("nan")]},
        {"items": [1], "weights": [float("inf")]},
        {"interest": [[1.0]]},
        {"interest": [float("nan")]},
        {"context": -1},
    ],
)
def test_a_senseless_history_is_refused(fields):
    with pytest.raises(ValueError, match=r"history|interest|context"):
        History(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"ids": ("a", "a")},
        {"ids": ("a",), "groups": ("g", "h")},
        {"ids": ("a",), "tags": ((), ())},
        {"ids": ("a",), "published": [1.0, 2.0]},
        {"ids": ("a",), "embeddings": np.zeros((2, 3))},
        {"ids": ("a",), "embeddings": np.full((1, 3), np.nan)},
    ],
)
def test_senseless_items_are_refused(fields):
    with pytest.raises(ValueError, match=r"item|Groups|Embeddings"):
        Items(**fields)


def test_what_is_left_out_of_items_gets_a_sensible_value():
    items = Items(ids=("a", "b"))
    assert items.groups == ("a", "b")
    assert items.tags == ((), ())
    assert np.isnan(items.published).all()
    assert items.aligned_to(("a",)) is None


def test_a_group_speaks_with_its_first_row_that_has_an_embedding():
    vectors = np.array([[0, 0], [0, 1], [1, 0]], dtype=np.float32)
    items = Items(ids=("1-en", "1-fr", "2-en"), groups=("1", "1", "2"), embeddings=vectors)
    assert items.aligned_to(("2", "1", "3", "1-fr")).tolist() == [[1, 0], [0, 1], [0, 0], [0, 1]]


def test_centring_leaves_unit_rows_about_the_mean_and_keeps_missing_ones_missing():
    vectors = np.random.default_rng(0).normal(3, 1, size=(50, 6)).astype(np.float32)
    vectors[7] = 0
    centred, mean = centre(vectors)
    np.testing.assert_allclose(np.linalg.norm(np.delete(centred, 7, axis=0), axis=1), 1, atol=1e-5)
    assert not centred[7].any()
    np.testing.assert_allclose(mean, np.delete(vectors, 7, axis=0).mean(axis=0), atol=1e-5)


def test_later_embeddings_can_take_the_same_centre():
    vectors = np.random.default_rng(0).normal(3, 1, size=(50, 6)).astype(np.float32)
    centred, mean = centre(vectors)
    np.testing.assert_allclose(centre(vectors[:3], mean)[0], centred[:3], atol=1e-6)
    with pytest.raises(ValueError, match="dimensions"):
        centre(vectors, mean[:2])


def test_a_row_that_is_the_mean_has_no_direction():
    assert not centre(np.full((4, 3), 0.1, dtype=np.float32))[0].any()


def test_an_explanation_of_nothing_is_zero():
    assert Explanation.of([]) == Explanation(0.0, ())


def test_what_was_ignored_later_than_what_is_kept_is_not_known():
    seen = Interactions.from_rows(list("aabb"), list("xyxy"), [1.0, 5.0, 1.0, 9.0], item_ids=list("xyz"))
    seen = seen.with_ignored(list("aaab"), list("zzyz"), [2.0, 4.0, 6.0, 0.5])
    assert seen.ignored.toarray().tolist() == [[0, 1, 2], [0, 0, 1]]
    earlier = seen.keep(seen.timestamps < 6)
    assert earlier.ignored.toarray().tolist() == [[0, 0, 2], [0, 0, 1]]
    assert earlier.ignored_at.tolist() == [4.0, 0.5]
    assert seen.keep(seen.timestamps < 3).ignored.toarray().tolist() == [[0, 0, 0], [0, 0, 1]]
    assert seen.keep(seen.timestamps > 9).ignored.nnz == 0


def test_nothing_ignored_is_not_the_same_as_nobody_knows():
    seen = Interactions.from_rows(["a"], ["x"], [1.0])
    assert seen.ignored is None
    assert seen.keep(seen.timestamps > 0).ignored is None
    assert seen.with_ignored([], [], []).ignored.nnz == 0


def test_what_was_chosen_when_it_was_shown_is_known_of_what_is_kept():
    seen = Interactions.from_rows(list("aab"), list("xyy"), [1.0, 2.0, 3.0])
    assert seen.followed.tolist() == [False] * 3
    told = seen.with_followed(list("abb"), list("yyx"))
    assert told.followed.tolist() == [False, True, True]
    assert told.keep(told.timestamps > 1).followed.tolist() == [True, True]
    with pytest.raises(ValueError, match="Unknown item"):
        seen.with_followed(["a"], ["z"])
    with pytest.raises(ValueError, match="one mark"):
        Interactions(seen.matrix, seen.timestamps, ("a", "b"), ("x", "y"), followed=np.ones(2, dtype=bool))


def test_what_was_ignored_must_fit_the_visitors_and_items():
    seen = Interactions.from_rows(["a"], ["x"], [1.0])
    with pytest.raises(ValueError, match="same visitors"):
        Interactions(seen.matrix, seen.timestamps, ("a",), ("x",), ignored=csr_array((2, 1)))
    with pytest.raises(ValueError, match="each ignored pair"):
        Interactions(seen.matrix, seen.timestamps, ("a",), ("x",), ignored=seen.matrix)
