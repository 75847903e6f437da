"""Which claims about what happened are believed. Everything here comes from a stranger's browser."""

import math
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.utils.translation import gettext_lazy as _

from personalization.events import tokens
from personalization.events.models import Event, Kind
from personalization.events.tokens import DecisionToken, TokenError

KINDS = frozenset(Kind.values)
ABOUT_SLOTS = {Kind.IMPRESSION, Kind.CLICK}
ABOUT_ITEMS = {Kind.IMPRESSION, Kind.CLICK, Kind.VIEW, Kind.DWELL, Kind.SCROLL, Kind.LIKE, Kind.DISMISS}
# Told twice, these are still one fact: a decision's item was seen, was chosen, was liked or was refused.
COUNTED_ONCE = {Kind.EXPOSURE, Kind.IMPRESSION, Kind.CLICK, Kind.LIKE, Kind.DISMISS}
LONGEST_GOAL = 60
LONGEST_KEY = 120
LONGEST_DURATION_MS = 86_400_000
LARGEST_VALUE = 1e12
OLDEST = timedelta(days=7)
# Clocks of phones are wrong by hours, and what they tell is still worth having: it happened, at the latest, now.
CLOCK_ERROR = timedelta(days=1)
ONCE = uuid.UUID("6f0d3f6c-6f0f-4a55-8a3b-54c6f5b1c0de")

DETAILS = {
    "no_consent": _("The visitor has not allowed this."),
    "crawler": _("Crawlers are not counted."),
    "duplicate": _("This was counted before."),
    "unknown_kind": _("There is no such kind of event."),
    "server_only": _("Exposures are recorded by the server itself."),
    "token_required": _("An impression or click must bring the token of its decision."),
    "bad_token": _("The token is not one of this site's."),
    "stale_token": _("The token has expired: ask for a new decision."),
    "foreign_token": _("The token was given to another visitor."),
    "item_required": _("This kind of event must name its item."),
    "item_not_shown": _("The item is not among those of the decision."),
    "unknown_item": _("The catalog has no such item."),
    "goal_required": _("A conversion or custom event must name its goal."),
    "bad_goal": _("A goal has at most 60 characters and no control characters."),
    "bad_value": _("The value must be a finite number of at most a million million; for a scroll, 0 to 100."),
    "bad_duration": _("A dwell needs a duration, at most one day, in milliseconds."),
    "naive_time": _("The time must have a time zone, as in 2030-01-31T12:00:00Z."),
    "too_old": _("The event is too old to be counted."),
    "future_time": _("The event lies in the future."),
}


