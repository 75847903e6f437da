"""Variants on their way from draft to slot, made through the room's own services."""

from typing import Any

from django.contrib.auth.models import Permission, User
from wagtail.models import Locale, TaskState

from personalization.catalog.models import Item
from personalization.variants import reviewing, services
from personalization.variants.models import Variant

EDITOR = ("view_variant", "change_variant", "generate_variant")
REVIEWER = ("view_variant", "change_variant", "approve_variant")


def person(name: str, *codenames: str) -> User:
    """Somebody of the staff with some of our permissions; the same one at the next call."""
    user, made = User.objects.get_or_create(username=name)
    if made:
        user.user_permissions.set(Permission.objects.filter(codename__in=("access_admin", *codenames)))
    return user


def editor() -> User:
    return person("editor", *EDITOR)


def reviewer() -> User:
    return person("reviewer", *REVIEWER)


def make_draft(item: Item | None = None, **given: Any) -> Variant:
    """A draft as a model's answer becomes one; words as in ``headline="…"``."""
    names = ("headline", "summary", "call_to_action", "image_description")
    words = {name: given.pop(name) for name in names if name in given} or {"headline": "Other words"}
    given.setdefault("locale", Locale.objects.get(language_code="en"))
    given.setdefault("requested_by", editor())
    given.setdefault("model", "dummy")
    return services.draft_variant(item=item, words=words, **given)


def submitted(variant: Variant) -> TaskState:
    """The variant in the queue, and the state of its review."""
    services.submit_variant(variant=variant, user=editor())
    return task_state(variant)


def task_state(variant: Variant) -> TaskState:
    """Where the variant's review stands."""
    return Variant.objects.get(pk=variant.pk).current_workflow_task_state


def approved(item: Item | None = None, **given: Any) -> Variant:
    """A variant that somebody else has approved."""
    variant = make_draft(item, **given)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    return Variant.objects.get(pk=variant.pk)
