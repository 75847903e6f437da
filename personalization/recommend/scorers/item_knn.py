"""Item-to-item neighbours: people who did this also did that."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from personalization.recommend.data import Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import BLOCK, ItemToItem, strongest
from personalization.recommend.scorers.registry import register


@register
class ItemKnn(ItemToItem):
    """Sum of the shrunk cosines between the items of a history and their nearest neighbours.

    Parameters
    ----------
    neighbours : int
        How many similar items each item keeps.
    shrinkage : float
        Added to the product of norms; pairs seen together a few times by chance lose weight.
    bm25 : bool
        Weight visitors as BM25 weights documents before taking cosines: very busy visitors say less about each item.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.

    Notes
    -----
    ``s(i, j) = x_i . x_j / (|x_i| |x_j| + shrinkage)`` over the visitors' columns ``x``; 0 on the diagonal. Computed in
    blocks of 256 items: ``1 KB * n_items`` at a time.

    References
    ----------
    M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22(1), 2004.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = ItemKnn().fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "item_knn"

    def __init__(
        self, *, neighbours: int = 50, shrinkage: float = 100.0, bm25: bool = True, weighted: bool = False
    ) -> None:
        check_positive(neighbours=neighbours)
        if not shrinkage >= 0:
            raise ValueError(f"shrinkage must not be negative, but is {shrinkage}.")
        super().__init__(neighbours=neighbours, shrinkage=shrinkage, bm25=bm25, weighted=weighted)
        self.neighbours, self.shrinkage, self.bm25, self.weighted = neighbours, shrinkage, bm25, weighted

    def fit(self, interactions: Interactions, items: Items | None = None) -> ItemKnn:
        """Learn every item's nearest neighbours."""
        self._learn_ids(interactions)
        matrix = self._training_matrix(interactions)
        by_item = csr_array((_bm25(matrix) if self.bm25 else matrix).T)
        norms = np.sqrt(np.asarray(by_item.multiply(by_item).sum(axis=1))).ravel().astype(np.float32)
        visitors = csr_array(by_item.T)
        blocks = []
        for start in range(0, by_item.shape[0], BLOCK):
            cosines = (by_item[start : start + BLOCK] @ visitors).toarray()
            own = np.arange(len(cosines))
            cosines /= np.maximum(norms[start + own][:, None] * norms + np.float32(self.shrinkage), np.float32(1e-9))
            cosines[own, start + own] = 0
            blocks.append(strongest(cosines, self.neighbours))
        self._links = vstack(blocks, format="csr")
        return self


def _bm25(matrix: csr_array, k1: float = 1.2, b: float = 0.75) -> csr_array:
    """Weight a visitors-by-items matrix as S. Robertson and H. Zaragoza (2009) weight terms; visitors are the words."""
    n_items = matrix.shape[1]
    busy = np.bincount(matrix.nonzero()[0], minlength=matrix.shape[0])
    lengths = np.asarray(matrix.sum(axis=0)).ravel()
    norm = 1 - b + b * lengths / max(lengths.mean(), 1e-9)
    data = matrix.data * (k1 + 1) / (k1 * norm[matrix.indices] + matrix.data)
    weighted = csr_array((data.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    # log1p keeps the least telling visitor above zero, also where everybody has seen everything.
    rarity = np.log1p(n_items / np.maximum(busy, 1)).astype(np.float32)
    return csr_array(diags_array(rarity) @ weighted)
