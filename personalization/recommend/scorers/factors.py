"""Scorers of items' factors: a visitor's factors are the exact answer to a small ridge regression on the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Floats, History, Indexes
from personalization.recommend.scorers.base import product
from personalization.recommend.scorers.collaborative import BLOCK, Additive

# A few hundred systems at a time, so that the padded histories of one batch stay small.
BATCH = 64


class Factors(Additive):
    """A scorer with a few dozen numbers for each item, into which new histories are folded without retraining.

    Parameters
    ----------
    confidence : float
        The paper's alpha: an interaction of value ``r`` counts ``1 + confidence * r``, everything not seen counts 1.

    Notes
    -----
    With item factors ``Y`` the visitor's factors are ``x = (Y'Y + Y'(C - I)Y + penalty I)^-1 Y' c``, the step that
    alternating least squares takes for every visitor, so a new visitor gets what training would have given. Factors
    are kept as ``Z = Y L^-T`` where ``L L' = Y'Y + penalty I``: then ``Z Z_h' (I + (C - I) Z_h Z_h')^-1 c`` gives the
    same scores, and of the two forms the one with the smaller system is solved, history by history or factor by factor.
    The contribution of each item of the history is exact, as in section 5 of the paper.

    References
    ----------
    Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
    """

    confidence: float
    _vectors: Floats

    def _score(self, histories: Sequence[History]) -> Floats:
        if len(histories) < 2:
            return super()._score(histories)
        # Histories of like length share a batch, so that little is computed for the padding.
        order = np.argsort([len(history) for history in histories], kind="stable")
        scores = np.empty((len(histories), self.n_items), dtype=np.float32)
        for start in range(0, len(order), BLOCK):
            part = order[start : start + BLOCK]
            scores[part] = self._show(self._propagate(self._stack([histories[row] for row in part])))
        return scores

    def _propagate(self, rows: csr_array) -> Floats:
        tastes = [self._tastes(rows[start : start + BATCH]) for start in range(0, rows.shape[0], BATCH)]
        return np.asarray(np.concatenate(tastes) @ self._vectors.T, dtype=np.float32)

    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        return product(self._vectors, self._parts(learned, values).sum(axis=0))

    def _amounts(self, learned: Indexes, values: Floats, targets: Indexes) -> Floats:
        return self._parts(learned, values) @ self._vectors[targets].T

    def _parts(self, learned: Indexes, values: Floats) -> Floats:
        """Return what each item of one history adds to the visitor's factors, shape (len(learned), k)."""
        read = self._vectors[learned]
        extra = np.float32(self.confidence) * values
        wanted = (1 + extra)[:, None]
        if len(read) > read.shape[1]:
            return np.linalg.solve(_plus_one((read * extra[:, None]).T @ read), (wanted * read).T).T
        within: Floats = np.linalg.solve(_plus_one((read @ read.T) * extra), read)
        return wanted * within

    def _tastes(self, rows: csr_array) -> Floats:
        """Return the visitors' factors for several histories at once, shape (n, k)."""
        counts = np.diff(rows.indptr)
        owners = np.repeat(np.arange(len(counts)), counts)
        places = np.arange(rows.nnz) - rows.indptr[owners]
        read = np.zeros((len(counts), max(counts.max(initial=0), 1), self._vectors.shape[1]), dtype=np.float32)
        extra = np.zeros((*read.shape[:2], 1), dtype=np.float32)
        read[owners, places] = self._vectors[rows.indices]
        extra[owners, places, 0] = self.confidence * rows.data
        turned = read.swapaxes(1, 2)
        if read.shape[1] > read.shape[2]:
            return np.linalg.solve(_plus_one(turned @ (read * extra)), turned @ (1 + extra))[..., 0]
        said = np.linalg.solve(_plus_one(extra * (read @ turned)), 1 + extra)
        return (turned @ said)[..., 0]

    def _take(self, factors: Floats, penalty: float) -> None:
        """Keep an item's factors in the form in which every visitor's regression has the same penalty, 1."""
        Y = factors.astype(np.float64)
        lower = cholesky(Y.T @ Y + penalty * np.eye(Y.shape[1]), lower=True)
        self._vectors = np.ascontiguousarray(solve_triangular(lower, Y.T, lower=True).T, dtype=np.float32)

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "vectors": self._vectors}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._vectors = arrays["vectors"]


def _plus_one(square: Floats) -> Floats:
    """Add the identity to one square matrix, or to each of several."""
    return square + np.eye(square.shape[-1], dtype=np.float32)
