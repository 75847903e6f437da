"""Who is counted in a phase, and from when to when: each visitor once, or of a bandit each visitor's day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, DateTimeField, ExpressionWrapper, F, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDate, TruncDay

from personalization.events.models import Event, Kind
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.models import Phase

LOOK_BACK = timedelta(days=14)
ONE_DAY = timedelta(days=1)
FOUND = ("first", "first_before", "arms", "arms_before")


def arm_keys_of(phase: Phase) -> list[str]:
    """How exposures name the arms of a phase, and those who are held out of it."""
    keys = phase.experiment.arms.values_list("key", flat=True)
    return [f"{phase.seed}:{key}" for key in (*keys, HELD_OUT)]


def exposures_of(phase: Phase) -> QuerySet[Event]:
    """The exposures that make visitors part of a phase. What is served after its end makes nobody part of it."""
    served = Event.objects.believed().filter(for_analytics=True, kind=Kind.EXPOSURE, arm_key__in=arm_keys_of(phase))
    return served.filter(occurred_at__lt=phase.ended_at) if phase.ended_at else served


def units_of(phase: Phase, exposures: QuerySet[Event]) -> QuerySet[Event]:
    """Each unit's first exposure, the least and the greatest of its arms, and the bounds of what counts for it."""
    units = _grouped(phase, exposures).annotate(
        visitor=F("visitor_key"), first=Min("occurred_at"), low=Min("arm_key"), high=Max("arm_key")
    )
    dawn = TruncDay("first", tzinfo=UTC)
    midnight = ExpressionWrapper(dawn + ONE_DAY, output_field=DateTimeField())
    window = timedelta(days=phase.experiment.window_days)
    return units.annotate(
        began=TruncDate("first", tzinfo=UTC),
        dawn=dawn,
        midnight=midnight,
        since=ExpressionWrapper(F("first") - LOOK_BACK, output_field=DateTimeField()),
        until=midnight if phase.experiment.is_bandit else ExpressionWrapper(F("first") + window, DateTimeField()),
    ).values_list("visitor", "began", "low", "high", "first", "dawn", "midnight", "since", "until")


def open_days(phase: Phase, now: datetime) -> list[date]:
    """The days whose units may still do something that counts, or have only just ceased to."""
    window = 1 if phase.experiment.is_bandit else phase.experiment.window_days + 1
    # A night is left for the checks of data quality, which set events aside.
    first = (now - ONE_DAY).astimezone(UTC).date() - timedelta(days=window)
    return days_between(first, min(now, phase.ended_at or now).astimezone(UTC).date())


def days_between(first: date, last: date) -> list[date]:
    """All days from one to another, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def moved_days(phase: Phase, since: datetime) -> Iterator[date]:
    """The days of units that exposures received since have moved to another day or to another arm."""
    before = Q(received_at__lt=since)
    units = _grouped(phase, exposures_of(phase)).annotate(
        newest=Max("received_at"),
        first=Min("occurred_at"),
        first_before=Min("occurred_at", filter=before),
        arms=Count("arm_key", distinct=True),
        arms_before=Count("arm_key", distinct=True, filter=before),
    )
    for first, first_before, arms, arms_before in units.filter(newest__gte=since).values_list(*FOUND).iterator():
        if (first, arms) != (first_before, arms_before):
            yield from (at.astimezone(UTC).date() for at in (first, first_before) if at)


def _grouped(phase: Phase, exposures: QuerySet[Event]) -> QuerySet[Event]:
    by_day = {"of_day": TruncDate("occurred_at", tzinfo=UTC)} if phase.experiment.is_bandit else {}
    return exposures.order_by().values("visitor_key", **by_day)
