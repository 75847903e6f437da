"""How good is a ranking: accuracy for each visitor, and what the rankings together show of the catalog.

Throughout, `ranked` is an array of int64, shape (n_visitors, m): item columns, best first, -1 where nothing was
recommended; an item stands in a row at most once. `relevant` is a sparse array, shape (n_visitors, n_items), non-zero
where the visitor really chose the held-out item. Accuracy metrics return float64, shape (n_visitors,): NaN for a
visitor with nothing held out. `average` takes the mean over the others.

The examples show one visitor items 2, 0 and 1, who had chosen 0 and 3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from personalization.recommend.data import Doubles, Floats, Indexes, Mask


def hits(ranked: ArrayLike, relevant: csr_array, k: int) -> Mask:
    """Tell for each of the first `k` places whether the item there was chosen; shape (n_visitors, k).

    Raises
    ------
    ValueError
        If `k` is not positive or the visitors are not the same.

    Examples
    --------
    >>> hits([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 3)[0].tolist()
    [False, True, False]
    """
    order = np.asarray(ranked, dtype=np.int64)
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    if order.ndim != 2 or len(order) != relevant.shape[0]:
        raise ValueError("There must be one ranking for each row of the held-out items.")
    head = order[:, :k]
    rows, columns = csr_array(relevant).nonzero()
    chosen = rows.astype(np.int64) * relevant.shape[1] + columns
    keys = np.arange(len(head))[:, None] * relevant.shape[1] + head
    found = np.zeros((len(head), k), dtype=np.bool_)
    found[:, : head.shape[1]] = (head >= 0) & np.isin(keys, chosen)
    return found


def n_relevant(relevant: csr_array) -> Indexes:
    """Count the held-out items of each visitor.

    Examples
    --------
    >>> n_relevant(csr_array([[1, 0, 0, 1], [0, 0, 0, 0]])).tolist()
    [2, 0]
    """
    return np.bincount(csr_array(relevant).nonzero()[0], minlength=relevant.shape[0]).astype(np.int64)


def average(values: Doubles) -> float:
    """Return the mean over visitors with something held out; NaN when there is none.

    Examples
    --------
    >>> average(np.array([0.5, np.nan, 1.0]))
    0.75
    """
    counted = values[~np.isnan(values)]
    return float(counted.mean()) if len(counted) else float("nan")


def ndcg_at_k(ranked: ArrayLike, relevant: csr_array, k: int) -> Doubles:
    """Normalized discounted cumulative gain.

    ``sum over hits of 1 / log2(rank + 1)``, divided by that sum for the ideal ranking of ``min(k, n_relevant)`` hits.
    (K. Jarvelin, J. Kekalainen, ACM TOIS 20(4), 2002.)

    Examples
    --------
    >>> ndcg_at_k([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 3).round(4).tolist()
    [0.3869]
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(n_relevant(relevant), k)]
    return _divide(hits(ranked, relevant, k) @ discounts, ideal)


def recall_at_k(ranked: ArrayLike, relevant: csr_array, k: int) -> Doubles:
    """Share of the held-out items that stand in the first `k` places: ``hits / n_relevant``.

    Examples
    --------
    >>> recall_at_k([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 3).tolist()
    [0.5]
    """
    return _divide(hits(ranked, relevant, k).sum(axis=1), n_relevant(relevant))


def precision_at_k(ranked: ArrayLike, relevant: csr_array, k: int) -> Doubles:
    """Share of the first `k` places that hold a held-out item: ``hits / k``.

    Examples
    --------
    >>> precision_at_k([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 2).tolist()
    [0.5]
    """
    found = hits(ranked, relevant, k).sum(axis=1)
    return np.where(n_relevant(relevant) > 0, found / k, np.nan)


def map_at_k(ranked: ArrayLike, relevant: csr_array, k: int) -> Doubles:
    """Average precision: ``sum over hits of precision at that rank / min(k, n_relevant)``.

    Examples
    --------
    >>> map_at_k([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 3).tolist()
    [0.25]
    """
    found = hits(ranked, relevant, k)
    precisions = np.cumsum(found, axis=1) / np.arange(1, k + 1)
    return _divide((precisions * found).sum(axis=1), np.minimum(n_relevant(relevant), k))


def hit_rate_at_k(ranked: ArrayLike, relevant: csr_array, k: int) -> Doubles:
    """1 when any of the first `k` places holds a held-out item, else 0.

    Examples
    --------
    >>> hit_rate_at_k([[2, 0, 1]], csr_array([[1, 0, 0, 1]]), 2).tolist()
    [1.0]
    """
    found = hits(ranked, relevant, k).any(axis=1)
    return np.where(n_relevant(relevant) > 0, found.astype(np.float64), np.nan)


def mrr(ranked: ArrayLike, relevant: csr_array, k: int | None = None) -> Doubles:
    """Reciprocal rank: ``1 / rank`` of the first hit (within `k` places when given), 0 without one.

    Examples
    --------
    >>> mrr([[2, 0, 1]], csr_array([[1, 0, 0, 1]])).tolist()
    [0.5]
    """
    found = hits(ranked, relevant, k if k is not None else max(np.shape(ranked)[1], 1))
    reciprocal = np.where(found.any(axis=1), 1 / (found.argmax(axis=1) + 1), 0.0)
    return np.where(n_relevant(relevant) > 0, reciprocal, np.nan)


def coverage(ranked: ArrayLike, n_items: int, k: int) -> float:
    """Share of the catalog shown to anybody: ``distinct items in the first k places / n_items``.

    Examples
    --------
    >>> coverage([[2, 0], [0, 1]], 4, 1)
    0.5
    """
    shown = np.unique(np.asarray(ranked)[:, :k])
    return float((shown >= 0).sum() / n_items) if n_items else 0.0


def novelty(ranked: ArrayLike, visitors_of_item: ArrayLike, n_visitors: int, k: int) -> float:
    """Mean self-information of what is shown: ``-log2(visitors of the item / n_visitors)``, in bits.

    An item that nobody has seen counts as seen by one. (T. Zhou et al., PNAS 107(10), 2010.)

    Examples
    --------
    >>> novelty([[0], [1]], [2, 4], 4, 1)
    0.5
    """
    head = np.asarray(ranked)[:, :k]
    seen = np.maximum(np.asarray(visitors_of_item, dtype=np.float64)[head[head >= 0]], 1)
    return float(-np.log2(seen / max(n_visitors, 1)).mean()) if len(seen) else float("nan")


def diversity(ranked: ArrayLike, embeddings: Floats, k: int) -> float:
    """Mean over visitors of ``1 - mean cosine`` between the pairs of items in the first `k` places.

    Rows of `embeddings` have unit length; items without one (zeros) count as unlike all others. (C.-N. Ziegler et al.,
    WWW 2005.) Visitors with fewer than two items are left out; NaN when all are.

    Examples
    --------
    >>> diversity([[0, 1], [0, 2]], np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 2)
    0.5
    """
    head = np.asarray(ranked)[:, :k]
    present = (head >= 0)[:, :, None]
    vectors = np.where(present, np.asarray(embeddings, dtype=np.float64)[np.maximum(head, 0)], 0.0)
    # The squared length of a sum of vectors holds every pair twice, and each vector with itself once.
    both_ways = (vectors.sum(axis=1) ** 2).sum(axis=1) - (vectors**2).sum(axis=(1, 2))
    count = present.sum(axis=(1, 2))
    return average(1 - _divide(both_ways, count * (count - 1)))


def _divide(numerator: ArrayLike, denominator: ArrayLike) -> Doubles:
    """Divide, giving NaN where the denominator is 0."""
    below = np.asarray(denominator, dtype=np.float64)
    quotient = np.full(below.shape, np.nan)
    np.divide(np.asarray(numerator, dtype=np.float64), below, out=quotient, where=below > 0)
    return quotient
