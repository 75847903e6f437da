"""The shapes that every scorer speaks: interactions, items, histories and explanations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from personalization.recommend.votes import Votes

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Indexes = NDArray[np.int64]
Mask = NDArray[np.bool_]

SMALLEST_NORM = 1e-6


def _no_floats() -> Floats:
    return np.empty(0, dtype=np.float32)


def _no_doubles() -> Doubles:
    return np.empty(0, dtype=np.float64)


def _no_indexes() -> Indexes:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class History:
    """What one visitor did, oldest first, in the column order of the scorer that will read it.

    Parameters
    ----------
    items : array of int64, shape (n,)
        Column of each item. Empty is legal everywhere.
    weights : array of float32, shape (n,)
        Strength of each interaction; all 1 when left out.
    timestamps : array of float64, shape (n,)
        Seconds since the epoch; all 0 when left out.
    interest : array of float32, shape (d,), optional
        A ready recency-weighted interest vector in the space of ``Items.embeddings``. When None, content scorers
        compute one from `items`.
    context : int, optional
        Column of the item being looked at now.
    segment : str
        One word for the kind of visitor, such as a locale or a segment's key; empty when unknown.
    dismissed : array of int64, shape (m,)
        Columns that the visitor does not want to see again.
    now : float, optional
        The moment to score for, in seconds since the epoch. When None, just after the newest thing a scorer knows.

    Raises
    ------
    ValueError
        If lengths differ, a column is negative or a number is not finite.

    Examples
    --------
    >>> History(items=[3, 1]).weights.tolist()
    [1.0, 1.0]
    >>> len(History())
    0
    """

    items: Indexes = field(default_factory=_no_indexes)
    weights: Floats = field(default_factory=_no_floats)
    timestamps: Doubles = field(default_factory=_no_doubles)
    interest: Floats | None = None
    context: int | None = None
    segment: str = ""
    dismissed: Indexes = field(default_factory=_no_indexes)
    now: float | None = None

    def __post_init__(self) -> None:
        items = np.asarray(self.items, dtype=np.int64)
        weights = np.asarray(self.weights, dtype=np.float32)
        timestamps = np.asarray(self.timestamps, dtype=np.float64)
        weights = weights if len(weights) else np.ones(len(items), dtype=np.float32)
        timestamps = timestamps if len(timestamps) else np.zeros(len(items), dtype=np.float64)
        if not len(items) == len(weights) == len(timestamps):
            raise ValueError("A history needs as many weights and timestamps as items.")
        if len(items) and (items.min() < 0 or not np.isfinite(weights).all() or not np.isfinite(timestamps).all()):
            raise ValueError("A history's columns must not be negative, its weights and timestamps must be finite.")
        if self.now is not None and not np.isfinite(self.now):
            raise ValueError("The moment to score for must be finite.")
        if self.context is not None and self.context < 0:
            raise ValueError("The context must be a column, not a negative number.")
        if self.interest is not None:
            interest = np.asarray(self.interest, dtype=np.float32)
            if interest.ndim != 1 or not np.isfinite(interest).all():
                raise ValueError("An interest vector must have one dimension and finite numbers.")
            object.__setattr__(self, "interest", interest)
        object.__setattr__(self, "dismissed", np.asarray(self.dismissed, dtype=np.int64))
        object.__setattr__(self, "items", items)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "timestamps", timestamps)

    def __len__(self) -> int:
        return len(self.items)


class Contribution(NamedTuple):
    """One addend of a score: the scorer, the history's item (None: none of them) and the amount."""

    scorer: str
    item: int | None
    amount: float


@dataclass(frozen=True)
class Explanation:
    """A score and the contributions that add up to it, largest amount first."""

    score: float
    contributions: tuple[Contribution, ...] = ()

    @classmethod
    def of(cls, contributions: Iterable[Contribution]) -> Explanation:
        """Sum contributions into an explanation, leaving out those of no amount."""
        kept = sorted((c for c in contributions if c.amount != 0), key=lambda c: -abs(c.amount))
        return cls(score=float(sum(c.amount for c in kept)), contributions=tuple(kept))


