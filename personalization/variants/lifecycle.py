"""What follows from a change of a variant, whoever makes it: kept in one transaction, under the variant's lock."""

from typing import Any

from personalization.variants.choices import Act, State, Words
from personalization.variants.hashing import content_digest
from personalization.variants.records import record

# Of a revision's content, what is also the row's.
CONTENT = (*Words.values, "image_id", "segment_id", "label", "go_live_at", "expire_at")


def lock(variant: Any) -> Any:
    """The variant as the database has it now; nobody else changes or judges it until this transaction ends."""
    return type(variant)._base_manager.select_for_update(of=("self",)).get(pk=variant.pk)


def note_edit(edited: Any, *, user: Any) -> None:
    """Let the row say what its new revision says. What was approved in other words leaves its slot at once."""
    row = lock(edited)
    before = content_digest(row)
    for name in CONTENT:
        setattr(row, name, getattr(edited, name))
    row.save(update_fields=CONTENT)
    if row.content_hash != before:
        edited.content_hash = row.content_hash
        if row.state == State.APPROVED:
            withdraw(row, Act.REVOKED, user=user)
        elif row.state in (State.REJECTED, State.RETIRED):
            row.state = State.DRAFT
            row.save(update_fields=["state"])
        edited.state, edited.live = row.state, row.live


def withdraw(row: Any, act: Act, *, user: Any = None, state: State = State.DRAFT, comment: str = "") -> None:
    """Take a locked variant out of its slot, and write down why."""
    row.state, row.live, row.has_unpublished_changes = state, False, True
    row.save(update_fields=["state", "live", "has_unpublished_changes"])
    row.revisions.update(approved_go_live_at=None)
    record(row, act, user=user, comment=comment)
