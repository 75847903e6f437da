"""The editor's last word on an order: caps for groups, and pins."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Indexes


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
