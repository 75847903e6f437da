"""A version's figures on the hold-out, as tables and plots that people can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from personalization.editor.plots import Bar, Plot, Series, bar_plot, line_plot
from personalization.editor.words import scorer_label
from personalization.training.gate import BASELINE, CANDIDATE, Check
from personalization.training.models import ModelVersion


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


def gate_of(metrics: Mapping[str, Any]) -> list[Check]:
    """What the gate asked of a version, criterion by criterion; versions of older releases have none."""
    return [Check.from_dict(fields) for fields in metrics.get("gate", ())]


def holdout_plot(metrics: Mapping[str, Any]) -> Plot:
    """NDCG@10 of each scorer with its interval, the best first."""
    rows = holdout_rows(metrics)
    bars = [Bar(row.label, row.ndcg, row.interval if None not in row.interval else None) for row in rows]
    return bar_plot(bars, title=gettext("NDCG@10 with its 95 % interval"), x_label="NDCG@10")


def history_plot(versions: Sequence[ModelVersion]) -> Plot:
    """NDCG@10 of some versions and of popularity, each on its own hold-out, the oldest first."""
    lines = {"version": gettext("The version"), "popularity": scorer_label(BASELINE)}
    told = [(_named(version), headline(version.metrics)) for version in versions]
    series = [Series(str(label), [(name, figures[key]) for name, figures in told]) for key, label in lines.items()]
    return line_plot(series, title=gettext("NDCG@10 from version to version"), y_label="NDCG@10")


def _named(version: ModelVersion) -> str:
    return f"{version}, {date_format(localtime(version.created_at), 'SHORT_DATE_FORMAT')}"


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
