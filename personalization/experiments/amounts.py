"""What a metric takes from events, in SQL: for each unit two amounts, which are exact integers.

An amount counts, or is in thousandths of a second or ten-thousandths of a value: sums of such are the same in every
database and in whatever order it reads. `fact` is an event that could count for `unit`.
"""

from dataclasses import dataclass, field

from personalization.events.models import Kind
from personalization.experiments.choices import Measure, Scope
from personalization.experiments.models import Metric

KINDS = {
    Measure.CLICKED: (Kind.CLICK,),
    Measure.CLICK_RATE: (Kind.CLICK, Kind.IMPRESSION),
    Measure.CONVERTED: (Kind.CONVERSION,),
    Measure.VALUE: (Kind.CONVERSION,),
    Measure.DWELL: (Kind.DWELL,),
    Measure.RETURNED: (Kind.VIEW, Kind.CLICK, Kind.DWELL, Kind.EXPOSURE),
}
# How much of an amount makes one of its measure.
SCALES = {Measure.VALUE: 10_000, Measure.DWELL: 1_000}
AFTER, BEFORE = "fact.occurred_at >= unit.first", "fact.occurred_at < unit.first"
# Coming back is coming on another day, and so is having come before.
ON_A_LATER_DAY, ON_AN_EARLIER_DAY = "fact.occurred_at >= unit.midnight", "fact.occurred_at < unit.dawn"
ANY, NUMBER, DURATION = "MAX(1)", "COUNT(*)", "SUM(fact.duration_ms)"
# A value is summed in two parts, for the ten-thousandths of great ones are more than a database's integers hold.
WHOLES = "SUM(CAST(FLOOR(fact.value) AS bigint))"
FRACTIONS = "SUM(CAST(FLOOR((fact.value - FLOOR(fact.value)) * 10000 + 0.5) AS bigint))"


@dataclass(frozen=True)
class Column:
    """One sum over the events of a unit that meet a condition; `worth` is what one of it adds to the amount."""

    total: str
    condition: str
    values: tuple[str, ...] = field(default=())
    worth: int = 1

    @property
    def sql(self) -> str:
        return f"CAST(COALESCE({self.total} FILTER (WHERE {self.condition}), 0) AS bigint)"


def columns_of(metric: Metric, slot_key: str) -> tuple[list[Column], list[Column]]:
    """The columns that make up a metric's two amounts.

    The first is what came after the exposure, the second what was before it; of clicks per impression they are the
    clicks and the impressions, both after it.
    """
    kinds = KINDS[metric.measure]
    if metric.measure == Measure.CLICK_RATE:
        return tuple(_columns(metric, slot_key, NUMBER, AFTER, [kind]) for kind in kinds)
    after, before = (ON_A_LATER_DAY, ON_AN_EARLIER_DAY) if metric.measure == Measure.RETURNED else (AFTER, BEFORE)
    total = DURATION if metric.measure == Measure.DWELL else ANY
    return tuple(_columns(metric, slot_key, total, when, kinds) for when in (after, before))


def _columns(metric: Metric, slot_key: str, total: str, when: str, kinds: list[str]) -> list[Column]:
    conditions, values = [when, f"fact.kind IN ({', '.join(['%s'] * len(kinds))})"], [*map(str, kinds)]
    if metric.scope == Scope.SLOT:
        conditions, values = [*conditions, "fact.slot_key = %s"], [*values, slot_key]
    if metric.goal and Kind.CONVERSION in kinds:
        conditions, values = [*conditions, "fact.goal = %s"], [*values, metric.goal]
    condition = " AND ".join(conditions)
    if metric.measure == Measure.VALUE:
        parts = ((WHOLES, SCALES[Measure.VALUE]), (FRACTIONS, 1))
        return [Column(part, condition, tuple(values), worth) for part, worth in parts]
    return [Column(total, condition, tuple(values))]
