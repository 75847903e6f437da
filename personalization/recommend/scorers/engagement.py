"""The engagement model as a scorer: what a visitor will probably follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit

from personalization.recommend.artifacts import Array
from personalization.recommend.asof import fade
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
from personalization.recommend.engagement import EngagementModel
from personalization.recommend.features import (
    POPULARITY_DAYS,
    Log,
    Moments,
    Shelf,
    Table,
    features,
    item_numbers,
    of_shelf,
    of_visitor,
    table_of,
)
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import Learned
from personalization.recommend.scorers.registry import register
from personalization.recommend.votes import Votes

BLOCK_ROWS = 100_000
VOTES = ("item", "time", "sign")


@register
class Engagement(Learned):
    """Log-odds that the visitor follows each item, learned from what was followed and what was not.

    Parameters
    ----------
    kind : {"logistic", "forest", "boosting"}
        Logistic regression, a random forest, or gradient boosting by lightgbm.
    negatives : int
        How many items not followed are learned from for each that was, at least: those that were shown and ignored,
        and where these are too few, items the visitor did not know yet, drawn at random.
    most_rows : int
        The newest rows to learn from.
    seed : int
        Of the draws and of the model.

    Notes
    -----
    The features are those of `personalization.recommend.features`, each as of the time of the interaction. A visitor is
    scored as of the history's ``now``; without one as of the newest thing known: of the history, or of all that was
    learned from. Items are known as of the end of what was learned from. Probabilities are calibrated on what was
    shown, and followed or ignored; where that is not known they only tell what was followed from what was drawn.

    A contribution names the feature it comes from: ``engagement similarity``. They add up to the log-odds, with
    logistic regression as coefficient times value, with a forest along the paths, with boosting as Shapley values.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbcc"), list("xyxyxz"), [0.0, 9.0, 1.0, 8.0, 2.0, 7.0])
    >>> scorer = Engagement(negatives=1).fit(seen)
    >>> scorer.score([seen.history(0)]).shape
    (1, 3)
    """

    name = "engagement"

    def __init__(self, *, kind: str = "logistic", negatives: int = 4, most_rows: int = 200_000, seed: int = 0) -> None:
        check_positive(negatives=negatives, most_rows=most_rows)
        super().__init__(kind=kind, negatives=negatives, most_rows=most_rows, seed=seed)
        self.kind, self.negatives, self.most_rows, self.seed = kind, negatives, most_rows, seed
        self.model = EngagementModel(kind=kind, seed=seed)

    def fit(self, interactions: Interactions, items: Items | None = None) -> Engagement:
        """Learn from the interactions, and from what was ignored where that is known."""
        self._learn_ids(interactions)
        self._shelf = Shelf.of(items, interactions.item_ids)
        log = _log_of(interactions)
        moments, followed, shown = self._examples(interactions, log)
        self.model = EngagementModel(kind=self.kind, seed=self.seed)
        self.model.fit(features(log, moments, self._shelf), followed, shown)
        self._until = float(log.time[-1])
        self._remember(log)
        return self

    def rebase(self, items: Items) -> Engagement:
        """Return a scorer with the same learned parameters whose columns (and histories) follow `items`."""
        rebased = super().rebase(items)
        rebased._shelf = Shelf.of(items, items.ids)
        size, given = self._shelf.embeddings.shape[1], rebased._shelf.embeddings.shape[1]
        if size and given and size != given:
            raise ValueError(f"The items have embeddings of {given} dimensions, the scorer of {size}.")
        return rebased

    def coverage_mask(self) -> Mask:
        """Return which columns had interactions or have an embedding, shape (n_items,)."""
        return super().coverage_mask() | np.asarray(self._shelf.embeddings.any(axis=1))

    def probabilities(self, histories: Sequence[History]) -> Doubles:
        """Return the probability that each item is followed, shape (n_histories, n_items)."""
        chances: Doubles = expit(self.score(histories).astype(np.float64))
        return chances

    def _examples(self, interactions: Interactions, log: Log) -> tuple[Moments, Mask, Mask]:
        """Return whom, what and when to learn from, oldest first; what of it was followed, and what was shown."""
        # All of some last days: of a few of the ignored, or of other days, chances could not be told.
        numbers = np.cumsum(log.weight[::-1] > 0) * (1 + self.negatives), np.arange(1, len(log) + 1)
        newest = slice(-max(int(np.searchsorted(np.maximum(*numbers), self.most_rows, side="right")), 1), None)
        visitors, items, times = log.visitor[newest], log.item[newest], log.time[newest]
        followed = log.weight[newest] > 0
        shown = ~followed | _is_among(interactions.matrix, interactions.followed, visitors, items)
        wanted = max(self.negatives * int(followed.sum()) - int((~followed).sum()), 0)
        beside = np.resize(np.flatnonzero(followed), wanted)
        drawn = np.random.default_rng(self.seed).integers(interactions.n_items, size=wanted)
        known = np.ones(interactions.matrix.nnz, dtype=np.bool_)
        unknown = ~_is_among(interactions.matrix, known, visitors[beside], drawn)
        beside, drawn = beside[unknown], drawn[unknown]
        rows = np.concatenate([np.arange(len(times)), beside])
        order = np.argsort(times[rows], kind="stable")
        rows, is_drawn = rows[order], order >= len(times)
        words = np.asarray(interactions.segments, dtype=np.str_)[visitors[rows]].tolist()
        moments = Moments(visitors[rows], np.concatenate([items, drawn])[order], times[rows], {"segment": words})
        return moments, followed[rows] & ~is_drawn, shown[rows] & ~is_drawn

    def _remember(self, log: Log) -> None:
        """Keep what serving must know of each item: attention as of the end, and how often it was chosen and shown."""
        n, acts = len(self.learned_ids), log.take(log.weight > 0)
        left = fade(acts.weight, self._until - acts.time, POPULARITY_DAYS)
        self._attention = np.bincount(acts.item, weights=left, minlength=n).astype(np.float64)
        self._chosen = np.bincount(acts.item, minlength=n).astype(np.float64)
        self._shown = np.bincount(log.item[log.weight <= 0], minlength=n).astype(np.float64)

    def _table(self, histories: Sequence[History], columns: Indexes) -> Table:
        """Return the features of some columns for each visitor, as of the history's moment."""
        now = np.array([self._moment(history) for history in histories])
        n = len(columns)
        moments = Moments(
            np.arange(len(histories)).repeat(n),
            np.tile(columns, len(histories)),
            now.repeat(n),
            {"segment": np.repeat([history.segment for history in histories], n).tolist()},
        )
        source = self._source[moments.item]
        attention, chosen, shown = (
            np.where(source >= 0, amounts[source], 0.0) for amounts in (self._attention, self._chosen, self._shown)
        )
        total, of_tags = self._attention.sum(keepdims=True), self._shelf.demand(self._spread())[moments.item]
        of_items = item_numbers(attention, total, of_tags, chosen, shown, len(self.learned_ids))
        own = of_visitor(_log_of_histories(histories), moments, self._shelf)
        return table_of(own | of_items | of_shelf(moments, self._shelf), moments)

    def _moment(self, history: History) -> float:
        if history.now is not None:
            return history.now
        return float(np.nextafter(max(self._until, history.timestamps.max(initial=0.0)), np.inf))

    def _spread(self) -> Doubles:
        """Return the attention that each column gets; translations share that of their page."""
        shown = self._source[self._source >= 0]
        shares = self._attention / np.maximum(np.bincount(shown, minlength=len(self.learned_ids)), 1)
        spread: Doubles = np.where(self._source >= 0, shares[self._source], 0.0)
        return spread

    def _score(self, histories: Sequence[History]) -> Floats:
        scores = np.empty((len(histories), self.n_items), dtype=np.float32)
        columns, block = np.arange(self.n_items), max(1, BLOCK_ROWS // self.n_items)
        for start in range(0, len(histories), block):
            part = histories[start : start + block]
            scores[start : start + block] = self.model.log_odds(self._table(part, columns)).reshape(len(part), -1)
        return scores

    def _appraise(self, history: History) -> Appraisal:
        return Appraisal(self._score([history])[0], partial(self._attribute, history))

    def _attribute(self, history: History, items: Sequence[int]) -> Attribution:
        names, amounts = self.model.contributions(self._table([history], np.asarray(items, dtype=np.int64)))
        sources = tuple((f"{self.name} {name}", None) for name in names)
        return Attribution((*sources, (self.name, None)), amounts)

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        stock = {"attention": self._attention, "chosen": self._chosen, "shown": self._shown}
        shelf = {"embeddings": self._shelf.embeddings, "tags": self._shelf.tags, "published": self._shelf.published}
        votes = {f"votes_{name}": getattr(self._shelf.votes, name) for name in VOTES}
        return {**super()._arrays(), **self.model.arrays(), **stock, **shelf, **votes}

    def _meta(self) -> dict[str, Any]:
        return {**super()._meta(), "model": self.model.meta(), "until": self._until}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self.model = EngagementModel.of(arrays, meta["model"])
        self._until = float(meta["until"])
        self._attention, self._chosen, self._shown = (arrays[name] for name in ("attention", "chosen", "shown"))
        votes = Votes(*(arrays[f"votes_{name}"] for name in VOTES))
        self._shelf = Shelf(arrays["embeddings"], arrays["tags"], arrays["published"], votes)


def _log_of(interactions: Interactions) -> Log:
    """Return what was done and, where it is known, what was shown and ignored, as a log."""
    visitor, item = interactions.rows, interactions.matrix.indices.astype(np.int64)
    time, weight = interactions.timestamps, interactions.matrix.data.astype(np.float64)
    if interactions.ignored is not None:
        ignored = interactions.ignored
        visitor = np.concatenate([visitor, np.repeat(np.arange(interactions.n_visitors), np.diff(ignored.indptr))])
        item = np.concatenate([item, ignored.indices.astype(np.int64)])
        time = np.concatenate([time, interactions.ignored_at])
        weight = np.concatenate([weight, np.zeros(ignored.nnz)])
    order = np.argsort(time, kind="stable")
    return Log(visitor[order], item[order], time[order], weight[order])


def _log_of_histories(histories: Sequence[History]) -> Log:
    visitor = np.arange(len(histories)).repeat([len(history) for history in histories])
    item, time, weight = (
        np.concatenate([getattr(history, name) for history in histories]) for name in ("items", "timestamps", "weights")
    )
    order = np.argsort(time, kind="stable")
    return Log(visitor[order], item[order], time[order], weight[order].astype(np.float64))


def _is_among(matrix: csr_array, marked: Mask, rows: Indexes, columns: Indexes) -> Mask:
    """Return which pairs are stored in a matrix and marked there."""
    pairs = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    return np.isin(rows * matrix.shape[1] + columns, pairs[marked])
