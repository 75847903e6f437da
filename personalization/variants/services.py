"""Verbs of this room: make a draft, check it, submit it, and notice when a source has changed."""

from collections.abc import Collection, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _
from wagtail.models import Locale, WorkflowState

from personalization.catalog.models import Item
from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, State, Words
from personalization.variants.hashing import item_source, slot_source, source_of
from personalization.variants.lifecycle import lock, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import record
from personalization.variants.reviewing import ReviewError
from personalization.variants.workflow import ensure_workflow


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
    return check_variant(variant=variant)


@transaction.atomic
def submit_variant(*, variant: Variant, user: Any) -> WorkflowState:
    """Put a draft into the queue. What a guardrail blocks stays where it is."""
    if not user.has_perm("personalization.change_variant"):
        raise PermissionDenied
    row = check_variant(variant=lock(variant))
    if row.state not in (State.DRAFT, State.CHANGES):
        raise ReviewError(_("Only a draft can be submitted."))
    if row.is_blocked:
        raise ReviewError(_("A guardrail blocks this draft. See its findings, and correct it."))
    return _queue(row, State.IN_REVIEW, Act.SUBMITTED, user)


def notice_changed_sources(*, item_keys: Collection[str] | None = None) -> int:
    """Put approved variants whose source now says something else back into the queue; return how many.

    That they are no longer shown does not wait for this: serving compares the digests itself.
    """
    approved = Variant.objects.filter(state=State.APPROVED).select_related("slot")
    of_items = approved.filter(item__isnull=False, item__live=True).exclude(source_hash=F("item__text_hash"))
    if item_keys is not None:
        of_items = of_items.filter(item__key__in=item_keys)
    of_slots = [one for one in approved.filter(slot__isnull=False) if slot_source(one.slot).digest != one.source_hash]
    return sum(_go_stale(variant) for variant in [*of_items, *of_slots])


@transaction.atomic
def _go_stale(variant: Variant) -> bool:
    row = lock(variant)
    if row.state != State.APPROVED or source_of(row).digest == row.source_hash:
        return False
    withdraw(row, Act.STALE, state=State.STALE)
    check_variant(variant=row)
    _queue(row, State.STALE, None, None)
    return True


def _queue(row: Variant, state: State, act: Act | None, user: Any) -> WorkflowState:
    row.state = state
    row.save(update_fields=["state"])
    if act:
        record(row, act, user=user)
    current = row.current_workflow_state
    if current and current.status == WorkflowState.STATUS_NEEDS_CHANGES:
        current.resume(user=user)
        return current
    return current or (row.get_workflow() or ensure_workflow()).start(row, user)


def waiting() -> Any:
    """What waits for a decision, the longest first."""
    return Variant.objects.filter(state__in=WAITING).order_by("created_at")
