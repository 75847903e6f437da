"""What was known before a moment: counts and fading sums over strictly earlier rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from personalization.recommend.data import Doubles, Indexes

DAY = 86_400.0


class AsOf:
    """Rows sorted by key and time, to find what each key had seen before a moment.

    Parameters
    ----------
    keys : array of int64, shape (n,)
        Whose row it is: a visitor, an item, or a pair of them in one number. Not negative.
    times : array of float64, shape (n,)
        Seconds since the epoch, in any order.

    Examples
    --------
    >>> seen = AsOf(np.array([0, 0, 1]), np.array([10.0, 20.0, 15.0]))
    >>> seen.number(np.array([0, 0, 1]), np.array([20.0, 20.5, 15.0])).tolist()
    [1.0, 2.0, 0.0]
    """

    def __init__(self, keys: Indexes, times: Doubles) -> None:
        self.order = np.lexsort((times, keys))
        self.keys, self.times = keys[self.order], times[self.order]
        self._moments = np.unique(times)
        self._ranked = self._rank(self.keys, self.times)

    def span(self, keys: Indexes, times: Doubles) -> tuple[Indexes, Indexes]:
        """Return for each key and time the rows (sorted) from the key's first to its last strictly earlier one."""
        start = np.searchsorted(self._ranked, self._rank(keys, np.full(len(keys), -np.inf)))
        return start, np.searchsorted(self._ranked, self._rank(keys, times))

    def number(self, keys: Indexes, times: Doubles) -> Doubles:
        """Return how many rows of each key are strictly earlier."""
        start, end = self.span(keys, times)
        return (end - start).astype(np.float64)

    def decayed(self, amounts: Doubles, half_life_days: float, keys: Indexes, times: Doubles) -> Doubles:
        """Return the sum of each key's strictly earlier amounts, halved after every half-life."""
        sums = running(self.keys, self.times, amounts[self.order], half_life_days)
        start, end = self.span(keys, times)
        last = np.maximum(end - 1, 0)
        if not len(sums):
            return np.zeros(len(keys))
        return np.where(end > start, fade(sums[last], times - self.times[last], half_life_days), 0.0)

    def _rank(self, keys: Indexes, times: Doubles) -> Indexes:
        # Whole numbers keep two moments apart that a product of floats would blur.
        return np.asarray(keys * (len(self._moments) + 1) + np.searchsorted(self._moments, times))


def fade(amounts: Any, seconds: Any, half_life_days: float) -> Any:
    """Return what is left of amounts after some seconds."""
    return amounts * np.exp2(-np.maximum(seconds, 0.0) / (half_life_days * DAY))


def running(keys: Indexes, times: Doubles, amounts: Doubles, half_life_days: float) -> Doubles:
    """Return each row's decayed sum of its key's amounts so far, its own included."""
    kept = np.exp2(-np.diff(times, prepend=times[:1]) / (half_life_days * DAY))
    kept[np.flatnonzero(np.diff(keys, prepend=-1))] = 0.0
    total, sums = 0.0, []
    for left, amount in zip(kept.tolist(), amounts.tolist(), strict=True):
        total = total * left + amount
        sums.append(total)
    return np.array(sums, dtype=np.float64)
