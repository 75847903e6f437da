"""How many visitors a test needs, what it could find, and when it will be done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from scipy.special import ndtr, ndtri

from personalization.stats.comparison import sequential_reach
from personalization.stats.effects import Difference

MOST = 10**12  # visitors; beyond it a plan is no plan
PRECISE = 1e-9


def power(
    mean: float,
    lift: float,
    n: float,
    *,
    sd: float | None = None,
    difference: Difference = "relative",
    ratio: float = 1.0,
    alpha: float = 0.05,
    method: Literal["fixed", "sequential"] = "fixed",
    tuning: float = 5000,
) -> float:
    """Return the probability that a true effect is found.

    Parameters
    ----------
    mean : float
        The control's, above zero.
    lift : float
        The true effect, in the terms of `difference`: 0.1 is ten percent more, or 0.1 units more.
    n : float
        Visitors in the control.
    sd : float, optional
        Standard deviation of one visitor's value. Without it the metric is a proportion. With CUPED it is smaller, by
        the factor ``sqrt(1 - r**2)`` where r is the correlation of before and after.
    difference : {"relative", "absolute"}
        As the result will be read.
    ratio : float
        Visitors in the treatment for each in the control.
    alpha : float
        Of the two-sided test.
    method : {"fixed", "sequential"}
        For a confidence sequence it is the power at the last look; earlier looks can only add to it.
    tuning : float
        Of the confidence sequence.

    Returns
    -------
    float
        ``F((d - c s) / a) + F((-d - c s) / b)`` with F the normal distribution function, d the true difference of the
        means, c the critical value and s the standard error. For absolute differences a and b are s. A relative one is
        held against a standard error that moves with the arms' means, so a and b are the deviations of ``T - C - c S``
        and ``T - C + c S``, to first order.

    Raises
    ------
    ValueError
        If a number is out of its range, such as a lift that takes a proportion beyond 1.

    Examples
    --------
    >>> round(power(0.05, 0.01, 8_155, difference="absolute"), 3)
    0.8
    """
    _check(mean, lift, sd, difference, ratio, alpha, method)
    if not 0 < n < math.inf:
        raise ValueError("There must be visitors.")
    return _power(mean, lift, n, sd, difference, ratio, alpha, method, tuning)


def _power(
    mean: float,
    lift: float,
    n: float,
    sd: float | None,
    difference: str,
    ratio: float,
    alpha: float,
    method: str,
    tuning: float,
) -> float:
    is_relative = difference == "relative"
    treated = mean * (1 + lift) if is_relative else mean + lift
    before = (mean * (1 - mean) if sd is None else sd**2) / n
    after = (max(0.0, treated * (1 - treated)) if sd is None else sd**2) / (n * ratio)
    reach = -ndtri(alpha / 2) if method == "fixed" else sequential_reach(n * (1 + ratio), alpha, tuning)
    growth = treated / mean if is_relative else 1.0
    error = math.sqrt(after + before * growth**2)
    pull = reach * before * growth / (mean * error) if is_relative else 0.0
    above = math.sqrt(after * (1 - pull) ** 2 + before * (1 - pull * growth) ** 2)
    below = math.sqrt(after * (1 + pull) ** 2 + before * (1 + pull * growth) ** 2)
    gain = treated - mean
    return float(ndtr((gain - reach * error) / above) + ndtr((-gain - reach * error) / below))


def sample_size(
    mean: float,
    lift: float,
    *,
    power: float = 0.8,
    sd: float | None = None,
    difference: Difference = "relative",
    ratio: float = 1.0,
    alpha: float = 0.05,
    method: Literal["fixed", "sequential"] = "fixed",
    tuning: float = 5000,
) -> int:
    """Return how many visitors the control needs, and the treatment `ratio` times as many.

    Parameters
    ----------
    mean, lift, sd, difference, ratio, alpha, method, tuning
        As in `power`; the lift is not zero.
    power : float
        Probability to find the effect, above alpha and below 1.

    Returns
    -------
    int
        The least number with at least that power.

    Raises
    ------
    ValueError
        If a number is out of its range, or no number of visitors would do.

    Examples
    --------
    >>> sample_size(0.05, 0.01, difference="absolute")
    8155
    >>> sample_size(0.05, 0.2) < sample_size(0.05, 0.2, method="sequential")
    True
    """
    _check(mean, lift, sd, difference, ratio, alpha, method)
    if not alpha < power < 1 or lift == 0:
        raise ValueError("The power must lie between alpha and 1, and the lift must not be zero.")

    def is_enough(n: int) -> bool:
        return _power(mean, lift, n, sd, difference, ratio, alpha, method, tuning) >= power

    most = 2
    while not is_enough(most):
        most *= 2
        if most > MOST:
            raise ValueError("No number of visitors would find so small an effect: plan for a greater one.")
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if is_enough(middle) else (middle, most)
    return most


def minimum_detectable_effect(
    mean: float,
    n: float,
    *,
    power: float = 0.8,
    sd: float | None = None,
    difference: Difference = "relative",
    ratio: float = 1.0,
    alpha: float = 0.05,
    method: Literal["fixed", "sequential"] = "fixed",
    tuning: float = 5000,
) -> float | None:
    """Return the smallest increase that so many visitors would show.

    Parameters
    ----------
    mean, n, sd, difference, ratio, alpha, method, tuning
        As in `power`.
    power : float
        Probability to find it, above alpha and below 1.

    Returns
    -------
    float or None
        In the terms of `difference`; None when no increase, however great, would be found.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> round(minimum_detectable_effect(0.05, 8_155, difference="absolute"), 4)
    0.01
    """
    _check(mean, 0.0, sd, difference, ratio, alpha, method)
    if not alpha < power < 1 or not 0 < n < math.inf:
        raise ValueError("The power must lie between alpha and 1, and there must be visitors.")
    unit = 1.0 if difference == "relative" else mean

    def is_found(lift: float) -> bool:
        return _power(mean, lift, n, sd, difference, ratio, alpha, method, tuning) >= power

    most = (1 - mean) / mean * unit if sd is None else 1e6 * unit
    if not is_found(most):
        return None
    least = 0.0
    while most - least > PRECISE * most:
        middle = (least + most) / 2
        least, most = (least, middle) if is_found(middle) else (middle, most)
    return most


def _check(
    mean: float, lift: float, sd: float | None, difference: str, ratio: float, alpha: float, method: str
) -> None:
    treated = mean * (1 + lift) if difference == "relative" else mean + lift
    if sd is None and not (0 < mean < 1 and 0 <= treated <= 1):
        raise ValueError("A proportion must lie between 0 and 1, with and without the lift.")
    if not (0 < mean < math.inf and math.isfinite(lift) and 0 < ratio < math.inf and 0 < alpha < 1):
        raise ValueError("The mean and the ratio must be above zero, and alpha between 0 and 1.")
    if sd is not None and not 0 < sd < math.inf:
        raise ValueError("The standard deviation must be above zero.")
    if method not in ("fixed", "sequential") or difference not in ("relative", "absolute"):
        raise ValueError('The method must be "fixed" or "sequential", the difference "relative" or "absolute".')


def days_left(needed: int, daily_visitors: Sequence[int], window: int = 7) -> int | None:
    """Return after how many more days a test will have its visitors, from the traffic of late.

    Parameters
    ----------
    needed : int
        Visitors planned, all arms together.
    daily_visitors : sequence of int
        Visitors first exposed on each day so far. Who comes back is not counted again, so that the projection heeds
        how a site runs out of new visitors.
    window : int
        How many of the last days give the rate: a week evens out weekends.

    Returns
    -------
    int or None
        0 when there are enough; None while nobody comes.

    Examples
    --------
    >>> days_left(1_000, [90, 110, 100])
    7
    >>> days_left(1_000, [0, 0]) is None
    True
    """
    missing = needed - sum(daily_visitors)
    if missing <= 0:
        return 0
    recent = daily_visitors[-window:]
    return math.ceil(missing * len(recent) / sum(recent)) if sum(recent) else None
