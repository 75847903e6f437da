"""What serving holds of experiments: read once, kept until an epoch says that something has changed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone

from personalization.experiments.assignment import ServedArm, ServedBatch, ServedExperiment, normalised
from personalization.experiments.choices import Status
from personalization.experiments.contextual import learned_from
from personalization.experiments.models import Arm, Batch, Experiment, Phase


def serving_experiments() -> dict[int, tuple[ServedExperiment, ...]]:
    """Every experiment that decides something, by its slot's primary key, the oldest first."""
    lasting = Q(status=Status.ENDED, holdout__gt=0)
    batches = _batches_from(timezone.now().astimezone(UTC).date())
    experiments = (
        Experiment.objects.filter(Q(status=Status.RUNNING) | lasting)
        .prefetch_related(
            "segments",
            "sites",
            "namespaces",
            "arms",
            Prefetch("phases", Phase.objects.prefetch_related(Prefetch("batches", batches))),
        )
        .order_by("started_at", "pk")
    )
    served: dict[int, list[ServedExperiment]] = defaultdict(list)
    for experiment in experiments:
        if phases := list(experiment.phases.all()):
            served[experiment.slot_id].append(_served_experiment(experiment, phases[-1]))
    return {slot: tuple(found) for slot, found in served.items()}


def _batches_from(today: date) -> QuerySet[Batch]:
    """The batch that decides today, and any for a later day: midnight then needs no reading."""
    newer = Batch.objects.filter(phase=OuterRef("phase"), day__gt=OuterRef("day"), day__lte=today)
    return Batch.objects.filter(~Exists(newer)).order_by("day")


def _served_experiment(experiment: Experiment, phase: Phase) -> ServedExperiment:
    arms = list(experiment.arms.all()) if experiment.status == Status.RUNNING else []
    keys = [arm.key for arm in arms]
    batches = phase.batches.all() if arms and experiment.is_bandit else []
    return ServedExperiment(
        key=experiment.key,
        seed=phase.seed,
        arms=tuple(_served_arm(arm) for arm in arms),
        weights=_shares(phase.weights, keys),
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
        batches=tuple(served_batch(batch, keys) for batch in batches),
    )


def served_batch(batch: Batch, arms: Sequence[str]) -> ServedBatch:
    """A batch for a list of all arms' keys."""
    return ServedBatch(batch.day, _shares(batch.shares, arms), learned_from(batch.state, arms))


def _shares(shares: Mapping[str, float], arms: Sequence[str]) -> tuple[float, ...]:
    return normalised([float(shares.get(key, 0.0)) for key in arms])


def _served_arm(arm: Arm) -> ServedArm:
    return ServedArm(arm.key, arm.personalizes, arm.model_version_id, arm.changes)
