"""Judging an effect: at a planned end, at any time, or as a belief."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from scipy.special import log_ndtr, ndtr, ndtri, stdtr, stdtrit

from personalization.stats.effects import Difference, Effect, effect_between
from personalization.stats.statistics import Statistic

Method: TypeAlias = Literal["fixed", "sequential", "bayesian"]
UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Comparison:
    """What is known about a difference. What a method does not give, or what cannot be told yet, is None.

    Parameters
    ----------
    effect : float or None
        The estimate.
    interval : (float, float)
        Infinite while nothing can be told.
    p_value : float or None
        Given by the fixed-horizon and the sequential method.
    chance_to_win : float or None
        Probability that the treatment's value is the greater one, given by the Bayesian method.
    risk : (float, float) or None
        Expected loss of choosing the control, and of choosing the treatment, in units of the effect; Bayesian.
    """

    effect: float | None
    interval: tuple[float, float] = UNBOUNDED
    p_value: float | None = None
    chance_to_win: float | None = None
    risk: tuple[float, float] | None = None

    def where_less_is_better(self) -> Comparison:
        """Return the same for a metric to be lowered: the effect stands, winning and losing change places.

        Examples
        --------
        >>> Comparison(-0.1, (-0.2, 0.0), chance_to_win=0.1, risk=(0.01, 0.11)).where_less_is_better()
        Comparison(effect=-0.1, interval=(-0.2, 0.0), p_value=None, chance_to_win=0.9, risk=(0.11, 0.01))
        """
        chance = None if self.chance_to_win is None else 1 - self.chance_to_win
        return replace(self, chance_to_win=chance, risk=self.risk and (self.risk[1], self.risk[0]))


def compare(
    control: Statistic,
    treatment: Statistic,
    *,
    method: Method = "fixed",
    difference: Difference = "relative",
    alpha: float = 0.05,
    tuning: float = 5000,
    prior_mean: float = 0.0,
    prior_sd: float | None = None,
) -> Comparison:
    """Compare two arms.

    Parameters
    ----------
    control, treatment : Statistic
        Of the same kind. `RegressionAdjusted` ones are adjusted by one slope, from both arms pooled.
    method : {"fixed", "sequential", "bayesian"}
        Welch's two-sided t test, to be read once, at the planned end; an asymptotic confidence sequence, valid at every
        look; or a normal posterior.
    difference : {"relative", "absolute"}
        Whether to divide by the control's mean, with the uncertainty of that mean (delta method).
    alpha : float
        One minus the coverage of the interval.
    tuning : float
        Number of visitors, both arms together, at which the confidence sequence is tightest.
    prior_mean, prior_sd : float
        What the effect was believed to be, as a *relative* effect; for absolute differences both are multiplied by
        the control's mean. Without `prior_sd` the prior is flat.

    Returns
    -------
    Comparison
        An arm of fewer than two visitors or without any variance, and a relative difference to a control whose mean is
        not above zero, yield an infinite interval and no p-value, rather than a number that means nothing.

    Raises
    ------
    ValueError
        If a keyword is out of its range.
    TypeError
        If the arms hold different kinds of statistics.

    Notes
    -----
    The conventions are those of GrowthBook's statistics engine.

    References
    ----------
    B. L. Welch, "The generalization of 'Student's' problem when several different population variances are involved",
    Biometrika 34, 1947. I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas, "Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 52, 2024.

    Examples
    --------
    >>> from personalization.stats.statistics import Proportion
    >>> seen = compare(Proportion(100, 1000), Proportion(130, 1000))
    >>> round(seen.effect, 2), [round(end, 2) for end in seen.interval], round(seen.p_value, 3)
    (0.3, [-0.02, 0.62], 0.066)
    >>> compare(Proportion(0, 1000), Proportion(130, 1000)).interval
    (-inf, inf)
    """
    if difference not in ("relative", "absolute"):
        raise ValueError('The difference must be "relative" or "absolute".')
    return judge(
        effect_between(control, treatment, difference),
        method=method,
        alpha=alpha,
        tuning=tuning,
        prior_mean=prior_mean,
        prior_sd=prior_sd,
    )


def judge(
    effect: Effect,
    *,
    method: Method = "fixed",
    alpha: float = 0.05,
    tuning: float = 5000,
    prior_mean: float = 0.0,
    prior_sd: float | None = None,
) -> Comparison:
    """Judge any effect, such as one of strata or of factors, as `compare` judges that of two arms.

    Examples
    --------
    >>> judge(Effect(1.0, 0.25, n=1000, degrees=998.0)).interval[0] > 0
    True
    """
    if not 0 < alpha < 1 or not (0 < tuning < math.inf) or not math.isfinite(prior_mean):
        raise ValueError("alpha must lie between 0 and 1, tuning be above zero, and the prior's mean finite.")
    if prior_sd is not None and not prior_sd > 0:
        raise ValueError("prior_sd must be above zero; leave it out for a flat prior.")
    if method not in ("fixed", "sequential", "bayesian"):
        raise ValueError('The method must be "fixed", "sequential" or "bayesian".')
    if effect.estimate is None or effect.variance is None:
        return Comparison(effect.estimate)
    if method == "bayesian":
        return _bayesian(effect.estimate, effect.variance, effect.scale, alpha, prior_mean, prior_sd)
    sd = math.sqrt(effect.variance)
    score = abs(effect.estimate) / sd
    if method == "fixed":
        reach = -float(stdtrit(effect.degrees, alpha / 2))
        p_value = 2 * float(stdtr(effect.degrees, -score))
    else:
        reach = sequential_reach(effect.n, alpha, tuning)
        p_value = sequential_p_value(score, effect.n, alpha, tuning)
    return Comparison(effect.estimate, (effect.estimate - reach * sd, effect.estimate + reach * sd), p_value)


def _mixture(n: float, alpha: float, tuning: float) -> float:
    """Return ``n rho**2``, with the rho that makes the sequence tightest at `tuning` visitors."""
    return n / tuning * (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha)))


def sequential_reach(n: float, alpha: float = 0.05, tuning: float = 5000) -> float:
    """Return how many standard errors a confidence sequence reaches to either side after `n` visitors.

    Parameters
    ----------
    n : float
        Visitors in both arms together.
    alpha, tuning : float
        As in `compare`.

    Returns
    -------
    float
        ``sqrt(2 (m + 1) / m * log(sqrt(m + 1) / alpha))`` where ``m = n rho**2``.

    References
    ----------
    Waudby-Smith et al. (2024), equation 9.

    Examples
    --------
    >>> round(sequential_reach(5000), 2), round(sequential_reach(100_000), 2)
    (3.04, 3.34)
    """
    m = _mixture(n, alpha, tuning)
    return math.sqrt(2 * (m + 1) / m * (math.log1p(m) / 2 - math.log(alpha)))


def sequential_p_value(score: float, n: float, alpha: float = 0.05, tuning: float = 5000) -> float:
    """Return a p-value that may be read at every look: below `alpha` exactly when zero lies outside the sequence.

    Parameters
    ----------
    score : float
        The estimate in standard errors.
    n, alpha, tuning : float
        As in `sequential_reach`.

    Returns
    -------
    float
        ``min(1, sqrt(m + 1) * exp(-m score**2 / (2 (m + 1))))``.

    Examples
    --------
    >>> round(sequential_p_value(sequential_reach(5000), 5000), 6)
    0.05
    """
    m = _mixture(n, alpha, tuning)
    return math.exp(min(0.0, math.log1p(m) / 2 - m * score**2 / (2 * (m + 1))))


def _bayesian(
    estimate: float, variance: float, scale: float, alpha: float, prior_mean: float, prior_sd: float | None
) -> Comparison:
    weight = 0.0 if prior_sd is None or scale == 0 else 1 / (prior_sd * scale) ** 2
    spread = 1 / (1 / variance + weight)
    mean = spread * (estimate / variance + weight * prior_mean * scale)
    sd = math.sqrt(spread)
    reach = -float(ndtri(alpha / 2)) * sd
    risk = (_expected_excess(mean, sd), _expected_excess(-mean, sd))
    return Comparison(mean, (mean - reach, mean + reach), None, float(ndtr(mean / sd)), risk)


def _expected_excess(mean: float, sd: float) -> float:
    """Return the expectation of ``max(x, 0)`` for a normal x, without a negative rest of rounding."""
    z = mean / sd
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return max(0.0, sd * density + mean * math.exp(float(log_ndtr(z))))
