"""A version's figures on the hold-out, as a table that people can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personalization.editor.words import scorer_label

CANDIDATE = "hybrid"
BASELINE = "popular"


@dataclass(frozen=True)
class HoldoutRow:
    """One scorer's figures at ten places."""

    name: str
    label: str
    ndcg: float | None
    interval: tuple[float | None, float | None]
    recall: float | None
    coverage: float | None
    seconds: float | None
    is_candidate: bool


def holdout_rows(metrics: Mapping[str, Any]) -> list[HoldoutRow]:
    """The scorers of a version's metrics, the best first."""
    rows = [_row(name, figures) for name, figures in metrics.get("scorers", {}).items()]
    return sorted(rows, key=lambda row: -(row.ndcg or 0.0))


def headline(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """NDCG@10 of the version and of popularity, which it has to beat."""
    by_name = {row.name: row.ndcg for row in holdout_rows(metrics)}
    return {"version": by_name.get(CANDIDATE), "popularity": by_name.get(BASELINE)}


def _row(name: str, figures: Mapping[str, Any]) -> HoldoutRow:
    metrics = figures.get("metrics", {})
    return HoldoutRow(
        name=name,
        label=scorer_label(name),
        ndcg=metrics.get("ndcg@10"),
        interval=tuple(figures.get("intervals", {}).get("ndcg@10", (None, None))),
        recall=metrics.get("recall@10"),
        coverage=metrics.get("coverage@10"),
        seconds=figures.get("fit_seconds"),
        is_candidate=name == CANDIDATE,
    )
