"""A slot as it would be with a variant's words, approved or not: what a reviewer looks at before saying yes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from personalization.slots.building import build_decision, build_item
from personalization.slots.context import ServingContext
from personalization.slots.decision import DecidedItem, Decision, Origin
from personalization.slots.definitions import Definition, define
from personalization.slots.models import Slot
from personalization.slots.serve import serve_preview
from personalization.slots.variation import Wordings, find_wordings
from personalization.variants.hashing import source_of
from personalization.variants.records import ApprovalRecord
from personalization.variants.serving import as_served

# Without any slot whose pool holds the item, its card is shown alone.
ALONE = "preview"
MOST_SLOTS = 8


@dataclass(frozen=True)
class Appearance:
    """A slot that may show an item, and at which place it does to a new visitor of the segment, counted from 1."""

    slot: Slot
    place: int | None


def appearances(variant: Any) -> list[Appearance]:
    """The slots in which a variant's source appears, those that show it now first."""
    if variant.slot_id:
        return [Appearance(variant.slot, 1)]
    context = _context(variant)
    slots = [slot for slot in Slot.objects.filter(live=True) if _may_show(slot, variant, context)]
    found = [Appearance(slot, _place(slot, variant)) for slot in slots[:MOST_SLOTS]]
    return sorted(found, key=lambda one: (one.place is None, one.place or 0, one.slot.key))


def rehearse(variant: Any, slot: Slot | None = None) -> Decision:
    """What a new visitor of the variant's segment would get, its words in force and its item shown, unlogged."""
    slot = slot or variant.slot or Slot(key=ALONE, size=1)
    context = _context(variant)
    _put_in_force(variant, context)
    decision = serve_preview(slot, context)
    definition = define([slot])[slot.key]
    row = context.memory.catalog.row_of.get(variant.item.key) if variant.item_id else None
    wordings = find_wordings([] if row is None else [row], definition, context)
    items = decision.items if row is None else _with_item(decision.items, row, wordings, definition.size, context)
    return build_decision(definition, items, decision.reason, decision.fallback, context, wordings.slot)


def _context(variant: Any) -> ServingContext:
    return ServingContext.for_preview(
        segments=(variant.segment.key,) if variant.segment_id else (),
        locale=variant.locale.language_code,
        site_id=variant.item.site_id if variant.item_id else None,
    )


def _put_in_force(variant: Any, context: ServingContext) -> None:
    """Let the context's memory hold these words alone for their source, as if they were approved."""
    source, memory = source_of(variant), context.memory
    served = as_served(variant, ApprovalRecord(source_hash=source.digest, at=context.now))
    known = served.segment in {membership.key for membership in memory.memberships}
    # No visitor belongs to a segment that is not published; and what is yet to go live is looked at now.
    served = replace(served, segment=served.segment if known else "", go_live_at=None, expire_at=None)
    vars(context)["memory"] = replace(memory, variants={**memory.variants, source.key: (served,)})


def _with_item(
    items: Sequence[DecidedItem], row: int, wordings: Wordings, size: int, context: ServingContext
) -> list[DecidedItem]:
    """The same cards, this item's in the variant's words: where it stands, else at the first place."""
    card = build_item(row, (), context, Origin.PINNED, wording=wordings.items.get(row))
    if any(item.key == card.key for item in items):
        return [replace(card, why=item.why) if item.key == card.key else item for item in items]
    return [card, *items[: size - 1]]


def _may_show(slot: Slot, variant: Any, context: ServingContext) -> bool:
    row = context.memory.catalog.row_of.get(variant.item.key)
    definition: Definition | None = context.memory.definition(slot.key)
    if row is None or definition is None:
        return False
    pool = context.memory.pool(definition)
    return bool((pool.matching[row] or pool.listed[row]) and not pool.excluded[row])


def _place(slot: Slot, variant: Any) -> int | None:
    keys = [item.key for item in serve_preview(slot, _context(variant)).items]
    return keys.index(variant.item.key) + 1 if variant.item.key in keys else None
