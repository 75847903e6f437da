"""Whether a test can be believed at all, asked before anybody looks at its result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import chdtrc

from personalization.stats.comparison import Comparison, judge
from personalization.stats.effects import Difference, Effect, effect_between
from personalization.stats.multiple_testing import holm
from personalization.stats.statistics import Statistic

FEWEST_DAYS = 3  # through two points a line always goes


def sample_ratio_mismatch(observed: Sequence[float], weights: Sequence[float]) -> float:
    """Test whether visitors were divided as they should have been.

    Parameters
    ----------
    observed : sequence of float
        Visitors in each arm.
    weights : sequence of float
        Share of each arm, in any unit. An arm of zero weight takes no degree of freedom; visitors seen there are
        missing from the others.

    Returns
    -------
    float
        p-value of Pearson's chi-squared test. Below 0.001 something is wrong with the assignment or the log, and no
        result should be read. 1 while there are no visitors.

    Raises
    ------
    ValueError
        If the lengths differ, a number is negative, or no weight is above zero.

    References
    ----------
    A. Fabijan et al., "Diagnosing sample ratio mismatch in online controlled experiments", KDD 2019.

    Examples
    --------
    >>> sample_ratio_mismatch([5_050, 4_950], [0.5, 0.5]) > 0.3
    True
    >>> sample_ratio_mismatch([10_000, 9_000], [0.5, 0.5]) < 0.001
    True
    """
    seen, shares = np.asarray(observed, np.float64), np.asarray(weights, np.float64)
    if seen.shape != shares.shape or seen.ndim != 1:
        raise ValueError("There must be one weight for each arm.")
    if not (np.isfinite([seen, shares]).all() and (seen >= 0).all() and (shares >= 0).all() and shares.any()):
        raise ValueError("Visitors and weights must be finite and not negative, and one weight above zero.")
    used = shares > 0
    if not seen.sum():
        return 1.0
    if used.sum() == 1:
        return 1.0 if seen[used].sum() == seen.sum() else 0.0
    expected = seen.sum() * shares[used] / shares.sum()
    return float(chdtrc(used.sum() - 1, ((seen[used] - expected) ** 2 / expected).sum()))


def pre_exposure_imbalance(arms: Sequence[Statistic]) -> float | None:
    """Test whether the arms differed before anybody was exposed, which only chance or a fault can bring about.

    Parameters
    ----------
    arms : sequence of Statistic
        What visitors did *before* their first exposure, the control first.

    Returns
    -------
    float or None
        Least of the p-values against the control, after Holm; None while nothing can be told.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> pre_exposure_imbalance([Proportion(100, 1000), Proportion(180, 1000), Proportion(99, 1000)]) < 0.001
    True
    """
    judged = [judge(effect_between(arms[0], arm, "absolute")).p_value for arm in arms[1:]]
    known = [p_value for p_value in judged if p_value is not None]
    return min(holm(known)) if known else None


def novelty_trend(
    controls: Sequence[Statistic],
    treatments: Sequence[Statistic],
    *,
    difference: Difference = "absolute",
    alpha: float = 0.05,
) -> Comparison:
    """Estimate how the effect changes from day to day: novelty wears off, habits form.

    Parameters
    ----------
    controls, treatments : sequence of Statistic
        One for each day, in order; best of visitors first exposed that day, so that days are independent.
    difference : {"relative", "absolute"}
        Of each day's effect.
    alpha : float
        One minus the coverage of the interval.

    Returns
    -------
    Comparison
        Change of the effect per day, by least squares weighted by the days' precision. Days on which nothing can be
        told are left out; with fewer than three others the interval is infinite.

    Raises
    ------
    ValueError
        If the arms have different numbers of days.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> days = [Proportion(100 + 50 * day, 2000) for day in (4, 3, 2, 1, 0)]
    >>> trend = novelty_trend([Proportion(100, 2000)] * 5, days)
    >>> round(trend.effect, 3), trend.interval[1] < 0
    (-0.025, True)
    """
    effects = [effect_between(a, b, difference) for a, b in zip(controls, treatments, strict=True)]
    days = [(day, e.estimate, e.variance) for day, e in enumerate(effects) if e.estimate is not None and e.variance]
    if len(days) < FEWEST_DAYS:
        return Comparison(None)
    x, y, variance = np.array(days, dtype=np.float64).T
    weights = 1 / variance
    x -= np.average(x, weights=weights)
    spread = float((weights * x**2).sum())
    slope = float((weights * x * y).sum()) / spread
    return judge(Effect(slope, 1 / spread, sum(e.n for e in effects), math.inf), alpha=alpha)
