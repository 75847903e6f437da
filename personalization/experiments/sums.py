"""Daily sums: what results are read from, so that no request ever reads events."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from operator import mul
from typing import Any

from django.db import transaction
from django.utils import timezone

from personalization import conf
from personalization.experiments.amounts import SCALES
from personalization.experiments.choices import Measure
from personalization.experiments.measuring import Amounts, MeasuredDay, Row, measure, touched_days
from personalization.experiments.models import DaySum, Experiment, Metric, Phase
from personalization.experiments.units import days_between, moved_days, open_days
from personalization.stats.statistics import winsor_bounds

logger = logging.getLogger(__name__)

# Events say when they came in before their transaction ends; what comes in meanwhile is looked for again.
IN_FLIGHT = timedelta(minutes=5)
PAIR = ("post_total", "post_squares", "pre_total", "pre_squares", "products")
RATIO = ("numerator_total", "numerator_squares", "denominator_total", "denominator_squares", "products")
CAPPED = (Measure.VALUE, Measure.DWELL)


def refresh_sums(*, experiment: Experiment, now: datetime | None = None) -> int:
    """Sum the days that may have changed; return how many rows were written.

    Those are the days whose windows are open, and those that something received since the last time belongs to. Events
    are read without a lock: whoever finds at the end that somebody else has summed meanwhile leaves it at that.
    """
    now = now or timezone.now()
    seen = Experiment.objects.values_list("summed_at", flat=True).get(pk=experiment.pk)
    days = {phase: _days_to_sum(phase, seen, now) for phase in experiment.phases.select_related("experiment__slot")}
    rows = [row for phase, some in days.items() for day in measure(phase, some) for row in sums_of(phase, day)]
    with transaction.atomic():
        if not Experiment.objects.filter(pk=experiment.pk, summed_at=seen).update(summed_at=now - IN_FLIGHT):
            return 0
        for phase, some in days.items():
            DaySum.objects.filter(phase=phase, day__in=some).delete()
        DaySum.objects.bulk_create(rows, batch_size=500)
    experiment.summed_at = now - IN_FLIGHT
    return len(rows)


def refresh_all() -> int:
    """Refresh every experiment whose sums may still change; that one fails is logged, and harms no other."""
    written = 0
    for experiment in Experiment.objects.measured():
        try:
            written += refresh_sums(experiment=experiment)
        except Exception:
            logger.exception("The daily sums of %s could not be refreshed. The next run tries again.", experiment.key)
    return written


def rebuild_sums(*, experiment: Experiment) -> int:
    """Sum all days anew that events are still kept of; return how many rows were written.

    Until it has finished, the old sums stand; should it not finish, the next refreshing does it.
    """
    Experiment.objects.filter(pk=experiment.pk).update(summed_at=None)
    return refresh_sums(experiment=experiment)


def _days_to_sum(phase: Phase, seen: datetime | None, now: datetime) -> list[date]:
    # Of older days not all events are left: their sums stay as they are.
    oldest = (now - timedelta(days=conf.get().retention_days - 1)).astimezone(UTC).date()
    if seen is None:
        return days_between(oldest, now.astimezone(UTC).date())
    days = {*open_days(phase, now), *touched_days(phase, seen), *moved_days(phase, seen)}
    return sorted(day for day in days if day >= oldest)


def sums_of(phase: Phase, measured: MeasuredDay) -> Iterable[DaySum]:
    """A day's rows, not yet written."""
    amounts = {metric: _capped(metric, pair) for metric, pair in measured.amounts.items()}
    for group, members in sorted(_groups(phase, measured.traits).items()):
        arm_key, device, locale, segment, is_holdback = group
        yield DaySum(
            phase=phase,
            day=measured.day,
            arm_key=arm_key,
            device=device,
            locale=locale,
            segment=segment,
            is_holdback=is_holdback,
            n=len(members),
            sums={str(metric.pk): _numbers(metric, pair, members) for metric, pair in amounts.items()},
        )


def _groups(phase: Phase, traits: Sequence[Row]) -> Mapping[Row, list[int]]:
    """The places of units that are summed together."""
    alike = defaultdict(list)
    for place, unit in enumerate(traits):
        alike[unit].append(place)
    groups = defaultdict(list)
    for unit, places in alike.items():
        groups[_group_of(phase, unit)] += places
    return groups


def _group_of(phase: Phase, unit: Row) -> Row:
    low, high, device, locale, segment, holdback = unit
    arm_key = low.removeprefix(f"{phase.seed}:") if low == high else ""
    words = [(("" if word is None else word)[:length]) for word, length in ((device, 16), (locale, 20), (segment, 60))]
    return (arm_key, *words, holdback == "true")


def _capped(metric: Metric, pair: tuple[Amounts, Amounts]) -> tuple[Amounts, Amounts]:
    """Amounts cut at a percentile of all arms' visitors together who have any: where few do, it were else nothing."""
    some = [amount for amount in pair[0] if amount]
    if metric.cap is None or metric.measure not in CAPPED or not some:
        return pair
    most = round(winsor_bounds(some, upper=metric.cap / 100)[1])
    return tuple([min(amount, most) for amount in amounts] for amounts in pair)


def _numbers(metric: Metric, pair: tuple[Amounts, Amounts], members: Sequence[int]) -> dict[str, Any]:
    """The sums as `stats` names them. Integers are added and rounded once, so that no order makes a difference."""
    first, second = ([amounts[place] for place in members] for amounts in pair)
    products = [(first, first), (second, second), (first, second)]
    squares, other_squares, both = (sum(map(mul, one, other)) for one, other in products)
    scale = SCALES.get(metric.measure, 1)
    parts = (sum(first), scale), (squares, scale**2), (sum(second), scale), (other_squares, scale**2), (both, scale**2)
    names = RATIO if metric.measure == Measure.CLICK_RATE else PAIR
    return {name: total if per == 1 else total / per for name, (total, per) in zip(names, parts, strict=True)}
