"""One metric in each arm: what visitors did on average, and the difference from the control."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from personalization.experiments.arms import BANDIT, EQUAL_SHARES, Arms
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.choices import Direction, Measure
from personalization.experiments.models import Experiment, Metric
from personalization.experiments.pooling import SHARES, Row, grouped, statistic
from personalization.experiments.readings import ArmReading, MetricReading, Part, Unit
from personalization.stats import Comparison, compare, stratified
from personalization.stats.comparison import Method
from personalization.stats.statistics import Statistic


def read_metric(metric: Metric, arms: Arms) -> MetricReading:
    """A metric in every arm, compared but not yet judged."""
    return MetricReading(
        key=str(metric.pk),
        label=str(metric),
        role=metric.role,
        direction=metric.direction,
        unit=_unit(metric),
        margin=metric.margin / 100,
        arms=read_arms(metric, arms),
    )


def read_arms(metric: Metric, arms: Arms) -> tuple[ArmReading, ...]:
    """The control first, then treatments, then what is only shown."""
    readings = [_judged(key, metric, arms) for key in arms.judged]
    readings += [_served(key, metric, arms) for key in arms.served]
    if arms.held_out:
        compared = compare_rows(arms.control, arms.held_out, metric, arms.experiment)
        readings.append(_reading(HELD_OUT, _("Held out"), "holdout", arms.held_out, metric, compared))
    return tuple(readings)


def _judged(key: str, metric: Metric, arms: Arms) -> ArmReading:
    name = {EQUAL_SHARES: _("Equal shares"), BANDIT: _("Bandit")}[key] if arms.is_bandit else arms.names[key]
    rows = arms.judged[key]
    if rows is arms.control:
        return _reading(key, name, "control", rows, metric)
    return _reading(key, name, "treatment", rows, metric, compare_rows(arms.control, rows, metric, arms.experiment))


def _served(key: str, metric: Metric, arms: Arms) -> ArmReading:
    return _reading(key, arms.names[key], "served", arms.served[key], metric)


def _reading(
    key: str, name: str, part: Part, rows: Sequence[Row], metric: Metric, compared: Comparison | None = None
) -> ArmReading:
    told = statistic(rows, metric)
    return ArmReading(key, name, part, told.n, told.mean, compared)


def compare_rows(
    control: Sequence[Row],
    treatment: Sequence[Row],
    metric: Metric,
    experiment: Experiment,
    method: Method | None = None,
) -> Comparison:
    """Compare two arms as the experiment's settings say, or by another method."""
    keywords = {
        "method": method or experiment.method,
        "alpha": experiment.alpha,
        "prior_sd": experiment.prior_sd,
    }
    if experiment.stratifies and (control or treatment):
        compared = stratified(*(_strata(rows, metric, experiment) for rows in (control, treatment)), **keywords)
    else:
        pair = (statistic(rows, metric, adjusts=experiment.adjusts) for rows in (control, treatment))
        compared = compare(*pair, **keywords)
    return compared.where_less_is_better() if metric.direction == Direction.DECREASE else compared


def _strata(rows: Sequence[Row], metric: Metric, experiment: Experiment) -> dict[str, Statistic]:
    groups = sorted(grouped(rows, lambda row: row.segment).items())
    return {segment: statistic(members, metric, adjusts=experiment.adjusts) for segment, members in groups}


def _unit(metric: Metric) -> Unit:
    if metric.measure == Measure.DWELL:
        return "seconds"
    return "share" if metric.measure in (*SHARES, Measure.CLICK_RATE) else "amount"
