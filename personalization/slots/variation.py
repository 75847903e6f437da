"""Which words an item, or the slot itself, is shown in: those of an approved variant, or its own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.utils.text import get_text_list
from django.utils.translation import gettext

from personalization.slots.context import ServingContext
from personalization.slots.definitions import Definition
from personalization.slots.stages import log_failure
from personalization.variants.choices import ORIGINAL, Words
from personalization.variants.serving import IMAGE, ServedVariant


@dataclass(frozen=True)
class Wording:
    """An approved variant's words, with what the visitor is told of them."""

    variant: ServedVariant
    label: str
    why: str


@dataclass(frozen=True)
class Wordings:
    """The rows of a slot that are shown in other words than their own, and the slot's own other words."""

    items: Mapping[int, Wording] = field(default_factory=dict)
    slot: Wording | None = None


def find_wordings(rows: Iterable[int], definition: Definition, context: ServingContext) -> Wordings:
    """The words for this visitor. Where they cannot be had, everything keeps its own: no item is lost for them."""
    if not context.memory.variants:
        return Wordings()
    try:
        cards = context.memory.catalog.cards
        found = {row: _wording(cards[row].key, cards[row].text_hash, definition, context) for row in rows}
        own = _wording(f"slot:{definition.key}", definition.words_hash, definition, context)
        return Wordings({row: wording for row, wording in found.items() if wording}, own)
    except Exception as error:
        log_failure(definition.key, "words_failed", error, context)
        return Wordings()


def _wording(key: str, source_hash: str, definition: Definition, context: ServingContext) -> Wording | None:
    variant = choose_variant(key, source_hash, definition, context)
    return Wording(variant, ai_label(variant, context), why_these_words(variant)) if variant else None


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


def ai_label(variant: ServedVariant, context: ServingContext) -> str:
    """What the visitor is told of AI-written words; empty where there are none, or where the site says nothing."""
    label = context.memory.labels.get(context.site_id, "") if variant.is_ai else None
    return "" if label is None else label or gettext("Written with AI, checked by an editor")


def why_these_words(variant: ServedVariant) -> str:
    """Which words are not the original's, who wrote them, and whom they are for, in a sentence."""
    names = [gettext("Image") if name == IMAGE else str(Words(name).label) for name in variant.ai_words]
    about = {
        "words": get_text_list(names, gettext("and")) if names else gettext("The words"),
        "for_whom": gettext("for readers like you") if variant.segment else gettext("for all readers"),
    }
    if variant.is_ai:
        return gettext("%(words)s: made with AI and approved by an editor, %(for_whom)s.") % about
    return gettext("An editor wrote other words, %(for_whom)s.") % about
