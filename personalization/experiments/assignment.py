"""Which arm a visitor gets: a hash of the visitor's key, so nothing is written and nothing can be asked for."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

from django.db.models import Prefetch, Q

from personalization.experiments import contextual
from personalization.experiments.choices import Allocation, Status
from personalization.experiments.models import Arm, Batch, Experiment, Phase
from personalization.stats.bucketing import bucket, bucket_ranges, choose, in_namespace
from personalization.stats.linear_bandits import LinearArms
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


@dataclass(frozen=True, eq=False, kw_only=True)
class ServedExperiment:
    """An experiment as serving reads it: plain values, no query."""

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
    learned: LinearArms | None = None

    @cached_property
    def equal(self) -> tuple[float, ...]:
        """Equal shares of the arms that have any weight."""
        return _normalised([float(weight > 0) for weight in self.weights])

    def arm(self, key: str | None) -> ServedArm | None:
        """The arm of a key."""
        return next((arm for arm in self.arms if arm.key == key), None)

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
    if bucket(unit, f"{experiment.seed}:holdback") < experiment.holdback:
        number = choose(bucket(unit, experiment.seed), bucket_ranges(experiment.equal))
        return None if number is None else _assignment(experiment, number, experiment.equal, is_holdback=True)
    # A bandit draws anew each day: its shares change, and each visitor's day is one observation.
    place = bucket(f"{unit}:{facts.now.astimezone(UTC):%Y-%m-%d}", experiment.seed)
    features = contextual.features_of(facts) if experiment.allocation == Allocation.CONTEXTUAL else ()
    learned = experiment.learned
    shares = contextual.shares_of(learned, features, experiment.floor) if learned else experiment.weights
    number = choose(place, bucket_ranges(shares))
    return None if number is None else _assignment(experiment, number, shares, features=features)


def _assignment(experiment: ServedExperiment, number: int, shares: Sequence[float], **more: Any) -> Assignment:
    return Assignment(experiment, experiment.arms[number], shares[number], **more)


def serving_experiments() -> dict[int, tuple[ServedExperiment, ...]]:
    """Every experiment that decides something, by its slot's primary key, the oldest first."""
    lasting = Q(status=Status.ENDED, holdout__gt=0)
    experiments = (
        Experiment.objects.filter(Q(status=Status.RUNNING) | lasting)
        .prefetch_related(
            "segments",
            "sites",
            "namespaces",
            "arms",
            Prefetch("phases", Phase.objects.prefetch_related(Prefetch("batches", Batch.objects.order_by("day")))),
        )
        .order_by("started_at", "pk")
    )
    served: dict[int, list[ServedExperiment]] = defaultdict(list)
    for experiment in experiments:
        if phases := list(experiment.phases.all()):
            served[experiment.slot_id].append(_served_experiment(experiment, phases[-1]))
    return {slot: tuple(found) for slot, found in served.items()}


def _served_experiment(experiment: Experiment, phase: Phase) -> ServedExperiment:
    arms = list(experiment.arms.all()) if experiment.status == Status.RUNNING else []
    batches = list(phase.batches.all()) if experiment.is_bandit else []
    shares = batches[-1].shares if batches else phase.weights
    return ServedExperiment(
        key=experiment.key,
        seed=phase.seed,
        arms=tuple(_served_arm(arm) for arm in arms),
        weights=_normalised([float(shares.get(arm.key, 0.0)) for arm in arms]),
        coverage=experiment.coverage / 100 if arms else 0.0,
        holdout=experiment.holdout / 100,
        namespaces=tuple((part.namespace, part.start, part.end) for part in experiment.namespaces.all()),
        segments=frozenset(segment.key for segment in experiment.segments.all()),
        sites=frozenset(site.pk for site in experiment.sites.all()),
        locales=frozenset(experiment.locales),
        devices=frozenset(experiment.devices),
        flag=experiment.flag,
        allocation=experiment.allocation,
        floor=experiment.floor / 100,
        holdback=experiment.holdback / 100,
        learned=contextual.learned_from(batches[-1].state) if batches else None,
    )


def _normalised(weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total else tuple(weights)


def _served_arm(arm: Arm) -> ServedArm:
    stated = {name: getattr(arm, name) for name in ("policy", "heading", "diversity", "freshness")}
    changes = {name: value for name, value in stated.items() if value not in ("", None)}
    return ServedArm(arm.key, arm.personalizes, arm.model_version_id, changes)
