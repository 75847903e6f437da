"""How many visitors a draft needs, how long that takes and what it could find, from what its slot has seen of late."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from typing import Any

from personalization.experiments.choices import Correction, Direction, Method, Role
from personalization.experiments.models import Experiment, Metric
from personalization.experiments.traffic import DAYS, read_traffic
from personalization.stats import Proportion, days_left, minimum_detectable_effect, sample_size
from personalization.stats.effects import Estimate, adjustment, contrast
from personalization.stats.statistics import Statistic


@dataclass(frozen=True)
class Design:
    """What a plan depends on beside the traffic.

    `weights` are those of the arms, the control's first; `lift` is the relative effect to be found, below zero where
    less is better; `alpha` is already divided among the tests that are made at once.
    """

    weights: tuple[float, ...]
    lift: float
    power: float = 0.8
    alpha: float = 0.05
    method: str = Method.SEQUENTIAL

    @property
    def ratio(self) -> float:
        """Visitors in the smallest treatment for each in the control."""
        return min(self.weights[1:]) / self.weights[0]

    @property
    def control(self) -> float:
        """The control's part of all visitors."""
        return self.weights[0] / sum(self.weights)

    @property
    def keywords(self) -> dict[str, Any]:
        """What the calculations of `stats` have in common. A belief needs about what a fixed horizon does."""
        method = "sequential" if self.method == Method.SEQUENTIAL else "fixed"
        return {"power": self.power, "alpha": self.alpha, "ratio": self.ratio, "method": method}


@dataclass(frozen=True)
class Plan:
    """What is to be expected of one goal; None where the slot's history cannot tell.

    `baseline` is what visitors do now in the metric's unit, and `daily_visitors` how many new ones would take part on
    a day. `sample_size` counts all arms together, `days` says how long that takes, and `minimum_detectable_effect` is
    the relative effect that four weeks would show.
    """

    baseline: float | None
    daily_visitors: float
    sample_size: int | None = None
    days: int | None = None
    minimum_detectable_effect: float | None = None
    metric: str = ""


def read_plans(experiment: Experiment, now: datetime | None = None) -> tuple[Plan, ...]:
    """A plan for each goal of a saved draft. Whom it is meant for is not known of the past: that may take longer."""
    goals = [metric for metric in experiment.metrics.all() if metric.role == Role.GOAL]
    arms = sorted(experiment.arms.all(), key=lambda arm: not arm.is_control)
    weights = [arm.weight for arm in arms if arm.weight]
    if len(weights) < 2 or not arms[0].weight:
        return ()
    traffic, part = read_traffic(experiment, now), part_of(experiment)
    daily = [round(part * number) for number in traffic.daily]
    return tuple(
        replace(
            plan(
                traffic.baseline(goal, adjusts=experiment.adjusts),
                daily,
                _design(experiment, goal, weights, tests=len(goals) * (len(weights) - 1)),
            ),
            metric=str(goal),
        )
        for goal in goals
    )


def plan(baseline: Statistic, daily: Sequence[int], design: Design) -> Plan:
    """Plan by what visitors do now, and how many new ones came on each of the last days."""
    told = Plan(baseline.mean, sum(daily) / len(daily) if daily else 0.0)
    spread = _spread(baseline)
    if not told.baseline or spread is None:
        return told
    sd = {} if isinstance(baseline, Proportion) else {"sd": spread}
    found = replace(told, minimum_detectable_effect=_least_effect(told.baseline, daily, design, sd))
    try:
        controls = sample_size(told.baseline, design.lift, **design.keywords, **sd)
    except ValueError:  # no number of visitors shows such an effect, such as twice as many of those who do it already
        return found
    needed = math.ceil(controls / design.control)
    return replace(found, sample_size=needed, days=days_for(needed, daily))


def days_for(needed: int, daily: Sequence[int]) -> int | None:
    """After how many days so many have come: as fast as they did, and then at the pace of the last week."""
    for number, total in enumerate(accumulate(daily), start=1):
        if total >= needed:
            return number
    left = days_left(needed, daily)
    return None if left is None else len(daily) + left


def part_of(experiment: Experiment) -> float:
    """The part of the slot's visitors who would be in an arm."""
    ranges = [part.end - part.start for part in experiment.namespaces.all()]
    return math.prod([experiment.coverage / 100, 1 - experiment.holdout / 100, *ranges])


def _least_effect(mean: float, daily: Sequence[int], design: Design, sd: dict[str, float]) -> float | None:
    visitors = sum(daily) * DAYS / len(daily) if daily else 0
    return minimum_detectable_effect(mean, visitors * design.control, **design.keywords, **sd) if visitors else None


def _spread(baseline: Statistic) -> float | None:
    """The standard deviation of one visitor's value, after adjustment; None where visitors do not differ."""
    one = [Estimate.of({"": baseline}, {"": 1.0})]
    variance = contrast(one, [1.0], [0.0], False, adjustment([baseline])).variance
    return math.sqrt(variance * baseline.n) if variance else None


def _design(experiment: Experiment, goal: Metric, weights: Sequence[float], tests: int) -> Design:
    """Holm asks the most of the first of several tests; Benjamini-Hochberg at worst as much."""
    is_corrected = experiment.correction != Correction.NONE and experiment.method != Method.BAYESIAN
    sign = 1 if goal.direction == Direction.INCREASE else -1
    return Design(
        weights=tuple(weights),
        lift=sign * experiment.minimum_effect / 100,
        power=experiment.power,
        alpha=experiment.alpha / tests if is_corrected else experiment.alpha,
        method=experiment.method,
    )
