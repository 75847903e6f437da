"""Decisions about variants. Each one holds the variant's lock, so that two reviewers or an edit never meet half-way."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import Task, TaskState, WorkflowState

from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, State
from personalization.variants.four_eyes import APPROVE, obstacle_for
from personalization.variants.hashing import content_digest, source_digest, source_of
from personalization.variants.lifecycle import cancel_review, lock, put, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import record


class ReviewError(Exception):
    """A decision that cannot be carried out; the text says why, and what to do."""


@transaction.atomic
def approve(*, task_state: TaskState, user: Any, seen: str = "", comment: str = "") -> Variant:
    """Approve exactly the words and the source that the reviewer saw, whose digests `seen` names.

    They are published, unless another step of the workflow has to look at them.
    """
    variant, state = _waiting(task_state, user)
    if seen and seen != seen_by(variant):
        raise ReviewError(_("The words or their source have changed since you opened this page. Look at them again."))
    # By the rules as they are now, which may be stricter than when it was submitted.
    if check_variant(variant=variant).is_blocked:
        raise ReviewError(_("A guardrail blocks this draft. Correct it, or reject it."))
    if variant.item_id and not variant.item.live:
        raise ReviewError(_("What these words are for is not published at present. Publish it first, or reject them."))
    source = source_of(variant)
    put(variant, source_hash=source.digest, source_words=source.words)
    if _has_more_steps(state, variant):
        record(variant, Act.PASSED, user=user, comment=comment)
    else:
        put(variant, state=State.APPROVED)
        record(variant, Act.APPROVED, user=user, comment=comment)
    state.revision = variant.latest_revision  # These words are approved, not those that were submitted.
    state.approve(user=user, comment=comment)
    return Variant.objects.get(pk=variant.pk)


@transaction.atomic
def request_changes(*, task_state: TaskState, user: Any, comment: str) -> Variant:
    """Send the variant back to its editor."""
    variant, _state = _turn_down(task_state, user, State.CHANGES, Act.CHANGES, comment=comment)
    return variant


@transaction.atomic
def reject(*, task_state: TaskState, user: Any, reason: str, comment: str = "") -> Variant:
    """Reject the variant for good; only an edit brings it back."""
    variant, state = _turn_down(task_state, user, State.REJECTED, Act.REJECTED, reason=reason, comment=comment)
    state.workflow_state.cancel(user=user)
    return variant


@transaction.atomic
def retire(*, variant: Variant, user: Any, comment: str = "") -> Variant:
    """Take a variant out of its slot, or out of the queue, because it is no longer wanted."""
    if not user.has_perm(APPROVE):
        raise PermissionDenied(_("You may not retire variants."))
    row = _locked(variant)
    if row.state in (State.RETIRED, State.REJECTED):
        raise ReviewError(_("This variant has been retired or rejected already."))
    withdraw(row, Act.RETIRED, user=user, state=State.RETIRED, comment=comment)
    cancel_review(row, user=user)
    return row


@dataclass(frozen=True)
class Outcome:
    """What became of one variant of many: `refusal` is empty if the decision was carried out."""

    variant: Variant
    refusal: str = ""


def decide_each(variants: Iterable[Variant], decide: Callable[[Variant], Any]) -> list[Outcome]:
    """Carry out a decision about each variant in a transaction of its own: what one is refused hinders no other."""
    return [_outcome(variant, decide) for variant in variants]


def _outcome(variant: Variant, decide: Callable[[Variant], Any]) -> Outcome:
    try:
        with transaction.atomic():
            decide(variant)
    except ReviewError as error:
        return Outcome(variant, str(error))
    except PermissionDenied as error:
        return Outcome(variant, str(error) or _("You may not do this."))
    return Outcome(variant)


def waiting_task(variant: Variant) -> TaskState:
    """The step at which the variant waits; raise ReviewError if it waits at none."""
    if state := Variant(pk=variant.pk).current_workflow_task_state:
        return state
    raise ReviewError(_("This variant does not wait for a decision."))


def seen_by(variant: Variant) -> str:
    """What a reviewer's form carries: the digests of the words and of the source that the page shows."""
    return f"{content_digest(variant)}:{source_digest(variant)}"


def _locked(variant: Variant | None) -> Variant:
    with suppress(Variant.DoesNotExist):
        if isinstance(variant, Variant):
            return lock(variant)
    raise ReviewError(_("This variant has been deleted."))


def _waiting(task_state: TaskState, user: Any) -> tuple[Variant, TaskState]:
    """The variant under its lock, and its task's state as read afterwards: nothing that was read before is believed."""
    variant = _locked(task_state.workflow_state.content_object)
    state = TaskState.objects.select_related("workflow_state").filter(pk=task_state.pk).first()
    if variant.state not in WAITING or state is None or not _is_open(state):
        raise ReviewError(_("This variant has been decided about already."))
    if obstacle := obstacle_for(variant, user):
        raise PermissionDenied(obstacle)
    return variant, state


def _is_open(state: TaskState) -> bool:
    """Whether the step waits for a decision; a review that is being cancelled closes the workflow before its steps."""
    is_running = state.workflow_state.status == WorkflowState.STATUS_IN_PROGRESS
    return is_running and state.status == TaskState.STATUS_IN_PROGRESS


def _has_more_steps(state: TaskState, variant: Variant) -> bool:
    """Whether the workflow leads to another review of these words after this one."""
    done = state.workflow_state.successful_task_states
    steps = Task.objects.filter(workflow_tasks__workflow=state.workflow_state.workflow, active=True)
    steps = steps.filter(variantreviewtask__isnull=False).exclude(pk=state.task_id).exclude(task_states__in=done)
    return any(step.covers(variant) for step in steps.specific())


def _turn_down(task_state: TaskState, user: Any, state: State, act: Act, **words: str) -> tuple[Variant, TaskState]:
    variant, found = _waiting(task_state, user)
    put(variant, state=state)
    record(variant, act, user=user, **words)
    found.reject(user=user, comment=words["comment"])
    return variant, found
