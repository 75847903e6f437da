"""The self-test's figures are those known of these engines, and it would see an engine that lies."""

from itertools import product

import numpy as np
import pytest

from personalization.stats import Proportion, compare
from personalization.stats.selftest import Row, differences, self_test


@pytest.fixture(scope="module")
def rows():
    return {row.check: row for row in self_test()}


def test_every_engine_keeps_its_promise(rows):
    assert [row.check for row in rows.values() if row.passes is False] == []
    assert sum(row.passes is True for row in rows.values()) == 17


@pytest.mark.parametrize(
    ("check", "known"),
    [
        ("aa_fixed_last_look_absolute", 0.0497),
        ("aa_fixed_any_look_absolute", 0.268),
        ("aa_sequential_any_look_absolute", 0.0157),
        ("aa_bayesian_any_look_absolute", 0.461),
        ("srm_any_look_at_0.05", 0.283),
        ("srm_any_look_at_0.01", 0.074),
        ("srm_any_look_at_0.001", 0.0092),
    ],
)
def test_figures_are_near_those_seen_elsewhere(rows, check, known):
    assert rows[check].measured == pytest.approx(known, abs=0.006 + 0.04 * known)


def test_it_is_the_same_again_with_the_same_seed():
    assert self_test(runs=50, days=3) == self_test(runs=50, days=3)
    assert self_test(runs=50, days=3) != self_test(runs=50, days=3, seed=1)


@pytest.mark.parametrize("kind", ["relative", "absolute"])
def test_its_formulas_are_those_of_a_comparison(kind):
    clicks = np.array(list(product([0, 3, 50, 200], repeat=2)))
    effects, errors, degrees = differences(*clicks.T, 200, kind)
    for (a, b), effect, error, freedom in zip(clicks, effects, errors, degrees, strict=True):
        result = compare(Proportion(int(a), 200), Proportion(int(b), 200), difference=kind)
        if np.isinf(error):
            assert result.p_value is None
        else:
            belief = compare(Proportion(int(a), 200), Proportion(int(b), 200), method="bayesian", difference=kind)
            assert effect == pytest.approx(result.effect)
            assert error == pytest.approx((belief.interval[1] - belief.effect) / 1.959964, rel=1e-6)
            assert 198 < freedom < 399


@pytest.mark.parametrize(
    ("measured", "relation", "passes"),
    [
        (0.05, "about", True),
        (0.09, "about", False),
        (0.01, "about", False),
        (0.09, "at most", False),
        (0.01, "at most", True),
        (0.09, "at least", True),
        (0.01, "at least", False),
    ],
)
def test_an_engine_that_lies_is_seen(measured, relation, passes):
    assert Row("x", measured, 10_000, 0.05, relation).passes is passes


def test_a_warning_neither_passes_nor_fails():
    assert Row("x", 0.3, 10_000).passes is None


@pytest.mark.parametrize("wrong", [{"runs": 0}, {"rate": 1.0}, {"alpha": 0.0}])
def test_impossible_trials_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        self_test(**wrong)
