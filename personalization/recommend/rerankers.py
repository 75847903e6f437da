"""From scores to a page: pure functions that adjust scores (n_items,) or reorder ranked indexes.

A score of minus infinity means "not this one". Adjustments are measured in spreads - the standard deviation of the
finite scores - so that one setting means the same for every scorer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles, Floats, Indexes, Mask

NEVER = -np.inf


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
    values, weights = _doubles(scores), _doubles(factors)
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
    values, ages = _doubles(scores), np.maximum(_doubles(ages_days), 0)
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
    values = _doubles(scores)
    held_back = NEVER if penalty is None else values - penalty * spread(values)
    return np.where(np.asarray(impressions) >= cap, held_back, values)


def drop_seen(scores: ArrayLike, seen: ArrayLike) -> Doubles:
    """Drop the items at the indexes `seen`.

    Examples
    --------
    >>> drop_seen([1.0, 2.0, 3.0], [2]).tolist()
    [1.0, 2.0, -inf]
    """
    values = _doubles(scores).copy()
    values[np.asarray(seen, dtype=np.int64)] = NEVER
    return values


def spread(scores: ArrayLike) -> float:
    """Return the standard deviation of the finite scores; 1 when they are all the same.

    Examples
    --------
    >>> spread([1.0, -1.0, float("-inf")]), spread([3.0, 3.0])
    (1.0, 1.0)
    """
    values = _doubles(scores)
    finite = values[np.isfinite(values)]
    deviation = float(finite.std()) if len(finite) else 0.0
    return deviation if deviation > 1e-12 else 1.0


def top(scores: ArrayLike, mask: Mask | None, n: int) -> Indexes:
    """Return the indexes of the best `n` eligible items, best first, equal ones in order of index.

    Parameters
    ----------
    scores : array, shape (n_items,)
        Minus infinity and NaN are never chosen.
    mask : array of bool, shape (n_items,), optional
        Which items are eligible.
    n : int
        How many at most.

    Examples
    --------
    >>> top([0.1, 0.9, 0.5], np.array([True, False, True]), 2).tolist()
    [2, 0]
    """
    values = np.asarray(scores)
    eligible = values > NEVER
    if mask is not None:
        eligible &= mask
    candidates = np.flatnonzero(eligible)
    if n <= 0 or not len(candidates):
        return np.empty(0, dtype=np.int64)
    chosen = -values[candidates]
    if n < len(candidates):
        # Everything up to and including the n-th value, so that ties at the edge go by index and not by chance.
        kept = chosen <= np.partition(chosen, n - 1)[n - 1]
        candidates, chosen = candidates[kept], chosen[kept]
    return candidates[np.argsort(chosen, kind="stable")[:n]].astype(np.int64)


def top_rows(scores: ArrayLike, k: int) -> Indexes:
    """Return the best `k` indexes of each row, best first; -1 where the score is minus infinity or there are no more.

    Parameters
    ----------
    scores : array, shape (n, n_items)
    k : int

    Returns
    -------
    array of int64, shape (n, k)

    Examples
    --------
    >>> top_rows([[0.1, 0.9, 0.5], [0.3, float("-inf"), float("-inf")]], 2).tolist()
    [[1, 2], [0, -1]]
    """
    values = np.asarray(scores)
    width = min(k, values.shape[1])
    if width < values.shape[1]:
        chosen = np.sort(np.argpartition(-values, width - 1, axis=1)[:, :width], axis=1)
    else:
        chosen = np.tile(np.arange(values.shape[1]), (len(values), 1))
    picked = np.take_along_axis(values, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    ranked = np.full((len(values), k), -1, dtype=np.int64)
    usable = np.take_along_axis(picked, order, axis=1) > NEVER
    ranked[:, :width] = np.where(usable, np.take_along_axis(chosen, order, axis=1), -1)
    return ranked


def mmr(
    candidates: ArrayLike,
    scores: ArrayLike,
    embeddings: Floats,
    k: int,
    trade_off: float = 0.7,
    similarity_floor: float = 0.0,
) -> Indexes:
    """Choose `k` candidates that are good and unlike each other: maximal marginal relevance.

    Parameters
    ----------
    candidates : array of int, shape (m,)
        Indexes; a few hundred at most.
    scores : array, shape (m,)
        One for each candidate.
    embeddings : array, shape (m, d)
        One row of unit length for each candidate; zeros are unlike everything.
    k : int
        How many at most.
    trade_off : float
        1 looks at scores alone, 0 at variety alone.
    similarity_floor : float
        Cosines up to this one are no repetition and cost nothing.

    Returns
    -------
    array of int64, shape (min(k, m),)
        In the order of choice; candidates without a finite score are not taken. Each step takes the largest
        ``trade_off * scaled score - (1 - trade_off) * largest cosine to those taken``, scores scaled to 0..1.

    Raises
    ------
    ValueError
        If lengths differ or `trade_off` is not in 0..1.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
    summaries", SIGIR 1998.

    Examples
    --------
    >>> twins_and_other = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> mmr([7, 8, 9], [1.0, 0.9, 0.5], twins_and_other, k=2, trade_off=0.5).tolist()
    [7, 9]
    """
    pool, values, vectors = np.asarray(candidates, dtype=np.int64), _doubles(scores), np.asarray(embeddings)
    if not len(pool) == len(values) == len(vectors) or not 0 <= trade_off <= 1:
        raise ValueError("Candidates, scores and embeddings must have one length, and the trade-off lie in 0..1.")
    # Best first, so that equal worth goes to the better score: with trade_off 0 the first choice is the best item.
    usable = np.flatnonzero(np.isfinite(values))
    usable = usable[np.argsort(-values[usable], kind="stable")]
    pool, values, vectors = pool[usable], values[usable], vectors[usable]
    worth = trade_off * _scaled(values)
    repetition = np.zeros(len(pool))
    chosen: list[int] = []
    for _ in range(min(k, len(pool))):
        best = int(np.argmax(worth - (1 - trade_off) * repetition))
        chosen.append(best)
        worth[best] = NEVER
        # One row at a time, by one core: a page chooses a few of many, and BLAS would wake all cores for it.
        likeness = np.einsum("ij,j->i", vectors, vectors[best])
        repetition = np.maximum(repetition, np.where(likeness > similarity_floor, likeness, 0))
    return pool[np.asarray(chosen, dtype=np.int64)]


def limit_per_group(ranked: ArrayLike, groups: Sequence[Collection[str]], cap: int, k: int) -> Indexes:
    """Keep the order, but no more than `cap` items of any group (tag, section).

    Parameters
    ----------
    ranked : array of int, shape (m,)
        Indexes, best first.
    groups : sequence of collections of str, length m
        Groups of each ranked item; an item counts in all of them, one without groups is never held back.
    cap : int
        At least 1.
    k : int
        How many at most; fewer when the caps leave no more.

    Examples
    --------
    >>> limit_per_group([4, 5, 6], [("film",), ("film",), ("food",)], cap=1, k=3).tolist()
    [4, 6]
    """
    order = np.asarray(ranked, dtype=np.int64)
    if len(order) != len(groups) or cap < 1:
        raise ValueError("There must be groups for each ranked item, and a cap of at least 1.")
    taken: dict[str, int] = {}
    kept: list[int] = []
    for item, names in zip(order.tolist(), map(set, groups), strict=True):
        if len(kept) >= k:
            break
        if all(taken.get(name, 0) < cap for name in names):
            kept.append(item)
            taken.update({name: taken.get(name, 0) + 1 for name in names})
    return np.asarray(kept, dtype=np.int64)


def place_pins(ranked: ArrayLike, pins: Mapping[int, int], k: int) -> Indexes:
    """Put pinned items at their positions and let the ranked ones fill the rest, nothing twice.

    Parameters
    ----------
    ranked : array of int, shape (m,)
        Indexes, best first.
    pins : mapping of int to int
        Position (from 0) to item. Positions from `k` on are ignored; an item pinned twice keeps its first position.
    k : int
        How many at most.

    Returns
    -------
    array of int64
        When there are too few ranked items to fill the gaps, later pins move up.

    Raises
    ------
    ValueError
        If a position is negative.

    Examples
    --------
    >>> place_pins([3, 1, 2], {1: 9}, k=3).tolist()
    [3, 9, 1]
    """
    if any(position < 0 for position in pins):
        raise ValueError("A pin's position counts from 0.")
    by_item: dict[int, int] = {}
    for position in sorted(position for position in pins if position < k):
        by_item.setdefault(int(pins[position]), position)
    item_at = {position: item for item, position in by_item.items()}
    rest = iter([item for item in dict.fromkeys(np.asarray(ranked, dtype=np.int64).tolist()) if item not in by_item])
    placed = [item_at[p] if p in item_at else next(rest, None) for p in range(k)]
    return np.asarray([item for item in placed if item is not None], dtype=np.int64)


def _doubles(values: ArrayLike) -> Doubles:
    return np.asarray(values, dtype=np.float64)


def _scaled(values: Doubles) -> Doubles:
    """Scale finite values to 0..1."""
    low, width = (values.min(), np.ptp(values)) if len(values) else (0.0, 0.0)
    return (values - low) / (width if width > 0 else 1.0)
