"""What follows for each arm from its comparisons: corrected for the number of goals and arms, then judged."""

from collections.abc import Sequence
from dataclasses import replace

from personalization.experiments.choices import Correction, Direction, Role
from personalization.experiments.models import Experiment
from personalization.experiments.readings import ArmReading, MetricReading, Outcome, State
from personalization.stats import benjamini_hochberg, holm

CORRECTIONS = {Correction.HOLM: holm, Correction.BENJAMINI_HOCHBERG: benjamini_hochberg, Correction.NONE: list}
GOOD, BAD = {"better"}, {"worse", "harmed"}


def correct(p_values: Sequence[float | None], experiment: Experiment) -> list[float | None]:
    """Correct p-values for their number; one that is not known yet counts as a test, too."""
    corrected = CORRECTIONS[Correction(experiment.correction)]([1.0 if p is None else p for p in p_values])
    return [None if known is None else p for known, p in zip(p_values, corrected, strict=True)]


def with_corrections(metrics: Sequence[MetricReading], experiment: Experiment) -> tuple[MetricReading, ...]:
    """Correct the goals' p-values: every treatment of every goal is one test."""
    tested = [(metric.key, arm.key) for metric in metrics if metric.role == Role.GOAL for arm in metric.treatments]
    by_place = {(metric.key, arm.key): arm.comparison.p_value for metric in metrics for arm in metric.treatments}
    found = dict(zip(tested, correct([by_place[place] for place in tested], experiment), strict=True))
    return tuple(
        metric.with_treatments(lambda arm, key=metric.key: replace(arm, corrected_p_value=found.get((key, arm.key))))
        for metric in metrics
    )


def with_outcomes(metrics: Sequence[MetricReading], experiment: Experiment) -> tuple[MetricReading, ...]:
    """Say of every treatment whether it is better or worse in goals, and whether it harms what is guarded."""
    return tuple(
        metric.with_treatments(lambda arm, metric=metric: replace(arm, outcome=_outcome(arm, metric, experiment)))
        for metric in metrics
    )


def _outcome(arm: ArmReading, metric: MetricReading, experiment: Experiment) -> Outcome:
    if metric.role == Role.GUARDRAIL:
        return _guarded(arm, metric)
    return _decided(arm, metric, experiment.alpha) if metric.role == Role.GOAL else ""


def _decided(arm: ArmReading, metric: MetricReading, alpha: float) -> Outcome:
    """A belief has no p-value: there zero must lie outside the interval."""
    low, high = _gain(arm, metric)
    p_value = arm.corrected_p_value
    if low <= 0 <= high or (p_value is not None and p_value >= alpha):
        return "unclear"
    return "better" if low > 0 else "worse"


def _guarded(arm: ArmReading, metric: MetricReading) -> Outcome:
    """Harm is certain once the whole interval lies beyond the margin, and excluded once none of it does."""
    low, high = _gain(arm, metric)
    if high < -metric.margin:
        return "harmed"
    return "safe" if low > -metric.margin else "unclear"


def _gain(arm: ArmReading, metric: MetricReading) -> tuple[float, float]:
    """The interval with more as the better."""
    low, high = arm.comparison.interval
    return (low, high) if metric.direction == Direction.INCREASE else (-high, -low)


def conclude(metrics: Sequence[MetricReading]) -> State:
    """Better if an arm gains without a loss, worse if every arm loses without a gain; goals that disagree are open."""
    states = [conclude_arm(key, metrics) for key in arm_keys(metrics)]
    if "better" in states:
        return "better"
    return "worse" if states and set(states) == {"worse"} else "none yet"


def conclude_arm(key: str, metrics: Sequence[MetricReading]) -> State:
    """What goals and guardrails together say of one arm."""
    outcomes = {arm.outcome for metric in metrics for arm in metric.treatments if arm.key == key}
    if outcomes & GOOD and not outcomes & BAD:
        return "better"
    return "worse" if outcomes & BAD and not outcomes & GOOD else "none yet"


def arm_keys(metrics: Sequence[MetricReading]) -> list[str]:
    """The treatments' keys."""
    return [arm.key for arm in metrics[0].treatments] if metrics else []
