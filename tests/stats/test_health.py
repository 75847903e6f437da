"""Faults are seen, and sound tests are left in peace."""

import numpy as np
import pytest

from personalization.stats import Proportion, SampleMean, sample_ratio_mismatch
from personalization.stats.health import novelty_trend, pre_exposure_imbalance
from tests.stats.vectors import read_vectors


def test_numbers_are_those_of_the_published_engine():
    cases = read_vectors("inference.json")["sample_ratio_mismatch"]
    assert cases
    for case in cases:
        assert sample_ratio_mismatch(case["observed"], case["weights"]) == pytest.approx(case["p_value"], abs=1e-6)


def test_an_arm_of_zero_weight_takes_no_degree_of_freedom():
    assert sample_ratio_mismatch([520, 480, 0], [1, 1, 0]) == pytest.approx(sample_ratio_mismatch([520, 480], [1, 1]))


def test_visitors_in_an_arm_that_should_have_none_are_a_fault():
    assert sample_ratio_mismatch([500, 500, 300], [1, 1, 0]) < 0.001
    assert sample_ratio_mismatch([500, 1], [1, 0]) == 0
    assert sample_ratio_mismatch([500, 0], [1, 0]) == 1


def test_before_anybody_came_nothing_is_wrong():
    assert sample_ratio_mismatch([0, 0], [0.5, 0.5]) == 1


def test_losing_a_tenth_of_an_arm_is_seen():
    assert sample_ratio_mismatch([4_500, 5_000], [0.5, 0.5]) < 0.001


@pytest.mark.parametrize(
    ("observed", "weights"), [([1, 2], [1]), ([1, -2], [1, 1]), ([1, 2], [0, 0]), ([1, 2], [1, float("nan")])]
)
def test_impossible_counts_are_refused(observed, weights):
    with pytest.raises(ValueError, match="must"):
        sample_ratio_mismatch(observed, weights)


def test_arms_alike_before_pass_and_arms_that_differed_do_not():
    random = np.random.default_rng(1)
    alike = [SampleMean.from_values(random.gamma(2, size=500)) for _ in range(3)]
    assert pre_exposure_imbalance(alike) > 0.05
    assert pre_exposure_imbalance([*alike, SampleMean.from_values(random.gamma(3, size=500))]) < 1e-6


def test_an_imbalance_needs_something_to_compare():
    assert pre_exposure_imbalance([Proportion(), Proportion()]) is None
    assert pre_exposure_imbalance([Proportion(5, 10)]) is None


def test_an_interval_of_the_trend_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        controls = [Proportion(int(random.binomial(400, 0.2)), 400) for _ in range(8)]
        treatments = [Proportion(int(random.binomial(400, 0.3 - 0.01 * day)), 400) for day in range(8)]
        low, high = novelty_trend(controls, treatments).interval
        hits += low <= -0.01 <= high
    assert 0.91 <= hits / 300 <= 0.985


def test_a_trend_needs_three_days_that_tell_something():
    day = Proportion(10, 100)
    assert novelty_trend([day, Proportion(), day], [day, day, day]).effect is None
    assert novelty_trend([day] * 3, [day] * 3).effect == pytest.approx(0)
    with pytest.raises(ValueError, match="zip"):
        novelty_trend([day], [day, day])
