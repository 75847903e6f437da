"""Is what was ranked high chosen? Figures from what visitors were really shown, comparable from week to week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from personalization.recommend.data import Doubles
from personalization.recommend.drift import CONFIDENCE
from personalization.recommend.metrics import expected_calibration_error

DRAWS = 20_000


@dataclass(frozen=True)
class Level:
    """A mean as the sums behind it, so that it can be kept, added to another and compared.

    Examples
    --------
    >>> Level.of_share(3, 4).mean
    0.75
    >>> (Level.of_share(3, 4) + Level.of_share(1, 4)).mean
    0.5
    """

    total: float = 0.0
    squares: float = 0.0
    n: float = 0.0

    @classmethod
    def of_share(cls, successes: float, n: float) -> Level:
        """A share of `n` observations."""
        return cls(float(successes), float(successes), float(n))

    @classmethod
    def of_ranks(cls, first_hits: Mapping[int, int]) -> Level:
        """The mean reciprocal rank of lists in which something was chosen: how often each place, from 0, came first.

        Examples
        --------
        >>> Level.of_ranks({0: 2, 1: 2}).mean
        0.75
        """
        places = [(1 / (place + 1), count) for place, count in first_hits.items()]
        return cls(
            float(sum(gain * count for gain, count in places)),
            float(sum(gain**2 * count for gain, count in places)),
            float(sum(first_hits.values())),
        )

    def __add__(self, other: Level) -> Level:
        return Level(self.total + other.total, self.squares + other.squares, self.n + other.n)

    @property
    def mean(self) -> float:
        """NaN when there is nothing."""
        return self.total / self.n if self.n else float("nan")

    @property
    def error(self) -> float:
        """Squared standard error of the mean."""
        return max(self.squares / self.n - self.mean**2, 0.0) / self.n if self.n else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, fit for JSON."""
        return asdict(self)


def drop(reference: Level, current: Level) -> tuple[float, float]:
    """Return by which part of itself a mean has fallen, and the one-sided p-value of that (normal approximation).

    A rise is a negative drop.

    Examples
    --------
    >>> value, p_value = drop(Level.of_share(100, 1000), Level.of_share(50, 1000))
    >>> value, p_value < 0.001
    (0.5, True)
    """
    if not reference.n or not current.n or reference.mean <= 0:
        return 0.0, 1.0
    deviation = np.sqrt(reference.error + current.error)
    fall = reference.mean - current.mean
    p_value = float(stats.norm.sf(fall / deviation)) if deviation > 0 else float(fall <= 0)
    return fall / reference.mean, p_value


@dataclass(frozen=True)
class RankCalibration:
    """Choices by decile of score, lowest first: (shown, chosen) for each.

    ``disorder`` is the mean gap between the deciles' choice rates and their best ascending fit, as a part of the
    overall rate: 0 where every higher decile is chosen at least as often. ``auc`` is the probability that a chosen
    item scored higher than one that was passed over; None without both kinds.
    """

    deciles: tuple[tuple[int, int], ...]
    disorder: float
    auc: float | None


def rank_calibration(scores: ArrayLike, chosen: ArrayLike, bins: int = 10) -> RankCalibration:
    """Judge scores that are no probabilities by what was chosen of what was shown.

    Parameters
    ----------
    scores : array, shape (n,)
        Of the items shown; only their order counts.
    chosen : array of bool, shape (n,)
    bins : int
        How many, of equal size but for ties.

    Raises
    ------
    ValueError
        If lengths differ.

    References
    ----------
    The ascending fit pools adjacent violators: M. Ayer and others, Annals of Mathematical Statistics 26, 1955.

    Examples
    --------
    >>> found = rank_calibration(np.arange(100), np.arange(100) >= 50, bins=2)
    >>> found.deciles, found.disorder, found.auc
    (((50, 0), (50, 50)), 0.0, 1.0)
    """
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(chosen, dtype=np.bool_)
    if values.shape != hits.shape:
        raise ValueError("There must be a choice for each score.")
    if not len(values):
        return RankCalibration((), 0.0, None)
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    places = np.searchsorted(edges, values, side="right")
    shown = np.bincount(places, minlength=len(edges) + 1)
    clicked = np.bincount(places, weights=hits, minlength=len(edges) + 1)
    shown, clicked = shown[shown > 0], clicked[shown > 0]
    deciles = tuple((int(n), int(c)) for n, c in zip(shown, clicked, strict=True))
    return RankCalibration(deciles, _disorder(clicked / shown, shown.astype(np.float64)), _auc(values, hits))


def _disorder(rates: Doubles, shown: Doubles) -> float:
    overall = float(np.average(rates, weights=shown))
    if overall <= 0:
        return 0.0
    fit = IsotonicRegression().fit_transform(np.arange(len(rates)), rates, sample_weight=shown)
    return float(np.average(np.abs(rates - fit), weights=shown)) / overall


def _auc(values: Doubles, hits: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
    """The Mann-Whitney statistic as a probability; ties count half."""
    positive, negative = int(hits.sum()), int((~hits).sum())
    if not positive or not negative:
        return None
    ranks = stats.rankdata(values)
    return float((ranks[hits].sum() - positive * (positive + 1) / 2) / (positive * negative))


@dataclass(frozen=True)
class Calibration:
    """Stated probabilities beside what happened.

    ``error`` is the expected calibration error; ``noise`` is what chance keeps it below, in all but one of a thousand
    such samples, where the probabilities are right. ``stated`` is their mean, ``happened`` the share that was chosen;
    both are None without observations.
    """

    error: float
    noise: float
    stated: float | None
    happened: float | None
    n: int


def calibration(probabilities: ArrayLike, chosen: ArrayLike, bins: int = 10) -> Calibration:
    """Judge probabilities by what was chosen of what was shown.

    Parameters
    ----------
    probabilities : array, shape (n,)
        Of the items shown, from 0 to 1.
    chosen : array of bool, shape (n,)
    bins : int
        How many, of equal width.

    Raises
    ------
    ValueError
        If lengths differ or a probability is none.

    Notes
    -----
    The noise is that of drawing each bin's choices again and again with its mean probability. Probabilities that differ
    within a bin scatter less, so it is rather too large.

    Examples
    --------
    >>> found = calibration(np.full(100, 0.2), np.arange(100) < 50)
    >>> round(found.stated, 2), found.happened, round(found.error, 2), found.error > found.noise
    (0.2, 0.5, 0.3, True)
    """
    stated, hits = np.asarray(probabilities, dtype=np.float64), np.asarray(chosen, dtype=np.bool_)
    error = expected_calibration_error(stated, hits, bins)
    if not len(stated):
        return Calibration(0.0, 0.0, None, None, 0)
    places = np.minimum((stated * bins).astype(np.int64), bins - 1)
    sizes = np.bincount(places, minlength=bins)
    sums = np.bincount(places, weights=stated, minlength=bins)
    drawn = np.random.default_rng(0).binomial(sizes, sums / np.maximum(sizes, 1), size=(DRAWS, bins))
    noise = float(np.quantile(np.abs(drawn - sums).sum(axis=1) / len(stated), CONFIDENCE))
    return Calibration(error, noise, float(stated.mean()), float(hits.mean()), len(stated))
