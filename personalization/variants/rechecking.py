"""Drafts and approved words held against rules that have changed since."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from personalization.variants.checking import check_variant
from personalization.variants.choices import State
from personalization.variants.gathering import rules_for
from personalization.variants.lifecycle import lock
from personalization.variants.models import Variant

GONE = (State.REJECTED, State.RETIRED)


@dataclass(frozen=True)
class Recheck:
    """How many variants were looked at again, and which of them the rules block.

    Approved ones stay in their slots: whether a new rule takes them out is for a person to say. `in_slots` names them.
    """

    checked: int
    blocked: tuple[int, ...]
    in_slots: tuple[int, ...]


def in_silence(done: int, total: int) -> None:
    """Report progress to nobody."""


def recheck(variants: QuerySet[Variant] | None = None, *, progress: Callable[[int, int], None] = in_silence) -> Recheck:
    """Hold variants against the rules as they are now; each is written at once, so a run that stops can be repeated.

    What these very rules have looked at already is passed over. Without `variants`, all that may still be shown.
    """
    variants = Variant.objects.all() if variants is None else variants
    keys = list(variants.exclude(state__in=GONE).order_by("pk").values_list("pk", flat=True))
    checked, blocked, in_slots = 0, [], []
    for done, key in enumerate(keys, start=1):
        after = _again(key)
        if after is not None:
            checked += 1
            if after.is_blocked:
                (in_slots if after.state == State.APPROVED else blocked).append(key)
        progress(done, len(keys))
    return Recheck(checked, tuple(blocked), tuple(in_slots))


def blocked_in_slots() -> Iterator[Variant]:
    """Approved variants that the rules, as they last looked at them, would not let pass today."""
    approved = Variant.objects.filter(state=State.APPROVED).select_related("item", "slot").order_by("pk")
    return (variant for variant in approved if variant.is_checked and variant.is_blocked)


@transaction.atomic
def _again(key: int) -> Variant | None:
    if not Variant.objects.filter(pk=key).exists():
        return None
    row = lock(Variant(pk=key))
    if row.state in GONE or (row.is_checked and row.rules_version == rules_for(row).version):
        return None
    return check_variant(variant=row)
