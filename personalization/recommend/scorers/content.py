"""Scorers that read: the visitor's taste against every text (content), and one text against the others (similar)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import (
    SMALLEST_NORM,
    Appraisal,
    Attribution,
    Doubles,
    Floats,
    History,
    Interactions,
    Items,
    Mask,
)
from personalization.recommend.scorers.base import BaseScorer, check_positive, product, recency
from personalization.recommend.scorers.registry import register


class Reader(BaseScorer):
    """A scorer over embeddings, each column with its own.

    ``mean`` is the vector that centring took off (None when the embeddings came without one). Later embeddings, and
    interests that visitors bring, should be centred on the same one: ``centre(vectors, scorer.mean)``.
    """

    _embeddings: Floats
    mean: Floats | None = None

    def fit(self, interactions: Interactions, items: Items | None = None) -> Self:
        """Take each column's embedding, matched by group, and remember the mean.

        Raises
        ------
        ValueError
            If there are no embeddings.
        """
        embeddings = items.aligned_to(interactions.item_ids) if items is not None else None
        if items is None or embeddings is None:
            raise ValueError(f"The scorer {self.name!r} reads: fit it with items that have embeddings.")
        self.mean = items.mean
        self._take(interactions.item_ids, embeddings)
        return self

    def rebase(self, items: Items) -> Self:
        """Return the same scorer for the columns and embeddings of `items`, so that new items are scored at once.

        Raises
        ------
        ValueError
            If the embeddings have another number of dimensions.
        """
        size = self._embeddings.shape[1]
        embeddings = np.zeros((len(items.ids), size), np.float32) if items.embeddings is None else items.embeddings
        if embeddings.shape[1] != size:
            raise ValueError(f"The items have embeddings of {embeddings.shape[1]} dimensions, the scorer of {size}.")
        rebased = copy.copy(self)
        rebased.mean = self.mean if items.mean is None else items.mean
        rebased._take(items.ids, embeddings)
        return rebased

    def coverage_mask(self) -> Mask:
        """Return which columns have an embedding, shape (n_items,)."""
        return self._present

    def _take(self, item_ids: tuple[str, ...], embeddings: Floats) -> None:
        self.item_ids, self._embeddings = item_ids, embeddings
        self._present = np.asarray(embeddings.any(axis=1))

    def _cosines(self, directions: list[Floats]) -> Floats:
        scores: Floats
        if len(directions) == 1:
            scores = product(self._embeddings, directions[0])[None, :]
        else:
            scores = np.stack(directions) @ self._embeddings.T
        return scores

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {"embeddings": self._embeddings} | ({} if self.mean is None else {"mean": self.mean})

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self.mean = arrays.get("mean")
        self._take(self.item_ids, arrays["embeddings"])


@register
class Content(Reader):
    """Cosine between the visitor's interest and each text.

    Parameters
    ----------
    half_life_days : float
        After how many days before the newest one an interaction counts half in the interest.

    Notes
    -----
    The interest is the recency-weighted mean of the history's centred embeddings, scaled to unit length, unless the
    history brings one. In that case the explanation credits the history's items with their projection on it, and the
    rest - older reading - to no item.

    Examples
    --------
    >>> seen = Interactions.from_rows(["a", "b"], ["x", "y"], [0.0, 0.0])
    >>> items = Items(ids=("x", "y"), embeddings=np.eye(2, dtype=np.float32))
    >>> Content().fit(seen, items).score([seen.history(0)]).tolist()
    [[1.0, 0.0]]
    """

    name = "content"

    def __init__(self, *, half_life_days: float = 180.0) -> None:
        check_positive(half_life_days=half_life_days)
        super().__init__(half_life_days=half_life_days)
        self.half_life_days = half_life_days

    def _score(self, histories: Sequence[History]) -> Floats:
        return self._cosines([self._interest(history) for history in histories])

    def _interest(self, history: History) -> Floats:
        """Return the direction of a visitor's taste: unit length, or zeros when nothing is known."""
        if history.interest is None:
            weights = recency(history, self.half_life_days).astype(np.float32)
            return _unit(weights @ self._embeddings[history.items])
        if history.interest.shape != self._embeddings.shape[1:]:
            raise ValueError(
                f"The interest has {len(history.interest)} dimensions, the items {self._embeddings.shape[1]}."
            )
        return _unit(history.interest)

    def _appraise(self, history: History) -> Appraisal:
        interest = self._interest(history)
        return Appraisal(self._cosines([interest])[0], partial(self._attribute, history, interest))

    def _attribute(self, history: History, interest: Floats, items: Sequence[int]) -> Attribution:
        read = self._embeddings[history.items]
        shares = self._shares(history, interest, read)
        rest = interest - shares.astype(np.float32) @ read if history.interest is not None else np.zeros_like(interest)
        targets = self._embeddings[np.asarray(items, dtype=np.int64)]
        amounts = targets @ np.vstack([read, rest]).T
        amounts[:, :-1] *= shares
        sources = tuple((self.name, column) for column in [*history.items.tolist(), None])
        return Attribution(sources, amounts.astype(np.float64))

    def _shares(self, history: History, interest: Floats, read: Floats) -> Doubles:
        """Return the factor by which each embedding of the history enters the interest."""
        weights = recency(history, self.half_life_days)
        profile = weights @ read
        length = float(profile @ profile)
        return weights * max(float(profile @ interest) / length, 0.0) if length > SMALLEST_NORM**2 else weights * 0


@register
class Similar(Reader):
    """Cosine to the item being looked at, or else to the last item of the history.

    Examples
    --------
    >>> seen = Interactions.from_rows(["a", "b"], ["x", "y"], [0.0, 0.0])
    >>> items = Items(ids=("x", "y"), embeddings=np.eye(2, dtype=np.float32))
    >>> Similar().fit(seen, items).score([History(context=1)]).tolist()
    [[0.0, 1.0]]
    """

    name = "similar"

    def _score(self, histories: Sequence[History]) -> Floats:
        return self._cosines([self._anchor(history)[1] for history in histories])

    def _anchor(self, history: History) -> tuple[int | None, Floats]:
        item = history.context if history.context is not None else int(history.items[-1]) if len(history) else None
        return item, np.zeros(self._embeddings.shape[1], np.float32) if item is None else self._embeddings[item]

    def _appraise(self, history: History) -> Appraisal:
        anchor, vector = self._anchor(history)
        scores = self._cosines([vector])[0]
        return Appraisal(scores, partial(self._attribute, anchor, scores))

    def _attribute(self, anchor: int | None, scores: Floats, items: Sequence[int]) -> Attribution:
        picked = scores[np.asarray(items, dtype=np.int64)].astype(np.float64)
        return Attribution(((self.name, anchor),), picked[:, None])


def _unit(vector: Floats) -> Floats:
    length = float(np.linalg.norm(vector))
    return (vector / length if length > SMALLEST_NORM else np.zeros_like(vector)).astype(np.float32)
