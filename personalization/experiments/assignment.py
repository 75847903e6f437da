"""Which arm a visitor gets: a hash of the visitor's key, so nothing is written and nothing can be asked for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from functools import cached_property
from typing import Any

from personalization.experiments.choices import Allocation
from personalization.experiments.contextual import Learned, features_of
from personalization.stats.bucketing import bucket, bucket_ranges, choose, in_namespace
from personalization.visitors.matching import Facts

GLOBAL_HOLDOUT = "personalization.holdout"
HELD_OUT = "holdout"


@dataclass(frozen=True, eq=False)
class ServedArm:
    """What an arm changes about its slot; None leaves the slot's own."""

    key: str
    personalizes: bool = True
    model_version: int | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class ServedBatch:
    """A bandit's shares of all arms from one UTC day on, or the models that they follow from."""

    day: date
    shares: tuple[float, ...]
    learned: Learned | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class ServedExperiment:
    """An experiment as serving reads it: plain values, no query. Batches come in the order of their days."""

    key: str
    seed: str
    arms: tuple[ServedArm, ...]
    weights: tuple[float, ...]
    coverage: float = 1.0
    holdout: float = 0.0
    namespaces: tuple[tuple[str, float, float], ...] = ()
    segments: frozenset[str] = frozenset()
    sites: frozenset[int] = frozenset()
    locales: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    flag: str = ""
    allocation: str = Allocation.FIXED
    floor: float = 0.0
    holdback: float = 0.0
    batches: tuple[ServedBatch, ...] = ()

    @cached_property
    def equal(self) -> tuple[float, ...]:
        """Equal shares of the arms that have any weight."""
        return normalised([float(weight > 0) for weight in self.weights])

    def arm(self, key: str | None) -> ServedArm | None:
        """The arm of a key."""
        return next((arm for arm in self.arms if arm.key == key), None)

    def shares(self, day: date, features: Sequence[float]) -> tuple[float, ...]:
        """A bandit's shares on a day, for somebody with these features."""
        batch = next((batch for batch in reversed(self.batches) if batch.day <= day), None)
        if batch is None:
            return self.weights
        return batch.learned.shares(features, self.floor) if batch.learned else batch.shares

    def admits(self, facts: Facts, segments: Callable[[], Iterable[str]]) -> bool:
        """Whether the experiment is meant for whom these facts are about."""
        return (
            (not self.sites or facts.site_id in self.sites)
            and (not self.locales or facts.locale in self.locales)
            and (not self.devices or facts.device in self.devices)
            and (not self.segments or not self.segments.isdisjoint(segments()))
        )


@dataclass(frozen=True, eq=False)
class Assignment:
    """One visitor's arm in one experiment; without an arm the visitor is held out."""

    experiment: ServedExperiment
    arm: ServedArm | None
    propensity: float = 1.0
    is_holdback: bool = False
    features: tuple[float, ...] = ()

    @property
    def noted(self) -> dict[str, Any]:
        """What a bandit's exposure must note so that its learning and its value can be reckoned later."""
        if self.experiment.allocation == Allocation.FIXED or self.arm is None:
            return {}
        noted = {"propensity": self.propensity, "holdback": self.is_holdback}
        return noted | ({"features": self.features} if self.features else {})

    @property
    def arm_key(self) -> str:
        """How events name the arm: experiment, phase and arm."""
        return f"{self.experiment.seed}:{self.arm.key if self.arm else HELD_OUT}"


def normalised(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights as shares of one; left alone where there are none."""
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else tuple(weights)


def is_held_out(unit: str, share: float) -> bool:
    """Whether a visitor belongs to those whom the whole site never personalizes for."""
    return bool(unit) and bucket(unit, GLOBAL_HOLDOUT) < share


def assign(
    experiments: Iterable[ServedExperiment],
    *,
    unit: str,
    facts: Facts,
    segments: Callable[[], Iterable[str]],
) -> Assignment | None:
    """The first of a slot's experiments in which the visitor takes part, and the arm there, if there is one."""
    for experiment in experiments:
        if (experiment.flag and not facts.is_flag_active(experiment.flag)) or not experiment.admits(facts, segments):
            continue
        if bucket(unit, f"{experiment.key}:{HELD_OUT}") < experiment.holdout:
            return Assignment(experiment, None)
        is_ours = all(in_namespace(unit, *part) for part in experiment.namespaces)
        if is_ours and (found := _arm_of(experiment, unit, facts)):
            return found
    return None


def _arm_of(experiment: ServedExperiment, unit: str, facts: Facts) -> Assignment | None:
    if experiment.allocation == Allocation.FIXED:
        number = choose(bucket(unit, experiment.seed), bucket_ranges(experiment.weights, experiment.coverage))
        return None if number is None else _assignment(experiment, number, experiment.weights)
    if bucket(unit, f"{experiment.seed}:coverage") >= experiment.coverage:
        return None
    features = features_of(facts) if experiment.allocation == Allocation.CONTEXTUAL else ()
    if bucket(unit, f"{experiment.seed}:holdback") < experiment.holdback:
        number = choose(bucket(unit, experiment.seed), bucket_ranges(experiment.equal))
        noted = {"is_holdback": True, "features": features}
        return None if number is None else _assignment(experiment, number, experiment.equal, **noted)
    # A bandit draws anew each day: its shares change, and each visitor's day is one observation.
    day = facts.now.astimezone(UTC).date()
    shares = experiment.shares(day, features)
    number = choose(bucket(f"{unit}:{day:%Y-%m-%d}", experiment.seed), bucket_ranges(shares))
    return None if number is None else _assignment(experiment, number, shares, features=features)


def _assignment(experiment: ServedExperiment, number: int, shares: Sequence[float], **more: Any) -> Assignment:
    return Assignment(experiment, experiment.arms[number], shares[number], **more)
