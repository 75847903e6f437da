"""Within strata like is compared with like, whatever the kind of metric."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.stats import Proportion, Ratio, RegressionAdjusted, SampleMean, compare, stratified

counts = st.integers(20, 5_000).flatmap(lambda n: st.integers(1, n - 1).map(lambda hits: Proportion(hits, n)))


@given(counts, counts, st.sampled_from(["fixed", "sequential", "bayesian"]), st.sampled_from(["relative", "absolute"]))
def test_one_stratum_is_a_plain_comparison(control, treatment, method, difference):
    keywords = {"method": method, "difference": difference}
    assert stratified({"all": control}, {"all": treatment}, **keywords) == compare(control, treatment, **keywords)


def arms_of(kind, random, lift=0.0):
    """Two arms of two very different strata, the treatment with more of the loyal by chance."""
    arms = []
    for sizes, more in (((600, 400), 0.0), ((560, 440), lift)):
        strata = {}
        for name, n, level in zip(("new", "loyal"), sizes, (1.0, 9.0), strict=True):
            past = random.gamma(level, size=n)
            value = past + random.normal(level + more, 1, n)
            strata[name] = kind.from_values(value) if kind is SampleMean else kind.from_values(value, past)
        arms.append(strata)
    return arms


@pytest.mark.parametrize("kind", [SampleMean, Ratio, RegressionAdjusted])
def test_uneven_strata_are_evened_out_with_a_shorter_interval(kind):
    random = np.random.default_rng(2)
    hits, shorter = 0, 0
    for _ in range(200):
        control, treatment = arms_of(kind, random)
        plain = compare(*(sum(arm.values(), kind()) for arm in (control, treatment)))
        evened = stratified(control, treatment)
        hits += evened.interval[0] <= 0 <= evened.interval[1]
        shorter += np.diff(evened.interval) < np.diff(plain.interval)
    assert shorter == 200 or kind is Ratio  # of which either stratum has the same
    assert 0.9 <= hits / 200 <= 0.985


@pytest.mark.parametrize("shares", ["pooled", "control"])
def test_weights_are_the_shares_of_those_asked_for(shares):
    control = {"a": Proportion(10, 100), "b": Proportion(60, 300)}
    treatment = {"a": Proportion(30, 300), "b": Proportion(40, 100)}
    share = {"pooled": 0.5, "control": 0.75}[shares]
    result = stratified(control, treatment, shares=shares, difference="absolute")
    assert result.effect == pytest.approx(share * 0.2)
    assert stratified(control, treatment, shares=shares).effect == pytest.approx(share * 0.2 / (0.1 + 0.1 * share))


def test_an_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(5)
    results = [stratified(*arms_of(SampleMean, random, lift=0.3), difference="absolute").interval for _ in range(300)]
    assert 0.91 <= np.mean([low <= 0.3 <= high for low, high in results]) <= 0.985


def test_thin_strata_are_taken_together_and_nobody_is_lost():
    control = {"a": Proportion(10, 100), "b": Proportion(1, 1), "c": Proportion(3, 40)}
    treatment = {"a": Proportion(12, 100), "d": Proportion(0, 1), "c": Proportion(5, 40)}
    merged = [
        {"a": arm["a"], "rest": extra + arm["c"]}
        for arm, extra in ((control, Proportion(1, 1)), (treatment, Proportion(0, 1)))
    ]
    assert stratified(control, treatment).effect == pytest.approx(stratified(*merged).effect)


def test_strata_without_enough_visitors_give_no_result():
    assert stratified({"a": Proportion(0, 1)}, {"b": Proportion(1, 1)}).p_value is None
    assert stratified({"a": Proportion()}, {"a": Proportion()}).effect is None
    with pytest.raises(ValueError, match="stratum"):
        stratified({}, {})
