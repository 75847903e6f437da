"""Ways of keeping some interactions back, so that a scorer can be judged on what it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from personalization.recommend.data import Doubles, Floats, Indexes, Interactions, Mask


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

    @property
    def candidates(self) -> Mask | None:
        """Which items a ranking is made of, shape (n_items,); None: all that the visitor has not seen."""
        return None


@dataclass(frozen=True, eq=False)
class ColdSplit(Split):
    """A split that withholds some items from everybody; they are ranked among themselves.

    Parameters
    ----------
    train, test : Interactions
        Those with the other items, and those with the withheld ones.
    left_out : int
        As in `Split`.
    cold : array of bool, shape (n_items,)
        Which items are withheld.
    """

    cold: Mask = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.cold) != self.train.n_items:
            raise ValueError("There must be one mark for each item: withheld or not.")

    @property
    def candidates(self) -> Mask:
        """The withheld items."""
        return self.cold


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
    return _split(interactions, _newest(interactions.timestamps, fraction))


def temporal_rows(
    visitors: Sequence[str],
    items: Sequence[str],
    timestamps: Sequence[float] | Doubles,
    weights: Sequence[float] | Floats | None = None,
    *,
    fraction: float = 0.2,
    item_ids: Sequence[str] | None = None,
    segments: Mapping[str, str] | None = None,
) -> Split:
    """Split as `temporal` does, but before repeats of a pair are merged: for logs in which they are many.

    A pair that occurs on both sides of the cut is training, with the weight and the time it had by then, and no longer
    to be predicted. (`temporal` knows only a pair's last time and total weight: it holds such a pair out, and training
    lacks what visitors come back to.)

    Parameters
    ----------
    visitors, items, timestamps, weights, item_ids, segments
        As in `Interactions.from_rows`.
    fraction : float
        Share of the rows to hold out, between 0 and 1. Rows of one instant stay together.

    Raises
    ------
    ValueError
        As `temporal` and `Interactions.from_rows`.

    Examples
    --------
    >>> split = temporal_rows(list("aaab"), list("xyxx"), [1.0, 2.0, 8.0, 9.0], fraction=0.5)
    >>> split.train.matrix.nnz, split.test.matrix.nnz, split.left_out
    (2, 0, 1)
    """
    _check_fraction(fraction)
    times = np.asarray(timestamps, dtype=np.float64)
    strengths = np.ones(len(times), np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    whole = Interactions.from_rows(visitors, items, times, strengths, item_ids=item_ids, segments=segments)

    def merge(rows: Mask) -> Interactions:
        picked = np.flatnonzero(rows).tolist()
        return Interactions.from_rows(
            [visitors[row] for row in picked],
            [items[row] for row in picked],
            times[picked],
            strengths[picked],
            item_ids=whole.item_ids,
            visitor_ids=whole.visitor_ids,
            segments=segments,
        )

    is_new = _newest(times, fraction)
    _check_sides(is_new)
    train, later = merge(~is_new), merge(is_new)
    return _without_strangers(train, later, ~np.isin(pair_numbers(later), pair_numbers(train)))


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


def last_k(interactions: Interactions, k: int = 5, more_than: int | None = None) -> Split:
    """Hold out each visitor's newest `k` interactions; visitors with few of them only train.

    Parameters
    ----------
    interactions : Interactions
        What to split. Interactions of one instant are taken in the order of the columns.
    k : int
        How many to hold out.
    more_than : int, optional
        Visitors with no more interactions than this only train; `k` when left out.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaab"), list("wxyz"), range(4))
    >>> split = last_k(seen, k=2)
    >>> split.train.matrix.nnz, split.test.matrix.nnz
    (2, 2)
    """
    fewest = k if more_than is None else more_than
    if k < 1 or fewest < k:
        raise ValueError(f"k must be at least 1, not {k}, and at most `more_than`, {fewest}.")
    counts = np.diff(interactions.matrix.indptr)
    held_out = np.where(counts > fewest, k, 0)
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


def k_folds(interactions: Interactions, n: int = 5, seed: int = 0) -> list[Split]:
    """Hold out each interaction once: every visitor's are dealt to `n` folds, as evenly as they go.

    Parameters
    ----------
    interactions : Interactions
        What to split.
    n : int
        Number of folds, at least 2.
    seed : int
        The same seed deals alike.

    Returns
    -------
    list of Split
        Fold sizes differ by a few interactions. A visitor with fewer than `n` of them is judged in as many folds; one
        with a single interaction is left out where that is held out.

    Raises
    ------
    ValueError
        If `n` is below 2, or a fold would be empty.

    References
    ----------
    R. Kohavi, "A study of cross-validation and bootstrap for accuracy estimation and model selection", IJCAI 1995.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaabbb"), list("xyzxyz"), range(6))
    >>> [split.test.matrix.nnz for split in k_folds(seen, n=3)]
    [2, 2, 2]
    """
    if n < 2:
        raise ValueError(f"There must be at least 2 folds, not {n}.")
    # Shuffled within each visitor and then dealt without a pause between visitors, the folds come out even.
    by_row = np.lexsort((np.random.default_rng(seed).random(interactions.matrix.nnz), interactions.rows))
    fold = np.empty(len(by_row), dtype=np.int64)
    fold[by_row] = np.arange(len(by_row)) % n
    return [_split(interactions, fold == number) for number in range(n)]


def cold_items(interactions: Interactions, fraction: float = 0.2, seed: int = 0) -> ColdSplit:
    """Withhold a random share of the items from training wholly, as if they were published tomorrow.

    Parameters
    ----------
    interactions : Interactions
        What to split.
    fraction : float
        Share of the items with interactions to withhold, between 0 and 1.
    seed : int
        The same seed withholds the same.

    Returns
    -------
    ColdSplit
        Rankings are of the withheld items among themselves: how well is told apart what nobody has seen?

    Raises
    ------
    ValueError
        If `fraction` is not between 0 and 1, or one side would be empty.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabb"), list("xyxy"), range(4))
    >>> split = cold_items(seen, fraction=0.5)
    >>> split.train.matrix.nnz, split.test.matrix.nnz, int(split.cold.sum())
    (2, 2, 1)
    """
    _check_fraction(fraction)
    known = np.unique(interactions.matrix.indices)
    n_cold = int(np.floor(len(known) * fraction + 0.5))
    cold = np.zeros(interactions.n_items, dtype=np.bool_)
    cold[np.random.default_rng(seed).choice(known, n_cold, replace=False)] = True
    split = _split(interactions, cold[interactions.matrix.indices])
    return ColdSplit(split.train, split.test, split.left_out, cold)


def _newest(times: Doubles, fraction: float) -> Mask:
    """Mark the newest share; what is of one instant stays together."""
    cut = np.sort(times)[int(len(times) * (1 - fraction))]
    newest: Mask = times >= cut if times.min() < cut else times > cut
    return newest


def pair_numbers(interactions: Interactions) -> Indexes:
    """Return a number for each stored pair of visitor and item, the same in all parts of a split."""
    numbers: Indexes = interactions.rows * interactions.n_items + interactions.matrix.indices
    return numbers


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ValueError(f"The fraction to hold out must be between 0 and 1, not {fraction}.")


def _check_sides(is_test: Mask) -> None:
    if is_test.all() or not is_test.any():
        raise ValueError("There are too few interactions to hold any out: one side of the split would be empty.")


def _last_of_each(interactions: Interactions, order: NDArray[np.float64], held_out: Indexes) -> Mask:
    """Mark the `held_out[row]` pairs of each row that come last in `order`."""
    rows = interactions.rows
    by_row = np.lexsort((order, rows))
    from_end = interactions.matrix.indptr[1:][rows] - 1 - np.arange(len(rows))
    chosen = np.zeros(len(rows), dtype=np.bool_)
    chosen[by_row] = from_end < held_out[rows]
    return chosen


def _split(interactions: Interactions, is_test: Mask) -> Split:
    _check_sides(is_test)
    return _without_strangers(interactions.keep(~is_test), interactions, is_test)


def _without_strangers(train: Interactions, later: Interactions, is_test: Mask) -> Split:
    """Hold out some pairs of `later`, but not those of visitors of whom training knows nothing: these are counted."""
    has_train = np.diff(train.matrix.indptr) > 0
    usable = is_test & has_train[later.rows]
    stranded = np.unique(later.rows[is_test & ~usable])
    return Split(train, later.keep(usable), left_out=len(stranded))
