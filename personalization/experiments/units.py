"""Who is counted in a phase, and from when to when: each visitor once, or of a bandit each visitor's day."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, DateTimeField, ExpressionWrapper, F, Max, Min, Q, QuerySet, Window
from django.db.models.fields.json import KT
from django.db.models.functions import RowNumber, TruncDate, TruncDay

from personalization.events.models import Event, Kind
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.models import Phase

LOOK_BACK = timedelta(days=14)
ONE_DAY = timedelta(days=1)
DAY = TruncDate("occurred_at", tzinfo=UTC)
NEXT_DAY = ExpressionWrapper(TruncDay("occurred_at", tzinfo=UTC) + ONE_DAY, output_field=DateTimeField())
# What a unit is known by: its day, the least and the greatest of its arms, and what its first exposure noted.
TRAITS = ("day", "low", "high", "device", "locale", "segment", "holdback")
FOUND = ("first", "first_before", "arms", "arms_before")
TIMES = ("visitor", "first", "since", "until", "dawn", "midnight")


def exposures_of(phase: Phase) -> QuerySet[Event]:
    """The exposures that make visitors part of a phase. What is served after its end makes nobody part of it."""
    keys = [*phase.experiment.arms.values_list("key", flat=True), HELD_OUT]
    served = Event.objects.believed().filter(
        for_analytics=True, kind=Kind.EXPOSURE, arm_key__in=[f"{phase.seed}:{key}" for key in keys]
    )
    return served.filter(occurred_at__lt=phase.ended_at) if phase.ended_at else served


def units_of(phase: Phase, exposures: QuerySet[Event]) -> QuerySet[Event]:
    """One row of TRAITS and TIMES for each unit: its first exposure, and the bounds of what counts before and after.

    Of two exposures at the same moment, the event's id says which is the first: it does not matter which came in first.
    """
    unit = _unit_of(phase)
    window = timedelta(days=phase.experiment.window_days)
    return (
        exposures.annotate(
            place=Window(RowNumber(), partition_by=unit, order_by=["occurred_at", "event_id"]),
            low=Window(Min("arm_key"), partition_by=unit),
            high=Window(Max("arm_key"), partition_by=unit),
            visitor=F("visitor_key"),
            day=DAY,
            first=F("occurred_at"),
            since=F("occurred_at") - LOOK_BACK,
            until=NEXT_DAY if phase.experiment.is_bandit else F("occurred_at") + window,
            dawn=TruncDay("occurred_at", tzinfo=UTC),
            midnight=NEXT_DAY,
            **{name: KT(f"context__{name}") for name in ("device", "locale", "segment", "holdback")},
        )
        .filter(place=1)
        .order_by()
        .values_list(*TRAITS, *TIMES)
    )


def open_days(phase: Phase, now: datetime) -> Iterable[date]:
    """The days whose units may still do something that counts, or have only just ceased to."""
    window = 1 if phase.experiment.is_bandit else phase.experiment.window_days + 1
    # A night is left for the checks of data quality, which set events aside.
    first = (now - ONE_DAY).astimezone(UTC).date() - timedelta(days=window)
    return days_between(first, min(now, phase.ended_at or now).astimezone(UTC).date())


def moved_days(phase: Phase, since: datetime) -> Iterable[date]:
    """The days of units that exposures received since have moved to another day or to another arm."""
    before = Q(received_at__lt=since)
    units = (
        exposures_of(phase)
        .order_by()
        .values(*_unit_of(phase))
        .annotate(
            newest=Max("received_at"),
            first=Min("occurred_at"),
            first_before=Min("occurred_at", filter=before),
            arms=Count("arm_key", distinct=True),
            arms_before=Count("arm_key", distinct=True, filter=before),
        )
        .filter(newest__gte=since)
    )
    for first, first_before, arms, arms_before in units.values_list(*FOUND).iterator():
        if (first, arms) != (first_before, arms_before):
            yield from (at.astimezone(UTC).date() for at in (first, first_before) if at)


def days_between(first: date, last: date) -> list[date]:
    """All days from one to another, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _unit_of(phase: Phase) -> list[str | TruncDate]:
    return ["visitor_key", DAY] if phase.experiment.is_bandit else ["visitor_key"]
