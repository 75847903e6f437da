"""Bringing in a site's history: many visitors at once, whose consent the operator vouches for."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from personalization.events import reading
from personalization.events.models import Event
from personalization.events.outcome import Outcome, outcome_of
from personalization.events.reading import Reading
from personalization.events.storage import store_new
from personalization.events.validation import ABOUT_ITEMS, KINDS, RefusedError, check_amounts
from personalization.visitors import profiles
from personalization.visitors.models import Consent, Profile, Visitor

ASKED_AT_ONCE = 400
HISTORY = uuid.UUID("0b1d5a3e-4f0a-4f4e-9c39-0d1c9a1e7b52")
LEARNED = [field.name for field in Profile._meta.concrete_fields if field.name not in ("id", "visitor")]


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoricEvent:
    """What a site knows to have happened; without an id, the same facts make the same id."""

    visitor_key: str
    item_key: str
    kind: str
    occurred_at: datetime
    id: uuid.UUID | None = None
    goal: str | None = None
    value: float | None = None
    duration_ms: int | None = None
    slot_key: str = ""


def record_history(
    *,
    events: Sequence[HistoricEvent],
    analytics: bool,
    personalization: bool,
    simulated: bool = False,
    source: str = "import",
) -> Outcome:
    """Store a batch of history and teach the profiles, creating visitors with the consent the operator states.

    A visitor known before keeps the consent given in person: the batch is used only for what both allow.
    """
    told = (analytics, personalization)
    now_reading, now = reading.current(), timezone.now()
    rows: dict[int, Event] = {}
    refused: dict[int, str] = {}
    for index, event in enumerate(events):
        try:
            rows[index] = _row(event, now_reading, now, source)
        except RefusedError as error:
            refused[index] = error.code
    with transaction.atomic():
        visitors = _lock_or_create({row.visitor_key for row in rows.values()}, told, simulated)
        allowed = {index: row for index, row in rows.items() if _allow(row, visitors.get(row.visitor_key), told)}
        stored = store_new(allowed)
        _teach_all(visitors, [rows[index] for index in stored], now_reading)
    refused |= dict.fromkeys(rows.keys() - allowed.keys(), "no_consent")
    refused |= dict.fromkeys(allowed.keys() - set(stored), "duplicate")
    return outcome_of([event.kind for event in events], refused=refused)


def _row(event: HistoricEvent, now_reading: Reading, now: datetime, source: str) -> Event:
    if event.kind not in KINDS:
        raise RefusedError("unknown_kind")
    goal, value, duration = check_amounts(event)
    if event.occurred_at.tzinfo is None:
        raise RefusedError("naive_time")
    if event.occurred_at > now:
        raise RefusedError("future_time")
    if not event.item_key and event.kind in ABOUT_ITEMS:
        raise RefusedError("item_required")
    if event.item_key and not now_reading.knows(event.item_key):
        raise RefusedError("unknown_item")
    return Event(
        event_id=event.id or _id_of(event),
        kind=event.kind,
        visitor_key=event.visitor_key,
        item_key=event.item_key,
        slot_key=event.slot_key,
        goal=goal,
        value=value,
        duration_ms=duration,
        source=source,
        occurred_at=event.occurred_at,
        received_at=now,
    )


def _id_of(event: HistoricEvent) -> uuid.UUID:
    at = event.occurred_at.timestamp()
    facts = (event.visitor_key, event.item_key, event.kind, at, event.goal, event.value, event.slot_key)
    return uuid.uuid5(HISTORY, repr(facts))


def _lock_or_create(keys: set[str], told: tuple[bool, bool], simulated: bool) -> dict[str, Visitor]:
    found = _lock(keys)
    missing = sorted(keys - found.keys())
    if missing and any(told):
        made = Visitor.objects.bulk_create([Visitor(key=key, simulated=simulated) for key in missing])
        Consent.objects.bulk_create(Consent(visitor=row, analytics=told[0], personalization=told[1]) for row in made)
        found |= _lock(set(missing))
    return found


def _lock(keys: set[str]) -> dict[str, Visitor]:
    found, ordered = {}, sorted(keys)
    for start in range(0, len(ordered), ASKED_AT_ONCE):
        part = Visitor.objects.filter(key__in=ordered[start : start + ASKED_AT_ONCE])
        part.lock()
        found |= {visitor.key: visitor for visitor in part.whole()}
    return found


def _allow(row: Event, visitor: Visitor | None, told: tuple[bool, bool]) -> bool:
    consent = getattr(visitor, "consent", None)
    if consent is not None:
        row.for_analytics = told[0] and consent.analytics
        row.for_personalization = told[1] and consent.personalization
    return row.for_analytics or row.for_personalization


def _teach_all(visitors: dict[str, Visitor], rows: Iterable[Event], now_reading: Reading) -> None:
    by_visitor = defaultdict(list)
    for row in rows:
        if row.for_personalization:
            by_visitor[row.visitor_key].append(now_reading.signal(row))
    learned: list[Profile] = []
    for key, signals in by_visitor.items():
        profile = getattr(visitors[key], "profile", None) or Profile(visitor=visitors[key])
        model = now_reading.embedding_model
        profiles.fold(profile, signals, embedding_model=model, vector_of=now_reading.vector_of)
        learned.append(profile)
    _save_all(learned)


def _save_all(learned: list[Profile]) -> None:
    # The rows' visitors are locked: who has a profile, and who has none, cannot change meanwhile.
    changed = [profile for profile in learned if profile.pk is not None]
    Profile.objects.bulk_create(profile for profile in learned if profile.pk is None)
    Profile.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["visitor"],
        update_fields=LEARNED,
    )
