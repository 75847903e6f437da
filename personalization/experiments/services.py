"""The steps of an experiment's life. Each holds a lock, so that of two people at once the second is told."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.log_actions import log

from personalization.catalog.models import Epoch
from personalization.experiments.choices import Status, Verdict
from personalization.experiments.models import Arm, Experiment, Phase
from personalization.experiments.obstacles import find_flaws, find_obstacles
from personalization.experiments.results import read_results
from personalization.experiments.shipping import hand_over, why_not_handed_over

logger = logging.getLogger(__name__)

LOG = "personalization.experiment."


class StepRefusedError(Exception):
    """A step that may not be taken now; `reasons` say why, for the person who asked."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = list(reasons)
        super().__init__(" ".join(self.reasons))


def obstacles(experiment: Experiment) -> list[str]:
    """Say why a start would be refused; nothing if it would not."""
    return list(find_obstacles(experiment))


def hold_draft(*, experiment: Experiment) -> None:
    """Hold a draft until the caller's transaction ends; raise StepRefusedError if somebody has started it meanwhile."""
    Epoch.objects.advance("slots")
    if not Experiment.objects.filter(pk=experiment.pk, status=Status.DRAFT).exists():
        raise StepRefusedError([_("Nothing was saved: this is no draft any more, and what is tested is frozen.")])


def schedule(*, experiment: Experiment, user: Any = None) -> Experiment:
    """Let it start by itself at its `starts_at`. What may change until then is looked at then."""
    with _step(experiment, Status.DRAFT):
        flaws = list(find_flaws(experiment))
        if experiment.starts_at is None or experiment.starts_at <= timezone.now():
            flaws.append(_("Say when it is to start: a time that is still to come."))
        _refuse_for(flaws)
        _go_on(experiment, "schedule", user, status=Status.SCHEDULED, data={"at": experiment.starts_at.isoformat()})
    return experiment


def unschedule(*, experiment: Experiment, user: Any = None) -> Experiment:
    """Make a draft of it again."""
    with _step(experiment, Status.SCHEDULED):
        _go_on(experiment, "unschedule", user, status=Status.DRAFT)
    return experiment


def start(*, experiment: Experiment, user: Any = None) -> Experiment:
    """Let it decide what visitors get, from the next request on; raise StepRefusedError if it is not fit to."""
    with _step(experiment, Status.DRAFT, Status.SCHEDULED):
        _refuse_for(obstacles(experiment))
        phase = _open_phase(experiment)
        _go_on(experiment, "start", user, status=Status.RUNNING, started_at=phase.started_at)
    return experiment


def start_due() -> int:
    """Start what was scheduled for by now; what cannot start becomes a draft, and its history says why."""
    due = Experiment.objects.filter(status=Status.SCHEDULED, starts_at__lte=timezone.now())
    return sum(_start_or_return(experiment) for experiment in due.order_by("starts_at", "pk"))


def pause(*, experiment: Experiment, user: Any = None) -> Experiment:
    """Show everybody the slot as it is, until it is resumed."""
    with _step(experiment, Status.RUNNING):
        _go_on(experiment, "pause", user, status=Status.PAUSED)
    return experiment


def resume(*, experiment: Experiment, user: Any = None) -> Experiment:
    """Go on in the same phase: everybody gets the same arm as before."""
    with _step(experiment, Status.PAUSED):
        _refuse_for(obstacles(experiment))
        _go_on(experiment, "resume", user, status=Status.RUNNING)
    return experiment


def change_coverage(*, experiment: Experiment, coverage: float, user: Any = None) -> Experiment:
    """Let more or fewer visitors take part; those who do stay in their arms."""
    with _step(experiment, Status.RUNNING, Status.PAUSED):
        if not 0 < coverage <= 100:
            raise StepRefusedError([_("The percentage must lie above 0, and be 100 at most.")])
        data = {"from": experiment.coverage, "to": coverage}
        _go_on(experiment, "coverage", user, coverage=coverage, data=data)
    return experiment


