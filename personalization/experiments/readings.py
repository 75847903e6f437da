"""What can be read from an experiment's daily sums: frozen values, alike for pages, files and the API.

Effects, intervals and margins are relative to the control: 0.05 is five percent more. Means are in the metric's unit.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, TypeAlias

from personalization.experiments.models import Phase
from personalization.stats import Comparison

Unit: TypeAlias = Literal["share", "amount", "seconds"]
Part: TypeAlias = Literal["control", "treatment", "holdout", "served"]
Outcome: TypeAlias = Literal["", "better", "worse", "unclear", "harmed", "safe"]
State: TypeAlias = Literal["blocked", "too early", "none yet", "better", "worse"]
Level: TypeAlias = Literal["ok", "warning", "danger"]


@dataclass(frozen=True)
class Check:
    """One thing that could make a test untrustworthy, and whether it keeps the verdict back."""

    code: str
    level: Level
    title: str
    text: str
    blocks: bool = False


@dataclass(frozen=True)
class Point:
    """The effect on all who were first exposed up to a day; the interval is the always-valid one, whatever the method.

    The interval is infinite while nothing can be told.
    """

    day: date
    n: int
    effect: float | None
    interval: tuple[float, float]


@dataclass(frozen=True)
class ArmReading:
    """One arm by one metric: the control, a treatment, those held out, or what a bandit served.

    The comparison is with the control. Only treatments of goals have a corrected p-value, only those of goals and
    guardrails an outcome; `trend` is the change of the effect from day to day, in the metric's unit.
    """

    key: str
    name: str
    part: Part
    n: int
    mean: float | None
    comparison: Comparison | None = None
    corrected_p_value: float | None = None
    outcome: Outcome = ""
    series: tuple[Point, ...] = ()
    trend: Comparison | None = None


@dataclass(frozen=True)
class MetricReading:
    """One metric in every arm, the control first. `key` is the metric's primary key as daily sums name it.

    `role` and `direction` are values of `Role` and `Direction`; `margin` is the harm that a guardrail tolerates.
    A bandit has two: its holdback is the control, everybody else the treatment; its arms follow, without comparison.
    """

    key: str
    label: str
    role: str
    direction: str
    unit: Unit
    margin: float
    arms: tuple[ArmReading, ...]

    @property
    def control(self) -> ArmReading | None:
        """The arm that others are compared with."""
        return next((arm for arm in self.arms if arm.part == "control"), None)

    @property
    def treatments(self) -> tuple[ArmReading, ...]:
        """The arms that are judged."""
        return tuple(arm for arm in self.arms if arm.part == "treatment")

    def with_treatments(self, told: Callable[[ArmReading], ArmReading]) -> "MetricReading":
        """The same with something more told of each treatment."""
        return replace(self, arms=tuple(told(arm) if arm.part == "treatment" else arm for arm in self.arms))


@dataclass(frozen=True)
class Slice:
    """A goal among the visitors of one segment, device or language. Exploratory: nothing is corrected or decided."""

    dimension: Literal["segment", "device", "locale"]
    value: str
    metric: str
    label: str
    arms: tuple[ArmReading, ...]


@dataclass(frozen=True)
class FactorReading:
    """What a level of one factor does to a goal, or levels of several beyond what each does alone."""

    metric: str
    label: str
    factors: tuple[str, ...]
    levels: tuple[str, ...]
    comparison: Comparison
    corrected_p_value: float | None


@dataclass(frozen=True)
class Progress:
    """How far a test has come. `n` counts the visitors of the judged arms, `daily` those of each day, in order.

    Of a bandit, visitors are counted once each day.
    """

    n: int
    daily: tuple[tuple[date, int], ...] = ()
    planned: int | None = None
    share: float | None = None
    days_left: int | None = None
    ends_on: date | None = None


@dataclass(frozen=True)
class Results:
    """Everything that is known of one phase. `summary` says in a sentence what may be concluded, and no more."""

    phase: Phase | None
    verdict_state: State
    summary: str
    checks: tuple[Check, ...]
    metrics: tuple[MetricReading, ...]
    slices: tuple[Slice, ...]
    factors: tuple[FactorReading, ...]
    progress: Progress

    @property
    def goals(self) -> tuple[MetricReading, ...]:
        """The metrics that decide."""
        return tuple(metric for metric in self.metrics if metric.role == "goal")

    @property
    def is_blocked(self) -> bool:
        """Whether a fault keeps the verdict back."""
        return self.verdict_state == "blocked"
