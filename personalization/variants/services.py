"""Verbs of this room: make a draft, submit it, take it back; `staleness` has what follows from changes elsewhere."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import Locale, WorkflowState

from personalization.catalog.models import Item
from personalization.variants.choices import WAITING, State, Words
from personalization.variants.guardrails.form import storable
from personalization.variants.hashing import item_source, slot_source
from personalization.variants.lifecycle import lock, put
from personalization.variants.models import Variant
from personalization.variants.reviewing import ReviewError
from personalization.variants.staleness import notice_changed_sources
from personalization.variants.workflow import workflow_for

__all__ = [
    "draft_variant",
    "note_cancelled_review",
    "notice_changed_sources",
    "submit_variant",
    "take_back",
    "waiting",
]


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


def waiting() -> Any:
    """What waits for a decision, the longest first."""
    return Variant.objects.filter(state__in=WAITING).order_by("created_at")
