"""Lists that keep the proportions of a visitor's own interests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles, Indexes
from personalization.recommend.rerankers.scales import NEVER, best_first, doubles, scaled

# A little of the wanted mix is always taken for given, so that a tag that is missing costs much but not everything.
SMOOTHING = 0.01


def mix_of(groups: Sequence[Collection[str]], weights: ArrayLike | None = None) -> dict[str, float]:
    """Return the mix of tags of some items: what was read, or what is listed.

    Parameters
    ----------
    groups : sequence of collections of str, length n
        Tags of each item; an item counts once, spread evenly over its tags. Items without tags say nothing.
    weights : array, shape (n,), optional
        How much each item counts, such as recent ones more; all 1 when left out. Not negative.

    Returns
    -------
    dict of str to float
        Shares that add up to 1; empty if nothing has a tag.

    Examples
    --------
    >>> mix_of([("film",), ("film", "food"), ()], weights=[1, 1, 5])
    {'film': 0.75, 'food': 0.25}
    """
    counts = np.ones(len(groups)) if weights is None else doubles(weights)
    if len(counts) != len(groups) or not (counts >= 0).all():
        raise ValueError("There must be a weight for each item, none of them negative.")
    amounts: dict[str, float] = {}
    for names, weight in zip(groups, counts.tolist(), strict=True):
        distinct = dict.fromkeys(names)
        for name in distinct:
            amounts[name] = amounts.get(name, 0.0) + weight / len(distinct)
    return _shares(amounts)


def miscalibration(groups: Sequence[Collection[str]], wanted: Mapping[str, float]) -> float:
    """Return how far a list's mix is from the wanted one, in nats: 0 for the same mix, at most ``-log(0.01)``.

    Parameters
    ----------
    groups : sequence of collections of str, length n
        Tags of each listed item.
    wanted : mapping of str to float
        Amount of each tag; only proportions count.

    Returns
    -------
    float
        The Kullback-Leibler divergence ``sum p log(p / q)`` of the wanted mix p from the list's mix q, of which one
        hundredth is taken to be p.

    References
    ----------
    H. Steck, "Calibrated recommendations", RecSys 2018.

    Examples
    --------
    >>> miscalibration([("film",), ("food",)], {"film": 0.5, "food": 0.5})
    0.0
    >>> round(miscalibration([("film",), ("film",)], {"film": 0.5, "food": 0.5}), 2)
    1.96
    """
    shares = _shares(wanted)
    if not shares:
        return 0.0
    listed = _table(groups, list(shares))
    mix = listed.mean(axis=0) if len(listed) else np.zeros(len(shares))
    return float(_divergence(np.fromiter(shares.values(), np.float64), mix))


def calibrate(
    candidates: ArrayLike,
    scores: ArrayLike,
    groups: Sequence[Collection[str]],
    wanted: Mapping[str, float],
    k: int,
    strength: float = 0.5,
) -> Indexes:
    """Choose `k` candidates that are good and together show each interest in its proportion.

    Parameters
    ----------
    candidates : array of int, shape (m,)
        Indexes; a few hundred at most.
    scores : array, shape (m,)
        One for each candidate.
    groups : sequence of collections of str, length m
        Tags of each candidate.
    wanted : mapping of str to float
        The visitor's own mix, as from `mix_of`; only proportions count. Empty: nothing is calibrated.
    k : int
        How many at most.
    strength : float
        0 looks at scores alone, 1 at the mix alone.

    Returns
    -------
    array of int64, shape (min(k, m),)
        In the order of choice; candidates without a finite score are not taken. Each step takes the candidate that
        adds most to ``(1 - strength) * sum of scaled scores - strength * miscalibration``, scores scaled to 0..1.

    Raises
    ------
    ValueError
        If lengths differ, `strength` is not in 0..1 or an amount is negative.

    References
    ----------
    H. Steck, "Calibrated recommendations", RecSys 2018: equation 5, greedily.

    Examples
    --------
    >>> tags = [("film",), ("film",), ("food",)]
    >>> calibrate([7, 8, 9], [1.0, 0.9, 0.5], tags, {"film": 0.5, "food": 0.5}, k=2, strength=0.8).tolist()
    [7, 9]
    """
    pool, values = np.asarray(candidates, dtype=np.int64), doubles(scores)
    if not len(pool) == len(values) == len(groups) or not 0 <= strength <= 1:
        raise ValueError("Candidates, scores and groups must have one length, and the strength lie in 0..1.")
    usable = best_first(values)
    shares = _shares(wanted)
    worth = (1 - strength) * scaled(values[usable])
    table = _table([groups[place] for place in usable.tolist()], list(shares))
    target = np.fromiter(shares.values(), np.float64)
    listed = np.zeros(len(shares))
    chosen: list[int] = []
    for step in range(1, min(k, len(usable)) + 1):
        best = int(np.argmax(worth - strength * _divergence(target, (listed + table) / step)))
        chosen.append(best)
        worth[best] = NEVER
        listed += table[best]
    return pool[usable[np.asarray(chosen, dtype=np.int64)]]


def _shares(amounts: Mapping[str, float]) -> dict[str, float]:
    if not all(0 <= amount < np.inf for amount in amounts.values()):
        raise ValueError("Amounts of a mix must be finite and not negative.")
    total = sum(amounts.values())
    return {name: amount / total for name, amount in amounts.items() if amount > 0}


def _table(groups: Sequence[Collection[str]], names: Sequence[str]) -> Doubles:
    """Return the share of each name in each item, shape (n_items, n_names); an item's other tags have theirs."""
    column = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(groups), len(names)))
    for row, own in enumerate(groups):
        distinct = dict.fromkeys(own)
        for name in distinct.keys() & column.keys():
            table[row, column[name]] = 1 / len(distinct)
    return table


def _divergence(target: Doubles, mix: Doubles) -> Doubles:
    """Return the divergence of `target` (n,) from each mix (..., n)."""
    smoothed = (1 - SMOOTHING) * mix + SMOOTHING * target
    return doubles((target * np.log(target / smoothed)).sum(axis=-1))
