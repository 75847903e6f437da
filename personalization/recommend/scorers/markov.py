"""A Markov chain over items: what do people go on to after this one?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array, vstack

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Attribution, Doubles, Floats, History, Indexes, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import BLOCK, ItemToItem, strongest
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.sequences import as_rows, in_order, newest_items


@register
class Markov(ItemToItem):
    """Chance of each item to come next after the newest items of a history, with back-off to popularity.

    Parameters
    ----------
    order : int
        How many of the newest items count, and how many steps apart two items may be to count as a transition.
    decay : float
        Weight of each further step back, relative to the one before; between 0 and 1.
    backward : float
        Weight of a transition in the other direction: what is read after an item is often read before it, too.
    smoothing : float
        Transitions that popularity is worth: an item left less often than that has little to say.
    damping : float
        Power of an item's popularity by which its chance is divided; 0 gives plain probabilities.
    neighbours : int
        How many transitions each item keeps.

    Notes
    -----
    With ``T[i, j]`` the decayed count of transitions from i to j, ``N[i]`` their sum and ``p`` the items' shares of all
    interactions, ``P(j | i) = (T[i, j] + smoothing p[j]) / (N[i] + smoothing)``; the score is the mean of ``P(j | i)``
    over the newest items, weighted ``decay ** age``, divided by ``visitors[j] ** damping``. With ``order=1`` and
    ``backward=0`` this is the first-order chain. Without a history the score is the popularity that remains.

    References
    ----------
    G. Shani, D. Heckerman, R. Brafman, "An MDP-based recommender system", JMLR 6, 2005 (skipping and mixtures).

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaabbb"), list("xyzxyz"), [1, 2, 3, 1, 2, 3])
    >>> chain = Markov(order=1, backward=0, damping=0, smoothing=0.01).fit(seen)
    >>> chain.score([History([0])]).round(2).tolist()
    [[0.0, 1.0, 0.0]]
    """

    name = "markov"
    weighted = False

    def __init__(
        self,
        *,
        order: int = 15,
        decay: float = 0.85,
        backward: float = 0.5,
        smoothing: float = 30.0,
        damping: float = 0.2,
        neighbours: int = 500,
    ) -> None:
        check_positive(order=order, decay=decay, smoothing=smoothing, neighbours=neighbours)
        if not decay <= 1 or not 0 <= backward <= 1 or not 0 <= damping <= 1:
            raise ValueError("decay, backward and damping must lie between 0 and 1.")
        super().__init__(
            order=order,
            decay=decay,
            backward=backward,
            smoothing=smoothing,
            damping=damping,
            neighbours=neighbours,
        )
        self.order, self.decay, self.backward = order, decay, backward
        self.smoothing, self.damping, self.neighbours = smoothing, damping, neighbours

    def fit(self, interactions: Interactions, items: Items | None = None) -> Markov:
        """Count the transitions."""
        self._learn_ids(interactions)
        counts = self._transitions(interactions)
        visitors = np.bincount(interactions.matrix.indices, minlength=interactions.n_items)
        discount = np.maximum(visitors, 1.0) ** -self.damping
        left = np.asarray(counts.sum(axis=1)).ravel()
        self._confidence = (left / (left + self.smoothing)).astype(np.float32)
        self._popularity = (visitors / max(visitors.sum(), 1) * discount).astype(np.float32)
        rows = np.repeat(np.arange(len(left)), np.diff(counts.indptr))
        chances = (counts.data / (left + self.smoothing)[rows] * discount[counts.indices]).astype(np.float32)
        links = csr_array((chances, counts.indices, counts.indptr), shape=counts.shape)
        self._links = _strongest_of_each(links, self.neighbours)
        return self

    def _transitions(self, interactions: Interactions) -> csr_array:
        visitors, items = in_order(interactions)
        shape = (interactions.n_items, interactions.n_items)
        counts = csr_array(shape, dtype=np.float64)
        for step in range(1, min(self.order, len(items) - 1) + 1):
            same = visitors[step:] == visitors[:-step]
            pairs = (items[:-step][same], items[step:][same])
            forward = csr_array(coo_array((np.full(len(pairs[0]), self.decay ** (step - 1)), pairs), shape=shape))
            counts = counts + forward + self.backward * forward.T if self.backward else counts + forward
        return csr_array(counts)

    def _profile(self, history: History) -> tuple[Indexes, Indexes, Floats]:
        columns, learned = newest_items(history, self._source, self.order)
        weights = self.decay ** np.arange(len(learned))[::-1]
        return columns, learned, (weights / max(weights.sum(), 1e-9)).astype(np.float32)

    def _stack(self, histories: Sequence[History]) -> csr_array:
        return as_rows([self._profile(history)[1:] for history in histories], len(self.learned_ids))

    def _propagate(self, rows: csr_array) -> Floats:
        rest = 1 - rows @ self._confidence
        scores: Floats = super()._propagate(rows) + np.outer(rest, self._popularity)
        return scores

    def _propagate_one(self, learned: Indexes, values: Floats) -> Floats:
        backed = self._rest(learned, values) * self._popularity
        scores: Floats = super()._propagate_one(learned, values) + backed
        return scores

    def _rest(self, learned: Indexes, values: Floats) -> np.float32:
        """Return the weight that is left to popularity: all of it without a history."""
        return np.float32(1 - values @ self._confidence[learned])

    def _attribute(self, columns: Indexes, learned: Indexes, values: Floats, items: Sequence[int]) -> Attribution:
        said = super()._attribute(columns, learned, values, items)
        targets = self._source[np.asarray(items, dtype=np.int64)]
        backed: Doubles = np.where(targets >= 0, self._popularity[targets], 0).astype(np.float64)
        backed *= self._rest(learned, values)
        return Attribution((*said.sources, (self.name, None)), np.column_stack([said.amounts, backed]))

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "confidence": self._confidence, "popularity": self._popularity}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._confidence, self._popularity = arrays["confidence"], arrays["popularity"]


def _strongest_of_each(links: csr_array, count: int) -> csr_array:
    """Keep the `count` largest entries of each row, a block of rows at a time."""
    if not len(links.indptr) or np.diff(links.indptr).max(initial=0) <= count:
        return links
    starts = range(0, links.shape[0], BLOCK)
    return csr_array(vstack([strongest(links[s : s + BLOCK].toarray(), count) for s in starts], format="csr"))
