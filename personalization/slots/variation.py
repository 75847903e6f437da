"""Which words an item, or the slot itself, is shown in: those of an approved variant, or its own."""

from collections.abc import Iterable

from django.utils.translation import gettext

from personalization.slots.context import ServingContext
from personalization.slots.definitions import Definition
from personalization.variants.serving import ServedVariant

ORIGINAL = "original"


def item_variants(rows: Iterable[int], definition: Definition, context: ServingContext) -> dict[int, ServedVariant]:
    """The variants of those rows that have one for this visitor."""
    cards = context.memory.catalog.cards
    chosen = {row: choose_variant(cards[row].key, cards[row].text_hash, definition, context) for row in rows}
    return {row: variant for row, variant in chosen.items() if variant}


def own_variant(definition: Definition, context: ServingContext) -> ServedVariant | None:
    """The variant of the slot's own heading and text, for this visitor."""
    return choose_variant(f"slot:{definition.key}", definition.words_hash, definition, context)


def choose_variant(key: str, source_hash: str, definition: Definition, context: ServingContext) -> ServedVariant | None:
    """The variant for this visitor: of their first segment that has one, else one for everybody, else None.

    An experiment's arm may ask for the original, or for the variants of one label. Of several that fit equally, the one
    approved last is shown. Nothing but approved words for exactly this source, in the page's language, is looked at.
    """
    offered = context.memory.variants.get(key, ())
    if not offered or definition.wording == ORIGINAL:
        return None
    fitting = [
        variant
        for variant in offered
        if variant.source_hash == source_hash
        and variant.locale == context.language
        and definition.wording in ("", variant.label)
        and variant.shows_at(context.now)
    ]
    return _of_segments(fitting, context.segments) if fitting else None


def _of_segments(fitting: list[ServedVariant], segments: Iterable[str]) -> ServedVariant | None:
    for segment in (*segments, ""):
        if found := next((variant for variant in fitting if variant.segment == segment), None):
            return found
    return None


def ai_label(variant: ServedVariant | None, context: ServingContext) -> str:
    """What the visitor is told of AI-written words; empty where there are none, or where the site says nothing."""
    if variant is None or not variant.is_ai:
        return ""
    label = context.memory.labels.get(context.site_id, "")
    return "" if label is None else label or gettext("Written with AI, checked by an editor")


def why_these_words(variant: ServedVariant | None, context: ServingContext) -> str:
    """Why the visitor gets these words, in a sentence; empty for the original's."""
    if variant is None:
        return ""
    with_ai = gettext("The words were written with AI and approved by an editor")
    by = with_ai if variant.is_ai else gettext("An editor wrote the words")
    for_whom = gettext("for readers like you") if variant.segment else gettext("for all readers")
    return gettext("%(by)s, %(for_whom)s.") % {"by": by, "for_whom": for_whom}
