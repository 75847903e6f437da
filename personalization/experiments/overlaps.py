"""What visitors who take part in two experiments at once did: measured once a day, for the test of interaction."""

import logging
from datetime import UTC, datetime, timedelta

from django.db.models import F, Max, Min, QuerySet
from django.utils import timezone

from personalization.events.models import Event
from personalization.experiments.measuring import measure
from personalization.experiments.models import Experiment, Metric, Overlap, Phase
from personalization.experiments.observations import goal_of
from personalization.experiments.pooling import Row, condensed
from personalization.experiments.sums import sums_of
from personalization.experiments.units import days_between, exposures_of

logger = logging.getLogger(__name__)

FRESH = timedelta(hours=20)
# Of fewer, no pair of arms could be told from another.
FEWEST_SHARED = 200


def refresh_all() -> None:
    """Measure the pairs of all experiments under way; that one fails is logged, and harms no other."""
    for experiment in Experiment.objects.measured():
        try:
            refresh_overlaps(experiment=experiment)
        except Exception:
            logger.exception("The overlaps of %s could not be measured. The next run tries again.", experiment.key)


def refresh_overlaps(*, experiment: Experiment, now: datetime | None = None) -> int:
    """Measure the pairs with every other experiment under way, unless that was done of late; return how many were."""
    now = now or timezone.now()
    phase, goal = experiment.phase, goal_of(experiment)
    if phase is None or goal is None:
        return 0
    done = set(phase.overlaps.filter(measured_at__gt=now - FRESH).values_list("other", flat=True))
    others = [other.phase for other in Experiment.objects.measured().exclude(pk=experiment.pk)]
    due = [other for other in others if other and other.pk not in done]
    for other in due:
        _measure_pair(phase, other, goal, now)
    return len(due)


def _measure_pair(phase: Phase, other: Phase, goal: Metric, now: datetime) -> None:
    shared = exposures_of(phase).filter(visitor_key__in=exposures_of(other).values("visitor_key"))
    visitors = shared.order_by().values("visitor_key").distinct().count()
    # What a bandit serves changes from day to day: its visitors have no arm to be told apart by.
    is_testable = visitors >= FEWEST_SHARED and not (phase.experiment.is_bandit or other.experiment.is_bandit)
    told = {"visitors": visitors, "cells": _cells(phase, other, goal, now) if is_testable else [], "measured_at": now}
    Overlap.objects.update_or_create(phase=phase, other=other, defaults=told)


def _cells(phase: Phase, other: Phase, goal: Metric, now: datetime) -> list[list]:
    """One for each pair of arms; who was seen in several arms of either is in none."""
    key, arms = str(goal.pk), set(phase.experiment.arms.values_list("key", flat=True))
    start = phase.started_at.astimezone(UTC).date()
    days = days_between(start, now.astimezone(UTC).date())
    rows = [
        Row(start, found.arm_key, "", "", arm, False, found.n, {key: found.sums[key]})
        for arm in other.experiment.arms.values_list("key", flat=True)
        for day in measure(phase, days, exposures_of(phase).filter(visitor_key__in=_visitors_of(other, arm)))
        for found in sums_of(phase, day)
        if found.arm_key in arms
    ]
    return [[row.arm_key, row.segment, row.n, row.sums] for row in condensed(rows, by_segment=True)]


def _visitors_of(phase: Phase, arm: str) -> QuerySet[Event]:
    seen = exposures_of(phase).order_by().values("visitor_key").annotate(low=Min("arm_key"), high=Max("arm_key"))
    return seen.filter(low=f"{phase.seed}:{arm}", high=F("low")).values("visitor_key")
