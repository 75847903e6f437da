"""From daily sums to statistics: rows are chosen and added up, rounding once."""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date
from typing import Any, NamedTuple, TypeVar

from personalization.experiments.choices import Measure
from personalization.experiments.models import Metric, Phase
from personalization.stats import Proportion, Ratio, RegressionAdjusted, SampleMean
from personalization.stats.statistics import Statistic

SHARES = (Measure.CLICKED, Measure.CONVERTED, Measure.RETURNED)
K = TypeVar("K", bound=Hashable)


class Row(NamedTuple):
    """One daily sum, as plain values."""

    day: date
    arm_key: str
    device: str
    locale: str
    segment: str
    is_holdback: bool
    n: int
    sums: dict[str, dict[str, float]]


Rows = Sequence[Row]


def read_rows(phase: Phase) -> tuple[Row, ...]:
    """Every daily sum of a phase, in a fixed order."""
    return tuple(Row(*values) for values in phase.sums.order_by("day", "pk").values_list(*Row._fields))


def grouped(rows: Iterable[Row], by: Callable[[Row], K]) -> dict[K, list[Row]]:
    """Rows by what they have in common."""
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    return groups


def count(rows: Iterable[Row]) -> int:
    """How many visitors they count."""
    return sum(row.n for row in rows)


def statistic(rows: Iterable[Row], metric: Metric, adjusts: bool = False) -> Statistic:
    """What visitors did after their first exposure; adjusted by what they did before where that is wanted and known."""
    if metric.measure == Measure.CLICK_RATE:
        return Ratio(**_added(rows, metric, Ratio))
    sums = _added(rows, metric, RegressionAdjusted)
    return RegressionAdjusted(**sums) if adjusts else _of_values(metric, sums, "post")


def earlier_statistic(rows: Iterable[Row], metric: Metric) -> Statistic:
    """What they did in the days before; of clicks per impression it is not kept."""
    return _of_values(metric, _added(rows, metric, RegressionAdjusted), "pre")


def _of_values(metric: Metric, sums: Mapping[str, Any], time: str) -> Statistic:
    total, squares, n = sums[f"{time}_total"], sums[f"{time}_squares"], sums["n"]
    return Proportion(total, n) if metric.measure in SHARES else SampleMean(total, squares, n)


def _added(rows: Iterable[Row], metric: Metric, kind: type[Statistic]) -> dict[str, Any]:
    key = str(metric.pk)
    known = [row for row in rows if key in row.sums]
    return {"n": count(known)} | _sums([row.sums[key] for row in known], _names(kind))


def _names(kind: type[Statistic]) -> list[str]:
    return [field.name for field in fields(kind) if field.name != "n"]


def _sums(parts: Sequence[Mapping[str, float]], names: Iterable[str]) -> dict[str, float]:
    return {name: math.fsum(part[name] for part in parts) for name in names}


def condensed(rows: Iterable[Row], *, by_segment: bool) -> list[Row]:
    """The same sums in fewer rows: without device and locale, and without segment unless that is asked for."""
    groups = grouped(rows, lambda row: (row.day, row.arm_key, row.segment if by_segment else "", row.is_holdback))
    return [
        Row(day, arm_key, "", "", segment, is_holdback, count(members), _merged([row.sums for row in members]))
        for (day, arm_key, segment, is_holdback), members in groups.items()
    ]


def _merged(told: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    parts = {key: [sums[key] for sums in told if key in sums] for key in {key: None for sums in told for key in sums}}
    return {key: _sums(sums, sums[0]) for key, sums in parts.items()}
