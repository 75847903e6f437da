"""Attention shared out fairly between groups of items, over many lists."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Indexes, Mask
from personalization.recommend.rerankers.scales import discounts, doubles

ROUNDING = 1e-9


@dataclass(frozen=True)
class Exposure:
    """What groups got of the attention so far, and what was their due; add lists up by passing it on.

    Parameters
    ----------
    given, due : mapping of str to float
        For each group, the sum of the weights of the places it got, and of its share in all places that were filled
        while it had something to offer.
    """

    given: Mapping[str, float] = field(default_factory=dict)
    due: Mapping[str, float] = field(default_factory=dict)

    def ratio(self, group: str) -> float:
        """Return what a group got as a part of its due; 1 where nothing was due.

        Examples
        --------
        >>> Exposure(given={"food": 1.0}, due={"food": 2.0}).ratio("food")
        0.5
        """
        due = self.due.get(group, 0.0)
        return self.given.get(group, 0.0) / due if due > 0 else 1.0


class FairList(NamedTuple):
    """A list, which of its items stand there for fairness, the exposure with it, and how much relevance it kept."""

    ranked: Indexes
    forced: Mask
    exposure: Exposure
    kept: float


def fair_exposure(
    ranked: ArrayLike,
    groups: Sequence[str],
    shares: Mapping[str, float],
    weights: ArrayLike,
    exposure: Exposure | None = None,
    tolerance: float = 0.2,
) -> FairList:
    """Keep the order, but give each group, over many lists, its share of the attention.

    Parameters
    ----------
    ranked : array of int, shape (m,)
        Indexes, best first.
    groups : sequence of str, length m
        The one group of each ranked item.
    shares : mapping of str to float
        What each group deserves, such as its part of the catalog; only proportions count. Others deserve nothing.
    weights : array, shape (k,)
        How much attention each place to be filled gets, above 0 and at most 1, as from `discounts`.
    exposure : Exposure, optional
        What earlier lists gave; nothing when left out.
    tolerance : float
        0 keeps the shares as exactly as whole items allow, 1 does nothing.

    Returns
    -------
    FairList
        `ranked`, shape (min(k, m),); `forced`, the same shape: items that took the place of a better ranked one;
        `exposure`, the next list's; `kept`, the discounted sum of the gains ``1 / log2(rank + 1)`` of the listed items
        as a part of what the best ranked would have: 1 when the order was left alone.

    Raises
    ------
    ValueError
        If lengths differ, a share is negative, a weight is not in (0, 1], or `tolerance` is not in 0..1.

    Notes
    -----
    At each place a group with items left is due its share (among such groups) of the place's weight. If the group
    that lacks most, ``(1 - tolerance) * due - given``, lacks something, its best item is taken, otherwise the best item
    of all. **Guarantee**: whatever lists come in whatever order, with n groups each of them always has

        ``given >= (1 - tolerance) * due - (n - 1)``

    and so its part of its due tends to at least ``1 - tolerance`` as lists go by. It holds by induction: the k groups
    that lack most never lack more than ``n k - k (k + 1) / 2`` together, for that bound is concave enough to survive
    each step of giving to the neediest of those present.

    References
    ----------
    A. Singh, T. Joachims, "Fairness of exposure in rankings", KDD 2018, for exposure in proportion;
    A. Biega, K. Gummadi, G. Weikum, "Equity of attention", SIGIR 2018, for amortising it over lists;
    M. Ajtai and others, "Fairness in scheduling", STOC 1995, for giving to the neediest of those present.

    Examples
    --------
    >>> first = fair_exposure([4, 5, 6], ["film", "film", "food"], {"film": 1, "food": 1}, discounts(2), tolerance=0)
    >>> first.ranked.tolist(), first.forced.tolist(), round(first.kept, 2)
    ([4, 6], [False, True], 0.94)
    """
    order, places = np.asarray(ranked, dtype=np.int64), doubles(weights)
    _check(len(order), groups, shares, places, tolerance)
    given = dict(exposure.given) if exposure else {}
    due = dict(exposure.due) if exposure else {}
    waiting = _queues(groups)
    chosen: list[int] = []
    forced: list[bool] = []
    for weight in places[: len(order)].tolist():
        _credit(due, waiting, shares, weight)
        first = min(queue[0] for queue in waiting.values())
        group = _neediest(waiting, given, due, tolerance) or groups[first]
        place = waiting[group].popleft()
        if not waiting[group]:
            del waiting[group]
        given[group] = given.get(group, 0.0) + weight
        chosen.append(place)
        forced.append(place != first)
    return FairList(order[chosen], np.asarray(forced, dtype=np.bool_), Exposure(given, due), _kept(chosen))


def _check(n: int, groups: Sequence[str], shares: Mapping[str, float], weights: ArrayLike, tolerance: float) -> None:
    if n != len(groups):
        raise ValueError("There must be a group for each ranked item.")
    if not all(0 <= share < np.inf for share in shares.values()) or not 0 <= tolerance <= 1:
        raise ValueError("Shares must be finite and not negative, and the tolerance lie in 0..1.")
    places = doubles(weights)
    if not ((places > 0) & (places <= 1)).all():
        raise ValueError("The weight of a place must be above 0 and at most 1.")


def _queues(groups: Sequence[str]) -> dict[str, deque[int]]:
    """Return the places in the order of each group's items."""
    waiting: dict[str, deque[int]] = {}
    for place, group in enumerate(groups):
        waiting.setdefault(group, deque()).append(place)
    return waiting


def _credit(
    due: dict[str, float], waiting: Mapping[str, deque[int]], shares: Mapping[str, float], weight: float
) -> None:
    """Add one place's weight to what is due to those who could fill it."""
    total = sum(shares.get(group, 0.0) for group in waiting)
    if total > 0:
        for group in waiting:
            due[group] = due.get(group, 0.0) + weight * shares.get(group, 0.0) / total


def _neediest(
    waiting: Mapping[str, deque[int]], given: Mapping[str, float], due: Mapping[str, float], tolerance: float
) -> str | None:
    """Return the group that lacks most, of equals the one with the best item; None if none lacks anything."""
    lacks = {group: (1 - tolerance) * due.get(group, 0.0) - given.get(group, 0.0) for group in waiting}
    neediest = max(waiting, key=lambda group: (lacks[group], -waiting[group][0]))
    return neediest if lacks[neediest] > ROUNDING else None


def _kept(chosen: Sequence[int]) -> float:
    """Return the gain of the listed ranks as a part of the best possible."""
    if not chosen:
        return 1.0
    places = discounts(len(chosen))
    gains = discounts(max(chosen) + 1)[list(chosen)]
    return float((places * gains).sum() / (places**2).sum())
