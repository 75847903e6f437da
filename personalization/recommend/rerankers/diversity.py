"""Lists whose items are good and unlike each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles, Floats, Indexes
from personalization.recommend.rerankers.scales import NEVER, best_first, doubles, scaled

# What each item has of its own, so that even a twin has a finite worth and is taken when nothing else is left.
OWN = 1e-3


def mmr(
    candidates: ArrayLike,
    scores: ArrayLike,
    embeddings: Floats,
    k: int,
    trade_off: float = 0.7,
    similarity_floor: float = 0.0,
) -> Indexes:
    """Choose `k` candidates that are good and unlike each other: maximal marginal relevance.

    Parameters
    ----------
    candidates : array of int, shape (m,)
        Indexes; a few hundred at most.
    scores : array, shape (m,)
        One for each candidate.
    embeddings : array, shape (m, d)
        One row of unit length for each candidate; zeros are unlike everything.
    k : int
        How many at most.
    trade_off : float
        1 looks at scores alone, 0 at variety alone.
    similarity_floor : float
        Cosines up to this one are no repetition and cost nothing.

    Returns
    -------
    array of int64, shape (min(k, m),)
        In the order of choice; candidates without a finite score are not taken. Each step takes the largest
        ``trade_off * scaled score - (1 - trade_off) * largest cosine to those taken``, scores scaled to 0..1.

    Raises
    ------
    ValueError
        If lengths differ or `trade_off` is not in 0..1.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and producing
    summaries", SIGIR 1998.

    Examples
    --------
    >>> twins_and_other = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> mmr([7, 8, 9], [1.0, 0.9, 0.5], twins_and_other, k=2, trade_off=0.5).tolist()
    [7, 9]
    """
    pool, worth, vectors = _prepared(candidates, scores, embeddings, trade_off)
    repetition = np.zeros(len(pool))
    chosen: list[int] = []
    for _ in range(min(k, len(pool))):
        best = int(np.argmax(worth - (1 - trade_off) * repetition))
        chosen.append(best)
        worth[best] = NEVER
        likeness = _likeness(vectors, best)
        repetition = np.maximum(repetition, np.where(likeness > similarity_floor, likeness, 0))
    return pool[np.asarray(chosen, dtype=np.int64)]


def dpp(candidates: ArrayLike, scores: ArrayLike, embeddings: Floats, k: int, trade_off: float = 0.7) -> Indexes:
    """Choose `k` candidates as a determinantal point process would most probably: good ones that span much.

    Where `mmr` compares a candidate with the one chosen item it resembles most, this looks at all of them together:
    what several chosen items already say between them counts as said.

    Parameters
    ----------
    candidates : array of int, shape (m,)
        Indexes; a few hundred at most.
    scores : array, shape (m,)
        One for each candidate.
    embeddings : array, shape (m, d)
        One row of unit length for each candidate; a row of zeros is as far from everything as unrelated texts are.
    k : int
        How many at most.
    trade_off : float
        1 looks at scores alone, 0 at variety alone.

    Returns
    -------
    array of int64, shape (min(k, m),)
        In the order of choice; candidates without a finite score are not taken. Each step takes the candidate that
        adds most to ``trade_off * sum of scaled scores + (1 - trade_off) * log det S``, scores scaled to 0..1 and S
        holding ``(1 + cosine) / 2``. The determinants grow by an incremental Cholesky factorisation: O(m k (k + d)).

    Raises
    ------
    ValueError
        If lengths differ or `trade_off` is not in 0..1.

    References
    ----------
    L. Chen, G. Zhang, E. Zhou, "Fast greedy MAP inference for determinantal point process to improve recommendation
    diversity", NeurIPS 2018: algorithm 1, and equation 21 for the trade-off.

    Examples
    --------
    >>> twins_and_other = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> dpp([7, 8, 9], [1.0, 0.9, 0.5], twins_and_other, k=2, trade_off=0.5).tolist()
    [7, 9]
    """
    pool, worth, vectors = _prepared(candidates, scores, embeddings, trade_off)
    steps = min(k, len(pool))
    factors = np.zeros((steps, len(pool)))
    left = np.ones(len(pool))
    chosen: list[int] = []
    for step in range(steps):
        best = int(np.argmax(worth + (1 - trade_off) * np.log(left)))
        chosen.append(best)
        worth[best] = NEVER
        alike = (1 - OWN) * (1 + _likeness(vectors, best)) / 2
        told = np.einsum("i,ij->j", factors[:step, best], factors[:step])
        factors[step] = (alike - told) / np.sqrt(left[best])
        left = np.maximum(left - factors[step] ** 2, OWN)
    return pool[np.asarray(chosen, dtype=np.int64)]


def _prepared(
    candidates: ArrayLike, scores: ArrayLike, embeddings: Floats, trade_off: float
) -> tuple[Indexes, Doubles, Floats]:
    """Check and return the usable candidates best first, with what their scores count for."""
    pool, values, vectors = np.asarray(candidates, dtype=np.int64), doubles(scores), np.asarray(embeddings)
    if not len(pool) == len(values) == len(vectors) or not 0 <= trade_off <= 1:
        raise ValueError("Candidates, scores and embeddings must have one length, and the trade-off lie in 0..1.")
    usable = best_first(values)
    return pool[usable], trade_off * scaled(values[usable]), vectors[usable]


def _likeness(vectors: Floats, row: int) -> Doubles:
    # One row at a time, by one core: a page chooses a few of many, and BLAS would wake all cores for it.
    return doubles(np.einsum("ij,j->i", vectors, vectors[row]))
