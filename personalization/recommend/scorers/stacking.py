"""Weights for the members of a blend that follow how much is known of a visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from personalization.recommend.data import Appraisal, Floats, History, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.blending import Blend, Judged, Members, attribute_all, judge
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.weighing import CANDIDATES, Lesson, chosen_shares, likeliest
from personalization.recommend.splits import Splitter

LONG = 100


def known_of(histories: Sequence[History]) -> Floats:
    """Return how much is known of visitors: 0 for nothing, 1 from a hundred items on, in between by the logarithm.

    Examples
    --------
    >>> known_of([History(), History(list(range(9))), History(list(range(100)))]).round(2).tolist()
    [0.0, 0.5, 1.0]
    """
    lengths = np.asarray([len(history) for history in histories], dtype=np.float32)
    known: Floats = np.minimum(np.log1p(lengths) / np.log1p(np.float32(LONG)), np.float32(1))
    return known


@register
class Stacked(Blend):
    """Conditional logistic regression over the members' standardised scores, for little and for much known history.

    Parameters
    ----------
    members : sequence of str, or mapping of str to dict or Scorer, optional
        As for `Hybrid`.
    validation : {"random", "last-k", "temporal"} or callable
        How the training interactions are split once more to learn the weights, as for `Hybrid`.
    folds : int
        How many random splits to learn from.
    penalty : float
        L2 penalty on the weights, in visitors.
    floor : float
        Smallest weight of a member as a share of all, as for `Hybrid`.
    seed : int
        Of the random splits.

    Notes
    -----
    ``score = sum over members m of ((1 - k) a_m + k b_m) z_m`` with the standardised scores ``z_m`` and ``k`` from 0 to
    1 for what is known of the visitor (see `known_of`). The weights ``a`` and ``b``, not negative, make each held-out
    item most likely among its visitor's fifty best candidates: ``P(j) = exp(score_j) / sum over i of exp(score_i)``.
    A linear score, so each member's explanation is only scaled. Where there is too little to learn from, all members
    count alike.

    References
    ----------
    J. Sill, G. Takacs, L. Mackey, D. Lin, "Feature-weighted linear stacking", arXiv:0911.0460, 2009; D. McFadden,
    "Conditional logit analysis of qualitative choice behavior", in P. Zarembka (ed.), Frontiers in Econometrics, 1974.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> Stacked(["popular", "ease"]).fit(seen).score([seen.history(2)]).shape
    (1, 2)
    """

    name = "stacked"

    def __init__(
        self,
        members: Members | None = None,
        *,
        validation: str | Splitter = "random",
        folds: int = 5,
        penalty: float = 10.0,
        floor: float = 0.02,
        seed: int = 0,
    ) -> None:
        check_positive(penalty=penalty)
        super().__init__(members, validation, folds, seed, penalty=penalty, floor=floor)
        self.penalty, self.floor = penalty, floor

    def fit(self, interactions: Interactions, items: Items | None = None) -> Stacked:
        """Learn the weights on splits of `interactions`; then fit every member on all."""
        self._start(items)
        judged = [judge(self.members, split, CANDIDATES) for split in self._validations(interactions, items)]
        self._weigh(judged)
        self._fit_members(interactions, items)
        self._take_columns()
        return self

    def weights(self, histories: Sequence[History]) -> Floats:
        """Return the members' weights for some visitors, shape (n_members, n_histories)."""
        known = known_of(histories)
        little, much = np.asarray([self._weights[name] for name in self.members], dtype=np.float32).T
        return np.outer(little, 1 - known) + np.outer(much, known)

    def _weigh(self, judged: Sequence[Judged]) -> None:
        start = np.full(2 * len(self.members), 1 / len(self.members))
        found = likeliest([_lesson(part) for part in judged], start, self.penalty).reshape(2, -1)
        found = np.maximum(found, self.floor * found.sum(axis=1, keepdims=True))
        self._weights: dict[str, list[float]] = dict(zip(self.members, found.T.tolist(), strict=True))

    def _blend(self, histories: Sequence[History]) -> Floats:
        total = np.zeros((len(histories), self.n_items), dtype=np.float32)
        for weights, (_, scores) in zip(self.weights(histories), self._standard_scores(histories), strict=True):
            total += scores * weights[:, None]
        return total

    def _appraise(self, history: History) -> Appraisal:
        total = np.zeros(self.n_items, dtype=np.float32)
        parts = []
        for weight, (scores, part) in zip(
            self.weights([history])[:, 0], self._standard_appraisals(history), strict=True
        ):
            total += scores * weight
            parts.append(part.times(float(weight)))
        return Appraisal(total, partial(attribute_all, parts))

    def _meta(self) -> dict[str, Any]:
        return {"weights": self._weights}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        self._weights = {name: [float(weight) for weight in meta["weights"][name]] for name in self.members}


def _lesson(judged: Judged) -> Lesson:
    """Return what weights apply to: each score where little is known, and where much is."""
    known = known_of(judged.histories)[:, None]
    features = np.concatenate([judged.scores * (1 - known), judged.scores * known])
    return chosen_shares(features, judged)
