"""Bandits serve what is likely best, never less than the floor, and say with what probability."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.stats.bandits import BetaArms, draw, with_floor
from personalization.stats.linear_bandits import LinearArms

counts = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 50_000)), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(counts)
def test_chances_are_those_that_draws_would_give(counts):
    hits, misses = np.array(counts, float).T
    chances = BetaArms(hits, misses).chances()
    drawn = np.random.default_rng(0).beta(hits + 1, misses + 1, (20_000, len(hits))).argmax(axis=1)
    assert chances == pytest.approx(np.bincount(drawn, minlength=len(hits)) / 20_000, abs=0.02)
    assert chances.sum() == pytest.approx(1)


@pytest.mark.parametrize("counts", [(0, 0), (3, 97), (1_000, 9_000), (100_000, 900_000)])
@pytest.mark.parametrize("n_arms", [2, 5, 30])
def test_equal_arms_have_equal_chances(counts, n_arms):
    arms = BetaArms([counts[0]] * n_arms, [counts[1]] * n_arms)
    assert arms.chances() == pytest.approx([1 / n_arms] * n_arms, abs=1e-9)


def test_two_arms_agree_with_the_closed_form():
    # P(Beta(2, 1) > Beta(1, 1)) = E[x] under Beta(2, 1)
    assert BetaArms([1, 0], [0, 0]).chances() == pytest.approx([2 / 3, 1 / 3], abs=1e-9)


@given(counts, st.floats(0, 1))
def test_no_arm_falls_below_the_floor(counts, share):
    hits, misses = np.array(counts, float).T
    floor = share / len(hits)
    given_to = BetaArms(hits, misses).propensities(floor)
    assert (given_to >= floor - 1e-12).all()
    assert given_to.sum() == pytest.approx(1)


def test_it_finds_the_best_arm_and_follows_when_another_becomes_it():
    random = np.random.default_rng(1)
    arms = BetaArms(np.zeros(3), np.zeros(3))
    for rates in ([0.05, 0.1, 0.2], [0.2, 0.1, 0.05]):
        for _ in range(30):
            served = random.multinomial(300, arms.propensities(0.05))
            hits = random.binomial(served, rates)
            arms = arms.updated(hits, served - hits, decay=0.8)
        assert arms.chances().argmax() == np.argmax(rates)


def test_a_place_on_the_line_gives_each_arm_its_share():
    drawn = np.bincount([draw([0.2, 0.0, 0.8], place / 1000) for place in range(1000)], minlength=3)
    assert drawn.tolist() == [200, 0, 800]
    assert draw([0.3, 0.7 - 1e-12], 0.9999999999999) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: BetaArms([], []),
        lambda: BetaArms([1], [1, 2]),
        lambda: BetaArms([-1], [1]),
        lambda: BetaArms([1], [1], prior_successes=0),
        lambda: BetaArms([1], [1]).updated([1], [1], decay=0),
        lambda: with_floor([0.5, 0.5], 0.6),
        lambda: LinearArms(np.zeros((2, 3, 3)), np.zeros((2, 2))),
        lambda: LinearArms.empty(2, 3, ridge=0),
        lambda: LinearArms.empty(2, 3).updated([[1, 1, 1]], [0], [1], decay=2),
        lambda: LinearArms.empty(2, 3) + LinearArms.empty(2, 4),
    ],
)
def test_impossible_arms_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|Only"):
        wrong()


def batch(random, n=400):
    """Visitors of two kinds: the first kind likes arm 0, the other arm 1."""
    kind = random.integers(2, size=n)
    features = np.column_stack([np.ones(n), kind])
    served = random.integers(2, size=n)
    return features, served, (random.random(n) < np.where(served == kind, 0.6, 0.2)).astype(float)


def test_each_kind_of_visitor_is_served_what_it_likes():
    arms = LinearArms.empty(2, 2).updated(*batch(np.random.default_rng(2)))
    for kind in (0, 1):
        assert arms.propensities([1.0, kind], floor=0.05)[kind] > 0.9
        assert arms.upper_bounds([1.0, kind]).argmax() == kind


def test_batches_add_up_and_survive_being_written_down():
    one, two = (batch(np.random.default_rng(seed)) for seed in (3, 4))
    empty = LinearArms.empty(2, 2)
    together = empty.updated(*(np.concatenate(parts) for parts in zip(one, two, strict=True)))
    added = empty.updated(*one) + empty.updated(*two)
    assert added.grams == pytest.approx(together.grams)
    assert added.products == pytest.approx(together.products)
    read = LinearArms(**{name: np.array(rows) for name, rows in added.sums().items()})
    assert read.predict([1.0, 1.0])[0].tolist() == added.predict([1.0, 1.0])[0].tolist()


def test_the_prediction_is_that_of_a_ridge_regression():
    features, served, rewards = batch(np.random.default_rng(5))
    arms = LinearArms.empty(2, 2, ridge=2.0).updated(features, served, rewards)
    rows = features[served == 1]
    weights = np.linalg.inv(rows.T @ rows + 2 * np.eye(2)) @ rows.T @ rewards[served == 1]
    assert arms.predict([1.0, 1.0])[0][1] == pytest.approx(weights.sum())
    assert arms.coefficients()[1] == pytest.approx(weights)


def test_what_nobody_has_seen_is_tried_and_faded_knowledge_is_less_certain():
    arms = LinearArms.empty(2, 2).updated([[1.0, 0.0]] * 50, [0] * 50, [0.2] * 50)
    assert arms.upper_bounds([1.0, 0.0]).argmax() == 1
    faded = arms.updated(np.empty((0, 2)), np.empty(0, int), np.empty(0), decay=0.5)
    assert faded.predict([1.0, 0.0])[1][0] > arms.predict([1.0, 0.0])[1][0]
    assert arms.propensities([1.0, 0.0]).tolist() == arms.propensities([1.0, 0.0]).tolist()
