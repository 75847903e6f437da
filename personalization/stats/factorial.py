"""Several factors at once: what each does on average, and what they do to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

import numpy as np
from scipy.special import chdtrc

from personalization.stats.comparison import Comparison, Method, judge
from personalization.stats.effects import Difference, Effect, Estimate, adjustment, contrast
from personalization.stats.statistics import Statistic

Cell = tuple[str, ...]


@dataclass(frozen=True)
class FactorEffect:
    """What levels of one factor do, or of several together beyond what each does alone.

    Parameters
    ----------
    factors : tuple of int
        One for a main effect, more for an interaction.
    levels : tuple of str
        The level of each.
    comparison : Comparison
        Against the base levels.
    """

    factors: tuple[int, ...]
    levels: tuple[str, ...]
    comparison: Comparison


def factor_effects(
    cells: Mapping[Cell, Statistic],
    base: Cell,
    *,
    order: int = 2,
    method: Method = "fixed",
    difference: Difference = "relative",
    alpha: float = 0.05,
    tuning: float = 5000,
) -> list[FactorEffect]:
    """Estimate main effects and interactions of a full factorial test.

    Parameters
    ----------
    cells : mapping of tuple of str to Statistic
        One statistic for each combination of levels, all of one kind.
    base : tuple of str
        The level of each factor to compare with.
    order : int
        How many factors may interact at most; 1 gives main effects only.
    method, difference, alpha, tuning
        As in `compare`.

    Returns
    -------
    list of FactorEffect
        For each level other than the base one. A main effect is the mean over all combinations of the *other* factors,
        each counting the same; every visitor serves every factor. An interaction of two is how much the effect of the
        one differs between levels of the other. Relative ones are divided by the mean of the cells in which the named
        factors are at their base. Correct the p-values with `holm`: there are many.

    Raises
    ------
    ValueError
        If a combination is missing, or the base is none.

    References
    ----------
    G. E. P. Box, J. S. Hunter, W. G. Hunter, "Statistics for experimenters", 2nd edition, 2005, chapter 5.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> seen = {("old", "red"): 100, ("old", "blue"): 110, ("new", "red"): 120, ("new", "blue"): 190}
    >>> cells = {cell: Proportion(clicks, 1000) for cell, clicks in seen.items()}
    >>> for found in factor_effects(cells, ("old", "red"), difference="absolute"):
    ...     print(found.factors, found.levels, round(found.comparison.effect, 3))
    (0,) ('new',) 0.05
    (1,) ('blue',) 0.04
    (0, 1) ('new', 'blue') 0.06
    """
    levels = _levels(cells, base)
    names = list(cells)
    estimates = [Estimate.of({"": statistic}, {"": 1.0}) for statistic in cells.values()]
    theta = adjustment(list(cells.values()))
    found = []
    for size in range(1, order + 1):
        for factors in combinations(range(len(base)), size):
            for chosen in product(*([level for level in levels[f] if level != base[f]] for f in factors)):
                weights, baseline = _weights(names, base, dict(zip(factors, chosen, strict=True)), levels)
                effect = contrast(estimates, weights, baseline, difference == "relative", theta)
                judged = judge(effect, method=method, alpha=alpha, tuning=tuning)
                found.append(FactorEffect(factors, chosen, judged))
    return found


def _levels(cells: Mapping[Cell, Statistic], base: Cell) -> list[list[str]]:
    if base not in cells or any(len(cell) != len(base) for cell in cells):
        raise ValueError("The base must be one of the cells, and every cell must name one level for each factor.")
    levels = [list(dict.fromkeys(column)) for column in zip(*cells, strict=True)]
    missing = [cell for cell in product(*levels) if cell not in cells]
    if missing:
        raise ValueError(f"A factorial test needs every combination of levels; these are missing: {missing}.")
    return levels


def _weights(
    names: Sequence[Cell], base: Cell, chosen: Mapping[int, str], levels: Sequence[Sequence[str]]
) -> tuple[list[float], list[float]]:
    """Weigh each cell by a product of signs, + at the chosen level and - at the base, averaged over other factors."""
    share = 1 / prod(len(options) for factor, options in enumerate(levels) if factor not in chosen)
    signs = [[(cell[f] == level) - (cell[f] == base[f]) for f, level in chosen.items()] for cell in names]
    weights = [share * prod(row) for row in signs]
    return weights, [share * all(sign == -1 for sign in row) for row in signs]


def interaction_p_value(cells: Mapping[Cell, Statistic]) -> float | None:
    """Test whether two tests that overlap get in each other's way.

    Parameters
    ----------
    cells : mapping of (str, str) to Statistic
        Visitors by arm of the one and arm of the other; every combination.

    Returns
    -------
    float or None
        p-value of the hypothesis that effects only add up, by the chi-squared distance of the cells' means from the
        closest additive ones, with ``(a - 1)(b - 1)`` degrees of freedom; None while nothing can be told.

    Raises
    ------
    ValueError
        If a combination is missing, or there are not two tests of two arms at least.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> seen = {("a", "x"): 100, ("a", "y"): 110, ("b", "x"): 120, ("b", "y"): 190}
    >>> interaction_p_value({cell: Proportion(clicks, 1000) for cell, clicks in seen.items()}) < 0.01
    True
    """
    levels = _levels(cells, next(iter(cells), ()))
    degrees = prod(len(options) - 1 for options in levels)
    if len(levels) != 2 or not degrees:
        raise ValueError("There must be two tests, each of two arms at least.")
    effects = _values(cells)
    if any(effect.estimate is None or not effect.variance for effect in effects):
        return None
    rows = [[cell[0] == level for level in levels[0]] + [cell[1] == level for level in levels[1][1:]] for cell in cells]
    precision = 1 / np.sqrt([effect.variance or 0.0 for effect in effects])
    design = np.array(rows, dtype=np.float64) * precision[:, None]
    values = np.array([effect.estimate or 0.0 for effect in effects]) * precision
    rest = values - design @ np.linalg.lstsq(design, values)[0]
    return float(chdtrc(degrees, rest @ rest))


def _values(cells: Mapping[Cell, Statistic]) -> list[Effect]:
    theta = adjustment(list(cells.values()))
    estimates = [Estimate.of({"": statistic}, {"": 1.0}) for statistic in cells.values()]
    return [contrast([estimate], [1.0], [0.0], False, theta) for estimate in estimates]
