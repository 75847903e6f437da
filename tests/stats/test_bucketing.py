"""Assignment by hash agrees with the published specification and never moves anybody without need."""

import json
import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.stats.bucketing import bucket, bucket_ranges, choose, in_namespace

SHARED = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data")).parent
VECTORS = SHARED / "vectors" / "assignment.json"


@pytest.fixture(scope="module")
def vectors():
    if not VECTORS.exists():
        pytest.skip(f"the published vectors are not at {VECTORS}")
    return json.loads(VECTORS.read_text())


def test_buckets_are_those_of_the_specification(vectors):
    assert vectors["hash"]
    for case in vectors["hash"]:
        assert bucket(case["unit"], case["seed"]) == case["bucket"], case


def test_ranges_are_those_of_the_specification(vectors):
    assert vectors["ranges"]
    for case in vectors["ranges"]:
        weights = case["weights"]
        if weights is None or len(weights) != case["count"]:
            weights = [1 / case["count"]] * case["count"]
        ranges = bucket_ranges(weights, case["coverage"])
        assert [list(r) for r in ranges] == [pytest.approx(r, abs=1e-6) for r in case["ranges"]], case["name"]


def test_choices_are_those_of_the_specification(vectors):
    assert vectors["choose"]
    for case in vectors["choose"]:
        assert choose(case["n"], [tuple(r) for r in case["ranges"]]) == case["arm"], case["name"]


def test_namespaces_are_those_of_the_specification(vectors):
    assert vectors["namespace"]
    for case in vectors["namespace"]:
        assert in_namespace(case["unit"], *case["namespace"]) is case["inside"], case["name"]


weights = st.lists(st.integers(1, 20), min_size=1, max_size=6).map(lambda parts: [p / sum(parts) for p in parts])
coverages = st.floats(0, 1)


@given(weights, coverages, coverages, st.floats(0, 0.9999))
def test_raising_the_coverage_never_moves_a_visitor_to_another_arm(weights, one, other, n):
    before = choose(n, bucket_ranges(weights, min(one, other)))
    after = choose(n, bucket_ranges(weights, max(one, other)))
    assert before is None or after == before


@given(weights, coverages)
def test_ranges_never_overlap_and_cover_their_share(weights, coverage):
    ranges = bucket_ranges(weights, coverage)
    assert all(end <= after + 1e-9 for (_, end), (after, _) in pairwise(ranges))
    assert sum(end - start for start, end in ranges) == pytest.approx(coverage, abs=1e-9)


@given(st.text(max_size=40), st.text(max_size=20))
def test_a_bucket_is_a_place_on_the_line_for_any_text(unit, seed):
    assert 0 <= bucket(unit, seed) < 1


def test_ten_thousand_visitors_spread_evenly_and_independently_of_other_experiments():
    ranges = bucket_ranges([0.5, 0.5])
    pairs = Counter(
        (choose(bucket(f"v{i}", "one"), ranges), choose(bucket(f"v{i}", "two"), ranges)) for i in range(10_000)
    )
    assert len(pairs) == 4
    assert all(abs(count - 2_500) < 200 for count in pairs.values())


@pytest.mark.parametrize(
    ("weights", "coverage"), [([-0.5, 1.5], 1.0), ([float("nan"), 1.0], 1.0), ([0.5, 0.5], float("nan"))]
)
def test_impossible_shares_are_refused(weights, coverage):
    with pytest.raises(ValueError, match="finite"):
        bucket_ranges(weights, coverage)
