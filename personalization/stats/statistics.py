"""What is kept of an arm: a few sums, frozen, that add up over days, slots and sites without the visitors behind them.

The unit is always the visitor: `n` counts visitors, and every sum is over visitors. Sums of a day, once computed, never
need the raw events again.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Doubles: TypeAlias = NDArray[np.float64]
S = TypeVar("S", bound="Statistic")


def _finite(values: ArrayLike) -> Doubles:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError("There must be one finite value for each visitor.")
    return array


def _total(values: Doubles) -> float:
    return math.fsum(values.tolist())


class Statistic(ABC):
    """Sums over the visitors of one arm. Two of the same kind add up to those of all their visitors.

    Examples
    --------
    >>> sum([Proportion(1, 10), Proportion(2, 10)], Proportion())
    Proportion(successes=3, n=20)
    """

    n: int

    def __post_init__(self) -> None:
        if self.n < 0 or not all(math.isfinite(total) for total in self._totals()):
            raise ValueError("Sums must be finite, and the number of visitors not negative.")

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(*(one + more for one, more in zip(self._totals(), other._totals(), strict=True)))

    def _totals(self) -> list[Any]:
        return [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]

    @property
    @abstractmethod
    def means(self) -> Doubles:
        """Means over visitors of what was summed, shape (d,). There must be at least one visitor."""

    @property
    @abstractmethod
    def covariances(self) -> Doubles:
        """Covariances between visitors' values, shape (d, d). There must be at least two visitors."""

    @property
    def mean(self) -> float | None:
        """The metric's value in this arm; None while it is not defined."""
        return float(self.means[0]) if self.n else None


def pool(statistics: Iterable[S]) -> S:
    """Add up many statistics, rounding only once.

    Parameters
    ----------
    statistics : iterable of Statistic
        At least one, all of one kind.

    Returns
    -------
    Statistic
        The same, to the last bit, in whatever order they come; ``+`` rounds at every step.

    Raises
    ------
    ValueError
        If there are none.
    TypeError
        If they are not of one kind.

    Examples
    --------
    >>> pool([SampleMean(1e16, 0.0, 1), SampleMean(1.0, 0.0, 1), SampleMean(-1e16, 0.0, 1)])
    SampleMean(total=1.0, total_squares=0.0, n=3)
    """
    parts = list(statistics)
    if not parts:
        raise ValueError("There is nothing to add up.")
    kind = type(parts[0])
    if any(type(part) is not kind for part in parts):
        raise TypeError("Only statistics of one kind add up.")
    columns = zip(*(part._totals() for part in parts), strict=True)
    return kind(*(sum(c) if all(isinstance(v, int) for v in c) else math.fsum(c) for c in columns))


