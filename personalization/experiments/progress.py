"""How far a test has come, and when it will be done."""

from collections.abc import Mapping
from datetime import UTC, date, timedelta

from personalization.experiments.arms import Arms
from personalization.experiments.choices import Status
from personalization.experiments.models import Experiment, Phase
from personalization.experiments.pooling import count, grouped
from personalization.experiments.readings import Progress
from personalization.stats import days_left


def read_progress(phase: Phase, arms: Arms) -> Progress:
    """The visitors of the judged arms, held against the plan, and the day on which it is met at the pace of late."""
    experiment = arms.experiment
    groups = grouped((row for rows in arms.judged.values() for row in rows), lambda row: row.day)
    daily = {day: count(groups[day]) for day in sorted(groups)}
    n, planned = sum(daily.values()), experiment.planned_visitors
    left = _days_left(planned, daily, experiment) if planned and _goes_on(experiment, phase) else None
    return Progress(
        n=n,
        daily=tuple(daily.items()),
        planned=planned,
        share=n / planned if planned else None,
        days_left=left,
        ends_on=None if left is None else _today(experiment) + timedelta(days=left),
    )


def _goes_on(experiment: Experiment, phase: Phase) -> bool:
    return experiment.status == Status.RUNNING and phase.ended_at is None and experiment.summed_at is not None


def _today(experiment: Experiment) -> date:
    return experiment.summed_at.astimezone(UTC).date()


def _days_left(planned: int, daily: Mapping[date, int], experiment: Experiment) -> int | None:
    """Today is not over and says nothing of the pace; a day without anybody does."""
    today = _today(experiment)
    first = min(daily, default=today)
    full = [daily.get(first + timedelta(days=number), 0) for number in range((today - first).days)]
    return days_left(planned - daily.get(today, 0), full)
