"""What follows from a change of a variant, whoever makes it: kept in one transaction, under the variant's lock.

Everybody takes the lock of what is served first and a variant's row afterwards, so that nobody waits in a circle.
"""

from collections.abc import Iterable
from typing import Any

from wagtail.log_actions import get_active_log_context

from personalization.catalog.models import Epoch
from personalization.variants.choices import WAITING, Act, State, Words
from personalization.variants.hashing import content_digest
from personalization.variants.records import record

# The count of changes of what is served; its lock is everybody's who changes or judges variants.
EPOCH = "variants"
# Of a revision's content, what is also the row's.
CONTENT = (*Words.values, "image_id", "segment_id", "label", "go_live_at", "expire_at")
# What else the digest of the content covers; no revision changes it.
PLACE = ("item_id", "slot_id", "locale_id")
# Whether and since when it is published.
PUBLICATION = (
    "live",
    "has_unpublished_changes",
    "first_published_at",
    "last_published_at",
    "live_revision",
    "expired",
)


def lock(variant: Any) -> Any:
    """The variant as the database has it now; nobody else changes or judges it until this transaction ends."""
    Epoch.objects.hold(EPOCH)
    row = type(variant)._base_manager.select_for_update(of=("self",)).get(pk=variant.pk)
    row.content_hash = content_digest(row)
    return row


def put(row: Any, **values: Any) -> None:
    """Write some of a locked variant's fields, and nothing else."""
    for name, value in values.items():
        setattr(row, name, value)
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def take_over(row: Any, edited: Any, names: Iterable[str]) -> bool:
    """Let a locked row say what is about to be saved of the edited variant; tell whether that is anything new."""
    before, saved = row.content_hash, set(names)
    for field in row._meta.concrete_fields:
        if field.attname in (*CONTENT, *PLACE) and not saved.isdisjoint((field.name, field.attname)):
            setattr(row, field.attname, getattr(edited, field.attname))
    row.content_hash = content_digest(row)
    return row.content_hash != before


def note_change(row: Any, *, user: Any = None) -> None:
    """What was approved in other words, if only at one step, leaves its slot and the review at once."""
    if row.state == State.APPROVED:
        withdraw(row, Act.REVOKED, user=user)
    elif row.state in WAITING and _passed_a_step(row):
        withdraw(row, Act.REVOKED, user=user)
        cancel_review(row, user=user)
    elif row.state in (State.REJECTED, State.RETIRED):
        put(row, state=State.DRAFT)


def withdraw(row: Any, act: Act, *, user: Any = None, state: State = State.DRAFT, comment: str = "") -> None:
    """Take a locked variant out of its slot, and write down why."""
    put(row, state=state, live=False, has_unpublished_changes=True, live_revision=None)
    row.revisions.update(approved_go_live_at=None)
    record(row, act, user=user, comment=comment)
    Epoch.objects.advance(EPOCH)


def cancel_review(row: Any, *, user: Any = None) -> None:
    """End the review of a locked variant, if there is one. Its state has to be another than waiting by now."""
    if workflow_state := row.current_workflow_state:
        workflow_state.cancel(user=user)


def person_at_work() -> Any:
    """Whose request this is, where Wagtail's admin has said so."""
    return get_active_log_context().user


def _passed_a_step(row: Any) -> bool:
    current = row.current_workflow_state
    return bool(current) and current.task_states.filter(status="approved").exists()