@dataclass(frozen=True, eq=False)
class Attribution:
    """What the scores of some items are made of, as arrays: the form in which many items are explained fast.

    Parameters
    ----------
    sources : tuple of (str, int or None), length m
        Scorer and history's item of each column of `amounts`, as in `Contribution`.
    amounts : array of float64, shape (n_items, m)
        Each row adds up to the item's score.

    Examples
    --------
    >>> Attribution((("ease", 3), ("ease", None)), np.array([[2.0, -0.5]])).explanations()[0].score
    1.5
    """

    sources: tuple[tuple[str, int | None], ...]
    amounts: Doubles

    def explanations(self) -> list[Explanation]:
        """Return the same as objects, one for each item."""
        return [
            Explanation.of(Contribution(*source, amount) for source, amount in zip(self.sources, row, strict=True))
            for row in self.amounts.tolist()
        ]


@dataclass(frozen=True, eq=False)
class Appraisal:
    """One history's scores, shape (n_items,), and on demand what those of some items are made of."""

    scores: Floats
    attribute: Callable[[Sequence[int]], Attribution]


@dataclass(frozen=True, eq=False)
class Interactions:
    """Who did something with what: a sparse matrix of visitors by items, with the last time of each pair.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_visitors, n_items)
        Summed weights; column indexes sorted within each row.
    timestamps : array of float64, shape (matrix.nnz,)
        Last time of each pair in seconds since the epoch, aligned with ``matrix.data``.
    visitor_ids, item_ids : tuple of str
        Names of the rows and columns.
    segments : tuple of str, length n_visitors
        One word for each visitor, such as a locale or a segment's key; all empty when left out.
    ignored : csr_array of float32, shape (n_visitors, n_items), optional
        How often each item was shown to each visitor and not chosen, or dismissed; None when nobody has counted.
    ignored_at : array of float64, shape (ignored.nnz,)
        Last time of each, aligned with ``ignored.data``.
    followed : array of bool, shape (matrix.nnz,)
        Whether the pair was chosen when the item was shown, aligned with ``matrix.data``. No pair was, when left out.

    Raises
    ------
    ValueError
        If shapes or lengths differ.

    Examples
    --------
    >>> seen = Interactions.from_rows(["ann", "ann", "bob"], ["x", "y", "y"], [30.0, 10.0, 20.0])
    >>> seen.n_visitors, seen.n_items
    (2, 2)
    >>> [seen.item_ids[i] for i in seen.history(0).items]
    ['y', 'x']
    """

    matrix: csr_array
    timestamps: Doubles
    visitor_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    segments: tuple[str, ...] = ()
    ignored: csr_array | None = None
    ignored_at: Doubles = field(default_factory=_no_doubles)
    followed: Mask = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    def __post_init__(self) -> None:
        if not len(self.followed):
            object.__setattr__(self, "followed", np.zeros(self.matrix.nnz, dtype=np.bool_))
        object.__setattr__(self, "segments", tuple(self.segments) or ("",) * len(self.visitor_ids))
        if len(self.segments) != len(self.visitor_ids):
            raise ValueError("There must be one segment for each visitor.")
        if self.matrix.shape != (len(self.visitor_ids), len(self.item_ids)):
            raise ValueError("The matrix must have one row for each visitor and one column for each item.")
        if not len(self.timestamps) == len(self.followed) == self.matrix.nnz:
            raise ValueError("There must be one timestamp, and one mark if any, for each stored pair.")
        if self.ignored is not None and self.ignored.shape != self.matrix.shape:
            raise ValueError("What was ignored must have the same visitors and items.")
        if len(self.ignored_at) != (0 if self.ignored is None else self.ignored.nnz):
            raise ValueError("There must be one timestamp for each ignored pair.")

    @classmethod
    def from_rows(
        cls,
        visitors: Sequence[str],
        items: Sequence[str],
        timestamps: Sequence[float] | Doubles,
        weights: Sequence[float] | Floats | None = None,
        *,
        item_ids: Sequence[str] | None = None,
        visitor_ids: Sequence[str] | None = None,
        segments: Mapping[str, str] | None = None,
    ) -> Interactions:
        """Build from parallel sequences, one entry for each event.

        Parameters
        ----------
        visitors, items : sequence of str
            Who and what.
        timestamps : sequence of float
            When, in seconds since the epoch.
        weights : sequence of float, optional
            How strong (positive); 1 when left out. Weights of a repeated pair are summed.
        item_ids : sequence of str, optional
            The columns and their order; all items that occur, sorted, when left out.
        visitor_ids : sequence of str, optional
            The rows and their order, likewise.
        segments : mapping of str to str, optional
            The segment of each visitor; empty for those who have none.

        Raises
        ------
        ValueError
            If there are no rows, lengths differ, a time is negative or not finite, a weight is not positive and
            finite, or an item or a visitor is not among the given ids.
        """
        times = np.asarray(timestamps, dtype=np.float64)
        strengths = np.ones(len(times)) if weights is None else np.asarray(weights, dtype=np.float64)
        _check_rows(len(visitors), len(items), times, strengths)
        visitor_names = tuple(sorted(set(visitors))) if visitor_ids is None else tuple(visitor_ids)
        item_names = tuple(sorted(set(items))) if item_ids is None else tuple(item_ids)
        keys = _positions(visitors, visitor_names, "visitor") * len(item_names) + _positions(items, item_names, "item")
        order = np.argsort(keys, kind="stable")
        pairs, starts = np.unique(keys[order], return_index=True)
        rows, columns = np.divmod(pairs, len(item_names))
        matrix = csr_array(
            (np.add.reduceat(strengths[order], starts).astype(np.float32), (rows, columns)),
            shape=(len(visitor_names), len(item_names)),
        )
        last = np.maximum.reduceat(times[order], starts)
        kinds = tuple((segments or {}).get(name, "") for name in visitor_names)
        return cls(matrix, last, visitor_names, item_names, kinds)

    @property
    def n_visitors(self) -> int:
        """Number of rows."""
        return len(self.visitor_ids)

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.item_ids)

    @property
    def rows(self) -> Indexes:
        """Row of each stored pair, aligned with ``matrix.data``."""
        return np.repeat(np.arange(self.n_visitors, dtype=np.int64), np.diff(self.matrix.indptr))

    def history(self, row: int) -> History:
        """Return one visitor's history, oldest first."""
        part = slice(self.matrix.indptr[row], self.matrix.indptr[row + 1])
        order = np.argsort(self.timestamps[part], kind="stable")
        return History(
            items=self.matrix.indices[part][order].astype(np.int64),
            weights=self.matrix.data[part][order],
            timestamps=self.timestamps[part][order],
            segment=self.segments[row],
        )

    def histories(self, rows: Iterable[int] | None = None) -> list[History]:
        """Return the histories of some rows, or of all."""
        return [self.history(row) for row in (range(self.n_visitors) if rows is None else rows)]

    def with_ignored(
        self, visitors: Sequence[str], items: Sequence[str], timestamps: Sequence[float] | Doubles
    ) -> Interactions:
        """Return the same, knowing also what was shown and not chosen: one entry for each time.

        Examples
        --------
        >>> seen = Interactions.from_rows(["ann"], ["x"], [30.0], item_ids=["x", "y"])
        >>> seen.with_ignored(["ann", "ann"], ["y", "y"], [10.0, 20.0]).ignored.toarray().tolist()
        [[0.0, 2.0]]
        """
        if not len(visitors):
            empty = csr_array(self.matrix.shape, dtype=np.float32)
            return replace(self, ignored=empty, ignored_at=_no_doubles())
        shown = Interactions.from_rows(
            visitors, items, timestamps, visitor_ids=self.visitor_ids, item_ids=self.item_ids
        )
        return replace(self, ignored=shown.matrix, ignored_at=shown.timestamps)

    def with_followed(self, visitors: Sequence[str], items: Sequence[str]) -> Interactions:
        """Return the same, knowing also which pairs were chosen when the item was shown.

        Examples
        --------
        >>> seen = Interactions.from_rows(["ann", "ann"], ["x", "y"], [10.0, 20.0])
        >>> seen.with_followed(["ann"], ["y"]).followed.tolist()
        [False, True]
        """
        columns = _positions(items, self.item_ids, "item")
        pairs = _positions(visitors, self.visitor_ids, "visitor") * self.n_items + columns
        return replace(self, followed=np.isin(self.rows * self.n_items + self.matrix.indices, pairs))

    def keep(self, pairs: Mask) -> Interactions:
        """Return the same visitors and items with only some of the stored pairs (mask aligned with ``matrix.data``).

        Of what a visitor ignored that remains which happened before the last pair kept: the part that is learned from
        must not know what came later.
        """
        kept = replace(
            self,
            matrix=_take(self.matrix, pairs),
            timestamps=self.timestamps[pairs],
            ignored=None,
            ignored_at=_no_doubles(),
            followed=self.followed[pairs],
        )
        if self.ignored is None:
            return kept
        newest = np.full(self.n_visitors, -np.inf)
        np.maximum.at(newest, kept.rows, kept.timestamps)
        earlier = self.ignored_at <= np.repeat(newest, np.diff(self.ignored.indptr))
        return replace(kept, ignored=_take(self.ignored, earlier), ignored_at=self.ignored_at[earlier])


