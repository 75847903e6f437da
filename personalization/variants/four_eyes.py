"""Who may judge which variant: whoever may approve, but neither who asked for it nor who wrote its words."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext as _
from wagtail.models import Revision, Task, WorkflowState

from personalization.variants.lifecycle import CONTENT
from personalization.variants.models import Variant

APPROVE = "personalization.approve_variant"


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
