"""Trees that put the best candidates of other scorers in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from personalization.recommend.artifacts import Array
from personalization.recommend.data import (
    Appraisal,
    Attribution,
    Doubles,
    Floats,
    History,
    Indexes,
    Interactions,
    Items,
    Mask,
)
from personalization.recommend.extras import optional
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers.base import SECONDS_PER_DAY, check_positive
from personalization.recommend.scorers.blending import Judged, Members, Part, judge
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.stacking import Stacked, known_of
from personalization.recommend.scorers.weighing import CANDIDATES
from personalization.recommend.splits import Splitter

if TYPE_CHECKING:
    from lightgbm import Booster

GAP = 0.01
CONTEXT = ("known", "age")


@register
class LambdaMart(Stacked):
    """Gradient-boosted trees over the members' standardised scores, how much is known of a visitor, and an item's age.

    Needs lightgbm: ``pip install "wagtail-slots[models]"``.

    Parameters
    ----------
    members : sequence of str, or mapping of str to dict or Scorer, optional
        As for `Hybrid`.
    validation : {"random", "last-k", "temporal"} or callable
        How the training interactions are split once more to learn the trees, as for `Hybrid`.
    folds : int
        How many random splits to learn from.
    penalty, floor : float
        Of the stacked weights, as for `Stacked`.
    candidates : int
        How many of a visitor's items the trees put in order: the best of the stacked scores. All others follow below
        them.
    trees, leaves : int
        Number of trees, and leaves of each.
    learning_rate : float
        Weight of each tree.
    seed : int
        Of the random splits, and of the samples each tree is grown on.

    Notes
    -----
    ``score = stacked score + trees(z, k, age)``: boosting starts from the weights of `Stacked`, so that a visitor
    unlike those it learned from gets at least that. Trained with lambdarank, which weighs each pair of candidates by
    how much its exchange would change the NDCG; a member's better opinion can only raise the result (monotone
    constraints), so that no tree fits the noise of two hundred visitors.

    A candidate's score is explained by the members' parts in the stacked score and by TreeSHAP values: each member's is
    shared out over the history's items in proportion to the size of their parts in the member's own score, those of
    the history's length and the item's age stand alone. With the trees' own mean they add up to the score exactly.

    References
    ----------
    C. Burges, "From RankNet to LambdaRank to LambdaMART", MSR-TR-2010-82; S. Lundberg et al., "From local explanations
    to global understanding with explainable AI for trees", Nature Machine Intelligence 2, 2020.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> LambdaMart(["popular", "ease"]).fit(seen).score([seen.history(2)]).shape
    (1, 2)
    """

    name = "lambdamart"
    _booster: Booster | None = None
    _arrivals: Doubles
    _first_met: dict[str, float]

    def __init__(
        self,
        members: Members | None = None,
        *,
        validation: str | Splitter = "random",
        folds: int = 5,
        penalty: float = 10.0,
        floor: float = 0.02,
        candidates: int = 100,
        trees: int = 100,
        leaves: int = 8,
        learning_rate: float = 0.05,
        seed: int = 0,
    ) -> None:
        check_positive(candidates=candidates, trees=trees, learning_rate=learning_rate)
        if leaves < 2:
            raise ValueError(f"leaves must be at least 2, not {leaves}.")
        super().__init__(members, validation=validation, folds=folds, penalty=penalty, floor=floor, seed=seed)
        self.params |= {"candidates": candidates, "trees": trees, "leaves": leaves, "learning_rate": learning_rate}
        self.candidates, self.trees, self.leaves, self.learning_rate = candidates, trees, leaves, learning_rate

    def fit(self, interactions: Interactions, items: Items | None = None) -> LambdaMart:
        """Learn the trees on splits of `interactions`; then fit every member on all.

        Raises
        ------
        ImportError
            If lightgbm is not installed.
        """
        optional("lightgbm", "models")
        self._start(items)
        lessons = []
        for split in self._validations(interactions, items):
            judged = judge(self.members, split, self.candidates)
            lessons.append((judged, arrivals(split.train, items)))
        self._weigh([judged.best(CANDIDATES) for judged, _ in lessons])
        grown, names = self._grow(lessons), list(self.members)
        self._fit_members(interactions, items)
        # Trees that ask a member which could learn from a part only are of no use; the stacked weights are.
        self._booster = grown if names == list(self.members) else None
        self._take_columns()
        self._arrivals = arrivals(interactions, items)
        self._first_met = dict(zip(self.item_ids, self._arrivals.tolist(), strict=True))
        return self

    def rebase(self, items: Items) -> LambdaMart:
        """Return the same trees over the rebased members."""
        rebased = super().rebase(items)
        met = self._first_met
        found = [met.get(key, met.get(group, np.nan)) for key, group in zip(items.ids, items.groups, strict=True)]
        rebased._arrivals = np.where(np.isfinite(items.published), items.published, found)
        return rebased

    def _grow(self, lessons: Sequence[tuple[Judged, Doubles]]) -> Booster | None:
        """Return the trees; None where nothing was held out."""
        lightgbm = optional("lightgbm", "models")
        if not any(judged.relevant.any() for judged, _ in lessons):
            return None
        rows, labels, sizes, start = self._examples(lessons)
        parameters = {
            "objective": "lambdarank",
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": 100,
            "lambda_l2": 10.0,
            "feature_fraction": 0.5,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "monotone_constraints": [1] * len(self.members) + [0] * len(CONTEXT),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self.seed,
            "verbose": -1,
        }
        data = lightgbm.Dataset(rows, labels, group=sizes, init_score=start, params={"verbose": -1})
        booster: Booster = lightgbm.train(parameters, data, self.trees)
        return booster

    def _examples(self, lessons: Sequence[tuple[Judged, Doubles]]) -> tuple[Floats, Indexes, Indexes, Floats]:
        """Return rows, labels and stacked scores of all candidates, visitor by visitor, and how many each visitor has.

        Visitors without a held-out item among their candidates teach nothing.
        """
        rows, labels, sizes, start = [], [], [], []
        for judged, arrived in lessons:
            usable = (judged.columns >= 0) & judged.relevant.any(axis=1, keepdims=True)
            rows.append(features(judged.scores, judged.columns, judged.histories, arrived)[usable])
            labels.append(judged.relevant[usable].astype(np.int64))
            sizes.append(usable.sum(axis=1)[usable.any(axis=1)])
            start.append(self._stack(judged.scores, judged.histories)[usable])
        return np.concatenate(rows), np.concatenate(labels), np.concatenate(sizes), np.concatenate(start)

    def _stack(self, opinions: Floats, histories: Sequence[History]) -> Floats:
        """Return the stacked scores of opinions, shape (n_members, n_visitors, n)."""
        stacked: Floats = np.einsum("mvc,mv->vc", opinions, self.weights(histories))
        return stacked

    def _blend(self, histories: Sequence[History]) -> Floats:
        return self._in_order(np.stack([scores for _, scores in self._standard_scores(histories)]), histories)[0]

    def _appraise(self, history: History) -> Appraisal:
        standard, plain = zip(*self._standard_appraisals(history), strict=True)
        opinions = np.stack(standard)[:, None, :]
        scores, candidates, lowering = self._in_order(opinions, [history])
        weights = self.weights([history])[:, 0].tolist()
        parts = [part.times(weight) for part, weight in zip(plain, weights, strict=True)]
        chosen = frozenset(candidates[0].tolist())
        return Appraisal(
            scores[0], partial(self._attribute, parts, history, opinions[:, 0], chosen, float(lowering[0]))
        )

    def _in_order(self, opinions: Floats, histories: Sequence[History]) -> tuple[Floats, Indexes, Doubles]:
        """Return scores, the candidates that the trees put in order, and by how much the others were lowered for it."""
        scores = self._stack(opinions, histories)
        if self._booster is None:
            return scores, np.empty((len(scores), 0), dtype=np.int64), np.zeros(len(scores))
        candidates = top_rows(scores, min(self.candidates, self.n_items))
        rows = self._features(opinions, candidates, histories)
        ranked = np.take_along_axis(scores, candidates, axis=1)
        ranked += _ask(self._booster, rows.reshape(-1, rows.shape[2])).reshape(candidates.shape).astype(np.float32)
        others = scores.copy()
        np.put_along_axis(others, candidates, -np.inf, axis=1)
        highest = others.max(axis=1).astype(np.float64)
        lowering = np.where(np.isfinite(highest), np.maximum(highest - ranked.min(axis=1) + GAP, 0), 0)
        scores -= lowering[:, None].astype(np.float32)
        np.put_along_axis(scores, candidates, ranked, axis=1)
        return scores, candidates, lowering

    def _features(self, opinions: Floats, columns: Indexes, histories: Sequence[History]) -> Floats:
        at = np.broadcast_to(columns, (len(opinions), *columns.shape))
        return features(np.take_along_axis(opinions, at, axis=2), columns, histories, self._arrivals)

    def _attribute(
        self,
        parts: Sequence[Part],
        history: History,
        opinions: Floats,
        candidates: frozenset[int],
        lowering: float,
        items: Sequence[int],
    ) -> Attribution:
        is_ranked: Mask = np.asarray([item in candidates for item in items], dtype=np.bool_)
        values = np.zeros((len(items), len(parts) + 1))
        values[~is_ranked, -1] = -lowering
        if self._booster is not None and is_ranked.any():
            columns = np.asarray(items, dtype=np.int64)[is_ranked][None, :]
            rows = self._features(opinions[:, None, :], columns, [history])[0]
            shap = _ask(self._booster, rows, pred_contrib=True)
            values[is_ranked] = np.column_stack([shap[:, : len(parts)], shap[:, len(parts) :].sum(axis=1)])
        sources: list[tuple[str, int | None]] = []
        amounts: list[Doubles] = []
        for position, part in enumerate(parts):
            said = part.attribute(items)
            amounts.append(said.amounts + _share_out(values[:, position], said.amounts))
            sources.extend(said.sources)
        return Attribution((*sources, (self.name, None)), np.column_stack([*amounts, values[:, -1]]))

    def _arrays(self) -> Mapping[str, Array]:
        text = "" if self._booster is None else self._booster.model_to_string()
        return {"arrivals": self._arrivals, "trees": np.frombuffer(text.encode(), dtype=np.uint8)}

    def _meta(self) -> dict[str, Any]:
        first_met = {name: moment for name, moment in self._first_met.items() if np.isfinite(moment)}
        return super()._meta() | {"first_met": first_met}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        lightgbm = optional("lightgbm", "models")
        self._arrivals, self._first_met = arrays["arrivals"], dict(meta["first_met"])
        text = arrays["trees"].tobytes().decode()
        try:
            self._booster = lightgbm.Booster(model_str=text) if text else None
        except lightgbm.basic.LightGBMError as error:
            raise ValueError(f"the trees cannot be read: {error}") from error


def _ask(booster: Booster, rows: Floats, **options: Any) -> Doubles:
    return np.asarray(booster.predict(rows, num_threads=1, **options), dtype=np.float64)


def arrivals(interactions: Interactions, items: Items | None) -> Doubles:
    """Return when each column was published, or else first met with, shape (n_items,); NaN where it never was.

    Examples
    --------
    >>> seen = Interactions.from_rows(["ann", "bob"], ["x", "x"], [30.0, 10.0], item_ids=["x", "y"])
    >>> arrivals(seen, Items(ids=("y",), published=[5.0])).tolist()
    [10.0, 5.0]
    """
    first = np.full(interactions.n_items, np.inf)
    np.minimum.at(first, interactions.matrix.indices, interactions.timestamps)
    published: dict[str, float] = {}
    if items is not None:
        for key, group, moment in zip(items.ids, items.groups, items.published.tolist(), strict=True):
            if np.isfinite(moment):
                published[group] = min(moment, published.get(group, moment))
                published.setdefault(key, moment)
    known = np.asarray([published.get(name, np.nan) for name in interactions.item_ids])
    return np.where(np.isfinite(known), known, np.where(np.isfinite(first), first, np.nan))


def features(scores: Floats, columns: Indexes, histories: Sequence[History], arrived: Doubles) -> Floats:
    """Return what the trees see of some candidates; one definition for learning and for serving.

    Parameters
    ----------
    scores : array of float32, shape (n_members, n_visitors, n_candidates)
        Standardised. Rounded here: numbers that differ in their last digits only must not part ways at a branch.
    columns : array of int64, shape (n_visitors, n_candidates)
    histories : sequence of History
    arrived : array of float64, shape (n_items,)
        Seconds since the epoch, see `arrivals`.

    Returns
    -------
    array of float32, shape (n_visitors, n_candidates, n_members + 2)
        The members' scores; how much is known of the visitor; the logarithm of the item's age in days when the visitor
        was last seen (NaN where one of the two is unknown).
    """
    moments = np.asarray([history.timestamps.max(initial=0) or np.nan for history in histories])
    days: Doubles = np.maximum(moments[:, None] - arrived[columns], 0) / SECONDS_PER_DAY
    known = np.broadcast_to(known_of(histories)[:, None], columns.shape)
    return np.stack([*scores.round(4), known, np.log1p(days).round(4)], axis=2).astype(np.float32)


def _share_out(values: Doubles, amounts: Doubles) -> Doubles:
    """Share out values, shape (n,), over columns in proportion to the size of amounts, shape (n, m); else to the last.

    Examples
    --------
    >>> _share_out(np.array([3.0, 4.0]), np.array([[-1.0, 2.0], [0.0, 0.0]])).tolist()
    [[1.0, 2.0], [0.0, 4.0]]
    """
    sizes = np.abs(amounts)
    totals = sizes.sum(axis=1, keepdims=True)
    alone = np.zeros_like(sizes)
    alone[:, -1] = 1
    return values[:, None] * np.where(totals > 0, sizes / np.where(totals > 0, totals, 1), alone)
