"""Decisions about variants. Each one holds the variant's lock, so that two reviewers or an edit never meet half-way."""

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import Revision, Task, TaskState, WorkflowState

from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING, Act, State
from personalization.variants.hashing import source_digest, source_of
from personalization.variants.lifecycle import CONTENT, cancel_review, lock, put, withdraw
from personalization.variants.models import Variant
from personalization.variants.records import record

APPROVE = "personalization.approve_variant"


class ReviewError(Exception):
    """A decision that cannot be carried out; the text says why, and what to do."""


def obstacle_for(variant: Variant, user: Any) -> str:
    """Why this user may not judge the variant; empty if nothing stands against it.

    Four eyes: whoever asked for it, or edited it last, does not judge it, administrators included.
    """
    return obstacles_for([variant], user)[variant.pk]


def obstacles_for(variants: Collection[Variant], user: Any) -> dict[int, str]:
    """The same of several variants by their primary keys, in as many queries as of one."""
    if not user.has_perm(APPROVE):
        return {variant.pk: _("You may not approve variants.") for variant in variants}
    editors, closed = last_editors(variants), _closed_steps(variants, user)
    return {variant.pk: _obstacle(variant, user, editors[variant.pk], closed.get(variant.key)) for variant in variants}


def _obstacle(variant: Variant, user: Any, editors: set[int], closed: Task | None) -> str:
    if variant.requested_by_id == user.pk:
        return _("You asked for this variant: somebody else has to judge it.")
    if user.pk in editors:
        return _("You edited this variant last: somebody else has to judge it.")
    if closed is not None:
        return _("This step of the review is up to others: %(step)s.") % {"step": closed}
    return ""


def last_editors(variants: Collection[Variant]) -> dict[int, set[int]]:
    """Who wrote the present words, and who has saved them since; a save that changes nothing relieves nobody."""
    names = [name.removesuffix("_id") for name in CONTENT]
    found: dict[str, set[int | None]] = {variant.key: set() for variant in variants}
    words: dict[str, list[Any]] = {}
    revisions = Revision.objects.filter(base_content_type=Variant.get_base_content_type(), object_id__in=found)
    newest_first = revisions.order_by("-created_at", "-pk").values_list("object_id", "user_id", "content")
    for key, user, content in newest_first.iterator():
        says = [content.get(name) for name in names]
        if words.setdefault(key, says) == says:
            found[key].add(user)
        else:
            words[key] = []  # Older words are as old again: whoever wrote them did not write these.
    return {int(key): {user for user in users if user is not None} for key, users in found.items()}


def _closed_steps(variants: Collection[Variant], user: Any) -> dict[str, Task]:
    """The steps at which some of the variants wait that are up to groups to which the user does not belong."""
    if user.is_superuser:
        return {}
    waiting = WorkflowState.objects.filter(
        base_content_type=Variant.get_base_content_type(),
        object_id__in=[variant.key for variant in variants],
        status=WorkflowState.STATUS_IN_PROGRESS,
    )
    step_of = dict(waiting.values_list("object_id", "current_task_state__task"))
    own = {group.pk for group in user.groups.all()}
    closed = {}
    for step in Task.objects.filter(pk__in=set(step_of.values())).specific():
        groups = {group.pk for group in step.groups.all()} if hasattr(step, "groups") else set()
        if groups and groups.isdisjoint(own):
            closed[step.pk] = step
    return {key: closed[step] for key, step in step_of.items() if step in closed}


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
    return f"{variant.content_hash}:{source_digest(variant)}"


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
