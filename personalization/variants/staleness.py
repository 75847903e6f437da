"""Approvals that end because of what happens elsewhere: to the source, to the picture, or by the calendar.

That such words are no longer shown does not wait for this: serving compares the digests itself.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.models import WorkflowState

from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, State
from personalization.variants.hashing import content_digest, source_digest
from personalization.variants.lifecycle import lock, person_at_work, put, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import decisive_record
from personalization.variants.reviewing import ReviewError
from personalization.variants.workflow import workflow_for

# Long, and not asked for where many variants are looked at.
UNREAD = ("findings", "source_words", "item__text", "item__summary")


def notice_changed_sources(
    *, item_keys: Collection[str] | None = None, slot_keys: Collection[str] | None = None
) -> int:
    """Put approved variants whose source now says something else back into the queue; return how many.

    A source that says again what was approved, while a variant waits, leaves it in the queue, where approving is one
    click. What waits already is held against the guardrails again. Without keys, all sources are looked at.
    """
    everything = item_keys is None and slot_keys is None
    looked_at = Variant.objects.filter(state__in=(State.APPROVED, *WAITING)).select_related("item", "slot")
    if not everything:
        looked_at = looked_at.filter(Q(item__key__in=item_keys or ()) | Q(slot__key__in=slot_keys or ()))
    still_shown = Q(expire_at=None) | Q(expire_at__gt=timezone.now())
    found = looked_at.filter(Q(item=None) | Q(item__live=True)).filter(still_shown).order_by("pk").defer(*UNREAD)
    variants = list(found)
    _queue_stranded(variant for variant in variants if variant.state == State.STALE)
    return sum(_look_again(variant) for variant in variants if _is_behind(variant))


def _is_behind(variant: Variant) -> bool:
    if variant.state == State.APPROVED:
        return source_digest(variant) != variant.source_hash
    return not variant.is_checked


@transaction.atomic
def _look_again(variant: Variant) -> bool:
    row = lock(variant)
    if not _is_behind(row):
        return False
    if row.state != State.APPROVED:
        check_variant(variant=row)
        return False
    withdraw(row, Act.STALE, state=State.STALE)
    _start_review(check_variant(variant=row))
    return True


def _start_review(row: Variant) -> None:
    with suppress(ReviewError):  # no workflow would take it: it waits in the queue until an administrator mends that
        workflow_for(row).start(row, None)


def _queue_stranded(stale: Iterable[Variant]) -> None:
    """Once a workflow takes them, start the review of those that none took when they became stale."""
    by_key = {variant.key: variant for variant in stale}
    if by_key:
        started = WorkflowState.objects.active().filter(base_content_type=Variant.get_base_content_type())
        for key in by_key.keys() - set(started.filter(object_id__in=by_key).values_list("object_id", flat=True)):
            _queue(by_key[key])


@transaction.atomic
def _queue(variant: Variant) -> None:
    row = lock(variant)
    if row.state == State.STALE and row.current_workflow_state is None:
        _start_review(row)


@transaction.atomic
def note_unpublished(*, variant: Variant) -> None:
    """Retire what was unpublished, by hand or because its date has passed: only another approval brings it back."""
    row = lock(variant)
    if row.state == State.APPROVED:
        comment = _("Its date has passed.") if row.expired else _("Unpublished.")
        withdraw(row, Act.RETIRED, user=person_at_work(), state=State.RETIRED, comment=comment)


@transaction.atomic
def note_changed_image(*, image: Any, is_going: bool = False) -> int:
    """Take out the approved variants that were approved with another picture; return how many."""
    return sum(_take_image(variant, is_going) for variant in Variant.objects.filter(image=image).order_by("pk"))


def _take_image(variant: Variant, is_going: bool) -> bool:
    row = lock(variant)
    if is_going:
        put(row, image=None)
    put(row, content_hash=content_digest(row))
    approval = decisive_record(row)
    if row.state != State.APPROVED or (approval and approval.content_hash == row.content_hash):
        return False
    comment = _("Its image was deleted.") if is_going else _("Its image was replaced.")
    withdraw(row, Act.REVOKED, user=person_at_work(), comment=comment)
    return True
