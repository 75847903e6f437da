"""Truncated SVD: taste as a few dozen directions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Floats, Indexes, Interactions, Items
from personalization.recommend.scorers.base import check_positive, product
from personalization.recommend.scorers.collaborative import Linear
from personalization.recommend.scorers.registry import register


@register
class Svd(Linear):
    """Project a history on the main directions of the visitors-by-items matrix, and back.

    Parameters
    ----------
    factors : int
        Number of directions; fewer than visitors and items.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.
    seed : int
        Seed of the randomized solver.

    Notes
    -----
    ``score = x V V'`` with the right singular vectors ``V``: a new visitor needs no retraining, and the contribution of
    one item is exact by linearity, ``x_i (V_i . V_j)``. Memory ``4 n_items * factors`` bytes.

    References
    ----------
    P. Cremonesi, Y. Koren, R. Turrin, "Performance of recommender algorithms on top-N recommendation tasks", RecSys
    2010 (PureSVD).

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbcdd"), list("xyxyxzw"), range(7))
    >>> scores = Svd(factors=2).fit(seen).score([seen.history(2)])
    >>> bool(scores[0, seen.item_ids.index("y")] > scores[0, seen.item_ids.index("z")])
    True
    """

    name = "svd"

    def __init__(self, *, factors: int = 20, weighted: bool = False, seed: int = 0) -> None:
        check_positive(factors=factors)
        super().__init__(factors=factors, weighted=weighted, seed=seed)
        self.factors, self.weighted, self.seed = factors, weighted, seed

    def fit(self, interactions: Interactions, items: Items | None = None) -> Svd:
        """Learn the directions."""
        # Only training needs scikit-learn; a process that serves is spared its import.
        from sklearn.decomposition import TruncatedSVD

        self._learn_ids(interactions)
        matrix = self._training_matrix(interactions)
        factors = min(self.factors, *matrix.shape)
        solver = TruncatedSVD(n_components=factors, n_iter=7, random_state=self.seed).fit(matrix)
        self._vectors: Floats = np.ascontiguousarray(solver.components_.T, dtype=np.float32)
        return self

    def _propagate(self, rows: csr_array) -> Floats:
        return np.asarray((rows @ self._vectors) @ self._vectors.T, dtype=np.float32)

    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        return product(self._vectors, values @ self._vectors[learned])

    def _influence(self, learned: Indexes, targets: Indexes) -> Floats:
        return np.asarray(self._vectors[learned] @ self._vectors[targets].T, dtype=np.float32)

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "vectors": self._vectors}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._vectors = arrays["vectors"]