@dataclass(frozen=True)
class Proportion(Statistic):
    """How many visitors did it: clicked, converted, came back.

    Parameters
    ----------
    successes : float
        Visitors who did, at most `n`.
    n : int
        Visitors.

    Raises
    ------
    ValueError
        If there are more successes than visitors.

    Notes
    -----
    A visitor's value is 0 or 1, so its variance is ``p (1 - p)``, without Bessel's correction.

    Examples
    --------
    >>> Proportion(30, 200).mean
    0.15
    """

    successes: float = 0
    n: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.successes <= self.n:
            raise ValueError("There must be between none and as many successes as visitors.")

    @classmethod
    def from_values(cls, values: ArrayLike) -> Self:
        """Count visitors whose value is true.

        Examples
        --------
        >>> Proportion.from_values([True, False, True])
        Proportion(successes=2, n=3)
        """
        array = np.asarray(values, dtype=np.bool_)
        return cls(int(array.sum()), array.size)

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return Wilson's interval of the proportion; None while there are no visitors.

        Parameters
        ----------
        level : float
            The coverage, between 0 and 1.

        References
        ----------
        E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
        Statistical Association 22, 1927.

        Examples
        --------
        >>> [round(end, 3) for end in Proportion(30, 200).interval()]
        [0.107, 0.206]
        """
        if not self.n:
            return None
        z, p = float(ndtri((1 + level) / 2)), self.successes / self.n
        centre, shrunk = p + z * z / (2 * self.n), 1 + z * z / self.n
        half = z * math.sqrt(p * (1 - p) / self.n + (z / (2 * self.n)) ** 2)
        return max(0.0, (centre - half) / shrunk), min(1.0, (centre + half) / shrunk)

    @property
    def means(self) -> Doubles:
        return np.array([self.successes / self.n])

    @property
    def covariances(self) -> Doubles:
        p = self.successes / self.n
        return np.array([[p * (1 - p)]])


@dataclass(frozen=True)
class SampleMean(Statistic):
    """How much per visitor: value, seconds, pages.

    Parameters
    ----------
    total, total_squares : float
        Sum of the visitors' values, and of their squares.
    n : int
        Visitors, those without any value included.

    Examples
    --------
    >>> SampleMean.from_values([1.0, 2.0, 6.0])
    SampleMean(total=9.0, total_squares=41.0, n=3)
    """

    total: float = 0.0
    total_squares: float = 0.0
    n: int = 0

    @classmethod
    def from_values(cls, values: ArrayLike) -> Self:
        """Sum one finite value for each visitor."""
        array = _finite(values)
        return cls(_total(array), _total(array**2), array.size)

    @property
    def means(self) -> Doubles:
        return np.array([self.total / self.n])

    @property
    def covariances(self) -> Doubles:
        return np.array([[_covariance(self.total_squares, self.total, self.total, self.n)]])


@dataclass(frozen=True)
class Ratio(Statistic):
    """One sum over another, where visitors contribute to both: clicks per impression.

    Parameters
    ----------
    n : int
        Visitors.
    numerator_total, numerator_squares, denominator_total, denominator_squares : float
        Sums over visitors, and of squares.
    products : float
        Sum over visitors of numerator times denominator.

    References
    ----------
    A. Deng, U. Knoblich, J. Lu, "Applying the delta method in metric analytics", KDD 2018.

    Examples
    --------
    >>> clicks, impressions = [1, 0, 2], [4, 2, 6]
    >>> Ratio.from_values(clicks, impressions).mean
    0.25
    """

    n: int = 0
    numerator_total: float = 0.0
    numerator_squares: float = 0.0
    denominator_total: float = 0.0
    denominator_squares: float = 0.0
    products: float = 0.0

    @classmethod
    def from_values(cls, numerators: ArrayLike, denominators: ArrayLike) -> Self:
        """Sum one numerator and one denominator for each visitor."""
        return cls(*_paired(numerators, denominators))

    @property
    def mean(self) -> float | None:
        """The ratio of the sums; None while the denominator is zero."""
        return self.numerator_total / self.denominator_total if self.denominator_total else None

    @property
    def means(self) -> Doubles:
        return np.array([self.numerator_total, self.denominator_total]) / self.n

    @property
    def covariances(self) -> Doubles:
        first, second = self.numerator_total, self.denominator_total
        return _covariances(self.n, first, self.numerator_squares, second, self.denominator_squares, self.products)


@dataclass(frozen=True)
class RegressionAdjusted(Statistic):
    """How much per visitor, with what the same visitors did before their first exposure (CUPED).

    Parameters
    ----------
    n : int
        Visitors.
    post_total, post_squares : float
        Sums of the metric after the first exposure, and of squares.
    pre_total, pre_squares : float
        The same before it; zero for visitors who were not there.
    products : float
        Sum over visitors of after times before.

    References
    ----------
    A. Deng, Y. Xu, R. Kohavi, T. Walker, "Improving the sensitivity of online controlled experiments by utilizing
    pre-experiment data", WSDM 2013.

    Examples
    --------
    >>> RegressionAdjusted.from_values([3.0, 5.0], [1.0, 2.0])
    RegressionAdjusted(n=2, post_total=8.0, post_squares=34.0, pre_total=3.0, pre_squares=5.0, products=13.0)
    """

    n: int = 0
    post_total: float = 0.0
    post_squares: float = 0.0
    pre_total: float = 0.0
    pre_squares: float = 0.0
    products: float = 0.0

    @classmethod
    def from_values(cls, post: ArrayLike, pre: ArrayLike) -> Self:
        """Sum one value after and one before the first exposure for each visitor."""
        return cls(*_paired(post, pre))

    @property
    def means(self) -> Doubles:
        return np.array([self.post_total, self.pre_total]) / self.n

    @property
    def covariances(self) -> Doubles:
        return _covariances(self.n, self.post_total, self.post_squares, self.pre_total, self.pre_squares, self.products)


def _paired(first: ArrayLike, second: ArrayLike) -> tuple[int, float, float, float, float, float]:
    a, b = _finite(first), _finite(second)
    if a.shape != b.shape:
        raise ValueError("There must be two values for each visitor.")
    return a.size, _total(a), _total(a**2), _total(b), _total(b**2), _total(a * b)


def _covariance(products: float, first: float, second: float, n: int) -> float:
    return (products - first * second / n) / (n - 1)


def _covariances(n: int, first: float, first2: float, second: float, second2: float, products: float) -> Doubles:
    mixed = _covariance(products, first, second, n)
    return np.array([[_covariance(first2, first, first, n), mixed], [mixed, _covariance(second2, second, second, n)]])


def winsor_bounds(values: ArrayLike, lower: float = 0.0, upper: float = 0.99) -> tuple[float, float]:
    """Learn where to cut extreme values, from all arms together.

    Parameters
    ----------
    values : array, shape (n,)
        Values of the visitors of *all* arms: bounds of each arm's own would hide a real effect on the tail.
    lower, upper : float
        Quantiles, ``0 <= lower < upper <= 1``.

    Returns
    -------
    (float, float)
        Least and greatest value to keep.

    Raises
    ------
    ValueError
        If there are no values, or quantiles are out of order.

    Examples
    --------
    >>> winsor_bounds(range(101), upper=0.95)
    (0.0, 95.0)
    """
    array = _finite(np.asarray(values))
    if not array.size or not 0 <= lower < upper <= 1:
        raise ValueError("There must be values, and quantiles in order within 0..1.")
    low, high = np.quantile(array, [lower, upper])
    return float(low), float(high)


def winsorize(values: ArrayLike, bounds: tuple[float, float]) -> Doubles:
    """Pull values beyond the bounds back to them, so that one visitor cannot carry a mean.

    Examples
    --------
    >>> winsorize([1.0, 500.0], (0.0, 95.0)).tolist()
    [1.0, 95.0]
    """
    return np.clip(np.asarray(values, dtype=np.float64), *bounds)
