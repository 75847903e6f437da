"""The fairness audit: differences that can be worked out by hand, and what reweighting keeps and changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from personalization.recommend import metrics
from personalization.recommend.data import Interactions
from personalization.recommend.fairness import audit, exposure_of_items, reweight

GROUPS = [("film",), ("film",), ("food", "garden"), ()]


def judged(ranked, relevant, *, segments=None, groups=GROUPS, k=2):
    ranked, relevant = np.asarray(ranked), np.asarray(relevant)
    segments = segments or ["all"] * len(ranked)
    return audit(ranked, csr_array(relevant), groups, segments, interest=relevant.sum(axis=0), k=k)


def test_shares_of_the_exposure_by_hand():
    found = judged([[0, 2], [0, 3]], [[1, 0, 1, 0], [0, 0, 0, 1]])
    second = 1 / np.log2(3)
    whole = 2 + 2 * second
    rows = {row.group: row for row in found.groups}
    assert set(rows) == {"film", "food", "garden", ""}
    assert rows["film"].exposure == pytest.approx(2 / whole, abs=1e-6)
    assert rows["food"].exposure == pytest.approx(second / 2 / whole, abs=1e-6)
    assert rows["film"].catalog == 0.5
    assert rows[""].items == 1
    assert sum(row.exposure for row in found.groups) == pytest.approx(1, abs=1e-5)
    assert sum(row.interest for row in found.groups) == pytest.approx(1, abs=1e-5)


def test_differences_between_groups_of_items_by_hand():
    ranked = [[0, 1]] * 30 + [[2, 3]] * 10
    relevant = [[1, 0, 0, 0]] * 30 + [[0, 0, 0, 1]] * 30
    found = judged(ranked + [[0, 1]] * 20, relevant, groups=[("a",), ("a",), ("b",), ("b",)])
    # 50 of 60 visitors are shown both items of a, 10 both of b.
    assert found.item_parity == pytest.approx(50 / 60 - 10 / 60, abs=1e-5)
    # All 30 choices of a were found, and 10 of the 30 of b.
    assert found.item_opportunity == pytest.approx(1 - 10 / 30, abs=1e-5)


def test_differences_between_segments_of_visitors_by_hand():
    ranked = np.tile([0, 1], (80, 1))
    relevant = np.zeros((80, 4))
    relevant[:40, 0] = 1
    relevant[40:60, 1] = 1
    relevant[60:, 2] = 1
    found = judged(ranked, relevant, segments=["en"] * 40 + ["fr"] * 40)
    rows = {row.segment: row for row in found.segments}
    assert (rows["en"].ndcg, rows["en"].hit, rows["en"].visitors) == (1.0, 1.0, 40)
    assert rows["fr"].ndcg == pytest.approx(0.5 / np.log2(3))
    assert rows["fr"].recall == 0.5
    assert found.visitor_parity == pytest.approx(0.5)
    assert found.visitor_opportunity == pytest.approx(0.5)


def test_a_handful_of_observations_makes_no_difference():
    found = judged([[0, 1]] * 19 + [[2, 3]] * 19, [[1, 0, 0, 0]] * 38, segments=["en"] * 19 + ["fr"] * 19)
    assert found.visitor_parity is None
    assert found.item_opportunity is None
    assert {row.segment for row in found.segments} == {"en", "fr"}


def test_the_audit_measures_what_the_metrics_do():
    rng = np.random.default_rng(4)
    ranked = np.argsort(rng.normal(size=(60, 12)), axis=1)[:, :5]
    relevant = csr_array(rng.random((60, 12)) < 0.2)
    groups = [(("odd", "even")[item % 2],) for item in range(12)]
    found = audit(ranked, relevant, groups, [f"s{row % 3}" for row in range(60)], np.ones(12), k=5)
    assert found.ndcg == pytest.approx(metrics.average(metrics.ndcg_at_k(ranked, relevant, 5)))
    weights = [row.visitors for row in found.segments]
    assert np.average([row.ndcg for row in found.segments], weights=weights) == pytest.approx(found.ndcg)
    assert found.as_dict()["groups"][0]["group"] == "even"


def test_nobody_to_judge_is_no_error():
    found = judged(np.full((3, 2), -1), np.zeros((3, 4)))
    assert found.visitors == 0
    assert found.segments == ()
    assert found.visitor_parity is None


def test_lengths_must_fit():
    with pytest.raises(ValueError, match="groups for each item"):
        audit([[0]], csr_array([[1, 0]]), [("a",)], ["x"], [1, 1])
    with pytest.raises(ValueError, match="groups for each item"):
        reweight(Interactions.from_rows(["a"], ["x"], [1.0]), [])


@given(st.lists(st.lists(st.integers(-1, 6), min_size=3, max_size=3), min_size=1, max_size=8))
def test_exposure_is_conserved(ranked):
    places = sum(1 / np.log2(rank + 2) for row in ranked for rank, item in enumerate(row) if item >= 0)
    assert exposure_of_items(ranked, 7, k=3).sum() == pytest.approx(places)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40, unique=True))
def test_reweighting_keeps_pairs_and_the_sum_and_evens_groups_out(pairs):
    visitors, items = zip(*((f"v{v}", f"i{i}") for v, i in pairs), strict=True)
    seen = Interactions.from_rows(visitors, items, [1.0] * len(pairs), item_ids=[f"i{n}" for n in range(6)])
    groups = [("low",), ("low",), ("low",), ("high",), ("high",), ("high",)]
    even = reweight(seen, groups, largest=1e6)
    assert (even.matrix.indices == seen.matrix.indices).all()
    assert even.matrix.sum() == pytest.approx(seen.matrix.sum(), rel=1e-4)
    held = even.matrix.sum(axis=0)
    if seen.matrix[:, :3].nnz and seen.matrix[:, 3:].nnz:
        assert held[:3].sum() == pytest.approx(held[3:].sum(), rel=1e-4)


def test_a_factor_has_its_limit():
    visitors = [f"v{n}" for n in range(100)]
    seen = Interactions.from_rows([*visitors, "v0"], ["x"] * 100 + ["y"], np.ones(101))
    even = reweight(seen, [("common",), ("rare",)], largest=5.0)
    assert even.matrix.data.max() / even.matrix.data.min() <= 5.0 / 0.5 + 1e-6