def change_weights(*, experiment: Experiment, weights: Mapping[str, float], user: Any = None) -> Experiment:
    """Begin a new phase with other weights by arm key: visitors are shuffled anew, and counted anew."""
    with _step(experiment, Status.RUNNING, Status.PAUSED):
        _refuse_for(_weight_flaws(experiment, weights))
        experiment.phases.filter(ended_at=None).update(ended_at=timezone.now())
        for arm in experiment.arms.all():
            Arm.objects.filter(pk=arm.pk).update(weight=weights[arm.key])
        phase = _open_phase(experiment)
        _go_on(experiment, "weights", user, data={"phase": phase.number, "weights": list(phase.weights.items())})
    return experiment


def end(*, experiment: Experiment, verdict: str, decision: str, arm: str = "", user: Any = None) -> Experiment:
    """Stop it and record what was decided; an arm that is shipped is what the slot is from now on."""
    with _step(experiment, Status.RUNNING, Status.PAUSED):
        shipped = experiment.arms.filter(key=arm).first() if verdict == Verdict.SHIP else None
        _refuse_for(_end_flaws(experiment, verdict, shipped, decision, user))
        now = timezone.now()
        experiment.phases.filter(ended_at=None).update(ended_at=now)
        if shipped:
            hand_over(arm=shipped, user=user)
        outcome = {"verdict": verdict, "shipped_arm": shipped.key if shipped else "", "decision": decision.strip()}
        _go_on(experiment, "end", user, status=Status.ENDED, ended_at=now, data=outcome, **outcome)
    return experiment


@contextmanager
def _step(experiment: Experiment, *allowed: str) -> Iterator[None]:
    with transaction.atomic():
        # The epoch's row is locked until commit: steps follow one another, those of two experiments in one slot too.
        Epoch.objects.advance("slots")
        experiment.refresh_from_db()
        if experiment.status not in allowed:
            message = _("This cannot be done now: the experiment is in the state “%(state)s”.")
            raise StepRefusedError([message % {"state": experiment.get_status_display()}])
        yield


def _refuse_for(reasons: Iterable[str]) -> None:
    if reasons := list(reasons):
        raise StepRefusedError(reasons)


def _go_on(experiment: Experiment, step: str, user: Any, data: Mapping[str, Any] | None = None, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(experiment, name, value)
    experiment.save(update_fields=list(fields))
    log(instance=experiment, action=LOG + step, user=user, data=dict(data or {}))


def _open_phase(experiment: Experiment) -> Phase:
    weights = {arm.key: arm.weight for arm in experiment.arms.all()}
    return experiment.phases.create(number=experiment.phases.count() + 1, weights=weights)


def _start_or_return(experiment: Experiment) -> int:
    try:
        start(experiment=experiment)
        return 1
    except StepRefusedError as error:
        logger.warning("Experiment %s was due, but could not start: %s", experiment.key, error)
        with _step(experiment, Status.SCHEDULED):
            _go_on(experiment, "refuse", None, status=Status.DRAFT, data={"reasons": error.reasons})
        return 0


def _weight_flaws(experiment: Experiment, weights: Mapping[str, float]) -> Iterator[str]:
    if experiment.is_bandit:
        yield _("A bandit sets the shares of its arms itself.")
    if set(weights) != {arm.key for arm in experiment.arms.all()} or min(weights.values(), default=0) < 0:
        yield _("Give each arm a weight of zero or more.")
    elif sum(weight > 0 for weight in weights.values()) < 2:
        yield _("At least two arms need a weight above zero.")
    elif experiment.phase and weights == experiment.phase.weights:
        yield _("These are the weights that hold now.")


def _end_flaws(experiment: Experiment, verdict: str, shipped: Arm | None, decision: str, user: Any) -> Iterator[str]:
    if verdict not in Verdict.values:
        yield _("Choose a verdict.")
    if not decision.strip():
        yield _("Say in a few words what was decided, and why.")
    if verdict == Verdict.SHIP:
        yield from why_not_handed_over(shipped, user)
    if verdict in (Verdict.SHIP, Verdict.KEEP):
        faults = [str(check.title) for check in read_results(experiment).checks if check.blocks]
        if faults:
            message = _("These faults allow no verdict but “inconclusive”: %(faults)s.")
            yield message % {"faults": ", ".join(faults)}
