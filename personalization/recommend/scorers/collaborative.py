"""The common part of scorers that learn from who did what: ids, histories as sparse rows, linear explanations."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import (
    Appraisal,
    Attribution,
    Floats,
    History,
    Indexes,
    Interactions,
    Items,
    Mask,
)
from personalization.recommend.scorers.base import BaseScorer, product

BLOCK = 256


class Learned(BaseScorer):
    """A scorer whose knowledge is about the items it was fitted on, shown through any catalog's columns.

    ``learned_ids`` are the collaborative ids of the fit. ``_source`` holds, for each column, the learned item behind it
    (-1: none), so several columns - translations of one page - can share one.
    """

    learned_ids: tuple[str, ...] = ()
    _source: Indexes
    _known: Mask

    def rebase(self, items: Items) -> Self:
        """Return a scorer with the same learned parameters whose columns (and histories) follow `items`."""
        position = {name: index for index, name in enumerate(self.learned_ids)}
        found = [position.get(group, position.get(key, -1)) for key, group in zip(items.ids, items.groups, strict=True)]
        rebased = copy.copy(self)
        rebased.item_ids = items.ids
        rebased._source = np.asarray(found, dtype=np.int64)
        return rebased

    def coverage_mask(self) -> Mask:
        """Return which columns had interactions when the scorer learned, shape (n_items,)."""
        return (self._source >= 0) & self._known[self._source]

    def _learn_ids(self, interactions: Interactions) -> None:
        self.item_ids = self.learned_ids = interactions.item_ids
        self._source = np.arange(interactions.n_items)
        self._known = np.bincount(interactions.matrix.indices, minlength=interactions.n_items) > 0

    def _show(self, learned: Floats) -> Floats:
        """Spread scores of learned items, shape (n, n_learned), over the columns, shape (n, n_items)."""
        if self.item_ids is self.learned_ids:
            return learned
        # The source of an item unknown to it, -1, is then the zero at the end.
        padded = np.zeros((len(learned), len(self.learned_ids) + 1), dtype=np.float32)
        padded[:, :-1] = learned
        return padded.take(self._source, axis=1, mode="wrap")

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {"source": self._source, "known": self._known}

    def _meta(self) -> dict[str, Any]:
        return {"learned_ids": list(self.learned_ids)}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self.learned_ids = tuple(meta["learned_ids"])
        self._source, self._known = arrays["source"], arrays["known"]
        if self.learned_ids == self.item_ids:
            self.item_ids = self.learned_ids


class Additive(Learned):
    """A scorer whose scores are sums over the items of a history.

    With ``weighted`` the value of a history's item is ``log(1 + weight)``, else 1.
    """

    weighted: bool

    def _score(self, histories: Sequence[History]) -> Floats:
        scores = np.empty((len(histories), self.n_items), dtype=np.float32)
        if len(histories) == 1:
            scores[:] = self._appraise(histories[0]).scores
            return scores
        for start in range(0, len(histories), BLOCK):
            rows = self._stack(histories[start : start + BLOCK])
            scores[start : start + BLOCK] = self._show(self._propagate(rows))
        return scores

    def _appraise(self, history: History) -> Appraisal:
        columns, learned, values = self._profile(history)
        scores = self._show(self._propagate_one(learned, values)[None, :])[0]
        return Appraisal(scores, partial(self._attribute, columns, learned, values))

    def _attribute(self, columns: Indexes, learned: Indexes, values: Floats, items: Sequence[int]) -> Attribution:
        targets = self._source[np.asarray(items, dtype=np.int64)]
        amounts = self._amounts(learned, values, np.maximum(targets, 0)).astype(np.float64)
        amounts[:, targets < 0] = 0
        return Attribution(tuple((self.name, column) for column in columns.tolist()), amounts.T)

    def _profile(self, history: History) -> tuple[Indexes, Indexes, Floats]:
        """Return the columns that stand for a history, the learned items behind them (each once), and their values."""
        behind = self._source[history.items]
        usable = np.flatnonzero(behind >= 0)[::-1]
        learned, newest, inverse = np.unique(behind[usable], return_index=True, return_inverse=True)
        weights = np.bincount(inverse, weights=history.weights[usable], minlength=len(learned))
        return history.items[usable[newest]], learned, self._values(weights.astype(np.float32))

    def _values(self, weights: Floats) -> Floats:
        return np.log1p(np.maximum(weights, 0)) if self.weighted else np.ones_like(weights)

    def _stack(self, histories: Sequence[History]) -> csr_array:
        """Return the values of several histories as sparse rows, all at once: profile by profile takes longer."""
        owners = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
        behind = self._source[np.concatenate([history.items for history in histories])]
        weights = np.concatenate([history.weights for history in histories])
        usable = behind >= 0
        shape = (len(histories), len(self.learned_ids))
        rows = csr_array((weights[usable], (owners[usable], behind[usable])), shape=shape)
        rows.data = self._values(rows.data)
        return rows

    def _training_matrix(self, interactions: Interactions) -> csr_array:
        matrix = interactions.matrix
        return csr_array((self._values(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)

    @abstractmethod
    def _propagate(self, rows: csr_array) -> Floats:
        """Return the scores of learned items for some histories' values, shape (n, n_learned)."""

    @abstractmethod
    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        """Return the same for one history, given by its learned items and their values, shape (n_learned,)."""

    @abstractmethod
    def _amounts(self, learned: Indexes, values: Floats, targets: Indexes) -> Floats:
        """Return what each item of a history adds to each target's score, shape (len(learned), len(targets))."""


