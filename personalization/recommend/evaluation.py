"""Judge scorers on held-out interactions, with intervals that say how much chance is in the figures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from personalization.recommend.data import Interactions, Items
from personalization.recommend.judging import HISTORY_LENGTHS, Judge, Row, Slice
from personalization.recommend.memory import PeakMemory
from personalization.recommend.resampling import Interval, bootstrap_interval, percentile_interval
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.splits import Split, Splitter

__all__ = [
    "HISTORY_LENGTHS",
    "Difference",
    "Interval",
    "Report",
    "Row",
    "Slice",
    "bootstrap_interval",
    "evaluate",
    "paired_difference",
]


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
            "scorers": {row.scorer: _row_as_dict(row) for row in self.rows},
        }

    def differences(self, reference: str) -> dict[str, dict[str, Difference]]:
        """Compare every other scorer with one of them in every figure that both have; KeyError if it has no row."""
        shared = self.row(reference).draws
        return {
            row.scorer: {
                metric: paired_difference(self, row.scorer, reference, metric=metric)
                for metric in row.draws
                if metric in shared
            }
            for row in self.rows
            if row.scorer != reference
        }

    def table(self) -> str:
        """Return a plain-text table, best NDCG first."""
        k = self.ks[0]
        lines = [["scorer", f"NDCG@{k}", "95 % interval", f"Recall@{k}", f"coverage@{k}", "novelty", "fit s"]]
        measured = any(not math.isnan(row.peak_mb) for row in self.rows)
        if measured:
            lines[0].append("peak MiB")
        for row in sorted(self.rows, key=lambda row: -row.metrics[f"ndcg@{k}"]):
            low, high = row.intervals[f"ndcg@{k}"]
            figures = [row.metrics[f"{name}@{k}"] for name in ("recall", "coverage")]
            lines.append(
                [row.scorer, f"{row.metrics[f'ndcg@{k}']:.4f}", f"{low:.4f} .. {high:.4f}"]
                + [f"{figure:.4f}" for figure in figures]
                + [f"{row.metrics[f'novelty@{k}']:.2f}", f"{row.fit_seconds:.2f}"]
                + ([f"{row.peak_mb:.0f}"] if measured else [])
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
    history_lengths: Sequence[int] = (),
    measure_memory: bool = False,
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
    history_lengths : sequence of int
        Points of the cold-start curve, such as ``HISTORY_LENGTHS`` (0, 1, 2, 5, 10); none when left out. It is of
        visitors with at least as many training interactions as the largest, at most 1,000 of them: each time the
        scorer is told of their newest 0, 1, 2, ... only, and at the last point, "10+", of all.
    measure_memory : bool
        Measure each scorer's peak, see `memory.PeakMemory`.
    progress : callable, optional
        Called with each scorer's name before it is fitted.

    Returns
    -------
    Report
        Visitors without a training interaction are in no figure; ``left_out`` counts them.

    Raises
    ------
    ValueError
        If nobody has held-out interactions, a fitted scorer has other columns, or scores are not finite.

    Notes
    -----
    Every figure has a 95 % interval by the bootstrap over visitors. A scorer with a method
    ``probabilities(histories)``, shape (n_histories, n_items), is also judged by log loss and calibration error, where
    it is known what visitors were shown and ignored after the training part.

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
    judge = Judge.of(split, ks, items, seed, resamples, history_lengths)
    if not len(judge.visitors):
        raise ValueError("No visitor has held-out interactions: there is nothing to judge by.")
    rows = []
    for name, scorer in scorers.items():
        if progress is not None:
            progress(name)
        with PeakMemory() if measure_memory else nullcontext() as peak:
            started = time.perf_counter()
            scorer.fit(split.train, items)
            seconds = time.perf_counter() - started
            row = judge.judge(name, scorer, seconds)
        rows.append(replace(row, peak_mb=peak.megabytes) if peak is not None else row)
    for name, scorer in (fitted or {}).items():
        if scorer.item_ids != split.train.item_ids:
            raise ValueError(f"The fitted scorer {name!r} has other columns than the split: rebase it first.")
        rows.append(judge.judge(name, scorer))
    return Report(tuple(rows), len(judge.visitors), judge.left_out, judge.ks, seed)


def paired_difference(report: Report, a: str, b: str, *, metric: str | None = None, level: float = 0.95) -> Difference:
    """Compare two scorers of a report on the same resamples of visitors: ``a - b`` with a bootstrap interval.

    Parameters
    ----------
    report : Report
    a, b : str
        Scorers' names; KeyError when one was not evaluated.
    metric : str, optional
        Such as "recall@10" or "coverage@10"; NDCG at the report's first cut-off when left out.
    level : float
        Of the interval.

    References
    ----------
    T. Sakai, "Evaluating evaluation metrics based on the bootstrap", SIGIR 2006.
    """
    name = metric or f"ndcg@{report.ks[0]}"
    first, second = report.row(a), report.row(b)
    mean = first.metrics[name] - second.metrics[name]
    return Difference(mean, percentile_interval(first.draws[name] - second.draws[name], level))


def _row_as_dict(row: Row) -> dict[str, Any]:
    document = _figures_as_dict(row) | {"fit_seconds": round(row.fit_seconds, 3)}
    if not math.isnan(row.peak_mb):
        document["peak_mb"] = round(row.peak_mb, 1)
    for word, slices in (("segments", row.segments), ("history_lengths", row.history_lengths)):
        if slices:
            document[word] = {
                name: {"visitors": part.n_visitors} | _figures_as_dict(part) for name, part in slices.items()
            }
    return document


def _figures_as_dict(figures: Row | Slice) -> dict[str, Any]:
    return {
        "metrics": {name: _plain(value) for name, value in figures.metrics.items()},
        "intervals": {name: [_plain(low), _plain(high)] for name, (low, high) in figures.intervals.items()},
    }


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
