"""Plans agree with textbook formulas, with each other, and with what really happens."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from personalization.stats import Proportion, compare, minimum_detectable_effect, power, sample_size
from personalization.stats.planning import days_left


def test_the_size_is_the_textbooks():
    z = norm.ppf(0.975) + norm.ppf(0.8)
    wanted = z**2 * (0.05 * 0.95 + 0.06 * 0.94) / 0.01**2
    assert sample_size(0.05, 0.01, difference="absolute") == pytest.approx(wanted, abs=2)
    assert sample_size(10, 1, sd=5, difference="absolute") == pytest.approx(2 * z**2 * 25, abs=1)


@settings(max_examples=40)
@given(
    st.floats(0.01, 0.5),
    st.floats(0.05, 0.5),
    st.floats(0.5, 0.95),
    st.sampled_from(["fixed", "sequential"]),
    st.floats(0.25, 4),
)
def test_size_power_and_smallest_effect_agree(mean, lift, wanted, method, ratio):
    keywords = {"method": method, "ratio": ratio}
    n = sample_size(mean, lift, power=wanted, **keywords)
    assert power(mean, lift, n, **keywords) >= wanted
    assert n == 2 or power(mean, lift, n - 1, **keywords) < wanted
    assert minimum_detectable_effect(mean, n, power=wanted, **keywords) <= lift * (1 + 1e-6)


@pytest.mark.parametrize("difference", ["relative", "absolute"])
def test_power_is_the_share_of_tests_that_find_the_effect(difference):
    random = np.random.default_rng(3)
    n, treated = 5_000, 0.115
    lift = treated / 0.1 - 1 if difference == "relative" else treated - 0.1
    pairs = zip(random.binomial(n, 0.1, 1_500), random.binomial(n, treated, 1_500), strict=True)
    tests = [compare(Proportion(a, n), Proportion(b, n), difference=difference) for a, b in pairs]
    found = np.mean([test.p_value < 0.05 for test in tests])
    assert found == pytest.approx(power(0.1, lift, n, difference=difference), abs=0.04)


def test_without_an_effect_the_power_is_alpha():
    assert power(0.1, 0, 1_000, difference="absolute") == pytest.approx(0.05)
    assert power(0.1, 0, 1_000_000) == pytest.approx(0.05, abs=1e-4)


def test_an_effect_no_test_of_that_size_could_find_is_none():
    assert minimum_detectable_effect(0.05, 3) is None
    with pytest.raises(ValueError, match="No number of visitors"):
        sample_size(0.05, 1e-8)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: power(0.1, 10, 100),
        lambda: power(0, 0.1, 100),
        lambda: power(0.1, 0.1, 0),
        lambda: power(0.1, 0.1, 100, alpha=0),
        lambda: power(0.1, 0.1, 100, method="bayesian"),
        lambda: power(5, 0.1, 100, sd=-1),
        lambda: sample_size(0.1, 0),
        lambda: sample_size(0.1, 0.1, power=1),
        lambda: minimum_detectable_effect(0.1, 100, power=0.01),
        lambda: minimum_detectable_effect(0.1, math.inf),
    ],
)
def test_impossible_plans_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        wrong()


@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), max_size=20))
def test_going_on_as_of_late_for_the_days_left_is_enough_and_no_shorter(needed, daily):
    left = days_left(needed, daily)
    if left is None:
        assert not sum(daily[-7:])
    else:
        rate = sum(daily[-7:]) / len(daily[-7:]) if daily else 0
        assert sum(daily) + left * rate >= needed - 1e-6
        assert left == 0 or sum(daily) + (left - 1) * rate < needed
