"""Sums add up to those of all visitors, however the visitors were divided."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.stats import Proportion, Ratio, RegressionAdjusted, SampleMean, pool
from personalization.stats.statistics import winsor_bounds, winsorize

values = st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=30)
pairs = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=30)


@given(values, st.data())
def test_days_add_up_to_the_whole(visits, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(visits)), max_size=4)))
    days = [SampleMean.from_values(visits[a:b]) for a, b in pairwise([0, *cuts, len(visits)])]
    whole = SampleMean.from_values(visits)
    added = sum(days, SampleMean())
    assert added.n == whole.n
    assert added.total == pytest.approx(whole.total, rel=1e-9, abs=1e-3)
    assert added.total_squares == pytest.approx(whole.total_squares, rel=1e-12)


@given(st.lists(values, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_a_pool_is_the_same_to_the_bit_in_any_order(days, random):
    parts = [SampleMean.from_values(day) for day in days]
    before = pool(parts)
    random.shuffle(parts)
    assert pool(parts) == before


@pytest.mark.parametrize("kind", [Ratio, RegressionAdjusted])
@given(pairs=pairs)
def test_means_and_covariances_are_those_of_the_visitors(kind, pairs):
    table = np.array(pairs).T
    statistic = kind.from_values(*table)
    assert statistic.means == pytest.approx(table.mean(axis=1), abs=1e-9)
    assert statistic.covariances == pytest.approx(np.cov(table), abs=1e-4)


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_a_proportion_is_a_mean_of_zeros_and_ones(answers):
    assert Proportion.from_values(answers).mean == pytest.approx(SampleMean.from_values(answers).mean)


def test_what_is_not_defined_is_none():
    assert Proportion().mean is SampleMean().mean is RegressionAdjusted().mean is None
    assert Ratio.from_values([1, 2], [0, 0]).mean is None


def test_different_kinds_do_not_add_up():
    with pytest.raises(TypeError):
        Proportion(1, 2) + SampleMean(1, 1, 2)
    with pytest.raises(TypeError, match="kind"):
        pool([Proportion(1, 2), SampleMean(1, 1, 2)])
    with pytest.raises(ValueError, match="nothing"):
        pool([])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Proportion(3, 2),
        lambda: Proportion(-1, 2),
        lambda: SampleMean(math.nan, 1, 2),
        lambda: SampleMean(1, 1, -2),
        lambda: SampleMean.from_values([1.0, math.inf]),
        lambda: Ratio.from_values([1, 2], [1]),
        lambda: winsor_bounds([]),
        lambda: winsor_bounds([1.0], 0.9, 0.1),
    ],
)
def test_impossible_sums_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|There"):
        wrong()


def test_bounds_of_all_arms_together_keep_an_effect_on_the_tail():
    control, treatment = np.zeros(100), np.append(np.zeros(90), np.full(10, 50.0))
    bounds = winsor_bounds(np.append(control, treatment), upper=0.99)
    assert winsorize(treatment, bounds).mean() == 5.0
    assert winsorize([1e9, -4.0], bounds).tolist() == [50.0, 0.0]
