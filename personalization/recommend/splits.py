"""Ways of keeping some interactions back, so that a scorer can be judged on what it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from personalization.recommend.data import Indexes, Interactions, Mask


@dataclass(frozen=True, eq=False)
class Split:
    """Training and held-out interactions over the same visitors and items.

    Parameters
    ----------
    train, test : Interactions
        No pair of visitor and item is in both; ids and shapes are the same.
    left_out : int
        Visitors whose held-out interactions were dropped because none of theirs is left to train on.
    """

    train: Interactions
    test: Interactions
    left_out: int = 0

    def __post_init__(self) -> None:
        same = self.train.visitor_ids == self.test.visitor_ids and self.train.item_ids == self.test.item_ids
        if not same:
            raise ValueError("Training and held-out interactions must be over the same visitors and items.")

    @property
    def test_rows(self) -> Indexes:
        """Rows of the visitors with something held out."""
        return np.flatnonzero(np.diff(self.test.matrix.indptr)).astype(np.int64)


Splitter = Callable[[Interactions], Split]


def temporal(interactions: Interactions, fraction: float = 0.2) -> Split:
    """Hold out the newest interactions of all: what a model trained at that moment would have met.

    Parameters
    ----------
    interactions : Interactions
        What to split. Interactions of one instant stay together.
    fraction : float
        Share to hold out, between 0 and 1.

    Returns
    -------
    Split
        Visitors who come only after the cut are counted in `left_out`, and left out.

    Raises
    ------
    ValueError
        If `fraction` is not between 0 and 1, or one side would be empty.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaab"), list("wxyz"), [1.0, 2.0, 3.0, 4.0])
    >>> split = temporal(seen, fraction=0.5)
    >>> split.train.matrix.nnz, split.test.matrix.nnz, split.left_out
    (2, 1, 1)
    """
    _check_fraction(fraction)
    times = interactions.timestamps
    cut = np.sort(times)[int(len(times) * (1 - fraction))]
    is_new = times >= cut if times.min() < cut else times > cut
    return _split(interactions, is_new)


def random_per_visitor(interactions: Interactions, fraction: float = 0.25, seed: int = 0) -> Split:
    """Hold out a random share of each visitor's interactions, always leaving one to train on.

    Parameters
    ----------
    interactions : Interactions
        What to split.
    fraction : float
        Share to hold out, between 0 and 1; rounded for each visitor.
    seed : int
        The same seed gives the same split.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaaa"), list("wxyz"), range(4))
    >>> random_per_visitor(seen).test.matrix.nnz
    1
    """
    _check_fraction(fraction)
    order = np.random.default_rng(seed).random(interactions.matrix.nnz)
    counts = np.diff(interactions.matrix.indptr)
    held_out = np.minimum(np.floor(counts * fraction + 0.5).astype(np.int64), np.maximum(counts - 1, 0))
    return _split(interactions, _last_of_each(interactions, order, held_out))


def last_k(interactions: Interactions, k: int = 5) -> Split:
    """Hold out each visitor's newest `k` interactions; visitors with no more than `k` only train.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaab"), list("wxyz"), range(4))
    >>> split = last_k(seen, k=2)
    >>> split.train.matrix.nnz, split.test.matrix.nnz
    (2, 2)
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    counts = np.diff(interactions.matrix.indptr)
    held_out = np.where(counts > k, k, 0)
    return _split(interactions, _last_of_each(interactions, interactions.timestamps, held_out))


def newest_of_each(interactions: Interactions, fraction: float = 0.2) -> Split:
    """Hold out the newest share of each visitor's interactions, always leaving one to train on.

    Every visitor with two interactions or more can be judged, where `temporal` judges only those who came back after
    its cut. In return, others' later choices are among the training interactions.

    Parameters
    ----------
    interactions : Interactions
        What to split.
    fraction : float
        Share to hold out, between 0 and 1; rounded up for each visitor.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaab"), list("wxyz"), [1.0, 2.0, 3.0, 4.0])
    >>> split = newest_of_each(seen)
    >>> [split.test.item_ids[i] for i in split.test.history(0).items], split.train.matrix.nnz
    (['y'], 3)
    """
    _check_fraction(fraction)
    counts = np.diff(interactions.matrix.indptr)
    held_out = np.minimum(np.ceil(counts * fraction).astype(np.int64), np.maximum(counts - 1, 0))
    return _split(interactions, _last_of_each(interactions, interactions.timestamps, held_out))


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ValueError(f"The fraction to hold out must be between 0 and 1, not {fraction}.")


def _last_of_each(
    interactions: Interactions, order: np.ndarray[tuple[int], np.dtype[np.float64]], held_out: Indexes
) -> Mask:
    """Mark the `held_out[row]` pairs of each row that come last in `order`."""
    rows = interactions.rows
    by_row = np.lexsort((order, rows))
    from_end = interactions.matrix.indptr[1:][rows] - 1 - np.arange(len(rows))
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[by_row] = from_end < held_out[rows]
    return chosen


def _split(interactions: Interactions, is_test: Mask) -> Split:
    if is_test.all() or not is_test.any():
        raise ValueError("There are too few interactions to hold any out: one side of the split would be empty.")
    train = interactions.keep(~is_test)
    has_train = np.diff(train.matrix.indptr) > 0
    usable = is_test & has_train[interactions.rows]
    stranded = np.unique(interactions.rows[is_test & ~usable])
    return Split(train, interactions.keep(usable), left_out=len(stranded))
