"""Features of the present moment, from events told one by one: the serving side of `features`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from personalization.recommend.asof import fade
from personalization.recommend.data import Indexes
from personalization.recommend.features import (
    POPULARITY_DAYS,
    Log,
    Moments,
    Shelf,
    Table,
    item_numbers,
    of_shelf,
    of_visitor,
    table_of,
)


class FeatureState:
    """What is known so far, told event by event: the serving side of `features`.

    Parameters
    ----------
    shelf : Shelf
        What is known of the items.

    Examples
    --------
    >>> state = FeatureState(Shelf.of(None, "ab"))
    >>> state.update(visitor=0, item=1, time=60.0)
    >>> state.features(0, [1], now=90.0).column("session_events").tolist()
    [1.0]
    """

    def __init__(self, shelf: Shelf) -> None:
        n_items = len(shelf.published)
        self.shelf = shelf
        self._own: dict[int, list[tuple[float, ...]]] = {}
        self._waiting: list[tuple[float, int, float]] = []
        self._clock = self._newest = -np.inf
        # One more than there are items: the last is the sum of all.
        self._attention, self._at = np.zeros(n_items + 1), np.zeros(n_items + 1)
        self._chosen, self._shown = np.zeros(n_items), np.zeros(n_items)

    def update(
        self,
        *,
        visitor: int,
        item: int,
        time: float,
        weight: float = 1.0,
        value: float = np.nan,
        dwell: float = np.nan,
    ) -> None:
        """Take in one event; weight 0 is an impression.

        Raises
        ------
        ValueError
            If an event comes after a later one.
        """
        if time < self._newest:
            raise ValueError("Events must be told in order of time.")
        self._newest = time
        self._own.setdefault(visitor, []).append((item, time, weight, value, dwell))
        if item >= 0:
            self._waiting.append((time, item, weight))

    def features(
        self, visitor: int, items: Sequence[int] | Indexes, *, now: float, context: Mapping[str, str] | None = None
    ) -> Table:
        """Return the features of several items for one visitor as of now.

        Raises
        ------
        ValueError
            If `now` lies before a moment that was asked for earlier.
        """
        if now < self._clock:
            raise ValueError("Features can only be asked for in order of time.")
        self._catch_up(now)
        columns = np.asarray(items, dtype=np.int64)
        left = fade(self._attention, now - self._at, POPULARITY_DAYS)
        words = {name: [word] * len(columns) for name, word in (context or {}).items()}
        moments = Moments(np.zeros(len(columns), dtype=np.int64), columns, np.full(len(columns), now), words)
        return table_of(
            of_visitor(self._log(visitor), moments, self.shelf)
            | item_numbers(
                left[columns],
                left[-1:],
                self.shelf.demand(left[:-1])[columns],
                self._chosen[columns],
                self._shown[columns],
                len(self._chosen),
            )
            | of_shelf(moments, self.shelf),
            moments,
        )

    def _log(self, visitor: int) -> Log:
        rows = np.array(self._own.get(visitor, []), dtype=np.float64).reshape(-1, 5)
        item, time, weight, value, dwell = rows.T
        return Log(np.zeros(len(rows), dtype=np.int64), item.astype(np.int64), time, weight, value, dwell)

    def _catch_up(self, now: float) -> None:
        """Count what happened strictly before now."""
        self._clock = now
        done = 0
        for time, item, weight in self._waiting:
            if time >= now:
                break
            done += 1
            if weight > 0:
                self._chosen[item] += 1
                for place in (item, -1):
                    left = float(fade(self._attention[place], time - self._at[place], POPULARITY_DAYS))
                    self._attention[place], self._at[place] = left + weight, time
            else:
                self._shown[item] += 1
        del self._waiting[:done]