def _take(matrix: csr_array, stored: Mask) -> csr_array:
    """Return a matrix with only some of its stored numbers."""
    indptr = np.concatenate([[0], np.cumsum(stored)])[matrix.indptr]
    return csr_array((matrix.data[stored], matrix.indices[stored], indptr), shape=matrix.shape)


def _check_rows(n_visitors: int, n_items: int, times: Doubles, weights: Doubles) -> None:
    if not n_visitors == n_items == len(times) == len(weights):
        raise ValueError("Visitors, items, timestamps and weights must have the same length.")
    if not len(times):
        raise ValueError("There are no interactions: at least one row is needed.")
    if not np.isfinite(times).all() or times.min() < 0:
        raise ValueError("Timestamps must be finite seconds since the epoch, not negative.")
    if not np.isfinite(weights).all() or weights.min() <= 0:
        raise ValueError("Weights must be positive and finite.")


def _positions(names: Sequence[str], universe: Sequence[str], noun: str) -> Indexes:
    position = {name: index for index, name in enumerate(universe)}
    if len(position) != len(universe):
        raise ValueError(f"Every {noun} id must occur once.")
    try:
        return np.fromiter((position[name] for name in names), dtype=np.int64, count=len(names))
    except KeyError as error:
        raise ValueError(f"Unknown {noun} {error.args[0]!r}: it is not among the given ids.") from None


