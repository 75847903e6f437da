"""Verbs of this room: make a draft, check it, submit it, and notice when a source has changed."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from wagtail.models import Locale, WorkflowState

from personalization.catalog.models import Item
from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, State, Words
from personalization.variants.guardrails.form import storable
from personalization.variants.hashing import item_source, slot_source, source_digest
from personalization.variants.lifecycle import lock, person_at_work, put, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import decisive_record
from personalization.variants.reviewing import ReviewError
from personalization.variants.workflow import workflow_for

# Long, and not asked for where many variants are looked at.
UNREAD = ("findings", "source_words", "item__text", "item__summary")


@transaction.atomic
def draft_variant(
    *,
    words: Mapping[str, str],
    locale: Locale,
    item: Item | None = None,
    slot: Any = None,
    segment: Any = None,
    requested_by: Any = None,
    image: Any = None,
    label: str = "",
    **provenance: Any,
) -> Variant:
    """Keep what a model wrote as a draft, with where it came from; nobody sees it before a person approves it."""
    source = item_source(item) if item else slot_source(slot)
    words = storable(words)
    variant = Variant(
        item=item,
        slot=slot,
        segment=segment,
        locale=locale,
        label=label,
        image=image,
        requested_by=requested_by,
        live=False,
        has_unpublished_changes=True,
        drafted={name: words[name] for name in Words.values if words.get(name)},
        source_hash=source.digest,
        source_words=source.words,
        **{name: words.get(name, "") for name in Words.values},
        **provenance,
    )
    variant.save()
    variant.save_revision(user=None, clean=False)
    return variant


@transaction.atomic
def submit_variant(*, variant: Variant, user: Any) -> WorkflowState:
    """Put a draft into the queue. What a guardrail blocks stays where it is."""
    if not user.has_perm("personalization.change_variant"):
        raise PermissionDenied(_("You may not submit variants."))
    row = lock(variant)
    current = row.current_workflow_state
    if row.state not in (State.DRAFT, State.CHANGES) and (row.state != State.STALE or current):
        raise ReviewError(_("Only a draft can be submitted."))
    workflow = workflow_for(row)
    if current and current.status == WorkflowState.STATUS_NEEDS_CHANGES:
        current.resume(user=user)
        return current
    return workflow.start(row, user)


@transaction.atomic
def take_back(*, variant: Variant, user: Any) -> Variant:
    """End the review of a variant without a decision; it is a draft again."""
    row = lock(variant)
    current = row.current_workflow_state
    if current is None:
        raise ReviewError(_("This variant does not wait for a decision."))
    if not current.user_can_cancel(user):
        raise PermissionDenied(_("Only who submitted a variant, or may approve it, takes it out of the review."))
    current.cancel(user=user)
    return Variant.objects.get(pk=row.pk)


@transaction.atomic
def note_cancelled_review(*, workflow_state: WorkflowState) -> None:
    """Make a draft of what waited in a review that was cancelled, by whichever way."""
    variant = workflow_state.content_object
    if isinstance(variant, Variant):
        row = lock(variant)
        if row.state in (*WAITING, State.CHANGES):
            put(row, state=State.DRAFT)


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
    shown = Variant.objects.filter(image=image, state=State.APPROVED).order_by("pk")
    return sum(_lose_image(variant, is_going) for variant in shown)


def _lose_image(variant: Variant, is_going: bool) -> bool:
    row = lock(variant)
    approval = decisive_record(row)
    if row.state != State.APPROVED or (not is_going and approval and approval.content_hash == row.content_hash):
        return False
    comment = _("Its image was deleted.") if is_going else _("Its image was replaced.")
    withdraw(row, Act.REVOKED, user=person_at_work(), comment=comment)
    return True


def notice_changed_sources(
    *, item_keys: Collection[str] | None = None, slot_keys: Collection[str] | None = None
) -> int:
    """Put approved variants whose source now says something else back into the queue; return how many.

    That they are no longer shown does not wait for this: serving compares the digests itself. One that says again what
    was approved, while a variant waits, leaves it in the queue, where approving is one click. What waits already is
    held against the guardrails again. Without keys, all sources are looked at.
    """
    everything = item_keys is None and slot_keys is None
    looked_at = Variant.objects.filter(state__in=(State.APPROVED, *WAITING)).select_related("item", "slot")
    if not everything:
        looked_at = looked_at.filter(Q(item__key__in=item_keys or ()) | Q(slot__key__in=slot_keys or ()))
    still_shown = Q(expire_at=None) | Q(expire_at__gt=timezone.now())
    found = looked_at.filter(Q(item=None) | Q(item__live=True)).filter(still_shown).order_by("pk")
    return sum(_look_again(variant) for variant in found.defer(*UNREAD) if _is_behind(variant))


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
    check_variant(variant=row)
    with suppress(ReviewError):  # no workflow would take it: it waits in the queue until an administrator mends that
        workflow_for(row).start(row, None)
    return True


def waiting() -> Any:
    """What waits for a decision, the longest first."""
    return Variant.objects.filter(state__in=WAITING).order_by("created_at")
