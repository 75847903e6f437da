"""Where the parts of a request stand. Each step holds the request's lock, so that workers and editors never collide.

A worker that is gone is known by its silence: while it waits for an answer it gives a sign of life all the time. Then
another one takes its part, and whatever the first still brings is not kept: `started_at` tells whose a part is.
"""

from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest
from personalization.variants.choices import CallStatus, PartStatus, RequestStatus

SILENCE = timedelta(minutes=3)
# After so long without its turn, a part's message is taken for lost by the queue.
PATIENCE = timedelta(hours=1)
MOST_ATTEMPTS = 6
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(days=1)
SIGN_SECONDS = 1.0


class Watch:
    """Tells a generator whether anybody still waits for its answer, and others that its worker is alive."""

    def __init__(self, part: GenerationPart) -> None:
        self._part, self._due, self._is_over = part, 0.0, False

    def is_cancelled(self) -> bool:
        """Whether the request was stopped, or the part is another worker's; the database is asked once a second."""
        if not self._is_over and monotonic() >= self._due:
            ours = mine(self._part).exclude(request__status=RequestStatus.STOPPED)
            self._is_over = not ours.update(seen_at=timezone.now())
            self._due = monotonic() + SIGN_SECONDS
        return self._is_over


def lock_request(pk: int) -> GenerationRequest:
    """The request as it is now; nobody else changes it or its parts until this transaction ends."""
    return GenerationRequest.objects.select_for_update(of=("self",)).get(pk=pk)


def mine(part: GenerationPart) -> QuerySet[GenerationPart]:
    """The part's row, as long as it is this worker's."""
    return GenerationPart.objects.filter(pk=part.pk, status=PartStatus.RUNNING, started_at=part.started_at)


@transaction.atomic
def claim(part_id: int) -> GenerationPart | None:
    """Take a part that waits, or whose worker is gone; None where there is nothing to do, or not yet."""
    request_id = GenerationPart.objects.filter(pk=part_id).values_list("request_id", flat=True).first()
    if request_id is None:
        return None
    request, now = lock_request(request_id), timezone.now()
    part = request.parts.select_related("item", "slot", "segment").get(pk=part_id)
    if _is_lost(part, now):
        _let_go(part, request)
    if part.status != PartStatus.WAITING or (part.not_before and part.not_before > now):
        return None
    part.status, part.attempts, part.started_at, part.seen_at = PartStatus.RUNNING, part.attempts + 1, now, now
    part.not_before, part.finished_at, part.message, part.request = None, None, "", request
    part.save()
    request.status = RequestStatus.RUNNING
    request.save(update_fields=["status"])
    return part


@transaction.atomic
def end(part: GenerationPart, status: PartStatus, message: str = "") -> bool:
    """Let a part end; False if it is this worker's no more."""
    request, now = lock_request(part.request_id), timezone.now()
    ended = mine(part).update(status=status, message=message, finished_at=now)
    _close(request, now)
    return bool(ended)


@transaction.atomic
def put_off(part: GenerationPart, wait: timedelta, message: str) -> None:
    """Let a part wait as long as it is told, and longer each time; or give it up after many attempts."""
    request, now = lock_request(part.request_id), timezone.now()
    if request.status == RequestStatus.STOPPED:
        changes = {"status": PartStatus.STOPPED, "finished_at": now}
    elif part.attempts >= MOST_ATTEMPTS:
        changes = {"status": PartStatus.FAILED, "finished_at": now}
        message = f"{message} {_('It was tried %d times. Resume it later.') % part.attempts}"
    else:
        changes = {"status": PartStatus.WAITING, "not_before": now + _wait(part, wait)}
    mine(part).update(message=message, **changes)
    _close(request, now)


def due_parts() -> list[int]:
    """The parts that should be in the queue and are not: their wait is over, or their worker or message was lost.

    From now on they count as queued.
    """
    now = timezone.now()
    silent = GenerationPart.objects.filter(status=PartStatus.RUNNING, seen_at__lt=now - SILENCE)
    for pk in list(silent.values_list("pk", flat=True)):
        _revive(pk)
    waiting = GenerationPart.objects.filter(Q(not_before=None) | Q(not_before__lte=now), status=PartStatus.WAITING)
    unqueued = Q(seen_at=None) | Q(seen_at__lt=F("not_before")) | Q(seen_at__lt=now - PATIENCE)
    return mark_queued(waiting.filter(unqueued))


def mark_queued(parts: QuerySet[GenerationPart]) -> list[int]:
    """Note that parts are put into the queue now; return their keys."""
    keys = list(parts.values_list("pk", flat=True))
    GenerationPart.objects.filter(pk__in=keys, status=PartStatus.WAITING).update(seen_at=timezone.now())
    return keys


@transaction.atomic
def _revive(pk: int) -> None:
    part = GenerationPart.objects.filter(pk=pk).first()
    if part is None:
        return
    request = lock_request(part.request_id)
    part.refresh_from_db()
    if _is_lost(part, timezone.now()):
        _let_go(part, request)


def _wait(part: GenerationPart, least: timedelta) -> timedelta:
    return min(max(least, FIRST_WAIT * 2 ** (part.attempts - 1)), LONGEST_WAIT)


def _is_lost(part: GenerationPart, now: datetime) -> bool:
    return part.status == PartStatus.RUNNING and (part.seen_at is None or part.seen_at < now - SILENCE)


def _let_go(part: GenerationPart, request: GenerationRequest) -> None:
    """Take a part from a worker that is gone. What its calls used is not known."""
    now = timezone.now()
    lost = GenerationCall.objects.filter(part=part, status=CallStatus.RUNNING)
    lost.update(status=CallStatus.LOST, finished_at=now, error=_("Nothing was heard of the worker any more."))
    part.seen_at = None
    if request.status == RequestStatus.STOPPED:
        part.status, part.finished_at = PartStatus.STOPPED, now
    elif part.attempts >= MOST_ATTEMPTS:
        part.status, part.finished_at = PartStatus.FAILED, now
        part.message = _("Its worker was lost again and again. Tell whoever runs the site, and resume it then.")
    else:
        part.status = PartStatus.WAITING
    part.save()
    _close(request, now)


def _close(request: GenerationRequest, now: datetime) -> None:
    """Let a request end with the last of its parts."""
    is_open = request.parts.filter(status__in=(PartStatus.WAITING, PartStatus.RUNNING)).exists()
    if not is_open and request.status != RequestStatus.STOPPED:
        request.status, request.finished_at = RequestStatus.DONE, now
        request.save(update_fields=["status", "finished_at"])
