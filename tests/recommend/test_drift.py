"""Drift: what is really a change, what is chance, and what a summary must remember to tell them apart."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend.drift import (
    Summary,
    VectorSummary,
    compare,
    ks_of_counts,
    ks_two_samples,
    psi,
    psi_critical,
    summarise,
    summarise_vectors,
    tally,
    vector_drift,
)

counts = st.lists(st.integers(0, 500), min_size=2, max_size=12)
numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)
DRAWS = 200


@settings(max_examples=50)
@given(counts, st.data())
def test_psi_is_a_distance_that_does_not_mind_order_or_direction(before, data):
    after = data.draw(st.lists(st.integers(0, 500), min_size=len(before), max_size=len(before)))
    order = data.draw(st.permutations(range(len(before))))
    value = psi(before, after)
    assert value >= 0
    assert value == pytest.approx(psi(after, before))
    assert value == pytest.approx(psi([before[i] for i in order], [after[i] for i in order]))
    assert psi(before, before) == 0


def test_psi_by_hand():
    p, q = np.array([100.5, 300.5]) / 401, np.array([200.5, 200.5]) / 401
    assert psi([100, 300], [200, 200]) == pytest.approx(sum((q - p) * np.log(q / p)))
    with pytest.raises(ValueError, match="one length"):
        psi([1, 2], [1, 2, 3])


@settings(max_examples=50)
@given(numbers, numbers)
def test_a_summary_counts_every_number_once(reference, current):
    summary = summarise(reference)
    assert summary.n == len(reference)
    assert summary.recount(reference) == summary
    assert summary.recount(current).n == len(current)
    assert len(summary.counts) <= 51
    assert Summary.from_dict(json.loads(json.dumps(summary.as_dict()))) == summary


@settings(max_examples=50)
@given(numbers, numbers)
def test_the_binned_distance_never_surpasses_that_of_the_samples(reference, current):
    summary = summarise(reference)
    binned, _ = ks_of_counts(summary.counts, summary.recount(current).counts)
    steps = np.sort([*reference, *current])
    below = [np.searchsorted(np.sort(sample), steps, side="right") / len(sample) for sample in (reference, current)]
    assert binned <= np.abs(below[0] - below[1]).max() + 1e-9


def test_the_binned_test_agrees_with_the_samples_where_there_are_many():
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=2000), rng.normal(0.2, 1, 1500)
    drift = compare(summarise(reference), summarise(reference).recount(current))
    exact, p_value = ks_two_samples(reference, current)
    assert drift.ks == pytest.approx(exact, abs=0.01)
    assert drift.p_value == pytest.approx(p_value, abs=0.001)
    assert drift.is_significant


@pytest.mark.parametrize("size", [150, 1000])
def test_without_a_change_numbers_raise_false_alarms_as_rarely_as_promised(size):
    rng = np.random.default_rng(size)
    above, surprised = 0, 0
    for _ in range(DRAWS):
        reference = summarise(rng.lognormal(size=size))
        drift = compare(reference, reference.recount(rng.lognormal(size=size)))
        above += drift.psi > psi_critical(size, size, 10, confidence=0.95)
        surprised += drift.p_value < 0.05
    assert 0.01 <= above / DRAWS <= 0.10
    assert surprised / DRAWS <= 0.08


def test_without_a_change_categories_raise_false_alarms_as_rarely_as_promised():
    rng = np.random.default_rng(9)
    names, chances = [f"tag {n}" for n in range(20)], np.geomspace(1, 0.02, 20)
    above, believed = 0, 0
    for _ in range(DRAWS):
        drawn = [rng.multinomial(size, chances / chances.sum()) for size in (900, 400)]
        drift = compare(*(tally(dict(zip(names, counts, strict=True))) for counts in drawn))
        above += drift.psi > psi_critical(900, 400, len(np.flatnonzero(drawn[0] + drawn[1] > 16)), confidence=0.95)
        believed += drift.is_significant
    assert 0.01 <= above / DRAWS <= 0.10
    assert believed <= 3


def test_a_large_change_of_very_few_is_not_believed():
    assert not compare(tally({"desktop": 3, "phone": 1}), tally({"desktop": 1, "phone": 3})).is_significant


def test_what_never_occurred_before_is_a_change():
    drift = compare(tally({"en": 500}), tally({"en": 250, "fr": 250}))
    assert drift.psi > 0.25
    assert drift.is_significant
    assert ("fr", 0.0, 0.5) in drift.largest


def test_numbers_below_all_that_occurred_before_are_a_change():
    reference = summarise(np.full(300, 7.0))
    assert compare(reference, reference.recount(np.full(300, 3.0))).psi > 0.25
    assert compare(reference, reference.recount(np.full(300, 9.0))).psi > 0.25
    assert compare(reference, reference.recount(np.full(300, 7.0))).psi == 0


def test_many_names_are_kept_as_the_most_frequent_and_the_rest():
    summary = tally({f"tag {n}": 100 - n for n in range(80)})
    assert len(summary.names) == 31
    assert summary.names[-1] == "other"
    assert summary.n == sum(100 - n for n in range(80))


def test_nothing_to_compare_is_no_drift():
    for reference, current in ((tally({}), tally({"en": 9})), (tally({"en": 9}), tally({}))):
        drift = compare(reference, current)
        assert (drift.psi, drift.is_significant) == (0.0, False)
    empty = summarise([])
    assert not compare(empty, empty.recount([1.0])).is_significant


def test_what_changed_most_is_named_even_where_it_is_rare():
    hours = {f"{hour:02}": 4.0 for hour in range(20)}
    drift = compare(tally(hours), tally({"23": 80.0}))
    assert drift.largest[0] == ("23", 0.0, 1.0)
    assert drift.largest[1] == ("00", 0.05, 0.0)


def test_bins_of_whole_numbers_are_named_by_what_is_in_them():
    values = np.repeat([1, 2, 3, 7], 100)
    changed = compare(summarise(values), summarise(values).recount(np.repeat([2, 5], 200)))
    assert {name for name, _, _ in changed.largest} <= {"2", "4 – 7", "3", "1", "≤ 1", "> 3"}


def test_different_bins_cannot_be_compared():
    with pytest.raises(ValueError, match="same bins"):
        compare(summarise([1, 2, 3]), summarise([4, 5, 6]))
    with pytest.raises(ValueError, match="same bins"):
        compare(summarise([1, 2, 3]), tally({"en": 3}))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(1)
    topics = np.eye(12)[rng.integers(0, 3, 400)]
    return topics + rng.normal(scale=0.2, size=(400, 12))


def test_vectors_of_the_same_topics_have_not_moved(vectors):
    drift = vector_drift(summarise_vectors(vectors[::2]), vectors[1::2])
    assert drift.shift < 0.2
    assert not drift.worst.is_significant


def test_vectors_of_fewer_topics_have_moved(vectors):
    summary = VectorSummary.from_dict(json.loads(json.dumps(summarise_vectors(vectors).as_dict())))
    drift = vector_drift(summary, vectors[vectors[:, 0] > 0.5])
    assert drift.shift > 0.5
    assert drift.worst.psi > 0.25
    assert drift.worst.is_significant


def test_vectors_without_a_change_raise_hardly_any_alarm():
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(DRAWS // 2):
        drift = vector_drift(summarise_vectors(rng.normal(size=(150, 6)), components=2), rng.normal(size=(150, 6)))
        alarms += drift.worst.is_significant
    assert alarms <= 2


def test_rows_of_zeros_are_no_vectors(vectors):
    padded = np.vstack([vectors, np.zeros((100, 12))])
    assert vector_drift(summarise_vectors(padded), vectors).shift == pytest.approx(0, abs=1e-5)
    with pytest.raises(ValueError, match="two vectors"):
        summarise_vectors(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="same dimensions"):
        vector_drift(summarise_vectors(vectors), np.ones((5, 3)))