class RefusedError(Exception):
    """A claim that is not believed, with its stable code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class HasAmounts(Protocol):
    """The part that claims and history have in common."""

    kind: str
    goal: str | None
    value: float | None
    duration_ms: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewEvent:
    """What somebody says has happened."""

    kind: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    token: str | None = None
    item_key: str | None = None
    goal: str | None = None
    value: float | None = None
    duration_ms: int | None = None
    occurred_at: datetime | None = None


class TokenReader:
    """Reads each token of a batch once: the events of one page mostly bring the same one."""

    def __init__(self, *, visitor_key: str, now: datetime) -> None:
        self.visitor_key, self.now = visitor_key, now
        self.known: dict[str, DecisionToken | RefusedError] = {}

    def read(self, raw: str) -> DecisionToken:
        """The token, or RefusedError."""
        if raw not in self.known:
            self.known[raw] = self._read(raw)
        found = self.known[raw]
        if isinstance(found, RefusedError):
            raise found
        return found

    def _read(self, raw: str) -> DecisionToken | RefusedError:
        try:
            token = tokens.read(raw, now=self.now)
        except TokenError as error:
            return RefusedError(error.code)
        return token if token.belongs_to(self.visitor_key) else RefusedError("foreign_token")


def believe(event: NewEvent, *, reader: TokenReader, knows_item: Callable[[str], bool]) -> Event:
    """The row to store for one claim; raise RefusedError if it cannot be believed."""
    kind = _kind_of(event)
    goal, value, duration = check_amounts(event)
    row = Event(
        event_id=event.id,
        kind=kind,
        visitor_key=reader.visitor_key,
        goal=goal,
        value=value,
        duration_ms=duration,
        occurred_at=_time_of(event, reader.now),
        received_at=reader.now,
    )
    if event.token:
        _place_in_decision(row, event, reader.read(event.token))
    elif kind in ABOUT_SLOTS:
        raise RefusedError("token_required")
    else:
        row.item_key = _item_of(event, knows_item)
    return row


def once(row: Event) -> uuid.UUID | None:
    """The id of a fact that counts once, however many events tell it. An arm is served once a day."""
    if row.decision_id is None or row.kind not in COUNTED_ONCE:
        return None
    if row.kind == Kind.EXPOSURE and row.arm_key:
        return uuid.uuid5(ONCE, f"{row.arm_key}|{row.visitor_key}|{row.occurred_at.astimezone(UTC):%Y-%m-%d}")
    return uuid.uuid5(ONCE, f"{row.decision_id}|{row.visitor_key}|{row.kind}|{row.item_key}")


def _kind_of(event: NewEvent) -> str:
    if event.kind == Kind.EXPOSURE:
        raise RefusedError("server_only")
    if event.kind not in KINDS:
        raise RefusedError("unknown_kind")
    return event.kind


def check_amounts(event: HasAmounts) -> tuple[str, float | None, int | None]:
    """An event's goal, value and duration, if its kind may have them; raise RefusedError otherwise."""
    return _goal_of(event), _value_of(event), _duration_of(event)


def _goal_of(event: HasAmounts) -> str:
    goal = event.goal or ""
    if not goal and event.kind in (Kind.CONVERSION, Kind.CUSTOM):
        raise RefusedError("goal_required")
    if len(goal) > LONGEST_GOAL or not goal.isprintable():
        raise RefusedError("bad_goal")
    return goal


def _value_of(event: HasAmounts) -> float | None:
    if event.value is None and event.kind != Kind.SCROLL:
        return None
    value = math.nan if event.value is None else event.value
    within = 0 <= value <= 100 if event.kind == Kind.SCROLL else abs(value) <= LARGEST_VALUE
    if not within:
        raise RefusedError("bad_value")
    return float(value)


def _duration_of(event: HasAmounts) -> int | None:
    duration = event.duration_ms
    if duration is None and event.kind != Kind.DWELL:
        return None
    if duration is None or not 0 <= duration <= LONGEST_DURATION_MS:
        raise RefusedError("bad_duration")
    return duration


def _time_of(event: NewEvent, now: datetime) -> datetime:
    at = event.occurred_at or now
    if at.tzinfo is None:
        raise RefusedError("naive_time")
    if now - at > OLDEST:
        raise RefusedError("too_old")
    if at - now > CLOCK_ERROR:
        raise RefusedError("future_time")
    return min(at, now)


def _item_of(event: NewEvent, knows_item: Callable[[str], bool]) -> str:
    key = event.item_key or ""
    if not key:
        if event.kind in ABOUT_ITEMS:
            raise RefusedError("item_required")
        return ""
    if len(key) > LONGEST_KEY or not knows_item(key):
        raise RefusedError("unknown_item")
    return key


def _place_in_decision(row: Event, event: NewEvent, token: DecisionToken) -> None:
    """Slot, arm, item and position come from the token; the client only says which of its items."""
    key = event.item_key or (token.item_keys[0] if len(token.item_keys) == 1 else "")
    if key and key not in token.item_keys:
        raise RefusedError("item_not_shown")
    if not key and event.kind in ABOUT_ITEMS:
        raise RefusedError("item_required")
    row.decision_id, row.slot_key, row.arm_key, row.item_key = token.decision_id, token.slot_key, token.arm_key, key
    row.position = token.item_keys.index(key) if key else None
    row.propensity = token.propensity_of(key)
    row.variant_key = token.variant_of(key)
    row.once = once(row)
