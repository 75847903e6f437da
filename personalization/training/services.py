"""Train, promote, roll back, archive. A version serves whole or not at all: every change of mind is one transaction."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from wagtail.log_actions import log

from personalization import conf
from personalization.catalog.models import Epoch
from personalization.events.queries import count_interactions
from personalization.recommend.artifacts import ArtifactError
from personalization.training import learning
from personalization.training.dataset import TooLittleError, read_dataset
from personalization.training.learning import Learned
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.runs import (
    RunLostError,
    advance_stage,
    claim_queued_run,
    claim_run,
    finish_run,
    give_up_lost_run,
    queue_run,
)
from personalization.training.storage import delete_artifact, verify_version, write_artifact
from personalization.training.tracking import report_version

logger = logging.getLogger(__name__)

LOG_PROMOTE = "personalization.promote"
LOG_ROLL_BACK = "personalization.roll_back"
LOG_ARCHIVE = "personalization.archive"

Progress = Callable[[str, int, int], None]

training_requested = Signal()


class NoOlderVersionError(Exception):
    """There is no earlier version whose files are whole."""


class ServingVersionError(Exception):
    """The version serves, and so cannot be put away."""


def request_training(*, trigger: str, reason: str = "", user: Any = None) -> TrainingRun | None:
    """Ask for a run, to begin as soon as a worker is free; None if that would be one too many.

    One runs and one waits, at most. Machines (no `user`) ask in vain for TRAINING_PAUSE_HOURS after a run: what they
    have noticed may be what that run has just put right.
    """
    give_up_lost_run()
    if TrainingRun.objects.running().exists() or (user is None and _has_just_run()):
        return None
    run = queue_run(trigger=trigger, reason=reason, asked_by=user)
    if run is not None:
        logger.info("Training was asked for by %s. %s", trigger, reason)
        training_requested.send(sender=TrainingRun, run=run)
    return run


def request_due_training() -> TrainingRun | None:
    """Ask for a run if enough has happened since the newest version, or for a first version to be made of."""
    settings = conf.get()
    newest = ModelVersion.objects.first()
    needed = settings.train_after_events if newest else settings.training_minimum
    if not settings.train_after_events or _has_just_run():
        return None
    since = newest and (newest.data_until or newest.created_at)
    found = count_interactions(since=since or _window_start(), most=needed)
    if found < needed:
        return None
    words = {"count": number_format(needed, force_grouping=True), "version": newest or _("the beginning")}
    return request_training(trigger="volume", reason=_("%(count)s interactions since %(version)s") % words)


def train(*, trigger: str, progress: Progress | None = None) -> TrainingRun:
    """Learn a new version from the events and let it serve if it passes the gate; the run says how that went."""
    run = claim_run(trigger=trigger)
    return _carry_out(run, progress) if run else _skip_because_busy(trigger)


def train_queued() -> TrainingRun | None:
    """Do what was asked for by `request_training`; None if nothing was, or another run is under way."""
    run = claim_queued_run()
    return _carry_out(run, None) if run else None


def _carry_out(run: TrainingRun, progress: Progress | None) -> TrainingRun:
    try:
        sweep_artifacts()
        _train(run, progress)
    except RunLostError as error:
        logger.warning("%s", error)
        run.refresh_from_db()
        _discard(run)
    except TooLittleError as error:
        finish_run(run, TrainingRun.Status.SKIPPED, str(error))
        logger.info("Training was skipped: %s", error)
    except BaseException as error:
        _fail(run, error)
        if not isinstance(error, Exception):
            raise
    return run


def promote(*, version: ModelVersion, user: Any = None) -> ModelVersion:
    """Let a version serve after verifying its files; raise ArtifactError, and change nothing, if they are not whole."""
    verify_version(version)
    with transaction.atomic():
        version.promoted_at = timezone.now()
        _switch_to(version, user=user, action=LOG_PROMOTE)
    return version


def roll_back(*, user: Any = None) -> ModelVersion:
    """Let the newest whole version that served before the present one serve again; or raise NoOlderVersionError."""
    current = ModelVersion.objects.promoted()
    for older in ModelVersion.objects.older_than(current) if current else ():
        try:
            verify_version(older)
        except ArtifactError as error:
            logger.error("Cannot go back to %s: %s", older, error)
            continue
        with transaction.atomic():
            _switch_to(older, user=user, action=LOG_ROLL_BACK)
        return older
    raise NoOlderVersionError(_("There is no earlier version whose files are whole. Train one: manage.py train."))


def archive(*, version: ModelVersion, user: Any = None) -> ModelVersion:
    """Put a version away: it is no candidate any more. Raise ServingVersionError if it serves."""
    with transaction.atomic():
        Epoch.objects.advance("model")
        version.refresh_from_db(fields=["status"])
        if version.status == ModelVersion.Status.PROMOTED:
            raise ServingVersionError(_("%s serves now: promote another, or roll back, before.") % version)
        version.status = ModelVersion.Status.ARCHIVED
        version.save(update_fields=["status"])
        log(instance=version, action=LOG_ARCHIVE, user=user)
    return version


def sweep_artifacts() -> None:
    """Delete what ended runs left behind, and the files of versions too old to go back to."""
    for run in TrainingRun.objects.leaving_files():
        delete_artifact(run.artifact)
        TrainingRun.objects.filter(pk=run.pk).update(artifact="")
    for version in ModelVersion.objects.beyond(conf.get().artifacts_kept):
        delete_artifact(version.artifact)
        ModelVersion.objects.filter(pk=version.pk).update(artifact="")


def _train(run: TrainingRun, progress: Progress | None) -> None:
    def step(stage: str, done: int, total: int) -> None:
        advance_stage(run, stage)
        if progress is not None:
            progress(stage, done, total)

    steps = learning.number_of_steps()
    step(_("Reading interactions"), 0, steps)
    dataset = read_dataset()
    learned = learning.learn(dataset, ModelVersion.objects.promoted(), step)
    step(_("Writing the artifact"), steps - 1, steps)
    digest = write_artifact(run.artifact, learned.scorers)
    version = _publish(run, learned, digest)
    report_version(version)
    sweep_artifacts()


@transaction.atomic
def _publish(run: TrainingRun, learned: Learned, digest: str) -> ModelVersion:
    """Record the version, promote it if it passed, and end the run: all of it, or nothing when the run was given up."""
    version = ModelVersion.objects.create(
        run=run, artifact=run.artifact, digest=digest, parent=ModelVersion.objects.promoted(), **learned.record()
    )
    if learned.verdict.passed:
        version.promoted_at = timezone.now()
        _switch_to(version, user=None, action=LOG_PROMOTE)
        message = _("%(version)s was promoted. %(reason)s")
    else:
        message = _(
            "%(version)s stays a candidate. %(reason)s "
            "To promote it all the same: manage.py promote_model --version %(pk)s"
        )
    words = {"version": version, "reason": " ".join([learned.verdict.reason, *learned.recipe.notes]), "pk": version.pk}
    finish_run(run, TrainingRun.Status.SUCCEEDED, message % words)
    logger.info("Training run %s: %s", run.pk, run.message)
    return version


def _switch_to(version: ModelVersion, *, user: Any, action: str) -> None:
    # The epoch's row is locked until commit, so that two switches at once follow one another.
    Epoch.objects.advance("model")
    status = ModelVersion.Status
    previous = ModelVersion.objects.promoted()
    ModelVersion.objects.filter(status=status.PROMOTED).exclude(pk=version.pk).update(status=status.ARCHIVED)
    version.status, version.promoted_by = status.PROMOTED, user
    version.save(update_fields=["status", "promoted_at", "promoted_by"])
    log(instance=version, action=action, user=user, data={"previous": str(previous or "")})


def _has_just_run() -> bool:
    pause = timedelta(hours=conf.get().training_pause_hours)
    return TrainingRun.objects.filter(finished_at__gt=timezone.now() - pause).exists()


def _window_start() -> datetime:
    return timezone.now() - timedelta(days=conf.get().training_window_days)


def _skip_because_busy(trigger: str) -> TrainingRun:
    now = timezone.now()
    busy = TrainingRun.objects.running().first()
    message = _("Another training run is under way (%(stage)s); this one did nothing.") % {
        "stage": busy.stage if busy else _("just ended")
    }
    return TrainingRun.objects.create(
        status=TrainingRun.Status.SKIPPED, trigger=trigger[:20], message=message, started_at=now, finished_at=now
    )


def _fail(run: TrainingRun, error: BaseException) -> None:
    logger.exception("Training run %s failed; the version now serving goes on.", run.pk)
    message = _("%(kind)s: %(error)s. The version now serving goes on; the log has the details.")
    try:
        finish_run(run, TrainingRun.Status.FAILED, message % {"kind": type(error).__name__, "error": error})
    except RunLostError:
        run.refresh_from_db()
    _discard(run)


def _discard(run: TrainingRun) -> None:
    """Delete what a run wrote, unless it got as far as a version: an error after that does not undo it."""
    if not ModelVersion.objects.filter(run=run).exists():
        delete_artifact(run.artifact)
