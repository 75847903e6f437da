"""Item-to-item neighbours: people who did this also did that."""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.data import SMALLEST_NORM, Floats, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import ItemToItem
from personalization.recommend.scorers.neighbours import check_similarity, strongest_links, weigh
from personalization.recommend.scorers.registry import register


@register
class ItemKnn(ItemToItem):
    """Sum of the likenesses between the items of a history and each item that has them among its nearest neighbours.

    Parameters
    ----------
    neighbours : int
        How many similar items each item keeps.
    similarity : {"cosine", "tfidf", "bm25"}
        Of the items' visitors. "tfidf" and "bm25" let very busy visitors say less; "bm25" is an inner product, with
        BM25's own allowance for popular items.
    shrinkage : float
        Added to the product of norms; pairs seen together a few times by chance lose weight. Not used by "bm25".
    balance : float
        From 0 to 1: how much of the norms' product is the history's item's. At 0.5 the cosine is the usual one, at 1 an
        item counts by the share of the history's item's visitors who chose it too. Not used by "bm25".
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.

    Notes
    -----
    ``s(i, j) = x_i . x_j / (|x_i|^(2 balance) |x_j|^(2 - 2 balance) + shrinkage)`` over the visitors' columns ``x``;
    0 on the diagonal. Computed in blocks of 256 items: ``1 KB * n_items`` at a time.

    References
    ----------
    M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", ACM TOIS 22(1), 2004; F. Aiolli, "Efficient
    top-N recommendation for very large scale binary rated datasets", RecSys 2013 (the balance); S. Robertson, H.
    Zaragoza, "The probabilistic relevance framework: BM25 and beyond", 2009.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = ItemKnn().fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "item_knn"

    def __init__(
        self,
        *,
        neighbours: int = 100,
        similarity: str = "tfidf",
        shrinkage: float = 20.0,
        balance: float = 0.7,
        weighted: bool = False,
    ) -> None:
        check_positive(neighbours=neighbours)
        check_similarity(similarity)
        if not shrinkage >= 0 or not 0 <= balance <= 1:
            raise ValueError("shrinkage must not be negative, and balance must be from 0 to 1.")
        super().__init__(
            neighbours=neighbours, similarity=similarity, shrinkage=shrinkage, balance=balance, weighted=weighted
        )
        self.neighbours, self.similarity, self.weighted = neighbours, similarity, weighted
        self.shrinkage, self.balance = shrinkage, balance

    def fit(self, interactions: Interactions, items: Items | None = None) -> ItemKnn:
        """Learn every item's nearest neighbours."""
        self._learn_ids(interactions)
        matrix = weigh(self._training_matrix(interactions), self.similarity)
        by_item = csr_array(matrix.T)
        squares = np.asarray(by_item.multiply(by_item).sum(axis=1), dtype=np.float32).ravel()
        scale = None if self.similarity == "bm25" else partial(self._normalise, np.maximum(squares, SMALLEST_NORM))
        self._links = strongest_links(by_item, matrix, self.neighbours, scale)
        return self

    def _normalise(self, squares: Floats, block: Floats, start: int) -> Floats:
        targets: Floats = np.power(squares[start : start + len(block), None], 1 - self.balance, dtype=np.float32)
        sources: Floats = np.power(squares, self.balance, dtype=np.float32)
        return block / (targets * sources + np.float32(self.shrinkage))
