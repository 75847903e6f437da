"""What people who know the catalog said of its items: for or against, and when."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes on items, in any order.

    Parameters
    ----------
    item : array of int64, shape (n,)
        Row of the item in whatever holds the votes. A vote on a page is one on each of its translations.
    time : array of float64, shape (n,)
        Seconds since the epoch.
    sign : array of float64, shape (n,)
        1 for, -1 against.

    Raises
    ------
    ValueError
        If lengths differ, a row is negative, a time is not finite or a sign is another number.

    Examples
    --------
    >>> len(Votes([3, 3], [10.0, 20.0], [1, -1])), len(Votes())
    (2, 0)
    """

    item: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    time: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    sign: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name, kind in (("item", np.int64), ("time", np.float64), ("sign", np.float64)):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
        if not len(self.item) == len(self.time) == len(self.sign):
            raise ValueError("Each vote needs an item, a time and a sign.")
        if (self.item < 0).any() or not np.isfinite(self.time).all() or not np.isin(self.sign, (-1, 1)).all():
            raise ValueError("A vote is on a row that is not negative, at a finite time, and 1 or -1.")

    def __len__(self) -> int:
        return len(self.item)

    def moved_to(self, rows: NDArray[np.int64]) -> Votes:
        """Return the votes on those rows, by their place among them; -1 stands for a row that nobody knows.

        Examples
        --------
        >>> Votes([0, 2, 2], [1.0, 2.0, 3.0], [1, 1, -1]).moved_to(np.array([2, -1, 2])).item.tolist()
        [0, 0, 2, 2]
        """
        places = np.flatnonzero(np.isin(rows, self.item))
        of_place = [np.flatnonzero(self.item == row) for row in rows[places]]
        taken = np.concatenate([np.empty(0, dtype=np.int64), *of_place])
        return Votes(np.repeat(places, [len(found) for found in of_place]), self.time[taken], self.sign[taken])
