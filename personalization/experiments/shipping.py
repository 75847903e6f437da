"""How a slot takes over the arm that won: as a new revision, published by whoever decided it."""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from personalization.experiments.models import Arm


def hand_over(*, arm: Arm, user: Any = None) -> None:
    """Publish the slot as the arm has it. A draft that waits there goes on waiting, with the same changes."""
    slot = arm.experiment.slot
    draft = slot.get_latest_revision_as_object() if slot.has_unpublished_changes else None
    alter(slot, arm)
    slot.save_revision(user=user, log_action=True).publish(user=user)
    if draft:
        alter(draft, arm)
        draft.save_revision(user=user)


def why_not_handed_over(arm: Arm | None, user: Any = None) -> Iterator[str]:
    """Yield what keeps the slot from taking an arm over."""
    if arm is None:
        yield _("Choose the arm that the slot is to take over.")
    elif user and not user.has_perm("personalization.publish_slot"):
        yield _("To ship an arm is to publish the slot, which you may not: ask somebody who may.")
    elif arm.experiment.slot.locked:
        yield _("The slot “%(slot)s” is locked: unlock it, then ship.") % {"slot": arm.experiment.slot}
    elif arm.wording:
        yield _(
            "This arm differs by its words, which are no setting of a slot. Approve the variants that did well, retire "
            "the others, and end the test without shipping."
        )
    elif arm.model_version and arm.model_version.status != arm.model_version.Status.PROMOTED:
        yield _(
            "This arm ranks by %(version)s, and slots rank by the version that serves: promote it first, then ship."
        ) % {"version": arm.model_version}


def alter(slot: Any, arm: Arm) -> None:
    """Make a slot, unsaved, what the arm shows of it."""
    for name, value in arm.changes.items():
        setattr(slot, name, value)
    slot.personalizes = arm.personalizes
