"""Judge scorers on held-out interactions, with intervals that say how much chance is in the figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.recommend import metrics
from personalization.recommend.data import Doubles, Indexes, Interactions, Items
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.splits import Split, Splitter

BLOCK = 256

PER_VISITOR = {
    "ndcg": metrics.ndcg_at_k,
    "recall": metrics.recall_at_k,
    "precision": metrics.precision_at_k,
    "map": metrics.map_at_k,
    "hit_rate": metrics.hit_rate_at_k,
    "mrr": metrics.mrr,
}

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Row:
    """One scorer's figures.

    ``metrics`` maps "ndcg@10" and its like to means; ``intervals`` holds a 95 % interval for those that are means over
    visitors; ``per_visitor`` their values, NaN-free and in the same order for every scorer of a report.
    """

    scorer: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, Interval]
    per_visitor: Mapping[str, Doubles]
    fit_seconds: float


@dataclass(frozen=True)
class Difference:
    """How much better the first of two scorers is: mean over visitors and its interval."""

    mean: float
    interval: Interval

    @property
    def is_clear(self) -> bool:
        """Whether the whole interval lies above zero."""
        return self.interval[0] > 0


@dataclass(frozen=True, eq=False)
class Report:
    """The outcome of `evaluate`: one row for each scorer, over the same visitors."""

    rows: tuple[Row, ...]
    n_visitors: int
    left_out: int
    ks: tuple[int, ...]
    seed: int

    def row(self, scorer: str) -> Row:
        """Return one scorer's row; KeyError when it was not evaluated."""
        for row in self.rows:
            if row.scorer == scorer:
                return row
        raise KeyError(scorer)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, fit for JSON; figures that cannot be computed are None."""
        return {
            "visitors": self.n_visitors,
            "left_out": self.left_out,
            "scorers": {
                row.scorer: {
                    "metrics": {name: _plain(value) for name, value in row.metrics.items()},
                    "intervals": {name: [_plain(low), _plain(high)] for name, (low, high) in row.intervals.items()},
                    "fit_seconds": round(row.fit_seconds, 3),
                }
                for row in self.rows
            },
        }

    def table(self) -> str:
        """Return a plain-text table, best NDCG first."""
        k = self.ks[0]
        lines = [["scorer", f"NDCG@{k}", "95 % interval", f"Recall@{k}", f"coverage@{k}", "novelty", "fit s"]]
        for row in sorted(self.rows, key=lambda row: -row.metrics[f"ndcg@{k}"]):
            low, high = row.intervals[f"ndcg@{k}"]
            figures = [row.metrics[f"{name}@{k}"] for name in ("recall", "coverage")]
            lines.append(
                [row.scorer, f"{row.metrics[f'ndcg@{k}']:.4f}", f"{low:.4f} .. {high:.4f}"]
                + [f"{figure:.4f}" for figure in figures]
                + [f"{row.metrics[f'novelty@{k}']:.2f}", f"{row.fit_seconds:.2f}"]
            )
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        return "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in lines
        )


def evaluate(
    scorers: Mapping[str, Scorer],
    interactions: Interactions,
    split: Split | Splitter,
    ks: Sequence[int] = (10,),
    *,
    items: Items | None = None,
    fitted: Mapping[str, Scorer] | None = None,
    seed: int = 0,
    resamples: int = 1_000,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Fit scorers on the training part and judge their rankings of what each visitor has not seen.

    Parameters
    ----------
    scorers : mapping of str to Scorer
        To be fitted here, on ``split.train`` alone.
    interactions : Interactions
        Everything; only read when `split` is a function.
    split : Split or callable
        A split, or a function that makes one of `interactions`, such as `splits.temporal`.
    ks : sequence of int
        Cut-offs; the first is the one that tables show.
    items : Items, optional
        Embeddings for the scorers that read; with them the report holds diversity, too.
    fitted : mapping of str to Scorer, optional
        Judged as they are, such as the version now serving. They must have the split's columns (see `rebase`), and
        should not have learned from its held-out part.
    seed, resamples : int
        Of the bootstrap over visitors; the resamples are the same for every scorer.
    progress : callable, optional
        Called with each scorer's name before it is fitted.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If nobody has held-out interactions, or a fitted scorer has other columns.

    Examples
    --------
    >>> from personalization.recommend.scorers import Popular
    >>> from personalization.recommend.splits import last_k
    >>> seen = Interactions.from_rows(list("aabbcc"), list("xyyxyz"), range(6))
    >>> report = evaluate({"popular": Popular()}, seen, lambda rows: last_k(rows, k=1), ks=(1,))
    >>> report.n_visitors
    3
    """
    if not isinstance(split, Split):
        split = split(interactions)
    if not len(split.test_rows):
        raise ValueError("No visitor has held-out interactions: there is nothing to judge by.")
    rows = []
    for name, scorer in scorers.items():
        if progress is not None:
            progress(name)
        started = time.perf_counter()
        scorer.fit(split.train, items)
        seconds = time.perf_counter() - started
        rows.append(_judge(name, scorer, split, ks, items, seconds, seed, resamples))
    for name, scorer in (fitted or {}).items():
        if scorer.item_ids != split.train.item_ids:
            raise ValueError(f"The fitted scorer {name!r} has other columns than the split: rebase it first.")
        rows.append(_judge(name, scorer, split, ks, items, 0.0, seed, resamples))
    return Report(tuple(rows), len(split.test_rows), split.left_out, tuple(ks), seed)


