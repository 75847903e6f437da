"""How good is a ranking: accuracy for each visitor, what the rankings together show of the catalog, and probabilities.

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


def auc(scores: ArrayLike, relevant: csr_array, seen: csr_array | None = None) -> Doubles:
    """Chance that a held-out item scores above one that the visitor never chose; ties count half.

    ``(sum of the held-out items' ranks - p (p + 1) / 2) / (p q)`` for p held-out and q other unseen items, ranks from
    the lowest score, tied ones averaged. (J. Hanley, B. McNeil, Radiology 143(1), 1982.)

    Parameters
    ----------
    scores : array, shape (n_visitors, n_items)
        Of every item, not only of the first; NaN or minus infinity takes an item out.
    relevant : csr_array, shape (n_visitors, n_items)
        Non-zero where held out.
    seen : csr_array, shape (n_visitors, n_items), optional
        Non-zero where seen in training: neither right nor wrong.

    Returns
    -------
    array of float64, shape (n_visitors,)
        NaN for a visitor with nothing held out, or nothing else to compare it with.

    Examples
    --------
    >>> auc([[0.2, 0.9, 0.8, 0.1]], csr_array([[1, 0, 1, 0]])).tolist()
    [0.5]
    >>> auc([[0.2, 0.9, 0.8, 0.1]], csr_array([[1, 0, 1, 0]]), seen=csr_array([[0, 1, 0, 0]])).tolist()
    [1.0]
    """
    values = np.array(scores, dtype=np.float32)
    if values.shape != relevant.shape:
        raise ValueError("There must be one score for each visitor and item.")
    # What is out of the comparison sorts behind everything that is in it.
    values[~np.isfinite(values)] = np.inf
    if seen is not None:
        values[csr_array(seen).nonzero()] = np.inf
    ordered = np.sort(values, axis=1)
    rows, columns = csr_array(relevant).nonzero()
    held_out = np.isfinite(values[rows, columns])
    rows, columns = rows[held_out], columns[held_out]
    mine = values[rows, columns]
    bounds = np.searchsorted(rows, np.arange(len(values) + 1))
    ranks = np.empty(len(rows))
    for row, line in enumerate(ordered):
        part = slice(bounds[row], bounds[row + 1])
        ranks[part] = (np.searchsorted(line, mine[part], "left") + np.searchsorted(line, mine[part], "right") + 1) / 2
    positives = np.diff(bounds)
    others = np.isfinite(ordered).sum(axis=1) - positives
    above = np.bincount(rows, weights=ranks, minlength=len(values)) - positives * (positives + 1) / 2
    return _divide(above, positives * others)


def coverage(ranked: ArrayLike, n_items: int, k: int) -> float:
    """Share of the catalog shown to anybody: ``distinct items in the first k places / n_items``.

    Examples
    --------
    >>> coverage([[2, 0], [0, 1]], 4, 1)
    0.5
    """
    shown = np.unique(np.asarray(ranked)[:, :k])
    return float((shown >= 0).sum() / n_items) if n_items else 0.0


def gini(ranked: ArrayLike, n_items: int, k: int) -> float:
    """Concentration of what is shown: 0 when every item stands in as many lists, near 1 when a few fill them all.

    ``sum over items i of (2 i - n - 1) x_i / (n sum of x)`` with the numbers of lists ``x`` in ascending order, items
    shown to nobody included. (D. Fleder, K. Hosanagar, Management Science 55(5), 2009.) NaN when nothing is shown.

    Examples
    --------
    >>> gini([[0], [1], [2], [3]], 4, 1), gini([[0], [0], [0], [0]], 4, 1)
    (0.0, 0.75)
    """
    shown = np.asarray(ranked)[:, :k]
    return float(gini_of_counts(np.bincount(shown[shown >= 0], minlength=n_items)[None, :], n_items)[0])


def gini_of_counts(counts: ArrayLike, n_items: int) -> Doubles:
    """Return the Gini coefficient of each row of counts, shape (n, m), over `n_items` items.

    Where there are more items than columns, the others count zero. NaN for a row of zeros.

    Examples
    --------
    >>> gini_of_counts([[1, 1], [0, 4]], n_items=2).tolist()
    [0.0, 0.5]
    """
    ascending = np.sort(np.asarray(counts, dtype=np.float64), axis=1)
    places = np.arange(n_items - ascending.shape[1] + 1, n_items + 1)
    return _divide(ascending @ (2 * places - n_items - 1), n_items * ascending.sum(axis=1))


def novelty(ranked: ArrayLike, visitors_of_item: ArrayLike, n_visitors: int, k: int) -> float:
    """Mean self-information of what is shown: ``-log2(visitors of the item / n_visitors)``, in bits.

    An item that nobody has seen counts as seen by one. (T. Zhou et al., PNAS 107(10), 2010.)

    Examples
    --------
    >>> novelty([[0], [1]], [2, 4], 4, 1)
    0.5
    """
    return average(list_novelty(ranked, visitors_of_item, n_visitors, k))


def list_novelty(ranked: ArrayLike, visitors_of_item: ArrayLike, n_visitors: int, k: int) -> Doubles:
    """Return the novelty of each visitor's list; NaN for an empty one.

    Examples
    --------
    >>> list_novelty([[0], [1], [-1]], [2, 4], 4, 1).tolist()
    [1.0, 0.0, nan]
    """
    seen = np.maximum(np.asarray(visitors_of_item, dtype=np.float64), 1)
    return _list_mean(ranked, np.log2(max(n_visitors, 1) / seen), k)


def list_popularity(ranked: ArrayLike, visitors_of_item: ArrayLike, k: int) -> Doubles:
    """Return the mean number of training visitors of the items in each list; NaN for an empty one.

    Its mean over visitors is the average recommendation popularity. (H. Yin et al., "Challenging the long tail
    recommendation", PVLDB 5(9), 2012.)

    Examples
    --------
    >>> list_popularity([[0, 1], [1, -1]], [2, 4], 2).tolist()
    [3.0, 4.0]
    """
    return _list_mean(ranked, np.asarray(visitors_of_item, dtype=np.float64), k)


def popularity_lift(shown: ArrayLike, chosen: ArrayLike) -> float:
    """How much more popular than a visitor's own choices are the items shown? 0: as popular, 1: twice as popular.

    ``(mean of shown - mean of chosen) / mean of chosen`` over visitors. (H. Abdollahpouri et al., "The unfairness of
    popularity bias in recommendation", RMSE workshop at RecSys 2019.)

    Parameters
    ----------
    shown, chosen : array, shape (n_visitors,)
        Mean popularity of each visitor's list (`list_popularity`), and of that visitor's training history.

    Examples
    --------
    >>> popularity_lift([3.0, 4.0], [2.0, 3.0])
    0.4
    """
    own = average(np.asarray(chosen, dtype=np.float64))
    return (average(np.asarray(shown, dtype=np.float64)) - own) / own if own > 0 else float("nan")


def diversity(ranked: ArrayLike, embeddings: Floats, k: int) -> float:
    """Intra-list diversity: mean over visitors of ``1 - mean cosine`` between the items in the first `k` places.

    Rows of `embeddings` have unit length; items without one (zeros) count as unlike all others. (C.-N. Ziegler et al.,
    WWW 2005.) Visitors with fewer than two items are left out; NaN when all are.

    Examples
    --------
    >>> diversity([[0, 1], [0, 2]], np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 2)
    0.5
    """
    return average(list_diversity(ranked, embeddings, k))


def list_diversity(ranked: ArrayLike, embeddings: Floats, k: int) -> Doubles:
    """Return the diversity of each visitor's list; NaN for one of fewer than two items.

    Examples
    --------
    >>> list_diversity([[0, 1], [0, 2]], np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 2).tolist()
    [0.0, 1.0]
    """
    head = np.asarray(ranked)[:, :k]
    sums = np.zeros((len(head), np.shape(embeddings)[1]))
    squares = np.zeros(len(head))
    for place in head.T:
        vectors = np.where((place >= 0)[:, None], np.asarray(embeddings, dtype=np.float64)[np.maximum(place, 0)], 0.0)
        sums += vectors
        squares += np.einsum("ij,ij->i", vectors, vectors)
    # The squared length of a sum of vectors holds every pair twice, and each vector with itself once.
    both_ways = np.einsum("ij,ij->i", sums, sums) - squares
    count = (head >= 0).sum(axis=1)
    return 1 - _divide(both_ways, count * (count - 1))


def log_loss(probabilities: ArrayLike, happened: ArrayLike) -> float:
    """Mean surprise at what happened, in nats: ``-mean of y ln p + (1 - y) ln(1 - p)``; NaN without observations.

    Probabilities are held a hair (1e-15) away from 0 and 1, so that one certain mistake is dear but not infinitely so.
    (I. J. Good, "Rational decisions", Journal of the Royal Statistical Society B 14(1), 1952.)

    Examples
    --------
    >>> round(log_loss([0.5, 0.9], [0, 1]), 4)
    0.3993
    """
    chances, outcomes = _forecasts(probabilities, happened)
    chances = np.clip(chances, 1e-15, 1 - 1e-15)
    surprise = -np.where(outcomes, np.log(chances), np.log1p(-chances))
    return float(surprise.mean()) if len(surprise) else float("nan")


def expected_calibration_error(probabilities: ArrayLike, happened: ArrayLike, bins: int = 10) -> float:
    """How far stated chances are from observed shares: 0 when 30 % come true of what was given 30 %.

    ``sum over bins of (size / n) |mean probability - share that happened|``, bins of equal width on [0, 1]. (M. Naeini,
    G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.) NaN without
    observations.

    Examples
    --------
    >>> expected_calibration_error([0.75, 0.75, 0.25, 0.25], [1, 1, 0, 1])
    0.25
    """
    chances, outcomes = _forecasts(probabilities, happened)
    if bins < 1:
        raise ValueError(f"There must be at least one bin, not {bins}.")
    if not len(chances):
        return float("nan")
    which = np.minimum((chances * bins).astype(np.int64), bins - 1)
    stated, observed = (np.bincount(which, weights=part, minlength=bins) for part in (chances, outcomes))
    return float(np.abs(stated - observed).sum() / len(chances))


def _forecasts(probabilities: ArrayLike, happened: ArrayLike) -> tuple[Doubles, Mask]:
    chances, outcomes = np.asarray(probabilities, dtype=np.float64), np.asarray(happened).astype(np.bool_)
    if chances.shape != outcomes.shape or chances.ndim != 1:
        raise ValueError("There must be one outcome for each probability.")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("Probabilities must lie between 0 and 1.")
    return chances, outcomes


def _list_mean(ranked: ArrayLike, of_item: Doubles, k: int) -> Doubles:
    """Return the mean over the first `k` places of each list of a number that every item has."""
    head = np.asarray(ranked)[:, :k]
    present = head >= 0
    return _divide(np.where(present, of_item[np.maximum(head, 0)], 0.0).sum(axis=1), present.sum(axis=1))


def _divide(numerator: ArrayLike, denominator: ArrayLike) -> Doubles:
    """Divide, giving NaN where the denominator is 0."""
    below = np.asarray(denominator, dtype=np.float64)
    quotient = np.full(below.shape, np.nan)
    np.divide(np.asarray(numerator, dtype=np.float64), below, out=quotient, where=below > 0)
    return quotient
