"""Measure: is the world still the one that the promoted version has learned from, and does it still serve well?"""

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from django.utils import timezone

from personalization import conf
from personalization.monitoring import alerts
from personalization.monitoring.comparing import FEWEST, Finding, find, summarise_week
from personalization.monitoring.measures import MEASURES
from personalization.monitoring.models import Reading, Reference, Threshold
from personalization.monitoring.observation import Observation, observe
from personalization.monitoring.scoring import judge_probabilities, judge_ranking, recall, score_visitors
from personalization.recommend.scorers.base import Scorer
from personalization.training import serving
from personalization.training.models import ModelVersion

logger = logging.getLogger(__name__)

# Weeks are compared with weeks: what depends on days of the week or on the length of a window stays comparable.
WINDOW = timedelta(days=7)

Status = Reading.Status


def measure_drift(*, now: datetime | None = None) -> list[Reading]:
    """Take all readings, keep them, and raise or end alerts; nothing is measured while no version serves."""
    version = ModelVersion.objects.promoted()
    if version is None:
        logger.info("Nothing to measure: no model version serves yet.")
        return []
    now = now or timezone.now()
    scorers = _scorers_of(version)
    reference = reference_of(version, scorers)
    seen = _observe(now, scorers)
    found = [*find(reference.summaries, seen), *_found_by_scores(seen, scorers, now)]
    readings = list(_judged(found, reference, now))
    with transaction.atomic():
        Reading.objects.bulk_create(readings)
        alerts.follow(readings)
    Reading.objects.filter(measured_at__lt=now - timedelta(days=conf.get().retention_days)).delete()
    return readings


def reference_of(version: ModelVersion, scorers: Mapping[str, Scorer] | None = None) -> Reference:
    """The week up to the end of what a version has learned from, summarised when it is first asked for."""
    known = Reference.objects.filter(version=version).select_related("version").first()
    if known is not None:
        return known
    until = version.data_until or version.created_at
    seen = _observe(until, _scorers_of(version) if scorers is None else scorers)
    fields = {"window_from": until - WINDOW, "window_until": until, "summaries": summarise_week(seen)}
    return Reference.objects.get_or_create(version=version, defaults=fields)[0]


def thresholds() -> dict[str, tuple[float | None, float | None]]:
    """From which values each measure is watched, and raises an alert: an operator's own, else the default ones."""
    own = {row.metric: (row.warn, row.alert) for row in Threshold.objects.all()}
    return {name: own.get(name, (measure.warn, measure.alert)) for name, measure in MEASURES.items()}


def _observe(until: datetime, scorers: Mapping[str, Scorer]) -> Observation:
    # The last moment belongs to the week: training's window ends with an event.
    seen = observe(since=until - WINDOW, until=until + timedelta(microseconds=1))
    if "hybrid" in scorers:
        score_visitors(seen, scorers["hybrid"])
    return seen


def _scorers_of(version: ModelVersion) -> Mapping[str, Scorer]:
    """What the version consists of; nothing when its files are broken, which readiness tells."""
    bundle = serving.promoted()
    return bundle.scorers if bundle is not None and bundle.version_id == version.pk else {}


def _found_by_scores(seen: Observation, scorers: Mapping[str, Scorer], now: datetime) -> Iterator[Finding]:
    earlier = recall(seen, until=now - WINDOW) if scorers else {}
    if "hybrid" in scorers:
        found = judge_ranking(seen, earlier, scorers["hybrid"])
        shown = sum(n for n, _ in found.deciles)
        auc = {"auc": found.auc, "n": [shown]}
        yield Finding("ranking_disorder", found.disorder, is_certain=True, is_enough=shown >= FEWEST, detail=auc)
        for number, (n, clicked) in enumerate(found.deciles, start=1):
            yield Finding(
                "ranking_disorder",
                0.0,
                is_certain=False,
                slice=f"decile {number}",
                detail={"level": clicked / n, "n": [n], "clicked": clicked},
            )
    if "engagement" in scorers:
        told = judge_probabilities(seen, earlier, scorers["engagement"])
        detail = {"noise": told.noise, "stated": told.stated, "happened": told.happened, "n": [told.n]}
        is_certain, is_enough = told.error > told.noise, told.n >= FEWEST
        yield Finding("calibration_error", told.error, is_certain, is_enough, detail=detail)


def _judged(found: list[Finding], reference: Reference, now: datetime) -> Iterator[Reading]:
    limits = thresholds()
    for finding in (finding for finding in found if finding.metric in limits):
        warn, alert = (None, None) if finding.slice else limits[finding.metric]
        yield Reading(
            metric=finding.metric,
            slice=finding.slice,
            value=float(np.nan_to_num(finding.value)),
            status=_status(finding, warn, alert),
            warn=warn,
            alert=alert,
            detail=finding.detail,
            version=reference.version,
            window_from=now - WINDOW,
            window_until=now,
            reference_from=reference.window_from,
            reference_until=reference.window_until,
            measured_at=now,
        )


def _status(finding: Finding, warn: float | None, alert: float | None) -> Status:
    if not finding.is_enough:
        return Status.TOO_LITTLE
    if alert is not None and finding.value >= alert and finding.is_certain:
        return Status.ALERT
    if warn is not None and finding.value >= warn and finding.is_certain:
        return Status.WARN
    return Status.OK
