"""One scorer before its judge: rankings of what each visitor has not seen, and every figure that follows from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend import metrics
from personalization.recommend.data import Doubles, Floats, History, Indexes, Items, Mask
from personalization.recommend.rerankers import top_rows
from personalization.recommend.resampling import (
    Interval,
    mean_draws,
    percentile_interval,
    recentred,
    resample_weights,
)
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.splits import Split, pair_numbers

PER_VISITOR = {
    "ndcg": metrics.ndcg_at_k,
    "recall": metrics.recall_at_k,
    "precision": metrics.precision_at_k,
    "map": metrics.map_at_k,
    "hit_rate": metrics.hit_rate_at_k,
    "mrr": metrics.mrr,
}

HISTORY_LENGTHS = (0, 1, 2, 5, 10)
# Enough for a curve; each of its points costs as much as the whole judgement of as many visitors.
MOST_ON_THE_CURVE = 1_000
CALIBRATION_BINS = 10
UNKNOWN_SEGMENT = "unknown"
LARGEST_BLOCK = 16_000_000
MOST_ROWS = 256


@dataclass(frozen=True, eq=False)
class Slice:
    """Accuracy among some of the visitors: how many they are, means and 95 % intervals."""

    n_visitors: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, eq=False)
class Row:
    """One scorer's figures.

    Parameters
    ----------
    scorer : str
        The name it was judged by.
    metrics : mapping of str to float
        "ndcg@10" and its like.
    intervals : mapping of str to (float, float)
        95 % bootstrap interval of each.
    per_visitor : mapping of str to array, shape (n_visitors,)
        What the means over visitors are means of, in the same order for every scorer of a report. NaN where a figure
        cannot be had of a visitor; never for ranking accuracy.
    fit_seconds : float
        Time that learning took.
    draws : mapping of str to array, shape (resamples,)
        Each figure in each resample, the same visitors for every scorer of a report.
    peak_mb : float
        How far resident memory rose while the scorer learned and ranked, in MiB; NaN when not measured.
    segments : mapping of str to Slice
        Accuracy for each segment of visitors; empty when interactions name none.
    history_lengths : mapping of str to Slice
        The cold-start curve: accuracy for the same visitors when only their newest 0, 1, 2, ... are known.
    """

    scorer: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    per_visitor: Mapping[str, Doubles]
    fit_seconds: float
    draws: Mapping[str, Doubles] = field(default_factory=dict)
    peak_mb: float = float("nan")
    segments: Mapping[str, Slice] = field(default_factory=dict)
    history_lengths: Mapping[str, Slice] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Judge:
    """What is the same for every scorer: who is judged, what was held out, and how chance is measured."""

    split: Split
    ks: tuple[int, ...]
    embeddings: Floats | None
    seed: int
    resamples: int
    history_lengths: tuple[int, ...]

    @classmethod
    def of(
        cls, split: Split, ks: Sequence[int], items: Items | None, seed: int, resamples: int, lengths: Sequence[int]
    ) -> Judge:
        """Take the embeddings of the split's items."""
        embeddings = items.aligned_to(split.train.item_ids) if items is not None else None
        return cls(split, tuple(ks), embeddings, seed, resamples, tuple(sorted(set(lengths))))

    @cached_property
    def visitors(self) -> Indexes:
        """Rows of the visitors with something held out and something to learn from."""
        rows = self.split.test_rows
        known: Mask = np.diff(self.split.train.matrix.indptr)[rows] > 0
        return rows[known]

    @property
    def left_out(self) -> int:
        """Visitors with held-out interactions, of whom training knows nothing."""
        return self.split.left_out + len(self.split.test_rows) - len(self.visitors)

    def judge(self, name: str, scorer: Scorer, fit_seconds: float = 0.0) -> Row:
        """Rank, and compute every figure with its interval."""
        ranked, areas = self._rank(name, scorer, self.visitors)
        relevant = self.split.test.matrix[self.visitors]
        per_visitor = self._accuracy(ranked, relevant, areas) | self._beyond_accuracy(ranked)
        columns = mean_draws(np.column_stack(list(per_visitor.values())), seed=self.seed, resamples=self.resamples)
        draws = dict(zip(per_visitor, columns.T, strict=True))
        figures = {metric: metrics.average(values) for metric, values in per_visitor.items()}
        for more_figures, more_draws in self._of_all_lists(ranked, per_visitor, draws), self._of_chances(scorer):
            figures |= more_figures
            draws |= more_draws
        accuracy = {metric: values for metric, values in per_visitor.items() if self._is_accuracy(metric)}
        return Row(
            scorer=name,
            metrics=figures,
            intervals={metric: percentile_interval(values) for metric, values in draws.items()},
            per_visitor=per_visitor,
            fit_seconds=fit_seconds,
            draws=draws,
            segments=self._by_segment(accuracy),
            history_lengths=dict(self._by_history_length(name, scorer)),
        )

    @cached_property
    def _popularity(self) -> Indexes:
        return np.bincount(self.split.train.matrix.indices, minlength=self.split.train.n_items)

    @cached_property
    def _own_popularity(self) -> Doubles:
        """Mean popularity of what each judged visitor chose in training."""
        mine = self.split.train.matrix[self.visitors]
        chosen = csr_array((np.ones_like(mine.data), mine.indices, mine.indptr), shape=mine.shape)
        means: Doubles = (chosen @ self._popularity.astype(np.float64)) / np.diff(mine.indptr)
        return means

    @property
    def _n_candidates(self) -> int:
        return self.split.train.n_items if self.split.candidates is None else int(self.split.candidates.sum())

    def _rank(self, name: str, scorer: Scorer, visitors: Indexes, newest: int | None = None) -> tuple[Indexes, Doubles]:
        """Return rankings of what visitors have not seen, shape (n, max(ks)), and the area under each one's curve.

        With `newest`, the scorer is told only of as many of a visitor's interactions; what is ranked stays the same.
        """
        ranked, areas = [], []
        for rows in blocks(visitors, self.split.train.n_items):
            scores = scorer.score([_newest(history, newest) for history in self.split.train.histories(rows)])
            if not np.isfinite(scores).all():
                raise ValueError(f"The scorer {name!r} gives scores that are not finite numbers.")
            scores[self.split.train.matrix[rows].nonzero()] = -np.inf
            if self.split.candidates is not None:
                scores[:, ~self.split.candidates] = -np.inf
            ranked.append(top_rows(scores, max(self.ks)))
            areas.append(metrics.auc(scores, self.split.test.matrix[rows]))
        return np.concatenate(ranked), np.concatenate(areas)

    def _accuracy(self, ranked: Indexes, relevant: csr_array, areas: Doubles) -> dict[str, Doubles]:
        found = {f"{word}@{k}": measure(ranked, relevant, k) for k in self.ks for word, measure in PER_VISITOR.items()}
        return found | {"auc": areas}

    @staticmethod
    def _is_accuracy(metric: str) -> bool:
        return metric == "auc" or metric.partition("@")[0] in PER_VISITOR

    def _beyond_accuracy(self, ranked: Indexes) -> dict[str, Doubles]:
        found: dict[str, Doubles] = {}
        for k in self.ks:
            found[f"novelty@{k}"] = metrics.list_novelty(ranked, self._popularity, self.split.train.n_visitors, k)
            found[f"popularity@{k}"] = metrics.list_popularity(ranked, self._popularity, k)
            if self.embeddings is not None:
                found[f"diversity@{k}"] = metrics.list_diversity(ranked, self.embeddings, k)
        return found

    def _of_all_lists(
        self, ranked: Indexes, per_visitor: Mapping[str, Doubles], draws: Mapping[str, Doubles]
    ) -> tuple[dict[str, float], dict[str, Doubles]]:
        """Return coverage, concentration and popularity lift, which are of all lists together."""
        figures, found = {}, {}
        own = mean_draws(self._own_popularity[:, None], seed=self.seed, resamples=self.resamples)[:, 0]
        for k in self.ks:
            lift = metrics.popularity_lift(per_visitor[f"popularity@{k}"], self._own_popularity)
            figures[f"popularity_lift@{k}"], found[f"popularity_lift@{k}"] = lift, draws[f"popularity@{k}"] / own - 1
            exact = {
                f"coverage@{k}": metrics.coverage(ranked, self._n_candidates, k),
                f"gini@{k}": metrics.gini(ranked, self._n_candidates, k),
            }
            figures |= exact
            for metric, values in zip(exact, self._draw_exposure(ranked, k), strict=True):
                found[metric] = np.clip(recentred(values, exact[metric]), 0, 1)
        return figures, found

    def _draw_exposure(self, ranked: Indexes, k: int) -> tuple[Doubles, Doubles]:
        """Return coverage and Gini coefficient in each resample."""
        head = ranked[:, :k]
        items, columns = np.unique(head[head >= 0], return_inverse=True)
        shape = (len(head), len(items))
        shown = csr_array((np.ones(len(columns)), (np.nonzero(head >= 0)[0], columns)), shape=shape)
        covered, concentrated = [], []
        for weights in resample_weights(len(head), seed=self.seed, resamples=self.resamples):
            counts = weights @ shown
            covered.append((counts > 0).sum(axis=1) / max(self._n_candidates, 1))
            concentrated.append(metrics.gini_of_counts(counts, self._n_candidates))
        return np.concatenate(covered), np.concatenate(concentrated)

    def _of_chances(self, scorer: Scorer) -> tuple[dict[str, float], dict[str, Doubles]]:
        """Judge the chances that a scorer states, where it does and where visitors are known to have ignored items."""
        state = getattr(scorer, "probabilities", None)
        shown = _shown_later(self.split, self.visitors) if state is not None else None
        if state is None or shown is None:
            return {}, {}
        rows, columns, chosen = shown
        chances = np.empty(len(rows))
        for start in range(0, len(self.visitors), MOST_ROWS):
            part = (rows >= start) & (rows < start + MOST_ROWS)
            stated = state(self.split.train.histories(self.visitors[start : start + MOST_ROWS]))
            chances[part] = stated[rows[part] - start, columns[part]]
        figures = {
            "log_loss": metrics.log_loss(chances, chosen),
            "calibration_error": metrics.expected_calibration_error(chances, chosen, CALIBRATION_BINS),
        }
        drawn = self._draw_chances(rows, chances, chosen)
        return figures, {metric: recentred(drawn[metric], figures[metric]) for metric in figures}

    def _draw_chances(self, rows: Indexes, chances: Doubles, chosen: Mask) -> dict[str, Doubles]:
        """Return log loss and calibration error in each resample of visitors."""
        clipped = np.clip(chances, 1e-15, 1 - 1e-15)
        n = len(self.visitors)
        counts = np.bincount(rows, minlength=n)
        losses = np.bincount(rows, weights=-np.where(chosen, np.log(clipped), np.log1p(-clipped)), minlength=n)
        bins = np.minimum((chances * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
        gaps = np.bincount(rows * CALIBRATION_BINS + bins, weights=chances - chosen, minlength=n * CALIBRATION_BINS)
        drawn: dict[str, list[Doubles]] = {"log_loss": [], "calibration_error": []}
        for weights in resample_weights(n, seed=self.seed, resamples=self.resamples):
            sizes = np.maximum(weights @ counts, 1)
            drawn["log_loss"].append(weights @ losses / sizes)
            drawn["calibration_error"].append(np.abs(weights @ gaps.reshape(n, -1)).sum(axis=1) / sizes)
        return {metric: np.concatenate(blocks) for metric, blocks in drawn.items()}

    def _by_segment(self, accuracy: Mapping[str, Doubles]) -> dict[str, Slice]:
        names = np.asarray(self.split.train.segments, dtype=object)[self.visitors]
        if not names.astype(bool).any():
            return {}
        return {
            str(name) or UNKNOWN_SEGMENT: self._slice({m: v[names == name] for m, v in accuracy.items()})
            for name in sorted(set(names))
        }

    def _by_history_length(self, name: str, scorer: Scorer) -> Iterator[tuple[str, Slice]]:
        lengths, visitors = self._curve
        relevant = self.split.test.matrix[visitors]
        for length in lengths:
            is_last = length == lengths[-1]
            ranked, areas = self._rank(name, scorer, visitors, None if is_last else length)
            yield f"{length}+" if is_last else str(length), self._slice(self._accuracy(ranked, relevant, areas))

    @cached_property
    def _curve(self) -> tuple[tuple[int, ...], Indexes]:
        """Return the lengths that somebody's history has, and the visitors who have the longest of them."""
        known = np.diff(self.split.train.matrix.indptr)[self.visitors]
        lengths = tuple(length for length in self.history_lengths if length <= known.max(initial=0))
        if not lengths:
            return (), self.visitors[:0]
        visitors = self.visitors[known >= lengths[-1]]
        if len(visitors) > MOST_ON_THE_CURVE:
            visitors = np.sort(np.random.default_rng(self.seed).choice(visitors, MOST_ON_THE_CURVE, replace=False))
        return lengths, visitors

    def _slice(self, accuracy: Mapping[str, Doubles]) -> Slice:
        columns = mean_draws(np.column_stack(list(accuracy.values())), seed=self.seed, resamples=self.resamples)
        return Slice(
            n_visitors=len(next(iter(accuracy.values()))),
            metrics={metric: metrics.average(values) for metric, values in accuracy.items()},
            intervals={m: percentile_interval(values) for m, values in zip(accuracy, columns.T, strict=True)},
        )


def blocks(rows: Indexes, n_items: int) -> Iterator[Indexes]:
    """Yield a few rows at a time, so that their dense scores need no more than 64 MB.

    Examples
    --------
    >>> [len(part) for part in blocks(np.arange(600), n_items=1_000)]
    [256, 256, 88]
    """
    size = max(1, min(MOST_ROWS, LARGEST_BLOCK // max(n_items, 1)))
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _newest(history: History, count: int | None) -> History:
    """Return a history of which only the newest interactions are known, and nothing else is."""
    if count is None:
        return history
    start = max(len(history) - count, 0)
    return History(
        items=history.items[start:],
        weights=history.weights[start:],
        timestamps=history.timestamps[start:],
        segment=history.segment,
    )


def _shown_later(split: Split, visitors: Indexes) -> tuple[Indexes, Indexes, Mask] | None:
    """Return positions among `visitors`, columns and outcomes of what was shown after training; None if unknown.

    Chosen: what was held out. Not chosen: what a visitor ignored later than anything training knows of.
    """
    ignored = split.test.ignored
    if ignored is None:
        return None
    last = np.full(split.train.n_visitors, -np.inf)
    np.maximum.at(last, split.train.rows, split.train.timestamps)
    owners = np.repeat(np.arange(split.test.n_visitors), np.diff(ignored.indptr))
    taken = np.concatenate([pair_numbers(split.train), pair_numbers(split.test)])
    numbers = owners * split.test.n_items + ignored.indices
    passed = (split.test.ignored_at > last[owners]) & ~np.isin(numbers, taken)
    position = np.full(split.train.n_visitors, -1)
    position[visitors] = np.arange(len(visitors))
    rows = position[np.concatenate([split.test.rows, owners[passed]])]
    columns = np.concatenate([split.test.matrix.indices, ignored.indices[passed]])
    chosen = np.arange(len(rows)) < split.test.matrix.nnz
    judged = rows >= 0
    return (rows[judged], columns[judged], chosen[judged]) if passed.any() and judged.any() else None
