"""How the effect on a metric came about: over the days, and whether it fades."""

from collections.abc import Sequence
from dataclasses import replace

from personalization.experiments.arms import Arms
from personalization.experiments.comparing import compare_rows
from personalization.experiments.models import Metric
from personalization.experiments.pooling import Row, grouped, statistic
from personalization.experiments.readings import ArmReading, MetricReading, Point
from personalization.stats import Comparison, novelty_trend


def with_series(reading: MetricReading, metric: Metric, arms: Arms) -> MetricReading:
    """Add each treatment's series and trend."""

    def told(arm: ArmReading) -> ArmReading:
        rows = arms.judged[arm.key]
        return replace(arm, series=read_series(rows, metric, arms), trend=read_trend(rows, metric, arms))

    return reading.with_treatments(told)


def read_series(treatment: Sequence[Row], metric: Metric, arms: Arms) -> tuple[Point, ...]:
    """The effect on everybody first exposed up to each day, with the confidence sequence."""
    days = sorted({row.day for row in (*arms.control, *treatment)})
    points = []
    for day in days:
        pair = [[row for row in rows if row.day <= day] for rows in (arms.control, treatment)]
        seen = compare_rows(*pair, metric, arms.experiment, "sequential")
        points.append(Point(day, sum(row.n for rows in pair for row in rows), seen.effect, seen.interval))
    return tuple(points)


def read_trend(treatment: Sequence[Row], metric: Metric, arms: Arms) -> Comparison:
    """How the effect changes from one day's new visitors to the next's, in the metric's unit.

    Only days whose visitors have had all of their time: those of late have done less, whatever they are shown.
    """
    rows = [
        grouped((row for row in part if arms.is_over(row.day)), lambda row: row.day)
        for part in (arms.control, treatment)
    ]
    days = sorted(set().union(*rows))
    return novelty_trend(
        *([statistic(part.get(day, ()), metric) for day in days] for part in rows), alpha=arms.experiment.alpha
    )
