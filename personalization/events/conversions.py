"""Conversions that a site's own servers report: a sale that was paid for, a registration that was confirmed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from personalization.events.models import Event, Kind
from personalization.events.outcome import Outcome, outcome_of
from personalization.events.storage import store_new
from personalization.events.validation import NewEvent, RefusedError, TokenReader, believe
from personalization.visitors import identity
from personalization.visitors.services import consenting_to_analytics


@dataclass(frozen=True, kw_only=True, slots=True)
class NewConversion:
    """What a server says has happened; `visitor` is the token that the visitor's browser or front end holds."""

    id: uuid.UUID
    visitor: str
    goal: str
    value: float | None = None
    occurred_at: datetime | None = None


def record_conversions(*, conversions: Sequence[NewConversion]) -> Outcome:
    """Store conversions of visitors who allow analytics, each once.

    They name no arm and no slot: which arm they count for follows from the visitor's exposures. Profiles do not learn
    from them, for no browser is there to say that it refuses personalization.
    """
    now = timezone.now()
    rows: dict[int, Event] = {}
    refused: dict[int, str] = {}
    for index, conversion in enumerate(conversions):
        try:
            rows[index] = _row(conversion, now)
        except RefusedError as error:
            refused[index] = error.code
    with transaction.atomic():
        consenting = consenting_to_analytics(keys={row.visitor_key for row in rows.values()})
        allowed = {index: row for index, row in rows.items() if row.visitor_key in consenting}
        stored = store_new(allowed)
    refused |= dict.fromkeys(rows.keys() - allowed.keys(), "no_consent")
    refused |= dict.fromkeys(allowed.keys() - set(stored), "duplicate")
    return outcome_of([Kind.CONVERSION] * len(conversions), refused=refused)


def _row(conversion: NewConversion, now: datetime) -> Event:
    claim = NewEvent(
        kind=Kind.CONVERSION,
        id=conversion.id,
        goal=conversion.goal,
        value=conversion.value,
        occurred_at=conversion.occurred_at,
    )
    # A forged or expired token is like that of a visitor who is gone or unwilling: a server is not told which.
    reader = TokenReader(visitor_key=identity.read_token(conversion.visitor) or "", now=now)
    row = believe(claim, reader=reader, knows_item=lambda key: False)
    row.source, row.for_analytics = "server", True
    return row
