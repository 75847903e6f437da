"""Events in, per second, against a bare insert of the same rows."""

import uuid
from itertools import islice

import numpy as np
from django.db import transaction
from django.utils import timezone
from rich.console import Console

from benchmarks.claims import Claim, seconds, summary
from benchmarks.workload import create_items, readings
from personalization.events.history import record_history
from personalization.events.models import Event
from personalization.events.services import record_events
from personalization.events.validation import NewEvent
from personalization.visitors.services import change_consent

ROWS = 5_000
ROUNDS = 7
BEACON = 20


def measure(data: str, console: Console) -> list[Claim]:
    topics = create_items(2_000)
    events = list(islice(readings(topics, 10_000), ROWS * ROUNDS))
    ratios = [_history_round(events[start : start + ROWS]) for start in range(0, len(events), ROWS)]
    beacons = [_beacon_round() for _ in range(ROUNDS)]
    return [
        Claim(
            "history rows per second / bare bulk_create",
            float(np.median(ratios)),
            0.5,
            at_least=True,
            detail=summary(ratios),
        ),
        Claim(
            f"beacons of {BEACON} events: rows per second / bare bulk_create in the same batches",
            float(np.median(beacons)),
            0.5,
            at_least=True,
            detail=summary(beacons),
        ),
    ]


def _bare(rows: list[Event], batch: int) -> float:
    copies = [
        Event(
            kind=row.kind,
            visitor_key=row.visitor_key,
            item_key=row.item_key,
            occurred_at=row.occurred_at,
            for_analytics=True,
            for_personalization=True,
            source="bare",
            once=uuid.uuid4(),
        )
        for row in rows
    ]

    def insert() -> None:
        for start in range(0, len(copies), batch):
            with transaction.atomic():
                Event.objects.bulk_create(copies[start : start + batch])

    return seconds(insert)


def _history_round(events: list) -> float:
    ours = seconds(lambda: record_history(events=events, analytics=True, personalization=True))
    rows = list(Event.objects.order_by("-pk")[: len(events)])
    return _bare(rows, len(rows)) / ours


def _beacon_round() -> float:
    visitors = [change_consent(visitor=None, analytics=True, personalization=True) for _ in range(50)]
    random = np.random.default_rng(3)
    batches = [
        [
            NewEvent(id=uuid.uuid4(), kind="view", item_key=f"page:{row + 1000}", occurred_at=timezone.now())
            for row in rows
        ]
        for rows in random.integers(2_000, size=(len(visitors), BEACON))
    ]

    def beacons() -> None:
        for visitor, batch in zip(visitors, batches, strict=True):
            record_events(visitor=visitor, events=batch, personalize=True)

    ours = seconds(beacons)
    rows = list(Event.objects.order_by("-pk")[: len(visitors) * BEACON])
    return _bare(rows, BEACON) / ours
