"""The life of a training run: one at a time, alive as long as it says so, and fenced off once it is given up."""

import contextlib
import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.training.models import TrainingRun

LOST_AFTER = timedelta(minutes=15)
Claimed = TypeVar("Claimed")


class RunLostError(Exception):
    """Somebody else took this run over: whatever it was about to write must not be written."""


def claim_run(*, trigger: str) -> TrainingRun | None:
    """Start the one run there may be, giving up a dead one first; None if another is alive.

    A run that was asked for and waits is the one that starts: it keeps who asked, and why.
    """
    give_up_lost_run()
    return claim_queued_run() or _claim(lambda: TrainingRun.objects.create(trigger=trigger[:20], **_beginning()))


def claim_queued_run() -> TrainingRun | None:
    """Start the run that waits; None if there is none, or another is alive."""
    give_up_lost_run()
    queued = TrainingRun.objects.queued().first()
    if queued is None or not _claim(lambda: TrainingRun.objects.queued().filter(pk=queued.pk).update(**_beginning())):
        return None
    queued.refresh_from_db()
    return queued


def queue_run(*, trigger: str, reason: str, asked_by: Any = None) -> TrainingRun | None:
    """Let a run wait for a worker; None if one waits already."""
    queued = {"status": TrainingRun.Status.QUEUED, "trigger": trigger[:20], "reason": reason[:200]}
    return _claim(lambda: TrainingRun.objects.create(**queued, asked_by=asked_by))


def _claim(write: Callable[[], Claimed]) -> Claimed | None:
    """Write what the constraints allow one process only; None for all others."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError:
        return None


def _beginning() -> dict[str, Any]:
    now = timezone.now()
    return {
        "status": TrainingRun.Status.RUNNING,
        "worker": this_worker(),
        "artifact": f"{now:%Y%m%dT%H%M%S}-{uuid4().hex[:12]}",
        "started_at": now,
        "heartbeat_at": now,
    }


def give_up_lost_run() -> None:
    """Mark the running run failed if its process has gone, or if it has not been heard of for a long time."""
    run = TrainingRun.objects.running().first()
    if run is None or not (_is_gone(run.worker) or run.heartbeat_at < timezone.now() - LOST_AFTER):
        return
    message = _("Worker lost during “%(stage)s”. Nothing was promoted; the next run starts from the beginning.")
    with contextlib.suppress(RunLostError):
        finish_run(run, TrainingRun.Status.FAILED, message % {"stage": run.stage}, heard_at=run.heartbeat_at)


def advance_stage(run: TrainingRun, stage: str) -> None:
    """Say what the run does now, which is also its sign of life; raise RunLostError if it is no longer its own."""
    run.stage, run.heartbeat_at = stage[:60], timezone.now()
    if not TrainingRun.objects.running().filter(pk=run.pk).update(stage=run.stage, heartbeat_at=run.heartbeat_at):
        raise RunLostError(f"Training run {run.pk} was given up while it worked; it stops here.")


def finish_run(run: TrainingRun, status: TrainingRun.Status, message: str, *, heard_at: datetime | None = None) -> None:
    """End a run that is still running (and, with heard_at, silent since then); raise RunLostError otherwise."""
    mine = TrainingRun.objects.running().filter(pk=run.pk)
    if heard_at:
        mine = mine.filter(heartbeat_at=heard_at)
    run.status, run.message, run.finished_at = status, message, timezone.now()
    if not mine.update(status=run.status, message=run.message, finished_at=run.finished_at):
        raise RunLostError(f"Training run {run.pk} was given up while it worked; it stops here.")


def this_worker() -> str:
    """Name this process: machine, process namespace (containers have their own), process id."""
    return f"{_place()} {os.getpid()}"


def _place() -> str:
    try:
        return f"{socket.gethostname()[:60]} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()[:60]


def _is_gone(worker: str) -> bool:
    """Tell whether a process of this very machine and namespace has ended; of others only the heartbeat tells."""
    place, separator, pid = worker.rpartition(" ")
    return bool(separator) and place == _place() and Path("/proc/self").exists() and not Path("/proc", pid).exists()