class Linear(Additive):
    """A scorer that adds up what each item of a history says, whatever the others are: ``score = x W``."""

    def _amounts(self, learned: Indexes, values: Floats, targets: Indexes) -> Floats:
        amounts: Floats = values[:, None] * self._influence(learned, targets)
        return amounts

    @abstractmethod
    def _influence(self, learned: Indexes, targets: Indexes) -> Floats:
        """Return ``W`` for some rows and columns, shape (len(learned), len(targets))."""


class ItemToItem(Linear):
    """A linear scorer whose ``W`` is kept: dense for a small catalog, sparse for a large one."""

    _links: Floats | csr_array

    def _propagate(self, rows: csr_array) -> Floats:
        product = rows @ self._links
        return np.asarray(product.toarray() if isinstance(product, csr_array) else product, dtype=np.float32)

    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        if not isinstance(self._links, csr_array):
            return product(self._links[learned].T, values)
        entries, rows = entries_of(self._links, learned)
        said = self._links.data[entries] * values[rows]
        return np.bincount(self._links.indices[entries], weights=said, minlength=self._links.shape[1]).astype(
            np.float32
        )

    def _influence(self, learned: Indexes, targets: Indexes) -> Floats:
        if not isinstance(self._links, csr_array):
            return self._links[np.ix_(learned, targets)]
        entries, rows = entries_of(self._links, learned)
        # Two columns may share one learned item: the last of them finds the entries, all of them read from there.
        wanted = np.full(self._links.shape[1], -1, dtype=np.int64)
        wanted[targets] = np.arange(len(targets))
        found = wanted[self._links.indices[entries]]
        hits = np.flatnonzero(found >= 0)
        picked = np.zeros((len(learned), len(targets)), dtype=np.float32)
        picked[rows[hits], found[hits]] = self._links.data[entries[hits]]
        return picked[:, wanted[targets]]

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "links": self._links}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._links = arrays["links"]


def entries_of(matrix: csr_array, rows: Indexes) -> tuple[Indexes, Indexes]:
    """Return where the stored entries of some rows are, and to which of `rows` (0, 1, ...) each belongs.

    By hand, for SciPy's indexing takes longer to check its arguments than this to be done.
    """
    starts = matrix.indptr[rows].astype(np.int64)
    counts = matrix.indptr[rows + 1] - starts
    owners = np.repeat(np.arange(len(rows)), counts)
    before = np.cumsum(counts) - counts
    return np.arange(len(owners)) - before[owners] + starts[owners], owners


def strongest(block: Floats, count: int) -> csr_array:
    """Keep the `count` entries of largest magnitude in each row of a dense block."""
    n_rows, n_columns = block.shape
    count = min(count, n_columns)
    kept = np.argpartition(-np.abs(block), count - 1, axis=1)[:, :count] if count < n_columns else None
    columns = np.sort(kept, axis=1) if kept is not None else np.tile(np.arange(n_columns), (n_rows, 1))
    values = np.take_along_axis(block, columns, axis=1)
    matrix = csr_array((values.ravel(), columns.ravel(), np.arange(n_rows + 1) * count), shape=block.shape)
    matrix.eliminate_zeros()
    return matrix
