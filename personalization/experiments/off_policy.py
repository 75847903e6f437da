"""What another way of choosing arms would have earned, from the log of a bandit and the propensities in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import Literal, TypeAlias, get_args

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.experiments.models import Experiment, Phase
from personalization.experiments.observations import Observations, days_of, find_bandit_flaws, goal_of, observe
from personalization.experiments.serving import served_batch
from personalization.recommend.data import Indexes
from personalization.stats import LinearArms, off_policy_value
from personalization.stats.off_policy import Estimate
from personalization.stats.statistics import Doubles

UNIFORM, NEWEST, ALWAYS = "uniform", "newest", "arm:"
Method: TypeAlias = Literal["ips", "snips", "doubly_robust"]
Tell: TypeAlias = Callable[[int, int], None]


class NoAnswerError(Exception):
    """The log cannot tell, for the reason in the message."""


@dataclass(frozen=True, eq=False)
class Worth:
    """What a policy would have earned for each visitor's day, by each method; None where it chose nothing served."""

    target: str
    estimates: Mapping[Method, Estimate] | None


@dataclass(frozen=True, eq=False)
class Answer:
    """How much the log tells, what was earned in it, and what others would have earned."""

    n: int
    days: int
    earned: float
    worths: tuple[Worth, ...]


def targets_of(experiment: Experiment, phase: Phase) -> list[str]:
    """The policies that can be asked for: always one arm, all alike, and the newest shares if there are any."""
    newest = [NEWEST] if phase.batches.exists() else []
    return [*(f"{ALWAYS}{arm.key}" for arm in experiment.arms.all()), UNIFORM, *newest]


def ask_log(
    *, experiment: Experiment, targets: Sequence[str] = (), until: date | None = None, tell: Tell = lambda *args: None
) -> Answer:
    """Estimate what policies would have earned in the phase that runs or ran last; all of them if none is named.

    Raise NoAnswerError if the experiment kept no propensities, nobody was seen, or a policy is unknown.
    """
    phase = _phase_to_ask(experiment)
    known = targets_of(experiment, phase)
    if unknown := [target for target in targets if target not in known]:
        raise NoAnswerError(
            _("Not among the policies: %(unknown)s. There are: %(known)s.")
            % {"unknown": ", ".join(unknown), "known": ", ".join(known)}
        )
    seen, days = _read(experiment, phase, until or timezone.now().astimezone(UTC).date() + timedelta(days=1), tell)
    arms = [arm.key for arm in experiment.arms.all()]
    predicted = _predict_crosswise(seen, len(arms))
    chances = {target: _chances(target, phase, arms, experiment.floor / 100, seen) for target in targets or known}
    worths = tuple(Worth(target, _estimate(seen, chance, predicted)) for target, chance in chances.items())
    return Answer(len(seen), days, float(seen.rewards.mean()), worths)


def _phase_to_ask(experiment: Experiment) -> Phase:
    phase = experiment.phase
    if not experiment.is_bandit:
        raise NoAnswerError(
            _("Only bandits log propensities. What the arms of this test earned stands in its results.")
        )
    if flaws := list(find_bandit_flaws(experiment)):
        raise NoAnswerError(" ".join(flaws))
    if phase is None or goal_of(experiment) is None:
        raise NoAnswerError(_("The experiment has not started, or has no goal."))
    return phase


def _read(experiment: Experiment, phase: Phase, until: date, tell: Tell) -> tuple[Observations, int]:
    days, parts = days_of(phase, until=until), []
    for number, day in enumerate(days, start=1):
        parts.append(observe(experiment=experiment, phase=phase, day=day))
        tell(number, len(days))
    told = [part for part in parts if len(part)]
    if len({visitor for part in told for visitor in part.visitors}) < 2:
        raise NoAnswerError(_("Too few visitors were seen in this phase."))
    return Observations.joined(told), len(told)


def _chances(target: str, phase: Phase, arms: list[str], floor: float, seen: Observations) -> Doubles:
    """The probability of each arm at each observation, shape (n, n_arms)."""
    if target == NEWEST:
        batch = served_batch(phase.batches.latest("day"), arms)
        if batch.learned:
            return np.array([batch.learned.shares(row, floor) for row in seen.features])
        row = np.array(batch.shares)
    elif target == UNIFORM:
        row = np.array([float(phase.weights.get(key, 0) > 0) for key in arms])
    else:
        row = np.array([float(f"{ALWAYS}{key}" == target) for key in arms])
    return np.tile(row / row.sum(), (len(seen), 1))


def _predict_crosswise(seen: Observations, n_arms: int) -> Doubles:
    """Each arm's reward by a linear model of the other half of the visitors: none has seen what it predicts."""
    # By lot: keys that follow each other may belong to visitors of one kind.
    halves = np.random.default_rng(0).integers(2, size=seen.numbers.max() + 1)[seen.numbers]
    predicted = np.empty((len(seen), n_arms))
    for half in (0, 1):
        ours = halves == half
        models = LinearArms.empty(n_arms, seen.features.shape[1])
        models = models.updated(seen.features[~ours], seen.arms[~ours], seen.rewards[~ours])
        predicted[ours] = seen.features[ours] @ models.coefficients().T
    return predicted


def _estimate(seen: Observations, chances: Doubles, predicted: Doubles) -> dict[Method, Estimate] | None:
    target, model = _of_served(chances, seen.arms), _of_served(predicted, seen.arms)
    if not target.any():
        return None
    models = {"predicted": model, "expected": (chances * predicted).sum(axis=1)}
    return {
        method: off_policy_value(
            seen.rewards, seen.propensities, target, method=method, clusters=seen.numbers, **models
        )
        for method in get_args(Method)
    }


def _of_served(values: Doubles, arms: Indexes) -> Doubles:
    return values[np.arange(len(arms)), arms]
