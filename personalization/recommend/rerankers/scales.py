"""What scores are measured in."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles, Indexes

NEVER = -np.inf


def doubles(values: ArrayLike) -> Doubles:
    """Return numbers as an array of float64."""
    return np.asarray(values, dtype=np.float64)


def spread(scores: ArrayLike) -> float:
    """Return the standard deviation of the finite scores; 1 when they are all the same.

    Examples
    --------
    >>> spread([1.0, -1.0, float("-inf")]), spread([3.0, 3.0])
    (1.0, 1.0)
    """
    values = doubles(scores)
    finite = values[np.isfinite(values)]
    deviation = float(finite.std()) if len(finite) else 0.0
    return deviation if deviation > 1e-12 else 1.0


def scaled(values: Doubles) -> Doubles:
    """Scale finite values to 0..1; all 0 when they are the same.

    Examples
    --------
    >>> scaled(np.array([3.0, 1.0, 2.0])).tolist()
    [1.0, 0.0, 0.5]
    """
    low, width = (values.min(), np.ptp(values)) if len(values) else (0.0, 0.0)
    return doubles((values - low) / (width if width > 0 else 1.0))


def best_first(scores: Doubles) -> Indexes:
    """Return the places of the finite scores, best first, equal ones in their order.

    Greedy choices begin so: what is worth the same then goes to the better score.

    Examples
    --------
    >>> best_first(np.array([1.0, float("-inf"), 2.0])).tolist()
    [2, 0]
    """
    usable = np.flatnonzero(np.isfinite(scores))
    return usable[np.argsort(-scores[usable], kind="stable")].astype(np.int64)


def discounts(n: int) -> Doubles:
    """Return how much of a visitor's attention each of `n` places gets: ``1 / log2(place + 1)``, counted from 1.

    Examples
    --------
    >>> discounts(3).round(2).tolist()
    [1.0, 0.63, 0.5]
    """
    return 1.0 / np.log2(np.arange(2, n + 2))
