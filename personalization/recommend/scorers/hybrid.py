"""A blend of several scorers, each brought to the same scale for every visitor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from personalization.recommend.data import Appraisal, Floats, History, Interactions, Items
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.scorers.blending import JUDGES, Blend, Members, attribute_all, judge
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.weighing import CANDIDATES, best_weights
from personalization.recommend.splits import Split, Splitter


@register
class Hybrid(Blend):
    """Weighted sum of the members' scores, standardised for each visitor.

    Parameters
    ----------
    members : sequence of str, or mapping of str to dict or Scorer, optional
        Names of scorers; or names with their parameters; or names with scorers. Popularity, EASE, EASE on the newest
        items, ALS, SVD, item neighbours, the Markov chain and (where there are embeddings) content when left out.
        Scorers that are fitted already, on the same items, need no `fit`. A member that cannot run is left out, see
        ``left_out``.
    weights : mapping of str to float, optional
        Not negative, one for each member. Learned while fitting when left out.
    validation : {"random", "last-k", "temporal"} or callable
        How the training interactions are split once more to learn the weights, so that the hold-out is never looked at:
        a random tenth of each visitor's, the last five of each visitor, or the newest fifth of all. Choose what is
        nearest to the use: a blend for what comes next learns from what came last.
    folds : int
        How many random splits to learn from.
    floor : float
        Smallest learned weight of a member (all sum to 1): content must still speak for items that nobody has seen,
        popularity for visitors without a history.
    seed : int
        Of the random splits.

    Notes
    -----
    ``score = sum over members m of w_m (s_m - mean(s_m)) / sd(s_m)``, mean and deviation over the items the member
    knows, for this visitor. An item a member does not know gets its average, 0; a member whose scores for this visitor
    are all the same says nothing and drops out. The weights are those of a conditional logit, see `best_weights`.

    References
    ----------
    J. H. Lee, "Analyses of multiple evidence combination", SIGIR 1997.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> hybrid = Hybrid(["popular", "ease"], {"popular": 0.5, "ease": 0.5}).fit(seen)
    >>> hybrid.score([seen.history(2)]).shape
    (1, 2)
    """

    name = "hybrid"

    def __init__(
        self,
        members: Members | None = None,
        weights: Mapping[str, float] | None = None,
        *,
        validation: str | Splitter = "random",
        folds: int = 5,
        floor: float = 0.02,
        seed: int = 0,
    ) -> None:
        if weights is not None and (members is None or set(weights) != set(members)):
            raise ValueError("Weights need one entry for each given member.")
        if weights is not None and not all(np.isfinite(w) and w >= 0 for w in weights.values()):
            raise ValueError("Weights must be finite and not negative.")
        super().__init__(members, validation, folds, seed, floor=floor)
        self.weights: dict[str, float] = dict(weights or {})
        self._given, self.floor = self.weights, floor

    def fit(self, interactions: Interactions, items: Items | None = None) -> Hybrid:
        """Learn the weights on splits of `interactions`, unless they were given; then fit every member on all."""
        self._start(items)
        weights = self._given or self._learn_weights(interactions, items)
        self._fit_members(interactions, items)
        self.weights = {name: weights[name] for name in self.members}
        self._take_columns()
        return self

    def _learn_weights(self, interactions: Interactions, items: Items | None) -> dict[str, float]:
        judged = [judge(self.members, split, CANDIDATES) for split in self._validations(interactions, items)]
        return best_weights(list(self.members), judged, floor=self.floor)

    def _meta(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        self.weights = {name: float(meta["weights"][name]) for name in self.members}

    def _blend(self, histories: Sequence[History]) -> Floats:
        total = np.zeros((len(histories), self.n_items), dtype=np.float32)
        for name, scores in self._standard_scores(histories):
            scores *= np.float32(self.weights[name])
            total += scores
        return total

    def _appraise(self, history: History) -> Appraisal:
        total = np.zeros(self.n_items, dtype=np.float32)
        parts = []
        for scores, part in self._standard_appraisals(history):
            total += scores * np.float32(self.weights[part.name])
            parts.append(part.times(self.weights[part.name]))
        return Appraisal(total, partial(attribute_all, parts))


def tune_weights(
    members: Mapping[str, Scorer], split: Split, *, floor: float = 0.02, max_visitors: int = JUDGES, seed: int = 0
) -> dict[str, float]:
    """Find the members' weights on a validation split, see `best_weights`.

    Parameters
    ----------
    members : mapping of str to Scorer
        Fitted on ``split.train`` (not on more: the validation part would leak).
    split : Split
        Validation; a part of the training data, never the hold-out.
    floor : float
        Smallest weight of a member.
    max_visitors : int
        Visitors to look at, sampled with `seed` when there are more.

    Returns
    -------
    dict of str to float
        Weights that sum to 1.
    """
    judged = [judge(members, split, CANDIDATES, n_visitors=max_visitors, seed=seed)] if len(split.test_rows) else []
    return best_weights(list(members), judged, floor=floor)
