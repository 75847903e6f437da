"""What an experiment tracker is told of a run that made a version. It is not needed: the admin shows all of it."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.utils.module_loading import import_string

from personalization import conf
from personalization.recommend.artifacts import read_manifest
from personalization.training.models import ModelVersion
from personalization.training.storage import store

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tracked:
    """One run: flat parameters ("ease.regularisation"), figures ("hybrid.ndcg_at_10") and tags, and its files."""

    name: str
    started_at: datetime
    finished_at: datetime
    params: Mapping[str, Any]
    figures: Mapping[str, float]
    tags: Mapping[str, str]
    files: Mapping[str, Mapping[str, Any]]


class Tracker(Protocol):
    """Anything that keeps a record of runs; made with TRACKER_OPTIONS as keyword arguments."""

    def track(self, run: Tracked) -> None:
        """Keep one run's record, or raise: that is logged, and harms nobody."""
        ...


def report_version(version: ModelVersion) -> None:
    """Tell the tracker of the settings, if there is one, how a version came about."""
    settings = conf.get()
    if not settings.tracker:
        return
    try:
        tracker: Tracker = import_string(settings.tracker)(**settings.tracker_options)
        tracker.track(describe(version))
    except Exception:
        logger.exception("%s was not tracked; it is recorded here all the same.", version)


def describe(version: ModelVersion) -> Tracked:
    """Put a version's record into a tracker's words; no name of a visitor is in it."""
    run = version.run
    tags = {
        "version": str(version),
        "status": version.status,
        "trigger": run.trigger,
        "reason": run.reason,
        "verdict": version.verdict,
        "code_version": version.code_version,
        "data_hash": version.data_hash,
        "data_from": version.data_from.isoformat() if version.data_from else "",
        "data_until": version.data_until.isoformat() if version.data_until else "",
        "parent": str(version.parent or ""),
    }
    params = dict(_flat(version.parameters)) | {
        name: getattr(version, name) for name in ("interactions", "visitors", "items")
    }
    return Tracked(
        name=str(version),
        started_at=run.started_at,
        finished_at=run.finished_at or run.started_at,
        params=params,
        figures=dict(_figures(version.metrics)),
        tags={name: value for name, value in tags.items() if value},
        files=read_manifest(store() / version.artifact).files,
    )


def _flat(parameters: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in parameters.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _figures(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for scorer, row in metrics.get("scorers", {}).items():
        for name, value in row["metrics"].items():
            if value is not None:
                yield f"{scorer}.{name.replace('@', '_at_')}", float(value)
        yield f"{scorer}.fit_seconds", float(row["fit_seconds"] or 0.0)
    for check in metrics.get("gate", ()):
        yield f"gate.{check['criterion']}", float(check["value"])
