"""When somebody comes back, and how much of what will be read: small forecasts that know how sure they are.

statsforecast improves them where it is installed (``pip install "wagtail-slots[forecasts]"``); all work without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from personalization.recommend.data import Doubles

SECONDS_PER_DAY = 86_400.0
VISIT_GAP_MINUTES = 30.0
SHORTEST_DAYS = 1.0 / 48.0
FEWEST_INTERVALS = 4
PRIOR_SPREAD = 4.0
# The bounds of the middle 80 % of a normal distribution.
BOUND = 1.2816
WEEK = 7
FEWEST_DAYS = 4 * WEEK
STATES = ("early", "due", "overdue", "unknown")


@cache
def has_statsforecast() -> bool:
    """Whether the optional package is installed; the import itself takes seconds and waits until it is needed."""
    return find_spec("statsforecast") is not None


def visit_intervals(times: Sequence[float] | Doubles, gap_minutes: float = VISIT_GAP_MINUTES) -> Doubles:
    """Return the days from each visit's beginning to the next one's.

    Parameters
    ----------
    times : sequence of float, shape (n,)
        When anything happened, in seconds since the epoch, in any order.
    gap_minutes : float
        A pause of more than this ends a visit.

    Returns
    -------
    array of float64, shape (n_visits - 1,)
        Days; none is shorter than half an hour.

    Examples
    --------
    >>> day = 86_400.0
    >>> visit_intervals([0.0, 60.0, day, 3 * day]).tolist()
    [1.0, 2.0]
    """
    ordered = np.sort(np.asarray(times, dtype=np.float64))
    if len(ordered) < 2:
        return np.empty(0)
    begins = np.concatenate([[True], np.diff(ordered) > gap_minutes * 60.0])
    days: Doubles = np.maximum(np.diff(ordered[begins]) / SECONDS_PER_DAY, SHORTEST_DAYS)
    return days


@dataclass(frozen=True)
class Rhythm:
    """How a whole population returns, on the scale of log days.

    Parameters
    ----------
    mean : float
        Of the visitors' own mean log intervals.
    within : float
        Variance of one visitor's log intervals, the same for all.
    between : float
        Variance of the visitors' means.

    Examples
    --------
    >>> rhythm = Rhythm.of([np.array([7.0, 7.0, 7.0]), np.array([1.0, 1.0])])
    >>> round(float(np.exp(rhythm.mean)), 2)
    2.65
    """

    mean: float = float(np.log(7.0))
    within: float = 1.0
    between: float = 1.0

    @classmethod
    def of(cls, intervals: Sequence[Doubles]) -> Rhythm:
        """Estimate by the method of moments; with fewer than two visitors who returned, a week give or take.

        Parameters
        ----------
        intervals : sequence of arrays, each of shape (n_i,)
            Days between visits, one array for each visitor; empty ones are left out.
        """
        logs = [np.log(days) for days in intervals if len(days)]
        if len(logs) < 2:
            return cls()
        means = np.array([log.mean() for log in logs])
        freedom = sum(len(log) - 1 for log in logs)
        spread = sum(float(((log - log.mean()) ** 2).sum()) for log in logs)
        within = max(spread / freedom, 0.01) if freedom else cls.within
        noise = within * float(np.mean([1.0 / len(log) for log in logs]))
        return cls(float(means.mean()), within, max(float(means.var(ddof=1)) - noise, 0.01))

    def level(self, own: Any, number: Any) -> Any:
        """Return a visitor's mean log interval, held to what is usual by how few intervals it was told from.

        Parameters
        ----------
        own, number : float or array
            The visitor's own level, and of how many intervals it is.

        Examples
        --------
        >>> Rhythm(mean=0.0).level(2.0, 3)
        1.5
        """
        share = number / (number + self.within / self.between)
        return share * own + (1.0 - share) * self.mean


@dataclass(frozen=True)
class Return:
    """When somebody is expected after the last visit, in days: the typical time, and the middle 80 %.

    Examples
    --------
    >>> weekly = Return(low=5.0, typical=7.0, high=9.5)
    >>> [weekly.state(days) for days in (1.0, 6.0, 20.0)]
    ['early', 'due', 'overdue']
    """

    low: float
    typical: float
    high: float

    def state(self, days_since: float) -> str:
        """Return "early", "due" or "overdue" for somebody last seen so many days ago."""
        if days_since < self.low:
            return "early"
        return "due" if days_since <= self.high else "overdue"


def return_state(expected: Return | None, days_since: float | None) -> str:
    """Return one of STATES: "unknown" for who has not come back yet, or was never seen.

    Examples
    --------
    >>> return_state(None, 3.0)
    'unknown'
    """
    return "unknown" if expected is None or days_since is None else expected.state(days_since)


def forecast_return(intervals: Doubles, rhythm: Rhythm, method: str = "auto") -> Return | None:
    """Forecast the interval that comes next from a visitor's own, held to what is usual by how few they are.

    Parameters
    ----------
    intervals : array, shape (n,)
        Days between the visits so far, oldest first.
    rhythm : Rhythm
        The population's.
    method : {"auto", "mean", "ses", "croston", "naive"}
        How the visitor's own level is told. "mean": of the log intervals. "ses": simple exponential smoothing of
        them, its weight fitted (statsforecast). "croston": demand per day by Croston's method with the correction
        of Syntetos and Boylan (statsforecast). "naive": the last interval as it is. "auto": midway between "mean"
        and "ses" from four intervals on, where statsforecast is installed, else "mean".

    Returns
    -------
    Return or None
        None without a single interval: one visit has no rhythm.

    Raises
    ------
    ValueError
        If the method is none of these.
    ImportError
        If the method is asked for by name and statsforecast is missing.

    Notes
    -----
    Intervals are close to log-normal. The own level is shrunk to the population's by n / (n + within / between)
    (B. Efron, C. Morris, "Data analysis using Stein's estimator", JASA 1975), and so is the variance. Croston's
    method: J. D. Croston, Operational Research Quarterly 1972; A. Syntetos, J. Boylan, Int. J. Forecasting 2005.

    Examples
    --------
    >>> regular = forecast_return(np.array([7.0, 7.1, 6.9, 7.0, 7.0]), Rhythm(), method="mean")
    >>> round(regular.typical), regular.state(20.0)
    (7, 'overdue')
    """
    if not len(intervals):
        return None
    if method == "naive":
        return Return(float(intervals[-1]), float(intervals[-1]), float(intervals[-1]))
    logs = np.log(intervals)
    n, prior = len(logs), rhythm.within / rhythm.between
    centre = float(rhythm.level(_own_level(intervals, method), n))
    spread = (PRIOR_SPREAD * rhythm.within + float(((logs - logs.mean()) ** 2).sum())) / (PRIOR_SPREAD + n - 1)
    width = BOUND * float(np.sqrt(spread * (1.0 + 1.0 / (n + prior))))
    return Return(float(np.exp(centre - width)), float(np.exp(centre)), float(np.exp(centre + width)))


def _own_level(intervals: Doubles, method: str) -> float:
    if method == "mean":
        return float(np.log(intervals).mean())
    if method == "auto":
        # Steady visitors are told best by the mean, changing ones by smoothing: midway is near the better for both.
        own = ("mean", "ses") if len(intervals) >= FEWEST_INTERVALS and has_statsforecast() else ("mean",)
        return float(np.mean([_own_level(intervals, name) for name in own]))
    if method == "ses":
        smoothed = _models().SimpleExponentialSmoothingOptimized()
        return float(smoothed.forecast(y=np.log(intervals), h=1)["mean"][0])
    if method == "croston":
        return _croston_level(intervals)
    raise ValueError(f"There is no method {method!r}: choose auto, mean, ses, croston or naive.")


def _croston_level(intervals: Doubles) -> float:
    """The log of the interval behind Croston's rate, from visits day by day."""
    days = np.floor(np.concatenate([[0.0], np.cumsum(intervals)])).astype(np.int64)
    visits = np.bincount(days).astype(np.float64)
    rate = float(_models().CrostonSBA().forecast(y=visits, h=1)["mean"][0])
    return float(-np.log(max(rate, 1e-6)))


