"""Reading what a phase's units did: in one pass over the events, one day's units at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

from django.db import connections, router
from django.db.models import BooleanField, Case, Q, QuerySet, Value, When
from django.db.models.fields.json import KT

from personalization.events.models import Event, Kind
from personalization.experiments.amounts import KINDS, Column, columns_of
from personalization.experiments.choices import Scope
from personalization.experiments.models import Metric, Phase
from personalization.experiments.units import LOOK_BACK, arm_keys_of, exposures_of, units_of

READ_AT_ONCE = 5_000
NOTED = ("device", "locale", "segment", "holdback")
FACTS = ("visitor_key", "kind", "slot_key", "goal", "value", "duration_ms", "occurred_at", *NOTED, "exposes")
IN_TIME = "fact.visitor_key = unit.visitor AND fact.occurred_at >= unit.since AND fact.occurred_at < unit.until"
# Of two exposures at the same moment, what is noted does not depend on which came in first.
TRAITS = (
    "unit.began",
    "unit.low",
    "unit.high",
    *(f"MIN(fact.{name}) FILTER (WHERE fact.exposes AND fact.occurred_at = unit.first)" for name in NOTED),
)

Row: TypeAlias = tuple[Any, ...]
Amounts: TypeAlias = list[int]


@dataclass(frozen=True, eq=False)
class MeasuredDay:
    """The units of one day: their traits, and for each metric the two amounts of each.

    Traits are the least and the greatest arm key, and what was noted of the first exposure.
    """

    day: date
    traits: Sequence[Row]
    amounts: Mapping[Metric, tuple[Amounts, Amounts]]


def measure(
    phase: Phase, days: Sequence[date], exposures: QuerySet[Event] | None = None, kind: Kind = Kind.EXPOSURE
) -> Iterator[MeasuredDay]:
    """What the units of these days did, the oldest day first.

    Other events than the phase's exposures, all of one kind, may be named to begin them.
    """
    if not days:
        return
    exposures = exposures_of(phase) if exposures is None else exposures
    pairs = {metric: columns_of(metric, phase.experiment.slot.key) for metric in phase.experiment.metrics.all()}
    flat = [column for pair in pairs.values() for part in pair for column in part]
    rows = _read_units(phase, exposures, kind, min(days), flat)
    wanted = set(days)
    for day, found in groupby(rows, key=itemgetter(0)):
        if _date(day) not in wanted:
            continue
        columns = list(zip(*found, strict=True))
        traits, told = list(zip(*columns[1 : len(TRAITS)], strict=True)), iter(columns[len(TRAITS) :])
        amounts = {metric: tuple(_amounts(part, told) for part in pair) for metric, pair in pairs.items()}
        yield MeasuredDay(_date(day), traits, amounts)


def touched_days(phase: Phase, since: datetime) -> set[date]:
    """The days of units for which something counts that was received since."""
    received = _facts_of(phase).filter(received_at__gte=since)
    exposures = exposures_of(phase).filter(visitor_key__in=received.values("visitor_key"))
    source, values = _join(units_of(phase, exposures), received)
    return {_date(day) for (day,) in _rows(f"SELECT DISTINCT unit.began {source}", values)}


def _read_units(
    phase: Phase, exposures: QuerySet[Event], kind: Kind, first: date, columns: Sequence[Column]
) -> Iterator[Row]:
    # Django's queries cannot join a query, so this one is written out. It is built of this room's own words: whatever
    # comes from outside is a parameter. A unit always has one fact, its first exposure. That all days after the first
    # are read lets the database foresee how many units there will be, and not look them up one by one.
    begin = datetime.combine(first, time(), UTC)
    units = units_of(phase, exposures).filter(first__gte=begin)
    source, values = _join(units, _facts_of(phase, kind).filter(occurred_at__gte=begin - LOOK_BACK))
    selected = ", ".join([*TRAITS, *(column.sql for column in columns)])
    order = "GROUP BY unit.visitor, unit.first, unit.began, unit.low, unit.high ORDER BY unit.began"
    told = [value for column in columns for value in column.values]
    return _rows(f"SELECT {selected} {source} {order}", [*told, *values])


def _facts_of(phase: Phase, kind: Kind = Kind.EXPOSURE) -> QuerySet[Event]:
    """The events that may count for units of a phase, those of the kind that begins them included."""
    metrics = list(phase.experiment.metrics.all())
    kinds = {kind, *(counted for metric in metrics for counted in KINDS[metric.measure])}
    facts = Event.objects.believed().filter(for_analytics=True, kind__in=sorted(kinds))
    if all(metric.scope == Scope.SLOT for metric in metrics):
        facts = facts.filter(slot_key=phase.experiment.slot.key)
    is_ours = When(Q(kind=Kind.EXPOSURE, arm_key__in=arm_keys_of(phase)), then=Value(True))
    noted = {name: KT(f"context__{name}") for name in NOTED}
    exposes = Case(is_ours, default=Value(False), output_field=BooleanField())
    return facts.order_by().annotate(**noted, exposes=exposes).values(*FACTS)


def _join(units: QuerySet[Event], facts: QuerySet[Event]) -> tuple[str, list[Any]]:
    (unit, of_units), (fact, of_facts) = (rows.query.get_compiler(rows.db).as_sql() for rows in (units, facts))
    return f"FROM ({unit}) AS unit JOIN ({fact}) AS fact ON {IN_TIME}", [*of_units, *of_facts]


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
