"""What a bandit learns overnight, and the shares that it serves by from then on."""

import logging
import math
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from personalization.catalog.models import Epoch
from personalization.experiments.choices import Allocation, Direction, Status
from personalization.experiments.contextual import FEATURES, Learned, fitting_floor, state_of
from personalization.experiments.models import Batch, DaySum, Experiment, Metric, Phase
from personalization.experiments.observations import days_of, find_bandit_flaws, goal_of, observe
from personalization.experiments.sums import refresh_sums
from personalization.stats import BetaArms, LinearArms
from personalization.stats.statistics import Doubles

logger = logging.getLogger(__name__)

HALF_LIVES = 6  # what is older counts for a sixty-fourth at most, and is not read again
SAMPLE = 500  # visitors over whom a contextual bandit's shares are averaged

Lesson = tuple[dict[str, float], dict[str, Any]]


def learn_all(*, today: date | None = None) -> int:
    """Let every running bandit learn, whatever becomes of the others; return for how many shares now stand."""
    return sum(_try_to_learn(experiment, today) for experiment in Experiment.objects.serving() if experiment.is_bandit)


def _try_to_learn(experiment: Experiment, today: date | None) -> bool:
    try:
        refresh_sums(experiment=experiment)
        return learn(experiment=experiment, today=today) is not None
    except Exception:
        logger.exception("Experiment %s could not learn; it goes on with the shares it has.", experiment.key)
        return False


def learn(*, experiment: Experiment, today: date | None = None) -> Batch | None:
    """Make the shares that decide from a UTC day on, from the days before it; None where nothing can be learned.

    What was made once stays: it serves, and propensities have been logged by it.
    """
    today = today or timezone.now().astimezone(UTC).date()
    phase = experiment.phase
    if phase is None or not experiment.is_bandit or experiment.status != Status.RUNNING:
        return None
    if made := phase.batches.filter(day=today).first():
        return made
    if goal_of(experiment) is None or any(find_bandit_flaws(experiment)):
        return None
    by_visitor = experiment.allocation == Allocation.CONTEXTUAL
    lesson = (_by_visitor if by_visitor else _by_arm)(experiment, phase, today)
    return _keep(phase, today, *lesson) if lesson else None


@transaction.atomic
def _keep(phase: Phase, day: date, shares: dict[str, float], state: dict[str, Any]) -> Batch:
    batch, is_new = Batch.objects.get_or_create(phase=phase, day=day, defaults={"shares": shares, "state": state})
    if is_new:
        Epoch.objects.advance("slots")
    return batch


def _open_arms(experiment: Experiment, phase: Phase) -> list[str]:
    """Keys of the arms that have a weight in the phase: the others get no share, whatever is known of them."""
    return [arm.key for arm in experiment.arms.all() if phase.weights.get(arm.key, 0) > 0]


def _by_arm(experiment: Experiment, phase: Phase, today: date) -> Lesson | None:
    """Thompson sampling by each arm's rate."""
    arms, goal = _open_arms(experiment, phase), goal_of(experiment)
    counts = np.zeros((2, len(arms)))
    for row in phase.sums.filter(day__lt=today, arm_key__in=arms).order_by("day", "pk"):
        fresh = _freshness(experiment, (today - row.day).days - 1)
        counts[:, arms.index(row.arm_key)] += fresh * _met_and_missed(row, goal)
    if not counts.any():
        return None
    met, missed = counts
    shares = BetaArms(met, missed).propensities(floor=fitting_floor(experiment.floor / 100, len(arms)))
    state = {"arms": arms, "successes": met.tolist(), "failures": missed.tolist()}
    return dict(zip(arms, shares.tolist(), strict=True)), state


def _met_and_missed(row: DaySum, goal: Metric) -> Doubles:
    met = row.sums.get(str(goal.pk), {}).get("post_total", 0.0)
    counts = np.array([met, row.n - met])
    return counts[::-1] if goal.direction == Direction.DECREASE else counts


def _freshness(experiment: Experiment, days: int) -> float:
    """What an observation still counts after so many days; yesterday's counts in full."""
    return 0.5 ** (days / experiment.half_life_days)


def _by_visitor(experiment: Experiment, phase: Phase, today: date) -> Lesson | None:
    """Linear Thompson sampling by what was known of each visitor when the arm was served."""
    every = [arm.key for arm in experiment.arms.all()]
    models, noted, rates = LinearArms.empty(len(every), len(FEATURES)), np.empty((0, len(FEATURES))), np.zeros(2)
    fade = _freshness(experiment, 1)
    for day in days_of(phase, until=today, at_most=math.ceil(HALF_LIVES * experiment.half_life_days)):
        seen = observe(experiment=experiment, phase=phase, day=day)
        models = models.updated(seen.features, seen.arms, seen.rewards, decay=fade)
        rates = rates * fade + (seen.rewards.sum(), len(seen))
        noted = seen.features if len(seen) else noted
    if not len(noted):
        return None
    arms = _open_arms(experiment, phase)
    places = tuple(every.index(key) for key in arms)
    learned = Learned(_part(models, places), places, len(every), _spread(*rates))
    means = _mean_shares(learned, noted, experiment.floor / 100)
    return {key: means[every.index(key)] for key in arms}, state_of(learned.models, arms, learned.noise)


def _part(models: LinearArms, places: Sequence[int]) -> LinearArms:
    return LinearArms(models.grams[list(places)], models.products[list(places)], models.ridge)


def _spread(met: float, n: float) -> float:
    """Standard deviation of a reward, never quite zero."""
    rate = (met + 1) / (n + 2)
    return math.sqrt(rate * (1 - rate))


def _mean_shares(learned: Learned, features: Doubles, floor: float) -> list[float]:
    some = features[:: max(1, len(features) // SAMPLE)]
    return np.mean([learned.shares(row, floor) for row in some], axis=0).tolist()
