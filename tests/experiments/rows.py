"""Daily sums written by hand, so that a test knows every number that goes in."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from personalization.experiments.models import DaySum, Experiment

FIRST_DAY = date(2026, 3, 2)


def add_row(
    experiment: Experiment,
    arm: str,
    n: int,
    *successes: float | Mapping[str, float],
    day: int = 0,
    before: float = 0,
    **fields: Any,
) -> DaySum:
    """Write one row: of `n` visitors so many did what each metric counts, or the sums as they are given.

    `before` of them did the same in the days before, none of whom did it after.
    """
    metrics = experiment.metrics.order_by("sort_order")
    sums = {str(metric.pk): _sums(told, before) for metric, told in zip(metrics, successes, strict=True)}
    phase = fields.pop("phase", None) or experiment.phase
    when = FIRST_DAY + timedelta(days=day)
    return DaySum.objects.create(phase=phase, day=when, arm_key=arm, n=n, sums=sums, **fields)


def _sums(told: float | Mapping[str, float], before: float) -> Mapping[str, float]:
    if isinstance(told, Mapping):
        return told
    pre = {"pre_total": before, "pre_squares": before, "products": 0.0}
    return {"post_total": told, "post_squares": told} | pre
