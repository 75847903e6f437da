"""Comparisons agree with the published engine's numbers, and never turn a lack of data into a result."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from personalization.stats import Proportion, Ratio, RegressionAdjusted, SampleMean, compare
from personalization.stats.comparison import Comparison, sequential_p_value, sequential_reach
from tests.stats.vectors import read_vectors

KINDS = {"proportion": Proportion, "mean": SampleMean, "ratio": Ratio, "regression_adjusted": RegressionAdjusted}
METHODS = {
    "fixed": {"method": "fixed"},
    "sequential": {"method": "sequential"},
    "bayesian": {"method": "bayesian"},
    "bayesian_prior_N(0,0.3^2)": {"method": "bayesian", "prior_sd": 0.3},
}


@pytest.mark.parametrize("difference", ["relative", "absolute"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_those_of_the_published_engine(kind, method, difference):
    cases = read_vectors("inference.json")[kind]
    assert cases
    for case in cases:
        arms = [KINDS[kind](**case[arm]) for arm in ("control", "treatment")]
        result = compare(*arms, difference=difference, **METHODS[method])
        wanted = case[f"{method}_{difference}"]
        assert result.effect == pytest.approx(wanted["effect"], abs=1e-6)
        assert result.interval == pytest.approx(wanted["interval"], abs=1e-6)
        for name in ("p_value", "chance_to_win", "risk"):
            got = getattr(result, name)
            assert (got is None) == (name not in wanted)
            assert got is None or got == pytest.approx(wanted[name], abs=1e-6)


NOTHING = {"p_value": None, "chance_to_win": None, "risk": None, "interval": (-math.inf, math.inf)}


@pytest.mark.parametrize("method", ["fixed", "sequential", "bayesian"])
@pytest.mark.parametrize("difference", ["relative", "absolute"])
@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Proportion(), Proportion()),
        (Proportion(0, 100), Proportion(5, 100)),
        (Proportion(5, 100), Proportion(100, 100)),
        (Proportion(1, 1), Proportion(5, 100)),
        (SampleMean.from_values([0.1] * 30), SampleMean.from_values([0.1] * 70)),
        (SampleMean.from_values([2.0]), SampleMean.from_values([1.0, 2.0])),
        (Ratio.from_values([0, 0], [0, 0]), Ratio.from_values([1, 2], [2, 3])),
        (Ratio.from_values([1, 2], [2, 3]), Ratio()),
        (RegressionAdjusted(), RegressionAdjusted.from_values([1, 2], [2, 3])),
    ],
)
def test_too_little_data_gives_no_result_instead_of_a_wrong_one(control, treatment, method, difference):
    result = compare(control, treatment, method=method, difference=difference)
    assert {name: getattr(result, name) for name in NOTHING} == NOTHING
    assert result.effect is None or math.isfinite(result.effect)


@pytest.mark.parametrize("values", [[-1.0, 1.0], [-3.0, 1.0]])
def test_nothing_is_relative_to_a_mean_that_is_not_above_zero(values):
    control, treatment = SampleMean.from_values(values), SampleMean.from_values([1.0, 3.0])
    assert compare(control, treatment) == Comparison(None)
    assert compare(control, treatment, difference="absolute").effect == 2.0 - np.mean(values)


def test_visitors_without_a_past_are_compared_unadjusted():
    after = [[1.0, 4.0, 2.0], [3.0, 5.0, 4.0]]
    plain = compare(*(SampleMean.from_values(values) for values in after))
    adjusted = compare(*(RegressionAdjusted.from_values(values, [0.0] * 3) for values in after))
    assert adjusted.effect == pytest.approx(plain.effect)
    assert adjusted.interval == pytest.approx(plain.interval)


def test_what_visitors_did_before_makes_the_interval_shorter():
    random = np.random.default_rng(0)
    past = random.gamma(2, size=(2, 500))
    after = past + random.normal(5, 0.5, size=(2, 500))
    plain = compare(*(SampleMean.from_values(a) for a in after), difference="absolute")
    adjusted = compare(*map(RegressionAdjusted.from_values, after, past), difference="absolute")
    assert np.diff(adjusted.interval) < 0.5 * np.diff(plain.interval)


@pytest.mark.parametrize(
    "wrong",
    [
        {"method": "guess"},
        {"difference": "log"},
        {"alpha": 0.0},
        {"alpha": float("nan")},
        {"tuning": 0},
        {"prior_sd": 0.0},
        {"prior_mean": math.inf},
    ],
)
def test_keywords_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        compare(Proportion(5, 10), Proportion(6, 10), **wrong)


def test_arms_of_different_kinds_are_refused():
    with pytest.raises(TypeError, match="kind"):
        compare(Proportion(5, 10), SampleMean(5, 5, 10))


arms = st.integers(20, 100_000).flatmap(lambda n: st.integers(1, n - 1).map(lambda hits: Proportion(hits, n)))


@given(st.floats(0, 8), st.integers(2, 10**8), st.floats(0.001, 0.5), st.floats(10, 10**7))
def test_a_result_that_holds_at_any_time_never_claims_more_than_one_read_once(score, n, alpha, tuning):
    assert sequential_p_value(score, n, alpha, tuning) >= 2 * ndtr(-score)
    assert sequential_reach(n, alpha, tuning) > -ndtri(alpha / 2)


@given(arms, arms, st.sampled_from(["fixed", "sequential"]))
def test_the_p_value_and_the_interval_tell_the_same(control, treatment, method):
    result = compare(control, treatment, method=method)
    low, high = result.interval
    assert (result.p_value < 0.05) == (not low <= 0 <= high) or min(abs(low), abs(high)) < 1e-9


@given(arms, arms)
def test_exchanging_the_arms_turns_the_result_round(control, treatment):
    one = compare(control, treatment, method="bayesian", difference="absolute")
    other = compare(treatment, control, method="bayesian", difference="absolute")
    assert one.effect == pytest.approx(-other.effect)
    assert one.chance_to_win == pytest.approx(1 - other.chance_to_win)
    assert one.risk == pytest.approx(other.risk[::-1], abs=1e-12)


@given(arms, arms, st.floats(0.01, 1), st.sampled_from(["relative", "absolute"]))
def test_a_sceptical_prior_pulls_towards_nothing(control, treatment, sd, difference):
    flat = compare(control, treatment, method="bayesian", difference=difference)
    shrunk = compare(control, treatment, method="bayesian", difference=difference, prior_sd=sd)
    assert abs(shrunk.effect) <= abs(flat.effect) * (1 + 1e-9)
    assert np.diff(shrunk.interval) <= np.diff(flat.interval) * (1 + 1e-9)


def test_the_sequence_is_tightest_where_it_was_tuned():
    def width(tuning):
        return sequential_reach(5_000, tuning=tuning)

    assert width(5_000) < min(width(500), width(4_000), width(6_500), width(50_000))
