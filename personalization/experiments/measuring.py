"""Reading what a phase's units did: in one pass over the events, one day's units at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import connections, router
from django.db.models import QuerySet

from personalization.events.models import Event
from personalization.experiments.amounts import KINDS, Column, columns_of
from personalization.experiments.choices import Scope
from personalization.experiments.models import Metric, Phase
from personalization.experiments.units import LOOK_BACK, ONE_DAY, TRAITS, exposures_of, units_of

READ_AT_ONCE = 5_000
FACTS = ("visitor_key", "kind", "slot_key", "goal", "value", "duration_ms", "occurred_at", "received_at")
IN_TIME = "fact.visitor_key = unit.visitor AND fact.occurred_at >= unit.since AND fact.occurred_at < unit.until"

Row: TypeAlias = tuple[Any, ...]
Amounts: TypeAlias = list[int]


@dataclass(frozen=True, eq=False)
class MeasuredDay:
    """The units of one day: TRAITS of each, and for each metric the two amounts of each."""

    day: date
    traits: Sequence[Row]
    amounts: Mapping[Metric, tuple[Amounts, Amounts]]


def measure(phase: Phase, days: Sequence[date], exposures: QuerySet[Event] | None = None) -> Iterator[MeasuredDay]:
    """What the units of these days did, the oldest day first; only those of some exposures, where these are given."""
    if not days:
        return
    exposures = exposures_of(phase) if exposures is None else exposures
    metrics = list(phase.experiment.metrics.all())
    pairs = {metric: columns_of(metric, phase.experiment.slot.key) for metric in metrics}
    rows = _read_units(phase, exposures, days, [column for pair in pairs.values() for part in pair for column in part])
    for day, found in groupby(rows, key=itemgetter(0)):
        columns = list(zip(*found, strict=True))
        traits, told = list(zip(*columns[: len(TRAITS)], strict=True)), iter(columns[len(TRAITS) :])
        amounts = {metric: tuple(_amounts(part, told) for part in pair) for metric, pair in pairs.items()}
        yield MeasuredDay(_date(day), traits, amounts)


def touched_days(phase: Phase, since: datetime) -> set[date]:
    """The days of units for which something counts that was received since."""
    received = _facts_of(phase).filter(received_at__gte=since)
    exposures = exposures_of(phase).filter(visitor_key__in=received.values("visitor_key"))
    source, values = _join("JOIN", units_of(phase, exposures), received)
    return {_date(day) for (day,) in _rows(f"SELECT DISTINCT unit.day {source}", values)}


def _read_units(
    phase: Phase, exposures: QuerySet[Event], days: Sequence[date], columns: Sequence[Column]
) -> Iterator[Row]:
    # Django's queries cannot join a query, so this one is written out. It is built of this module's own words:
    # whatever comes from outside is a parameter.
    traits = ", ".join(f"unit.{name}" for name in TRAITS)
    source, values = _join("LEFT JOIN", units_of(phase, exposures), _facts_of(phase, days))
    places = ", ".join(["%s"] * len(days))
    statement = (
        f"SELECT {', '.join([traits, *(column.sql for column in columns)])} {source}"
        f" WHERE unit.day IN ({places}) GROUP BY unit.visitor, {traits} ORDER BY unit.day"
    )
    told = [value for column in columns for value in column.values]
    return _rows(statement, [*told, *values, *(day.isoformat() for day in days)])


def _facts_of(phase: Phase, days: Sequence[date] = ()) -> QuerySet[Event]:
    """The events that may count for units of these days, or of any."""
    metrics = list(phase.experiment.metrics.all())
    kinds = {kind for metric in metrics for kind in KINDS[metric.measure]}
    facts = Event.objects.believed().filter(for_analytics=True, kind__in=sorted(kinds))
    if all(metric.scope == Scope.SLOT for metric in metrics):
        facts = facts.filter(slot_key=phase.experiment.slot.key)
    if days:
        first, last = (datetime.combine(day, time(), UTC) for day in (min(days), max(days)))
        window = timedelta(days=phase.experiment.window_days)
        facts = facts.filter(occurred_at__gte=first - LOOK_BACK, occurred_at__lt=last + ONE_DAY + window)
    return facts.order_by().values(*FACTS)


def _join(how: str, units: QuerySet[Event], facts: QuerySet[Event]) -> tuple[str, list[Any]]:
    (unit, of_units), (fact, of_facts) = (rows.query.get_compiler(rows.db).as_sql() for rows in (units, facts))
    return f"FROM ({unit}) AS unit {how} ({fact}) AS fact ON {IN_TIME}", [*of_units, *of_facts]


def _rows(statement: str, values: Sequence[Any]) -> Iterator[Row]:
    with connections[router.db_for_read(Event)].chunked_cursor() as cursor:
        cursor.execute(statement, values)
        while rows := cursor.fetchmany(READ_AT_ONCE):
            yield from rows


def _amounts(part: Sequence[Column], told: Iterator[Sequence[int]]) -> Amounts:
    columns = [(column.worth, next(told)) for column in part]
    if len(columns) == 1:
        return list(columns[0][1])
    return [sum(parts) for parts in zip(*([worth * one for one in values] for worth, values in columns), strict=True)]


def _date(day: date | str) -> date:
    """A day as databases tell it: SQLite has words for dates."""
    return day if isinstance(day, date) else date.fromisoformat(day)