def _models() -> Any:
    try:
        return import_module("statsforecast.models")
    except ImportError as error:
        raise ImportError('This method needs statsforecast: pip install "wagtail-slots[forecasts]".') from error


@dataclass(frozen=True, eq=False)
class Demand:
    """How much is expected on each of the days that come.

    Parameters
    ----------
    mean, low, high : array, shape (horizon,)
        Expected number, and the bounds of the middle 80 %.
    method : str
        What made it.
    """

    mean: Doubles
    low: Doubles
    high: Doubles
    method: str


def forecast_demand(counts: Sequence[float] | Doubles, horizon: int = 14, method: str = "auto") -> Demand:
    """Forecast daily counts with their weekly pattern.

    Parameters
    ----------
    counts : sequence of float, shape (n_days,)
        One number for each day, the oldest first, days without anything as 0.
    horizon : int
        Days to look ahead.
    method : {"auto", "ets", "weekdays", "naive"}
        "ets": AutoETS with a season of seven days (statsforecast; R. Hyndman et al., "Forecasting with exponential
        smoothing", 2008). "weekdays": the mean of the last four same weekdays. "naive": the last week again. "auto":
        "ets" with four weeks or more, where statsforecast is installed; else "weekdays".

    Returns
    -------
    Demand
        Never below zero.

    Raises
    ------
    ValueError
        If a count is negative or not finite, or there is no such method.
    ImportError
        If "ets" is asked for by name and statsforecast is missing.

    Examples
    --------
    >>> week = [5.0, 5.0, 5.0, 5.0, 5.0, 1.0, 1.0]
    >>> forecast_demand(week * 4, horizon=7, method="weekdays").mean.tolist() == week
    True
    """
    series = np.asarray(counts, dtype=np.float64)
    if not np.isfinite(series).all() or (series < 0).any():
        raise ValueError("Counts must be finite and not negative.")
    if method == "auto":
        method = "ets" if len(series) >= FEWEST_DAYS and has_statsforecast() else "weekdays"
    if method == "ets":
        return _by_ets(series, horizon)
    if method in ("weekdays", "naive"):
        return _by_weekdays(series, horizon, weeks=4 if method == "weekdays" else 1, method=method)
    raise ValueError(f"There is no method {method!r}: choose auto, ets, weekdays or naive.")


