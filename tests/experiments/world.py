"""Experiments, and what their visitors did, made through the rooms' own models."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from personalization.events.models import Event
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.choices import Measure
from personalization.experiments.models import Arm, Experiment, Metric, Phase
from personalization.slots.models import Slot
from personalization.visitors.models import Visitor
from tests.factories import make_slot


def make_experiment(
    key: str = "test",
    slot: Slot | None = None,
    arms: Sequence[str] = ("control", "b"),
    weights: Sequence[float] = (1, 1),
    metrics: Sequence[str | dict[str, Any]] = (Measure.CLICKED,),
    status: str = "running",
    **fields: Any,
) -> Experiment:
    """An experiment with its slot, its arms (the first is the control), its metrics and its first phase.

    A metric is a measure, or all its fields as in ``{"measure": "value", "cap": 99.0}``. It started a month ago.
    """
    started = timezone.now() - timedelta(days=30)
    about = {"name": key.title(), "hypothesis": "If this, then that.", "started_at": started} | fields
    experiment = Experiment.objects.create(
        key=key,
        slot=slot or Slot.objects.filter(key="home-top").first() or make_slot("home-top"),
        status=status,
        **about,
    )
    for number, (arm, weight) in enumerate(zip(arms, weights, strict=True)):
        Arm.objects.create(
            experiment=experiment, key=arm, name=arm.title(), weight=weight, is_control=not number, sort_order=number
        )
    for number, metric in enumerate(metrics):
        described = metric if isinstance(metric, dict) else {"measure": metric}
        Metric.objects.create(experiment=experiment, sort_order=number, **described)
    shares = dict(zip(arms, weights, strict=True))
    Phase.objects.create(experiment=experiment, number=1, weights=shares, started_at=experiment.started_at or started)
    return experiment


def expose(
    experiment: Experiment,
    visitor: Visitor | str,
    arm: str = "control",
    *,
    at: datetime | None = None,
    phase: int = 1,
    device: str = "desktop",
    locale: str = "en",
    segment: str = "",
    noted: dict[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """Let a visitor be served an arm ("holdout" for who is held out); `noted` is what a bandit's exposure adds."""
    context = {"device": device, "locale": locale, "segment": segment} | (noted or {})
    arm_key = f"{experiment.key}.{phase}:{arm or HELD_OUT}"
    told = {"slot_key": experiment.slot.key, "arm_key": arm_key, "context": context, "source": "server"}
    return act(visitor, "exposure", at=at, **(told | fields))


def act(visitor: Visitor | str, kind: str = "click", *, at: datetime | None = None, **fields: Any) -> Event:
    """Let a visitor do something in the slot "home-top", now unless told otherwise; `fields` are the event's own."""
    at = at or timezone.now()
    told = {"slot_key": "home-top", "for_analytics": True, "occurred_at": at, "received_at": at, "once": uuid.uuid4()}
    return Event.objects.create(kind=kind, visitor_key=_key(visitor), **(told | fields))


def _key(visitor: Visitor | str) -> str:
    return visitor if isinstance(visitor, str) else visitor.key
