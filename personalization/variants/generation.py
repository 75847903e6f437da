"""What editors ask of a model: many sources and segments at once, to be stopped, resumed and followed.

The doors call these verbs and then `tasks.generate`, which puts a request's waiting parts into the queue.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.models import Locale

from personalization.catalog.models import Item
from personalization.variants.asking import (
    MOST_ALTERNATIVES,
    GenerationCall,
    GenerationPart,
    GenerationRequest,
    PromptTemplate,
)
from personalization.variants.choices import CallStatus, PartStatus, RequestStatus, Words
from personalization.variants.models import Variant
from personalization.variants.parts import due_parts, lock_request, mark_queued
from personalization.variants.questions import SLOT_WORDS
from personalization.variants.writing import generate_part

__all__ = ["ask", "due_parts", "generate_part", "progress", "queue_parts", "resume", "stop"]

GENERATE = "personalization.generate_variant"
STEER = "personalization.change_generationrequest"
MOST_PARTS = 200
UNDONE = (PartStatus.FAILED, PartStatus.STOPPED)


@dataclass(frozen=True)
class Progress:
    """How far a request is, and what it took as far as that is known; `unknown` calls did not tell, or still run."""

    total: int
    counts: Mapping[str, int]
    drafts: int
    calls: int
    tokens: int
    money: Decimal | None
    unknown: int

    @property
    def share(self) -> float:
        """The part of it that needs no more work, from 0 to 1."""
        ended = self.total - self.counts[PartStatus.WAITING] - self.counts[PartStatus.RUNNING]
        return ended / self.total if self.total else 1.0


@transaction.atomic
def ask(
    *,
    user: Any,
    template: PromptTemplate,
    fields: Iterable[str],
    alternatives: int,
    items: Iterable[Item] = (),
    slots: Iterable[Any] = (),
    segments: Iterable[Any] = (),
    locale: Locale | None = None,
    note: str = "",
    draws_image: bool = False,
) -> GenerationRequest:
    """Ask for alternatives of every source, for each segment or, without any, for everybody."""
    if not user.has_perm(GENERATE):
        raise PermissionDenied
    wanted = {*fields, *([Words.IMAGE_DESCRIPTION] if draws_image else [])}
    sources = [*({"item": item} for item in dict.fromkeys(items)), *({"slot": slot} for slot in dict.fromkeys(slots))]
    audiences = list(dict.fromkeys(segments)) or [None]
    _refuse(wanted, alternatives, sources, len(audiences))
    request = GenerationRequest(
        requested_by=user,
        template=template,
        template_version=template.version,
        fields=[name for name in Words.values if name in wanted],
        alternatives=alternatives,
        draws_image=draws_image,
        locale=locale,
        note=note.strip(),
    )
    request.full_clean(exclude=["finished_at"])
    request.save()
    GenerationPart.objects.bulk_create(
        GenerationPart(request=request, segment=segment, **source) for source in sources for segment in audiences
    )
    return request


@transaction.atomic
def stop(*, request: GenerationRequest, user: Any) -> GenerationRequest:
    """Stop a request: what waits is not begun, and what runs is broken off within seconds. Drafts stay."""
    _refuse_others(request, user)
    row, now = lock_request(request.pk), timezone.now()
    if row.status in (RequestStatus.QUEUED, RequestStatus.RUNNING):
        row.status, row.finished_at = RequestStatus.STOPPED, now
        row.save(update_fields=["status", "finished_at"])
        row.parts.filter(status=PartStatus.WAITING).update(status=PartStatus.STOPPED, finished_at=now)
    return row


@transaction.atomic
def resume(*, request: GenerationRequest, user: Any) -> GenerationRequest:
    """Take up again what failed or was stopped. What is done stays as it is."""
    _refuse_others(request, user)
    row = lock_request(request.pk)
    again = row.parts.filter(status__in=UNDONE).update(
        status=PartStatus.WAITING, attempts=0, not_before=None, seen_at=None, finished_at=None, message=""
    )
    if again or row.status == RequestStatus.STOPPED:
        is_open = row.parts.filter(status__in=(PartStatus.WAITING, PartStatus.RUNNING)).exists()
        row.status = RequestStatus.QUEUED if is_open else RequestStatus.DONE
        row.finished_at = None if is_open else row.finished_at
        row.save(update_fields=["status", "finished_at"])
    return row


def queue_parts(*, request: GenerationRequest) -> list[int]:
    """The keys of the parts that wait, which count as queued from now on."""
    return mark_queued(request.parts.filter(status=PartStatus.WAITING))


def progress(request: GenerationRequest) -> Progress:
    """How far a request is."""
    found = dict(request.parts.order_by().values_list("status").annotate(Count("pk")))
    calls = GenerationCall.objects.filter(part__request=request).order_by()
    untold = Q(input_tokens=None) | Q(output_tokens=None) | Q(money=None) | Q(status=CallStatus.RUNNING)
    sums = calls.aggregate(
        calls=Count("pk"),
        read=Sum("input_tokens", default=0),
        written=Sum("output_tokens", default=0),
        unknown=Count("pk", filter=untold),
        money=Sum("money"),
    )
    return Progress(
        total=sum(found.values()),
        counts={status: found.get(status, 0) for status in PartStatus.values},
        drafts=Variant.objects.filter(part__request=request).count(),
        tokens=sums.pop("read") + sums.pop("written"),
        **sums,
    )


def _refuse(wanted: set[str], alternatives: int, sources: Sequence[Mapping[str, Any]], audiences: int) -> None:
    """Raise ValidationError, in words for the editor, for what cannot be asked."""
    if not wanted or wanted - set(Words.values):
        raise ValidationError({"fields": _("Choose what is to be written.")})
    if not 1 <= alternatives <= MOST_ALTERNATIVES:
        raise ValidationError({"alternatives": _("Ask for one to %d alternatives.") % MOST_ALTERNATIVES})
    if not sources:
        raise ValidationError(_("Choose at least one item or slot."))
    if any("slot" in source for source in sources) and wanted.isdisjoint(SLOT_WORDS):
        raise ValidationError({"fields": _("A slot has a heading and a text: ask for a headline or a summary.")})
    if gone := next((source["item"] for source in sources if "item" in source and not source["item"].live), None):
        raise ValidationError(_("“%s” is not published any more. Take it out, or publish it again.") % gone)
    if (number := len(sources) * audiences) > MOST_PARTS:
        raise ValidationError(
            _("This would ask the model %(number)d times; %(most)d is the most at once. Take fewer items or segments.")
            % {"number": number, "most": MOST_PARTS}
        )


def _refuse_others(request: GenerationRequest, user: Any) -> None:
    is_own = request.requested_by_id == user.pk and user.has_perm(GENERATE)
    if not is_own and not user.has_perm(STEER):
        raise PermissionDenied
