"""User-to-user neighbours: what people of like taste chose besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Floats, Indexes, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import Additive
from personalization.recommend.scorers.neighbours import check_similarity, rarity, strongest_entries, weigh
from personalization.recommend.scorers.registry import register


@register
class UserKnn(Additive):
    """Sum over the most like-minded training visitors of what they chose.

    Parameters
    ----------
    neighbours : int
        How many training visitors are asked.
    similarity : {"cosine", "tfidf", "bm25"}
        Between histories. "tfidf" and "bm25" let very popular items say less; "bm25" is an inner product, with BM25's
        own allowance for long histories.
    shrinkage : float
        Added to the product of norms, so that agreeing on one item means little. Not used by "bm25".
    power : float
        Of the likeness; above 1 the closest neighbours are trusted more.
    largest : int
        How many training visitors are kept: those who came last.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.

    Notes
    -----
    ``score_j = sum over neighbours v of (x . x_v / (|x| |x_v| + shrinkage)) ** power * r_vj``. A history is compared
    with the kept visitors when it is scored, so a new one needs no retraining. The contribution of one item of the
    history is its share of each inner product ``x . x_v``, which is exact.

    Memory: 16 bytes for each interaction of the kept visitors. Their histories are part of the artifact, without their
    ids; who has been erased is gone from it after the next training.

    References
    ----------
    J. Herlocker, J. Konstan, A. Borchers, J. Riedl, "An algorithmic framework for performing collaborative filtering",
    SIGIR 1999.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = UserKnn().fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "user_knn"

    def __init__(
        self,
        *,
        neighbours: int = 50,
        similarity: str = "tfidf",
        shrinkage: float = 5.0,
        power: float = 2.0,
        largest: int = 50_000,
        weighted: bool = False,
    ) -> None:
        check_positive(neighbours=neighbours, power=power, largest=largest)
        check_similarity(similarity)
        if not shrinkage >= 0:
            raise ValueError(f"shrinkage must not be negative, but is {shrinkage}.")
        params = {"neighbours": neighbours, "similarity": similarity, "shrinkage": shrinkage, "power": power}
        super().__init__(**params, largest=largest, weighted=weighted)
        self.neighbours, self.similarity, self.shrinkage = neighbours, similarity, shrinkage
        self.power, self.largest, self.weighted = power, largest, weighted

    def fit(self, interactions: Interactions, items: Items | None = None) -> UserKnn:
        """Keep the histories of those who came last, and how telling each item is."""
        self._learn_ids(interactions)
        self._chosen = self._training_matrix(interactions)[_last(interactions, self.largest)]
        by_item = csr_array(self._chosen.T)
        self._telling = rarity(by_item) if self.similarity == "tfidf" else np.ones(by_item.shape[0], dtype=np.float32)
        self._by_item = weigh(by_item, self.similarity)
        squares = np.bincount(self._by_item.indices, weights=self._by_item.data**2, minlength=self._by_item.shape[1])
        self._norms = np.sqrt(squares).astype(np.float32)
        return self

    def _propagate(self, rows: csr_array) -> Floats:
        scores: Floats = (self._near(rows) @ self._chosen).toarray()
        return scores

    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        scores: Floats = self._propagate(self._row(learned, values))[0]
        return scores

    def _amounts(self, learned: Indexes, values: Floats, targets: Indexes) -> Floats:
        near = self._near(self._row(learned, values))
        agreed = self._by_item[learned][:, near.indices].toarray() * (values * self._telling[learned])[:, None]
        shares = agreed / np.maximum(agreed.sum(axis=0), np.float32(1e-12)) * near.data
        amounts: Floats = shares @ self._chosen[near.indices][:, targets].toarray()
        return amounts

    def _row(self, learned: Indexes, values: Floats) -> csr_array:
        return csr_array((values, learned, np.array([0, len(learned)])), shape=(1, len(self.learned_ids)))

    def _near(self, rows: csr_array) -> csr_array:
        """Return each history's nearest visitors and what each has to say, shape (n, n_visitors)."""
        asked = csr_array((rows.data * self._telling[rows.indices], rows.indices, rows.indptr), shape=rows.shape)
        # One history or many, the same sums in the same order: ties between neighbours must fall alike.
        alike = csr_array(asked @ self._by_item)
        counts = np.diff(alike.indptr)
        if self.similarity != "bm25":
            norms = np.sqrt(np.asarray(asked.multiply(asked).sum(axis=1))).ravel().astype(np.float32)
            alike.data /= np.repeat(norms, counts) * self._norms[alike.indices] + np.float32(self.shrinkage)
        alike.data **= np.float32(self.power)
        return strongest_entries(alike, self.neighbours)

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        learned = {"chosen": self._chosen, "by_item": self._by_item, "telling": self._telling, "norms": self._norms}
        return {**super()._arrays(), **learned}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._chosen, self._by_item = arrays["chosen"], arrays["by_item"]
        self._telling, self._norms = arrays["telling"], arrays["norms"]


def _last(interactions: Interactions, count: int) -> Indexes:
    """Return the rows of the visitors who did something last, in their order."""
    last = np.full(interactions.n_visitors, -1.0)
    np.maximum.at(last, interactions.rows, interactions.timestamps)
    return np.sort(np.argsort(-last, kind="stable")[:count])