@dataclass(frozen=True, eq=False)
class Items:
    """What can be recommended, one row for each catalog key.

    Parameters
    ----------
    ids : tuple of str
        Catalog keys, each once.
    groups : tuple of str, shape (n,)
        Collaborative id of each row: translations of one page share one. Defaults to `ids`.
    embeddings : array of float32, shape (n, d), optional
        Rows of unit length *after* mean-centring (see `centre`); a row of zeros has no embedding yet.
    tags : tuple of tuple of str, shape (n,)
        Tags of each row.
    published : array of float64, shape (n,)
        Seconds since the epoch; NaN when unknown.
    mean : array of float32, shape (d,), optional
        The mean that centring took off. The content scorer keeps it, so that later embeddings get the same centre.
    votes : Votes
        What editors said of the rows; nothing when left out.

    Raises
    ------
    ValueError
        If lengths differ, an id occurs twice, an embedding is not finite or a vote is on a row that does not exist.

    Examples
    --------
    >>> Items(ids=("a", "b")).groups
    ('a', 'b')
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...] = ()
    embeddings: Floats | None = None
    tags: tuple[tuple[str, ...], ...] = ()
    published: Doubles = field(default_factory=_no_doubles)
    mean: Floats | None = None
    votes: Votes = field(default_factory=Votes)

    def __post_init__(self) -> None:
        n = len(self.ids)
        if len(set(self.ids)) != n:
            raise ValueError("Every item id must occur once.")
        object.__setattr__(self, "groups", tuple(self.groups) or tuple(self.ids))
        object.__setattr__(self, "tags", tuple(self.tags) or ((),) * n)
        published = np.asarray(self.published, dtype=np.float64)
        object.__setattr__(self, "published", published if len(published) else np.full(n, np.nan))
        if not len(self.groups) == len(self.tags) == len(self.published) == n:
            raise ValueError("Groups, tags and publication times must have one entry for each item.")
        if self.votes.item.max(initial=-1) >= n:
            raise ValueError("Every vote must be on one of the items.")
        if self.embeddings is not None:
            embeddings = np.asarray(self.embeddings, dtype=np.float32)
            if embeddings.ndim != 2 or len(embeddings) != n or not np.isfinite(embeddings).all():
                raise ValueError("Embeddings must be finite numbers with one row for each item.")
            object.__setattr__(self, "embeddings", embeddings)

    @classmethod
    def from_vectors(cls, ids: Sequence[str], vectors: Floats, *, mean: Floats | None = None, **fields: Any) -> Items:
        """Build from raw embeddings: centre them (on `mean` when given) and remember the mean."""
        centred, mean = centre(vectors, mean)
        return cls(ids=tuple(ids), embeddings=centred, mean=mean, **fields)

    def aligned_to(self, ids: Sequence[str]) -> Floats | None:
        """Return one embedding for each collaborative id: its first row that has one, zeros where there is none."""
        if self.embeddings is None:
            return None
        row: dict[str, int] = {}
        for index in np.flatnonzero(self.embeddings.any(axis=1)).tolist():
            row.setdefault(self.groups[index], index)
            row.setdefault(self.ids[index], index)
        aligned = np.zeros((len(ids), self.embeddings.shape[1]), dtype=np.float32)
        found = [(position, row[name]) for position, name in enumerate(ids) if name in row]
        if found:
            positions, rows = np.asarray(found).T
            aligned[positions] = self.embeddings[rows]
        return aligned


def centre(embeddings: Floats, mean: Floats | None = None) -> tuple[Floats, Floats]:
    """Take the mean off embeddings and scale every row to unit length.

    Parameters
    ----------
    embeddings : array, shape (n, d)
        Raw vectors; rows of zeros (no embedding yet) stay zeros and do not count.
    mean : array, shape (d,), optional
        The centre to use; the mean of the rows when left out.

    Returns
    -------
    centred : array of float32, shape (n, d)
        Rows of unit length, or of zeros.
    mean : array of float32, shape (d,)
        The centre that was used.

    Raises
    ------
    ValueError
        If the shapes do not fit or a number is not finite.

    Notes
    -----
    Sentence embeddings share a large common direction; without it, cosines tell texts apart much better
    (J. Mu, P. Viswanath, "All-but-the-Top", ICLR 2018).

    Examples
    --------
    >>> centred, mean = centre(np.array([[3.0, 1.0], [1.0, 1.0]]))
    >>> centred.tolist(), mean.tolist()
    ([[1.0, 0.0], [-1.0, 0.0]], [2.0, 1.0])
    """
    vectors = np.asarray(embeddings, dtype=np.float32)
    if vectors.ndim != 2 or not np.isfinite(vectors).all():
        raise ValueError("Embeddings must be a table of finite numbers.")
    present = np.asarray(vectors.any(axis=1))
    if mean is None:
        mean = vectors[present].mean(axis=0) if present.any() else np.zeros(vectors.shape[1], dtype=np.float32)
    mean = np.asarray(mean, dtype=np.float32)
    if mean.shape != (vectors.shape[1],):
        raise ValueError(f"The mean has shape {mean.shape}, the embeddings have {vectors.shape[1]} dimensions.")
    centred = np.where(present[:, None], vectors - mean, np.float32(0))
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.where(lengths > SMALLEST_NORM, centred / np.maximum(lengths, SMALLEST_NORM), 0).astype(np.float32), mean
