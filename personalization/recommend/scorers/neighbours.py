"""What the scorers of neighbours share: weighting as documents are weighted, and the strongest links of each item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.sparse import csr_array, vstack

from personalization.recommend.data import Floats, Indexes
from personalization.recommend.scorers.collaborative import BLOCK, strongest

SIMILARITIES = ("cosine", "tfidf", "bm25")
# BM25's saturation and its allowance for length; a milder allowance than for texts suits the popularity of items.
K1, B = 1.2, 0.4


def check_similarity(similarity: str) -> None:
    """Refuse a similarity that does not exist."""
    if similarity not in SIMILARITIES:
        raise ValueError(f"similarity must be one of {', '.join(SIMILARITIES)}, not {similarity!r}.")


def rarity(matrix: csr_array) -> Floats:
    """Return how telling each word is, ``log(1 + documents / documents with the word)``, shape (n_words,).

    Parameters
    ----------
    matrix : csr_array, shape (n_words, n_documents)

    Examples
    --------
    >>> common, rare = rarity(csr_array([[1.0, 1.0], [0.0, 1.0]]))
    >>> bool(np.isclose(common, np.log(2)) and np.isclose(rare, np.log(3)))
    True
    """
    # log1p keeps the least telling word above zero, also where every document has every word.
    found: Floats = np.log1p(matrix.shape[1] / np.maximum(np.diff(matrix.indptr), 1)).astype(np.float32)
    return found


def weigh(matrix: csr_array, similarity: str) -> csr_array:
    """Weight a matrix as words are weighted in documents. Of likeness between items, visitors are the words.

    Parameters
    ----------
    matrix : csr_array of float32, shape (n_words, n_documents)
    similarity : {"cosine", "tfidf", "bm25"}
        The first leaves the matrix as it is.

    Returns
    -------
    csr_array of float32, of the same shape

    References
    ----------
    S. Robertson, H. Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.

    Examples
    --------
    >>> weighted = weigh(csr_array([[1.0, 1.0], [0.0, 1.0]], dtype=np.float32), "tfidf").toarray()
    >>> bool(weighted[1, 1] > weighted[0, 1] > weighted[1, 0] == 0)
    True
    """
    if similarity == "cosine":
        return matrix
    data = matrix.data
    if similarity == "bm25":
        lengths = np.bincount(matrix.indices, weights=data, minlength=matrix.shape[1])
        allowance = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1e-9))
        data = data * (K1 + 1) / (allowance[matrix.indices] + data)
    weights = (np.repeat(rarity(matrix), np.diff(matrix.indptr)) * data).astype(np.float32)
    return csr_array((weights, matrix.indices, matrix.indptr), shape=matrix.shape)


def strongest_links(
    targets: csr_array, sources: csr_array, count: int, scale: Callable[[Floats, int], Floats] | None = None
) -> csr_array:
    """Return the product of two sparse matrices with the strongest entries of each target, as ``W`` (sources first).

    Parameters
    ----------
    targets : csr_array, shape (n_items, m)
    sources : csr_array, shape (m, n_items)
    count : int
        How many sources each target keeps; itself is never one.
    scale : callable, optional
        Changes a dense block of the product, given it and the number of its first target.
    """
    blocks = []
    for start in range(0, targets.shape[0], BLOCK):
        block = (targets[start : start + BLOCK] @ sources).toarray()
        own = np.arange(len(block))
        block[own, start + own] = 0
        blocks.append(strongest(block if scale is None else scale(block, start), count))
    return csr_array(vstack(blocks, format="csr").T)


def strongest_entries(matrix: csr_array, count: int) -> csr_array:
    """Keep the `count` largest stored entries of each row of a sparse matrix.

    Examples
    --------
    >>> strongest_entries(csr_array([[3.0, 1.0, 2.0], [0.0, 0.0, 1.0]]), 2).toarray().tolist()
    [[3.0, 0.0, 2.0], [0.0, 0.0, 1.0]]
    """
    bounds = zip(matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
    kept = [start + _largest(matrix.data[start:stop], count) for start, stop in bounds]
    indptr = np.concatenate([[0], np.cumsum([len(entries) for entries in kept])])
    entries = np.concatenate(kept)
    return csr_array((matrix.data[entries], matrix.indices[entries], indptr), shape=matrix.shape)


def _largest(values: Floats, count: int) -> Indexes:
    return np.argpartition(-values, count - 1)[:count] if len(values) > count else np.arange(len(values))
