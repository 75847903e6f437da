"""Decisions about variants. Each one holds the variant's lock, so that two reviewers or an edit never meet half-way."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import TaskState

from personalization.variants.choices import WAITING, Act, State
from personalization.variants.hashing import source_of
from personalization.variants.lifecycle import lock, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import record

APPROVE = "personalization.approve_variant"


class ReviewError(Exception):
    """A decision that cannot be carried out; the text says why, and what to do."""


def obstacle_for(variant: Variant, user: Any) -> str:
    """Why this user may not judge the variant; empty if nothing stands against it.

    Four eyes: whoever asked for it, or edited it last, does not judge it, administrators included.
    """
    if not user.has_perm(APPROVE):
        return _("You may not approve variants.")
    if variant.requested_by_id == user.pk:
        return _("You asked for this variant: somebody else has to judge it.")
    if variant.latest_revision and variant.latest_revision.user_id == user.pk:
        return _("You edited this variant last: somebody else has to judge it.")
    return ""


@transaction.atomic
def approve(*, task_state: TaskState, user: Any, seen: str = "", comment: str = "") -> Variant:
    """Approve exactly the words and the source that the reviewer saw, whose digests `seen` names, and publish them."""
    variant = _waiting(task_state, user)
    source = source_of(variant)
    if seen and seen != seen_by(variant):
        raise ReviewError(_("The words or their source have changed since you opened this page. Look at them again."))
    if variant.is_blocked:
        raise ReviewError(_("A guardrail blocks this draft. Correct it, or reject it."))
    variant.state, variant.source_hash, variant.source_words = State.APPROVED, source.digest, source.words
    variant.save(update_fields=["state", "source_hash", "source_words"])
    record(variant, Act.APPROVED, user=user, comment=comment)
    task_state.approve(user=user, comment=comment)
    return variant


@transaction.atomic
def request_changes(*, task_state: TaskState, user: Any, comment: str) -> Variant:
    """Send the variant back to its editor."""
    return _turn_down(task_state, user, State.CHANGES, Act.CHANGES, comment=comment)


@transaction.atomic
def reject(*, task_state: TaskState, user: Any, reason: str, comment: str = "") -> Variant:
    """Reject the variant for good; only an edit brings it back."""
    variant = _turn_down(task_state, user, State.REJECTED, Act.REJECTED, reason=reason, comment=comment)
    task_state.workflow_state.refresh_from_db()
    task_state.workflow_state.cancel(user=user)
    return variant


@transaction.atomic
def retire(*, variant: Variant, user: Any, comment: str = "") -> Variant:
    """Take a variant out of its slot because it is no longer wanted."""
    if not user.has_perm(APPROVE):
        raise PermissionDenied
    row = lock(variant)
    if row.workflow_in_progress:
        row.current_workflow_state.cancel(user=user)
    withdraw(row, Act.RETIRED, user=user, state=State.RETIRED, comment=comment)
    return row


def seen_by(variant: Variant) -> str:
    """What a reviewer's form carries: the digests of the words and of the source that the page shows."""
    return f"{variant.content_hash}:{source_of(variant).digest}"


def _waiting(task_state: TaskState, user: Any) -> Variant:
    variant = lock(task_state.workflow_state.content_object)
    task_state.refresh_from_db()
    if variant.state not in WAITING or task_state.status != TaskState.STATUS_IN_PROGRESS:
        raise ReviewError(_("This variant has been decided about already."))
    if obstacle := obstacle_for(variant, user):
        raise PermissionDenied(obstacle)
    return variant


def _turn_down(task_state: TaskState, user: Any, state: State, act: Act, **words: str) -> Variant:
    variant = _waiting(task_state, user)
    variant.state = state
    variant.save(update_fields=["state"])
    record(variant, act, user=user, **words)
    task_state.reject(user=user, comment=words["comment"])
    return variant
