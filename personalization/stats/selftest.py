"""The engines on trial: tests without any effect, tests with a known one, and faults that must be seen.

Thousands of tests are simulated at once, so the formulas of `compare` are written here for arrays; the suite holds the
two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri, stdtrit

from personalization.stats.comparison import sequential_reach
from personalization.stats.effects import Difference
from personalization.stats.planning import power, sample_size
from personalization.stats.statistics import Doubles

Counts = NDArray[np.int64]
ERRORS = 4.0  # standard errors of the simulation that a figure may be off: one in 16,000 is by chance
LIFTS = (0.0, 0.1, 0.3)
LOST = 0.1  # share of one arm that the injected fault loses


@dataclass(frozen=True)
class Row:
    """One line of the self-test's table.

    Parameters
    ----------
    check : str
        What was tried, such as ``aa_sequential_any_look_absolute``.
    measured : float
        Share of the simulated tests.
    runs : int
        Simulated tests.
    expected : float or None
        What it should be; None where the figure only warns, such as that of peeking.
    relation : {"about", "at most", "at least"}
        How the measured share must stand to the expected one.
    """

    check: str
    measured: float
    runs: int
    expected: float | None = None
    relation: Literal["about", "at most", "at least"] = "about"

    @property
    def margin(self) -> float:
        """What chance may add or take, in a simulation of so many runs."""
        share = self.measured if self.expected is None else self.expected
        return ERRORS * math.sqrt(share * (1 - share) / self.runs)

    @property
    def passes(self) -> bool | None:
        """Tell whether the figure is as it should be; None where it only warns."""
        if self.expected is None:
            return None
        above = self.measured - self.expected
        is_low = self.relation == "at least" or above <= self.margin
        return is_low and (self.relation == "at most" or above >= -self.margin)


def self_test(
    *,
    runs: int = 20_000,
    days: int = 28,
    daily_visitors: int = 250,
    rate: float = 0.05,
    alpha: float = 0.05,
    tuning: float = 5000,
    seed: int = 0,
) -> list[Row]:
    """Try every engine on simulated tests of clicks.

    Parameters
    ----------
    runs : int
        Simulated tests for each line.
    days, daily_visitors : int
        Length of a test in days, each with a look at the result, and new visitors in each arm on each day.
    rate : float
        The control's click rate.
    alpha, tuning : float
        As in `compare`.
    seed : int
        Of all chance.

    Returns
    -------
    list of Row
        Lines ``aa_*`` are shares of tests without effect in which one was claimed, an absolute or a relative one;
        ``coverage_*`` shares of intervals that held the true relative effect; ``power_*`` shares of tests that found it
        at the size `sample_size` asks for; and ``srm_*`` shares in which a mismatch was called.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> rows = {row.check: row for row in self_test(runs=500)}
    >>> rows["aa_sequential_any_look_relative"].passes, rows["aa_fixed_any_look_relative"].measured > 0.15
    (True, True)
    """
    if min(runs, days, daily_visitors) < 1 or not (0 < rate < 1 and 0 < alpha < 1):
        raise ValueError("There must be runs, days and visitors, and the rate and alpha must lie between 0 and 1.")
    random = np.random.default_rng(seed)
    return [
        *_without_effect(random, runs, days, daily_visitors, rate, alpha, tuning),
        *_coverage(random, runs, days * daily_visitors, rate, alpha, tuning),
        *_power(random, runs, rate, alpha, tuning),
        *_mismatch(random, runs, days, daily_visitors),
    ]


def differences(
    control: Counts, treatment: Counts, n: int, difference: Difference = "relative"
) -> tuple[Doubles, Doubles, Doubles]:
    """Return differences of clicks among n visitors in either arm, their errors, and Welch's degrees of freedom.

    Tests in which an arm does not vary get an infinite error, as `compare` gives them an infinite interval.
    """
    p, q = control / n, treatment / n
    before, after = p * (1 - p) / n, q * (1 - q) / n
    is_known = (before > 0) & (after > 0)
    spread = np.where(is_known, after**2 + before**2, 1.0)
    degrees = np.where(is_known, (before + after) ** 2 * (n - 1) / spread, 1.0)
    if difference == "absolute":
        return q - p, np.sqrt(np.where(is_known, after + before, np.inf)), degrees
    base = np.where(p > 0, p, 1.0)
    error = np.sqrt(np.where(is_known, after / base**2 + before * q**2 / base**4, np.inf))
    return q / base - 1, error, degrees


def _without_effect(
    random: np.random.Generator, runs: int, days: int, daily: int, rate: float, alpha: float, tuning: float
) -> Iterator[Row]:
    arms = random.binomial(daily, rate, (2, days, runs)).cumsum(axis=1)
    kinds: tuple[Difference, ...] = ("absolute", "relative")
    for kind in kinds:
        claims = {method: np.zeros((days, runs), dtype=np.bool_) for method in ("fixed", "sequential", "bayesian")}
        for day in range(days):
            n = daily * (day + 1)
            effect, error, degrees = differences(arms[0, day], arms[1, day], n, kind)
            score = np.abs(effect) / error
            claims["fixed"][day] = score > -stdtrit(degrees, alpha / 2)
            claims["sequential"][day] = score > sequential_reach(2 * n, alpha, tuning)
            claims["bayesian"][day] = score > -ndtri(alpha)
        ever = {method: float(looks.any(axis=0).mean()) for method, looks in claims.items()}
        yield Row(f"aa_fixed_last_look_{kind}", float(claims["fixed"][-1].mean()), runs, alpha)
        yield Row(f"aa_fixed_any_look_{kind}", ever["fixed"], runs)
        yield Row(f"aa_sequential_any_look_{kind}", ever["sequential"], runs, alpha, "at most")
        yield Row(f"aa_bayesian_any_look_{kind}", ever["bayesian"], runs)


def _reaches(n: int, degrees: Doubles, alpha: float, tuning: float) -> dict[str, Doubles]:
    return {
        "fixed": -stdtrit(degrees, alpha / 2),
        "sequential": np.full(degrees.shape, sequential_reach(2 * n, alpha, tuning)),
        "bayesian": np.full(degrees.shape, -ndtri(alpha / 2)),
    }


def _coverage(
    random: np.random.Generator, runs: int, n: int, rate: float, alpha: float, tuning: float
) -> Iterator[Row]:
    for lift in LIFTS:
        clicks = random.binomial(n, rate, runs), random.binomial(n, min(1.0, rate * (1 + lift)), runs)
        truth = min(1.0, rate * (1 + lift)) / rate - 1
        effect, error, degrees = differences(*clicks, n)
        for method, reach in _reaches(n, degrees, alpha, tuning).items():
            held = float((np.abs(effect - truth) <= reach * error).mean())
            relation: Literal["at least", "about"] = "at least" if method == "sequential" else "about"
            yield Row(f"coverage_{method}_lift_{lift:.0%}", held, runs, 1 - alpha, relation)


def _power(random: np.random.Generator, runs: int, rate: float, alpha: float, tuning: float) -> Iterator[Row]:
    lift = min(0.2, (1 - rate) / rate / 2)
    methods: tuple[Literal["fixed", "sequential"], ...] = ("fixed", "sequential")
    for method in methods:
        n = sample_size(rate, lift, alpha=alpha, method=method, tuning=tuning)
        clicks = random.binomial(n, rate, runs), random.binomial(n, rate * (1 + lift), runs)
        effect, error, degrees = differences(*clicks, n)
        found = float((np.abs(effect) > _reaches(n, degrees, alpha, tuning)[method] * error).mean())
        promised = power(rate, lift, n, alpha=alpha, method=method, tuning=tuning)
        yield Row(f"power_{method}_lift_{lift:.0%}", found, runs, promised)


def _mismatch(random: np.random.Generator, runs: int, days: int, daily: int) -> Iterator[Row]:
    seen = 2 * daily * np.arange(1, days + 1)[:, None]
    first = random.binomial(2 * daily, 0.5, (days, runs)).cumsum(axis=0)
    kept = random.binomial(first[-1], 1 - LOST)
    sound, faulty = _mismatch_p_values(first, seen - first), _mismatch_p_values(kept, seen[-1] - first[-1])
    for level in (0.05, 0.01, 0.001):
        yield Row(f"srm_any_look_at_{level:g}", float((sound < level).any(axis=0).mean()), runs)
    yield Row("srm_last_look_at_0.001", float((sound[-1] < 0.001).mean()), runs, 0.001)
    yield Row(f"srm_{LOST:.0%}_of_an_arm_lost", float((faulty < 0.001).mean()), runs, _detected(2 * daily * days))


def _mismatch_p_values(first: Counts, second: Counts) -> Doubles:
    p_values: Doubles = chdtrc(1, (first - second) ** 2 / (first + second))
    return p_values


def _detected(n: int) -> float:
    """Return the probability that n visitors, before the loss, show the fault at 0.001.

    The difference of the arms has mean ``-n lost / 2``. Given the number that remains it is held against that number's
    root, to first order a score of mean ``d / s`` and a spread below one.
    """
    share = (1 - LOST) / (2 - LOST)
    left = n * (1 - LOST / 2)
    gain, spread = math.sqrt(left) * (1 - 2 * share), 2 * math.sqrt(share * (1 - share))
    reach = -float(ndtri(0.0005))
    return 0.5 * math.erfc((reach - gain) / spread / math.sqrt(2))
