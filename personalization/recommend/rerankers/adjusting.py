"""Adjustments of scores, shape (n_items,).

They are measured in spreads - the standard deviation of the finite scores - so that one setting means the same for
every scorer. A score of minus infinity means "not this one".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles
from personalization.recommend.rerankers.scales import NEVER, doubles, spread


def apply_boosts(scores: ArrayLike, factors: ArrayLike) -> Doubles:
    """Lift or lower items by an editor's factors.

    Parameters
    ----------
    scores : array, shape (n,)
    factors : array, shape (n,)
        1 changes nothing, 2 lifts by one spread, 0.5 lowers by one, 0 removes.

    Returns
    -------
    array of float64, shape (n,)
        ``score + log2(factor) * spread``: also sound for scores below zero, where multiplying is not.

    Raises
    ------
    ValueError
        If a factor is negative or not a number.

    Examples
    --------
    >>> apply_boosts([1.0, -1.0], [1.0, 8.0]).tolist()
    [1.0, 2.0]
    """
    values, weights = doubles(scores), doubles(factors)
    if not (weights >= 0).all() or np.isinf(weights).any():
        raise ValueError("Boosts must be numbers from 0 up.")
    with np.errstate(divide="ignore"):
        return values + np.log2(weights) * spread(values)


def freshness(scores: ArrayLike, ages_days: ArrayLike, half_life_days: float, strength: float) -> Doubles:
    """Lift new items: by `strength` spreads at age 0, half of that after every half-life.

    Parameters
    ----------
    scores, ages_days : array, shape (n,)
        An unknown age (NaN) gets nothing, a publication date in the future counts as now.
    half_life_days : float
        Above zero.
    strength : float
        Lift of a brand-new item, in spreads; not negative.

    Examples
    --------
    >>> freshness([1.0, -1.0, -1.0], [float("nan"), 0.0, 7.0], half_life_days=7, strength=2).round(2).tolist()
    [1.0, 0.89, -0.06]
    """
    if not half_life_days > 0 or not strength >= 0:
        raise ValueError("The half-life must be above zero and the strength not negative.")
    values, ages = doubles(scores), np.maximum(doubles(ages_days), 0)
    return values + np.nan_to_num(np.exp2(-ages / half_life_days)) * strength * spread(values)


def frequency_cap(scores: ArrayLike, impressions: ArrayLike, cap: int, penalty: float | None = None) -> Doubles:
    """Hold back items the visitor was shown `cap` times or more without choosing them.

    Parameters
    ----------
    scores, impressions : array, shape (n,)
        Impressions without a click.
    cap : int
        At least 1.
    penalty : float, optional
        Spreads to take off; the item is dropped when left out.

    Examples
    --------
    >>> frequency_cap([1.0, 2.0], [0, 3], cap=3).tolist()
    [1.0, -inf]
    """
    if cap < 1 or (penalty is not None and not penalty >= 0):
        raise ValueError("The cap must be at least 1 and the penalty not negative.")
    values = doubles(scores)
    held_back = NEVER if penalty is None else values - penalty * spread(values)
    return np.where(np.asarray(impressions) >= cap, held_back, values)


def fatigue(scores: ArrayLike, ignored: ArrayLike, strength: float, half_life: float = 3.0) -> Doubles:
    """Lower items little by little with each time the visitor saw them and passed them by.

    Parameters
    ----------
    scores, ignored : array, shape (n,)
        Impressions without a click; not negative.
    strength : float
        Spreads taken off an item that was ignored again and again; not negative.
    half_life : float
        After so many impressions half of `strength` is taken off; above zero.

    Returns
    -------
    array of float64, shape (n,)
        ``score - strength * spread * (1 - 2 ** (-ignored / half_life))``: never more than `strength` spreads lower.

    Raises
    ------
    ValueError
        If a count or the strength is negative, or the half-life is not above zero.

    Examples
    --------
    >>> fatigue([1.0, -1.0], [0, 3], strength=2).tolist()
    [1.0, -2.0]
    """
    values, counts = doubles(scores), doubles(ignored)
    if not half_life > 0 or not strength >= 0 or not (counts >= 0).all():
        raise ValueError("Counts and strength must not be negative, and the half-life must be above zero.")
    return values - strength * spread(values) * (1 - np.exp2(-counts / half_life))


def drop_seen(scores: ArrayLike, seen: ArrayLike) -> Doubles:
    """Drop the items at the indexes `seen`.

    Examples
    --------
    >>> drop_seen([1.0, 2.0, 3.0], [2]).tolist()
    [1.0, 2.0, -inf]
    """
    values = doubles(scores).copy()
    values[np.asarray(seen, dtype=np.int64)] = NEVER
    return values