def _by_ets(series: Doubles, horizon: int) -> Demand:
    told = _models().AutoETS(season_length=WEEK).forecast(y=series, h=horizon, level=[80])
    mean, low, high = (np.maximum(np.asarray(told[name], dtype=np.float64), 0.0) for name in ("mean", "lo-80", "hi-80"))
    return Demand(mean, low, high, "ets")


def _by_weekdays(series: Doubles, horizon: int, weeks: int, method: str) -> Demand:
    if len(series) < WEEK:
        mean = np.full(horizon, float(series.mean()) if len(series) else 0.0)
        error = 0.0
    else:
        whole = series[len(series) % WEEK :].reshape(-1, WEEK)
        mean = np.resize(whole[-weeks:].mean(axis=0), horizon)
        errors = [whole[week] - whole[max(week - weeks, 0) : week].mean(axis=0) for week in range(1, len(whole))]
        error = float(np.square(errors).mean()) if errors else 0.0
    # What is counted scatters at least like a Poisson variable.
    width = BOUND * np.sqrt(np.maximum(mean, error))
    return Demand(mean, np.maximum(mean - width, 0.0), mean + width, method)


def backtest_returns(
    intervals: Sequence[Doubles], methods: Sequence[str] = ("naive", "mean", "auto")
) -> dict[str, dict[str, float]]:
    """Forecast every visitor's intervals one after the other, each from those before it, and measure the errors.

    The population's rhythm is taken from the other half of the visitors, so that nobody's future helps.

    Parameters
    ----------
    intervals : sequence of arrays, each of shape (n_i,)
        Days between visits, oldest first, one array for each visitor.
    methods : sequence of str
        As in `forecast_return`.

    Returns
    -------
    dict of str to dict
        For each method ``mae`` (days), ``mase`` (the error as a share of that of repeating the last interval, on the
        same points), ``coverage`` (how often the truth lay within the bounds; 0.8 is right) and ``points``.

    Raises
    ------
    ValueError
        If nobody has two intervals.

    Examples
    --------
    >>> seed = np.random.default_rng(0)
    >>> weekly = [7.0 * np.exp(seed.normal(0.0, 0.3, 8)) for _visitor in range(20)]
    >>> backtest_returns(weekly, ["mean"])["mean"]["mase"] < 0.9
    True
    """
    halves = [Rhythm.of(intervals[1::2]), Rhythm.of(intervals[::2])]
    points = [
        (own[:end], float(own[end]), halves[index % 2])
        for index, own in enumerate(intervals)
        for end in range(1, len(own))
    ]
    if not points:
        raise ValueError("Nobody has come back twice: there is nothing to measure by.")
    truth = np.array([actual for _known, actual, _rhythm in points])
    naive = float(np.abs([known[-1] - actual for known, actual, _rhythm in points]).mean())
    return {method: _score_returns(points, truth, naive, method) for method in methods}


