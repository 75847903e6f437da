"""What a variant says instead of what: its words beside the source's, and what changed in the source meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext, gettext_lazy

from personalization.catalog.extractors import rendition_url
from personalization.editor.word_diff import SAME, Piece, compare_words, shortened
from personalization.variants.choices import State, Words
from personalization.variants.hashing import source_of
from personalization.variants.models import Variant

# Which of the source's words each of a variant's stands for; the others stand for none.
ORIGINALS = {Words.HEADLINE: "title", Words.SUMMARY: "summary"}
PARTS = {"title": gettext_lazy("Title"), "summary": gettext_lazy("Summary"), "text": gettext_lazy("Text")}
LONG = ("text",)


@dataclass(frozen=True)
class Side:
    """One field: the original's words and the variant's, in pieces. An empty variant keeps the original's."""

    name: str
    label: str
    before: Sequence[Piece]
    after: Sequence[Piece]
    keeps_original: bool = False

    @property
    def differs(self) -> bool:
        """Whether the two sides say something else."""
        return any(piece.kind != SAME for piece in (*self.before, *self.after))


def beside_source(variant: Variant) -> list[Side]:
    """Each of the variant's words beside those that they stand for."""
    source = source_of(variant)
    found = [_side(name, getattr(source, ORIGINALS.get(name, ""), ""), getattr(variant, name)) for name in Words]
    return [side for side in found if side.before or side.after]


def _side(name: Words, original: str, words: str) -> Side:
    if not words:
        return Side(name, str(name.label), compare_words(original, original).before, (), keeps_original=True)
    compared = compare_words(original, words)
    return Side(name, str(name.label), compared.before, compared.after)


def images_of(variant: Variant) -> tuple[str, str]:
    """The addresses of the original's image and of the variant's; empty where there is none."""
    original = variant.item.image if variant.item_id else ""
    return original, rendition_url(variant.image) if variant.image_id else ""


def source_changes(variant: Variant) -> list[Side]:
    """What the source says now and did not when it was last looked at, or the other way round."""
    now, then = source_of(variant), variant.source_words
    if now.digest == variant.source_hash:
        return []
    told = [_change(name, then.get(name, ""), now.words[name]) for name in PARTS]
    return [side for side in told if side.differs]


def _change(name: str, before: str, after: str) -> Side:
    compared = compare_words(before, after)
    sides = (compared.before, compared.after)
    if name in LONG:
        sides = (shortened(compared.before), shortened(compared.after))
    return Side(name, str(PARTS[name]), *sides)


@dataclass(frozen=True)
class Replaced:
    """What visitors get now and would no longer get."""

    text: str
    variant: Variant | None = None


def replaced_by(variant: Variant) -> Replaced:
    """What the variant takes the place of: approved words for the same visitors, else for all, else the original."""
    others = _approved_beside(variant)
    same = next((one for one in others if one.segment_id == variant.segment_id), None)
    if same is not None:
        return Replaced(gettext("Other approved words for the same visitors:"), same)
    for_all = next((one for one in others if one.segment_id is None), None)
    if for_all is not None:
        return Replaced(gettext("Approved words that are for everybody; other visitors keep them:"), for_all)
    return Replaced(gettext("The original’s own words."))


def _approved_beside(variant: Variant) -> list[Variant]:
    place: dict[str, Any] = {name: getattr(variant, name) for name in ("item_id", "slot_id", "locale_id")}
    found = Variant.objects.filter(**place, state=State.APPROVED, live=True).exclude(pk=variant.pk)
    return list(found.select_related("segment").order_by("-pk"))
