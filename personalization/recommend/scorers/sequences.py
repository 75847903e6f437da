"""Histories and interactions as sequences: what came after what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.data import Floats, History, Indexes, Interactions


def newest_items(history: History, source: Indexes, limit: int) -> tuple[Indexes, Indexes]:
    """Return the newest learned items of a history, each at its last place, and the page being looked at behind them.

    Parameters
    ----------
    history : History
    source : array of int64, shape (n_items,)
        The learned item behind each column (-1: none).
    limit : int
        How many to return at most.

    Returns
    -------
    columns, learned : array of int64, shape (n,)
        Oldest first: columns of the history, and the learned items behind them.

    Examples
    --------
    >>> columns, learned = newest_items(History([4, 2, 4, 0, 3]), np.array([5, 6, 7, -1, 9]), limit=2)
    >>> columns.tolist(), learned.tolist()
    ([4, 0], [9, 5])
    """
    columns = history.items if history.context is None else np.append(history.items, history.context)
    columns = columns[source[columns] >= 0][::-1]
    _, newest = np.unique(source[columns], return_index=True)
    kept = columns[np.sort(newest)[:limit]][::-1]
    return kept, source[kept]


def in_order(interactions: Interactions) -> tuple[Indexes, Indexes]:
    """Return the visitor and the item of each stored pair, visitor by visitor and oldest first.

    Examples
    --------
    >>> seen = Interactions.from_rows(["ann", "ann", "bob"], ["x", "y", "y"], [30.0, 10.0, 20.0])
    >>> visitors, items = in_order(seen)
    >>> visitors.tolist(), items.tolist()
    ([0, 0, 1], [1, 0, 1])
    """
    visitors = interactions.rows
    order = np.lexsort((interactions.timestamps, visitors))
    return visitors[order], interactions.matrix.indices[order].astype(np.int64)


def as_rows(sequences: Sequence[tuple[Indexes, Floats]], n_learned: int) -> csr_array:
    """Return sequences of learned items and their values as sparse rows.

    Examples
    --------
    >>> nothing = (np.array([], dtype=int), np.array([]))
    >>> as_rows([(np.array([2, 0]), np.array([1.0, 0.5])), nothing], 3).toarray().tolist()
    [[0.5, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """
    indptr = np.cumsum([0] + [len(learned) for learned, _ in sequences])
    indices = np.concatenate([learned for learned, _ in sequences])
    values = np.concatenate([values for _, values in sequences])
    return csr_array((values, indices, indptr), shape=(len(sequences), n_learned))
