"""Recording what happened: claims from browsers, exposures from the server."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from personalization.events import metrics, reading
from personalization.events.history import HistoricEvent, record_history
from personalization.events.models import Event, Kind
from personalization.events.outcome import Outcome, Rejection, outcome_of
from personalization.events.reading import Reading
from personalization.events.storage import store_new
from personalization.events.tokens import DecisionToken
from personalization.events.validation import NewEvent, RefusedError, TokenReader, believe, once
from personalization.visitors.identity import device_class, is_crawler
from personalization.visitors.models import Visitor
from personalization.visitors.services import learn, lock_loaded

__all__ = [
    "HistoricEvent",
    "NewEvent",
    "Outcome",
    "Rejection",
    "log_exposures",
    "record_events",
    "record_history",
]


def record_events(
    *,
    visitor: Visitor | None,
    events: Sequence[NewEvent],
    personalize: bool,
    user_agent: str = "",
    network: str = "",
) -> Outcome:
    """Store what a visitor's browser tells, each fact once, and teach the profile in the same transaction.

    `personalize` is false when the browser refuses personalization, whatever was granted before. `network` is the
    sender's address range as `networks` names it.
    """
    if is_crawler(user_agent):
        return _refuse_all(events, "crawler")
    if visitor is None:
        return _refuse_all(events, "no_consent")
    now_reading = reading.current()
    rows, refused = _believe_all(visitor.key, events, now_reading)
    with transaction.atomic():
        # The visitor's batches wait for each other, for none may overwrite what another has taught the profile.
        locked = lock_loaded(visitor=visitor)
        purposes = _purposes(locked, personalize)
        if not any(purposes):
            return _refuse_all(events, "no_consent")
        for row in rows.values():
            row.for_analytics, row.for_personalization = purposes
            row.network = network
        stored = store_new(rows)
        if locked and stored and purposes[1]:
            signals = [now_reading.signal(rows[index], device=device_class(user_agent)) for index in stored]
            learn(
                locked=locked,
                signals=signals,
                embedding_model=now_reading.embedding_model,
                vector_of=now_reading.vector_of,
            )
    refused |= dict.fromkeys(rows.keys() - set(stored), "duplicate")
    return outcome_of([event.kind for event in events], refused=refused)


def _refuse_all(events: Sequence[NewEvent], code: str) -> Outcome:
    return outcome_of([event.kind for event in events], refused=dict.fromkeys(range(len(events)), code))


def log_exposures(*, visitor: Visitor | None, tokens: Sequence[DecisionToken]) -> int:
    """Record that decisions were served to a visitor who allows analytics; return how many were new."""
    consent = getattr(visitor, "consent", None)
    if consent is None or not consent.analytics:
        return 0
    rows = [_exposure(visitor.key, token) for token in tokens if token.visitor_key == visitor.key]
    Event.objects.bulk_create(rows, ignore_conflicts=True)
    metrics.ACCEPTED.labels(kind=Kind.EXPOSURE).inc(len(rows))
    return len(rows)


def _believe_all(
    visitor_key: str, events: Sequence[NewEvent], now_reading: Reading
) -> tuple[dict[int, Event], dict[int, str]]:
    reader = TokenReader(visitor_key=visitor_key, now=timezone.now())
    rows: dict[int, Event] = {}
    refused: dict[int, str] = {}
    for index, event in enumerate(events):
        try:
            rows[index] = believe(event, reader=reader, knows_item=now_reading.knows)
        except RefusedError as error:
            refused[index] = error.code
    return rows, refused


def _purposes(visitor: Visitor | None, personalize: bool) -> tuple[bool, bool]:
    consent = getattr(visitor, "consent", None)
    return (consent.analytics, consent.personalization and personalize) if consent else (False, False)


def _exposure(visitor_key: str, token: DecisionToken) -> Event:
    row = Event(
        kind=Kind.EXPOSURE,
        visitor_key=visitor_key,
        slot_key=token.slot_key,
        arm_key=token.arm_key,
        decision_id=token.decision_id,
        propensity=token.propensity,
        variant_key=token.variant_of(""),
        context=token.context and dict(token.context),
        for_analytics=True,
        source="server",
        occurred_at=token.issued_at,
    )
    row.once = once(row)
    return row