def paired_difference(
    report: Report, a: str, b: str, *, metric: str | None = None, level: float = 0.95, resamples: int = 1_000
) -> Difference:
    """Compare two scorers of a report visitor by visitor: mean of ``a - b`` with a bootstrap interval.

    Parameters
    ----------
    report : Report
    a, b : str
        Scorers' names; KeyError when one was not evaluated.
    metric : str, optional
        Such as "recall@10"; NDCG at the report's first cut-off when left out.
    level : float
        Of the interval.

    References
    ----------
    T. Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006.
    """
    name = metric or f"ndcg@{report.ks[0]}"
    differences = report.row(a).per_visitor[name] - report.row(b).per_visitor[name]
    interval = bootstrap_interval(differences, seed=report.seed, level=level, resamples=resamples)
    return Difference(float(differences.mean()), interval)


def bootstrap_interval(values: Doubles, *, seed: int, level: float = 0.95, resamples: int = 1_000) -> Interval:
    """Return the percentile interval of a mean; the same seed draws the same visitors.

    Examples
    --------
    >>> bootstrap_interval(np.full(5, 2.0), seed=0)
    (2.0, 2.0)
    """
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _judge(
    name: str,
    scorer: Scorer,
    split: Split,
    ks: Sequence[int],
    items: Items | None,
    seconds: float,
    seed: int,
    resamples: int,
) -> Row:
    ranked = _rank(scorer, split, max(ks))
    relevant = split.test.matrix[split.test_rows]
    embeddings = items.aligned_to(split.train.item_ids) if items is not None else None
    popularity = np.bincount(split.train.matrix.indices, minlength=split.train.n_items)
    per_visitor = {f"{word}@{k}": measure(ranked, relevant, k) for k in ks for word, measure in PER_VISITOR.items()}
    figures = {name: metrics.average(values) for name, values in per_visitor.items()}
    for k in ks:
        figures[f"coverage@{k}"] = metrics.coverage(ranked, split.train.n_items, k)
        figures[f"novelty@{k}"] = metrics.novelty(ranked, popularity, split.train.n_visitors, k)
        if embeddings is not None:
            figures[f"diversity@{k}"] = metrics.diversity(ranked, embeddings, k)
    intervals = {
        metric: bootstrap_interval(values, seed=seed, resamples=resamples) for metric, values in per_visitor.items()
    }
    return Row(name, figures, intervals, per_visitor, seconds)


def _rank(scorer: Scorer, split: Split, k: int) -> Indexes:
    """Rank what each judged visitor has not seen in training, a block of visitors at a time."""
    blocks = []
    for start in range(0, len(split.test_rows), BLOCK):
        rows = split.test_rows[start : start + BLOCK]
        scores = scorer.score(split.train.histories(rows))
        scores[split.train.matrix[rows].nonzero()] = -np.inf
        blocks.append(top_rows(scores, k))
    return np.concatenate(blocks)


def _plain(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None
