"""Factors are told apart, and what they do together from what each does alone."""

from itertools import product

import numpy as np
import pytest

from personalization.stats import Proportion, SampleMean, compare, factor_effects, interaction_p_value
from personalization.stats.factorial import FactorEffect

COLOURS, WORDS = ("red", "blue", "green"), ("old", "new")


def seen(random, colour=0.0, word=0.0, together=0.0, n=400):
    """Cells in which blue, new words, and both together add to the mean."""
    cells = {}
    for c, w in product(COLOURS, WORDS):
        mean = 10 + colour * (c == "blue") + word * (w == "new") + together * (c == "blue" and w == "new")
        cells[c, w] = SampleMean.from_values(random.normal(mean, 2, n))
    return cells


def named(found):
    return {effect.levels: effect.comparison for effect in found}


def test_one_factor_is_a_plain_comparison():
    control, treatment = Proportion(10, 100), Proportion(20, 100)
    for keywords in ({}, {"method": "sequential"}, {"difference": "absolute"}):
        found = factor_effects({("a",): control, ("b",): treatment}, ("a",), **keywords)
        assert found == [FactorEffect((0,), ("b",), compare(control, treatment, **keywords))]


def test_every_level_and_pair_is_estimated_once():
    found = named(factor_effects(seen(np.random.default_rng(0)), ("red", "old")))
    assert set(found) == {("blue",), ("green",), ("new",), ("blue", "new"), ("green", "new")}
    assert len(factor_effects(seen(np.random.default_rng(0)), ("red", "old"), order=1)) == 3


def test_intervals_hold_the_truth_as_often_as_they_say():
    random = np.random.default_rng(4)
    truth = {("blue",): 1.25, ("green",): 0.0, ("new",): 0.3 + 0.5 / 3, ("blue", "new"): 0.5, ("green", "new"): 0.0}
    hits = dict.fromkeys(truth, 0)
    for _ in range(200):
        found = named(factor_effects(seen(random, 1.0, 0.3, 0.5, n=60), ("red", "old"), difference="absolute"))
        for levels, value in truth.items():
            low, high = found[levels].interval
            hits[levels] += low <= value <= high
    assert all(0.9 <= count / 200 <= 0.99 for count in hits.values()), hits


def test_a_relative_effect_is_divided_by_what_the_base_does():
    cells = {("a", "x"): 100, ("a", "y"): 200, ("b", "x"): 150, ("b", "y"): 300}
    found = named(factor_effects({cell: Proportion(k, 1000) for cell, k in cells.items()}, ("a", "x")))
    assert found["b",].effect == pytest.approx(0.5)
    assert found["b", "y"].effect == pytest.approx(0.5)


def test_a_cell_without_visitors_gives_no_result():
    cells = seen(np.random.default_rng(0)) | {("red", "old"): SampleMean()}
    assert all(effect.comparison.p_value is None for effect in factor_effects(cells, ("red", "old")))
    assert interaction_p_value(cells) is None


def test_a_missing_combination_is_named():
    cells = seen(np.random.default_rng(0))
    del cells["green", "new"]
    with pytest.raises(ValueError, match="green"):
        factor_effects(cells, ("red", "old"))
    with pytest.raises(ValueError, match="base"):
        factor_effects(cells, ("pink", "old"))


def test_overlapping_tests_that_only_add_up_pass_as_often_as_they_should():
    random = np.random.default_rng(6)
    p_values = [interaction_p_value(seen(random, 1.0, 0.5, n=50)) for _ in range(300)]
    assert 0.015 <= np.mean(np.array(p_values) < 0.05) <= 0.09
    assert interaction_p_value(seen(random, 1.0, 0.5, 1.5)) < 0.001


@pytest.mark.parametrize("cells", [{}, {("a", "x"): Proportion(1, 9)}, {("a",): Proportion(1, 9)}])
def test_an_interaction_needs_two_tests(cells):
    with pytest.raises(ValueError, match=r"two tests|base"):
        interaction_p_value(cells)


def test_for_two_by_two_the_interaction_is_that_of_the_factors():
    cells = {cell: Proportion(k, 1000) for cell, k in zip(product("ab", "xy"), (100, 120, 130, 190), strict=True)}
    (together,) = [e for e in factor_effects(cells, ("a", "x"), difference="absolute") if len(e.factors) == 2]
    assert interaction_p_value(cells) == pytest.approx(together.comparison.p_value, abs=1e-4)
