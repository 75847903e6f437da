"""An experiment's figures as CSV: for spreadsheets, which must not take what somebody has typed for a formula."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from django.http import HttpResponse

from personalization.experiments.models import DaySum, Experiment
from personalization.experiments.readings import ArmReading, MetricReading, Results
from personalization.variants.sheets import safe

RESULT_COLUMNS = (
    "metric",
    "role",
    "direction",
    "arm",
    "arm name",
    "part",
    "visitors",
    "mean",
    "effect",
    "low",
    "high",
    "p-value",
    "corrected p-value",
    "chance to win",
    "loss of control",
    "loss of arm",
    "outcome",
)


def csv_response(name: str, rows: Iterable[Sequence[object]]) -> HttpResponse:
    """A file to be saved, whose cells nobody's program takes for formulas."""
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    csv.writer(response).writerows([safe(cell) for cell in row] for row in rows)
    return response


def result_rows(results: Results) -> Iterator[Sequence[object]]:
    """Every arm by every metric; outcomes are left out where a fault keeps the verdict back."""
    yield RESULT_COLUMNS
    for metric in results.metrics:
        for arm in metric.arms:
            yield _result_row(metric, arm, "" if results.is_blocked else arm.outcome)


def _result_row(metric: MetricReading, arm: ArmReading, outcome: str) -> Sequence[object]:
    found = arm.comparison
    compared = [None] * 4
    if found:
        compared = [found.effect, *found.interval, found.p_value]
    return [
        metric.label,
        metric.role,
        metric.direction,
        arm.key,
        arm.name,
        arm.part,
        arm.n,
        arm.mean,
        *compared,
        arm.corrected_p_value,
        found and found.chance_to_win,
        *((found and found.risk) or (None, None)),
        outcome,
    ]


def day_rows(experiment: Experiment) -> Iterator[Sequence[object]]:
    """What each day, arm and metric add to the sums of every phase. Arm "" counts visitors seen in more than one."""
    labels = {str(metric.pk): str(metric) for metric in experiment.metrics.all()}
    totals = _totals(experiment, labels)
    names = sorted({name for sums in totals.values() for name in sums} - {"n"})
    yield [
        "phase",
        "day",
        "arm",
        "equal shares",
        "metric id",
        "metric",
        "visitors",
        *(n.replace("_", " ") for n in names),
    ]
    for (phase, day, arm, is_holdback, metric), sums in sorted(totals.items()):
        place = [phase, day.isoformat(), arm, "yes" if is_holdback else "no", int(metric), labels[metric]]
        yield [*place, int(sums["n"]), *(sums.get(name) for name in names)]


def _totals(experiment: Experiment, metrics: Iterable[str]) -> dict[tuple, dict[str, float]]:
    totals: dict[tuple, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in DaySum.objects.filter(phase__experiment=experiment).select_related("phase"):
        for metric in metrics:
            into = totals[row.phase.number, row.day, row.arm_key, row.is_holdback, metric]
            into["n"] += row.n
            for name, value in row.sums.get(metric, {}).items():
                into[name] += value
    return totals
