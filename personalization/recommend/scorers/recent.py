"""Recently viewed: the visitor's own trail."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import numpy as np

from personalization.recommend.data import Appraisal, Attribution, Floats, History, Interactions, Items, Mask
from personalization.recommend.scorers.base import BaseScorer, check_positive, recency
from personalization.recommend.scorers.registry import register


@register
class Recent(BaseScorer):
    """Score the items of the visitor's own history, newest highest; all others 0.

    Parameters
    ----------
    half_life_days : float
        After how many days before the newest one an interaction counts half.

    Examples
    --------
    >>> seen = Interactions.from_rows(["a", "a"], ["x", "y"], [86_400.0, 0.0])
    >>> Recent(half_life_days=1).fit(seen).score([seen.history(0)]).tolist()
    [[1.0, 0.5]]
    """

    name = "recent"

    def __init__(self, *, half_life_days: float = 7.0) -> None:
        check_positive(half_life_days=half_life_days)
        super().__init__(half_life_days=half_life_days)
        self.half_life_days = half_life_days

    def fit(self, interactions: Interactions, items: Items | None = None) -> Recent:
        """Take the columns; there is nothing to learn."""
        self.item_ids = interactions.item_ids
        return self

    def rebase(self, items: Items) -> Recent:
        """Return the same scorer for the columns of `items`."""
        rebased = copy.copy(self)
        rebased.item_ids = items.ids
        return rebased

    def coverage_mask(self) -> Mask:
        """Return True everywhere: any item may have been viewed."""
        return np.ones(self.n_items, dtype=np.bool_)

    def _score(self, histories: Sequence[History]) -> Floats:
        scores = np.zeros((len(histories), self.n_items), dtype=np.float32)
        for row, history in zip(scores, histories, strict=True):
            np.add.at(row, history.items, recency(history, self.half_life_days).astype(np.float32))
        return scores

    def _appraise(self, history: History) -> Appraisal:
        scores = self._score([history])[0]
        return Appraisal(scores, partial(self._attribute, scores))

    def _attribute(self, scores: Floats, items: Sequence[int]) -> Attribution:
        """Credit each item with its own score: the column of a source is zero for all other items."""
        amounts = np.diag(scores[np.asarray(items, dtype=np.int64)].astype(np.float64))
        return Attribution(tuple((self.name, item) for item in items), amounts)
