"""What a slot's visitors did of late: the test as it would have been, had everybody taken part for four weeks."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from personalization.events.models import Event, Kind
from personalization.experiments.measuring import measure
from personalization.experiments.models import Experiment, Metric, Phase
from personalization.experiments.pooling import Row, Rows, count, grouped, statistic
from personalization.experiments.sums import sums_of
from personalization.experiments.units import days_between
from personalization.stats.statistics import Statistic

DAYS = 28
# Of a busier slot a part of the visitors tells enough: their keys are random.
MOST_EVENTS = 200_000
PREFIXES = 16**6


@dataclass(frozen=True, eq=False)
class Traffic:
    """Sums of visitors who allow analytics, by the day they were first seen in the slot; `share` of all are in them.

    `daily` counts new visitors on each day since the first, scaled up to all. `complete` are the rows of visitors who
    have had all of their time, or all rows as long as nobody has.
    """

    share: float
    daily: tuple[int, ...]
    complete: Rows

    def baseline(self, metric: Metric, *, adjusts: bool) -> Statistic:
        """What visitors do now."""
        return statistic(self.complete, metric, adjusts)


def read_traffic(experiment: Experiment, now: datetime | None = None) -> Traffic:
    """Read the slot of a saved draft by the draft's own metrics."""
    today = (now or timezone.now()).astimezone(UTC).date()
    days = days_between(today - timedelta(days=DAYS), today - timedelta(days=1))
    seen = Event.objects.believed().filter(
        for_analytics=True,
        slot_key=experiment.slot.key,
        kind=Kind.IMPRESSION,
        occurred_at__gte=datetime.combine(days[0], datetime.min.time(), UTC),
    )
    share = min(1.0, MOST_EVENTS / max(1, seen.count()))
    if share < 1:
        seen = seen.filter(visitor_key__lt=f"{round(share * PREFIXES):06x}")
    phase = Phase(experiment=experiment)
    rows = [
        Row(found.day, "", "", "", "", False, found.n, found.sums)
        for day in measure(phase, days, seen, Kind.IMPRESSION)
        for found in sums_of(phase, day)
    ]
    by_day = grouped(rows, lambda row: row.day)
    since = days_between(min(by_day), days[-1]) if by_day else []
    over = today - timedelta(days=experiment.window_days + 1)
    return Traffic(
        share=share,
        daily=tuple(round(count(by_day.get(day, ())) / share) for day in since),
        complete=[row for row in rows if row.day <= over] or rows,
    )
