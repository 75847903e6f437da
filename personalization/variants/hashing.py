"""What approval is bound to: digests of a variant's words and of the source that they stand for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from personalization.variants.choices import Words


@dataclass(frozen=True)
class Source:
    """What a variant words otherwise, as it stands now. `digest` changes when, and only when, one of its words does."""

    key: str
    title: str
    summary: str
    text: str
    language: str
    url: str
    digest: str

    @property
    def words(self) -> dict[str, str]:
        """What is kept of it beside an approval, so that a later difference can be shown."""
        return {"title": self.title, "summary": self.summary, "text": self.text}


def digest_of(value: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of a mapping of plain values, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def source_of(variant: Any) -> Source:
    """The item or slot that a variant is for."""
    return item_source(variant.item) if variant.item_id else slot_source(variant.slot)


def source_digest(variant: Any) -> str:
    """The digest of a variant's source as it stands now; an item's text is not read for it."""
    return variant.item.text_hash if variant.item_id else slot_source(variant.slot).digest


def source_key(variant: Any) -> str:
    """How memory and records name the source of a variant."""
    return variant.item.key if variant.item_id else f"slot:{variant.slot.key}"


def item_source(item: Any) -> Source:
    """An item as the catalog has it."""
    return Source(item.key, item.title, item.summary, item.text, item.locale, item.url, item.text_hash)


def counterpart(item: Any, locale: Any) -> Any:
    """The same item in another language; the item itself where the catalog has none."""
    return type(item).objects.filter(group=item.group, locale=locale.language_code).first() or item


def slot_source(slot: Any) -> Source:
    """A slot's own heading and text. Slots have no language: that of the variant counts."""
    digest = digest_of({"heading": slot.heading, "text": slot.text})
    return Source(f"slot:{slot.key}", slot.heading, slot.text, "", "", "", digest)


def content_digest(variant: Any) -> str:
    """A variant's words, image, audience, language and dates: all that a reviewer says yes to."""
    return digest_of(
        {name: getattr(variant, name) for name in Words.values}
        | {
            "image": variant.image_id and variant.image.file_hash,
            "item": variant.item_id,
            "slot": variant.slot_id,
            "segment": variant.segment_id,
            "locale": variant.locale_id,
            "label": variant.label,
            "go_live_at": _moment(variant.go_live_at),
            "expire_at": _moment(variant.expire_at),
        }
    )


def _moment(when: datetime | None) -> str | None:
    # Revisions keep no more of a moment than this.
    return when.astimezone(UTC).isoformat(timespec="milliseconds") if when else None