def _score_returns(
    points: Sequence[tuple[Doubles, float, Rhythm]], truth: Doubles, naive: float, method: str
) -> dict[str, float]:
    made = [forecast_return(known, rhythm, method) for known, _actual, rhythm in points]
    told = np.array([(one.low, one.typical, one.high) for one in made if one is not None])
    mae = float(np.abs(told[:, 1] - truth).mean())
    within = (told[:, 0] <= truth) & (truth <= told[:, 2])
    return {"mae": mae, "mase": _ratio(mae, naive), "coverage": float(within.mean()), "points": float(len(points))}


def backtest_demand(
    series: Mapping[str, Doubles], methods: Sequence[str] = ("naive", "weekdays", "auto"), *, origins: int = 4
) -> dict[str, dict[str, float]]:
    """Stand at earlier days, forecast two weeks, and compare with what came.

    Parameters
    ----------
    series : mapping of str to array, shape (n_days,)
        Daily counts, one series for each tag.
    methods : sequence of str
        As in `forecast_demand`.
    origins : int
        How many earlier days to stand at, a week apart, the last two weeks before the end.

    Returns
    -------
    dict of str to dict
        For each method ``mae``, ``mase`` (the error as a share of that of last week again, on the same points),
        ``coverage`` (0.8 is right) and ``points``.

    Raises
    ------
    ValueError
        If no series is long enough: four weeks before the first origin.

    Examples
    --------
    >>> seed = np.random.default_rng(0)
    >>> weekly = 10.0 + 8.0 * np.sin(np.arange(84) * 2 * np.pi / 7)
    >>> backtest_demand({"moon": seed.poisson(weekly).astype(float)}, ["weekdays"])["weekdays"]["mase"] < 1.0
    True
    """
    horizon = 2 * WEEK
    points = [
        (counts[:cut], counts[cut : cut + horizon])
        for counts in series.values()
        for cut in range(len(counts) - horizon, FEWEST_DAYS - 1, -WEEK)[:origins]
    ]
    if not points:
        raise ValueError("Too few days to measure by: six weeks are needed.")
    truth = np.concatenate([actual for _known, actual in points])
    naive = float(np.abs(_told(points, "naive")[:, 0] - truth).mean())
    return {method: _score_demand(_told(points, method), truth, naive) for method in methods}


def _told(points: Sequence[tuple[Doubles, Doubles]], method: str) -> Doubles:
    made = [forecast_demand(known, len(actual), method) for known, actual in points]
    return np.concatenate([np.column_stack([one.mean, one.low, one.high]) for one in made])


def _score_demand(told: Doubles, truth: Doubles, naive: float) -> dict[str, float]:
    mae = float(np.abs(told[:, 0] - truth).mean())
    within = (told[:, 1] <= truth) & (truth <= told[:, 2])
    return {"mae": mae, "mase": _ratio(mae, naive), "coverage": float(within.mean()), "points": float(len(truth))}


def _ratio(error: float, naive: float) -> float:
    return error / naive if naive > 0 else float("nan") if error > 0 else 1.0
