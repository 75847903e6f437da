"""From sums to one effect with its variance, by the delta method: between two arms, or in any contrast of many.

Every comparison of this package - two arms, strata, factors, overlapping experiments - is a linear contrast of arms'
values, absolute or divided by a baseline. It is written once, here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from personalization.stats.statistics import Doubles, Ratio, RegressionAdjusted, Statistic, pool

Difference: TypeAlias = Literal["relative", "absolute"]
ENOUGH = 2  # visitors, below which there is no variance
ROUNDING = 1e-13  # of a squared mean: what sums of squares in double precision cannot tell from no variance


@dataclass(frozen=True)
class Effect:
    """A difference, how uncertain it is, and on how much it rests.

    Parameters
    ----------
    estimate : float or None
        The difference; None where it is not defined, such as relative to nothing.
    variance : float or None
        Of the estimate; None where there is too little to tell, or an arm does not vary at all.
    n : int
        Visitors in all arms together.
    degrees : float
        Welch-Satterthwaite degrees of freedom.
    scale : float
        What one unit of a relative effect is in units of this estimate: 1, or the baseline of an absolute one.
    """

    estimate: float | None
    variance: float | None = None
    n: int = 0
    degrees: float = math.inf
    scale: float = 1.0


@dataclass(frozen=True)
class Estimate:
    """One arm's means with their covariance, whole or as a weighted sum over strata.

    Parameters
    ----------
    means : array, shape (d,)
    parts : tuple of (array of shape (d, d), int)
        Covariance of the means that each stratum contributes, with its degrees of freedom.
    kind : type
        Kind of the statistic.
    n : int
        Visitors.
    """

    means: Doubles
    parts: tuple[tuple[Doubles, int], ...]
    kind: type[Statistic]
    n: int

    @classmethod
    def of(cls, strata: Mapping[str, Statistic], weights: Mapping[str, float]) -> Estimate | None:
        """Weigh the strata of one arm; None if one has too few visitors."""
        if any(statistic.n < ENOUGH for statistic in strata.values()):
            return None
        kind = type(next(iter(strata.values())))
        means = sum((weights[name] * s.means for name, s in strata.items()), np.zeros(1))
        parts = tuple((weights[name] ** 2 * s.covariances / s.n, s.n - 1) for name, s in strata.items())
        return cls(means, parts, kind, sum(s.n for s in strata.values()))


@dataclass(frozen=True)
class _Reading:
    """An arm's value and its unadjusted base, each with its gradient in the arm's means."""

    value: float
    base: float
    gradient: Doubles
    base_gradient: Doubles
    estimate: Estimate = field(repr=False)

    def spread(self, gradient: Doubles) -> list[tuple[float, int]]:
        return [(float(gradient @ part @ gradient), degrees) for part, degrees in self.estimate.parts]


def _read(estimate: Estimate | None, theta: float) -> _Reading | None:
    if estimate is None:
        return None
    means, kind = estimate.means, estimate.kind
    if kind is Ratio:
        top, bottom = means.tolist()
        if bottom == 0:
            return None
        gradient = np.array([1 / bottom, -top / bottom**2])
        return _Reading(top / bottom, top / bottom, gradient, gradient, estimate)
    if kind is RegressionAdjusted:
        post, pre = means.tolist()
        return _Reading(post - theta * pre, post, np.array([1.0, -theta]), np.array([1.0, 0.0]), estimate)
    return _Reading(float(means[0]), float(means[0]), np.ones(1), np.ones(1), estimate)


def adjustment(statistics: Sequence[Statistic]) -> float:
    """Return CUPED's slope of after on before, from all arms pooled; 0 where there is nothing to adjust by.

    Examples
    --------
    >>> adjustment([RegressionAdjusted.from_values([2.0, 4.0], [1.0, 2.0]), RegressionAdjusted(1, 6.0, 36.0, 3, 9, 18)])
    2.0
    """
    pooled = pool(statistics)
    if not isinstance(pooled, RegressionAdjusted) or pooled.n < ENOUGH:
        return 0.0
    covariances = pooled.covariances
    return float(covariances[0, 1] / covariances[1, 1]) if covariances[1, 1] > 0 else 0.0


def contrast(
    estimates: Sequence[Estimate | None], weights: Sequence[float], base: Sequence[float], relative: bool, theta: float
) -> Effect:
    """Return a weighted sum of arms' values, absolute or relative to a weighted baseline.

    Parameters
    ----------
    estimates : sequence of Estimate or None
        One for each arm; None for an arm that has too few visitors.
    weights : sequence of float
        Of each arm in the difference, such as (-1, 1).
    base : sequence of float
        Of each arm in the baseline, such as (1, 0).
    relative : bool
        Whether to divide by the baseline.
    theta : float
        CUPED's slope, from `adjustment`.

    Returns
    -------
    Effect
        ``A = sum(w v)``, or ``A / B`` with ``B = sum(d b)``; the variance by the delta method, where the gradient in an
        arm's means is ``w g / B - d h sum(w b) / B**2``. Here ``v`` is an arm's value with gradient ``g``, and ``b``
        its value without adjustment, with gradient ``h``: a baseline is what visitors really did.
    """
    readings = [reading for estimate in estimates if (reading := _read(estimate, theta))]
    n = sum(estimate.n for estimate in estimates if estimate)
    if len(readings) < len(estimates):
        return Effect(None, n=n)
    total = sum(w * r.value for w, r in zip(weights, readings, strict=True))
    plain = sum(w * r.base for w, r in zip(weights, readings, strict=True))
    baseline = sum(d * r.base for d, r in zip(base, readings, strict=True))
    if relative and baseline <= 0:
        return Effect(None, n=n)
    divisor, pull = (baseline, plain / baseline**2) if relative else (1.0, 0.0)
    used = [(w, d, r) for w, d, r in zip(weights, base, readings, strict=True) if w or (d and relative)]
    variance = sum(v for w, d, r in used for v, _ in r.spread(w * r.gradient / divisor - d * r.base_gradient * pull))
    spreads = [(w**2 * v, degrees) for w, _, r in used for v, degrees in r.spread(r.gradient)]
    estimate = total / divisor
    if not all(_varies(reading) for _, _, reading in used):
        return Effect(estimate, n=n)
    return Effect(estimate, variance, n, _welch(spreads), 1.0 if relative else baseline)


def _varies(reading: _Reading) -> bool:
    """Tell whether visitors differ by more than the rounding of sums of squares may have made up."""
    return sum(v for v, _ in reading.spread(reading.gradient)) * reading.estimate.n > ROUNDING * reading.value**2


def _welch(spreads: Sequence[tuple[float, int]]) -> float:
    return sum(v for v, _ in spreads) ** 2 / sum(v**2 / degrees for v, degrees in spreads)


def effect_between(control: Statistic, treatment: Statistic, difference: Difference = "relative") -> Effect:
    """Return the difference of two arms.

    Parameters
    ----------
    control, treatment : Statistic
        Of the same kind.
    difference : {"relative", "absolute"}
        Whether to divide by the control's mean.

    Returns
    -------
    Effect
        With Welch's degrees of freedom.

    Raises
    ------
    TypeError
        If the kinds differ.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> round(effect_between(Proportion(100, 1000), Proportion(120, 1000)).estimate, 3)
    0.2
    """
    theta = adjustment([control, treatment])
    arms = [Estimate.of({"": statistic}, {"": 1.0}) for statistic in (control, treatment)]
    return contrast(arms, (-1.0, 1.0), (1.0, 0.0), difference == "relative", theta)
