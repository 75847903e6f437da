"""Which variants may be shown, as serving reads them: plain values, read whenever memory is renewed."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.db.models import CharField, OuterRef, Prefetch, Subquery
from django.db.models.functions import Cast
from waffle import get_waffle_switch_model
from wagtail.images import get_image_model

from personalization import conf
from personalization.catalog.extractors import rendition_url
from personalization.variants.choices import AI_IMAGE, DECISIVE, Act, State
from personalization.variants.guardrails.markup import plain
from personalization.variants.hashing import content_digest, source_key
from personalization.variants.lifecycle import CONTENT
from personalization.variants.models import Variant, VariantSettings
from personalization.variants.records import ApprovalRecord

# The kill switch. It counts as on until somebody makes one.
SWITCH = "personalization_ai"
IMAGE = "image"

READ = (*CONTENT, "item_id", "slot_id", "locale_id", "drafted")


@dataclass(frozen=True)
class ServedVariant:
    """An approved variant. It may be shown only beside a source with the digest that was approved."""

    key: str
    headline: str
    summary: str
    call_to_action: str
    image: str
    image_description: str
    segment: str
    locale: str
    label: str
    is_ai: bool
    ai_words: tuple[str, ...]
    source_hash: str
    approved_at: datetime
    go_live_at: datetime | None
    expire_at: datetime | None

    def shows_at(self, now: datetime) -> bool:
        """Whether it is within its dates."""
        begun = self.go_live_at is None or self.go_live_at <= now
        return begun and (self.expire_at is None or now < self.expire_at)


Served = Mapping[str, tuple[ServedVariant, ...]]
# What each site's visitors are told of AI-written words: None for nothing, "" for the usual words.
Labels = Mapping[int, str | None]


def read_labels() -> Labels:
    """The labels of the sites that state one; all others use the usual words."""
    rows = VariantSettings.objects.values_list("site_id", "labels", "label")
    return {site: label if labels else None for site, labels, label in rows}


def serving_variants() -> Served:
    """Approved variants by the key of their source, the one approved last first; without AI where that is off."""
    found: dict[str, list[ServedVariant]] = defaultdict(list)
    is_off = get_waffle_switch_model().objects.filter(name=SWITCH, active=False).exists()
    for variant, approval in _approved():
        # What was changed behind the forms' back has another digest than what was approved.
        if approval.content_hash != content_digest(variant) or not _is_plain(variant):
            continue
        served = as_served(variant, approval)
        if not (is_off and served.is_ai):
            found[source_key(variant)].append(served)
    return {
        key: tuple(sorted(variants, key=lambda one: one.approved_at, reverse=True)) for key, variants in found.items()
    }


def _approved() -> Iterator[tuple[Variant, ApprovalRecord]]:
    """Live variants whose last decision is an approval, with that record; so many queries, however many there are."""
    images = get_image_model().objects.prefetch_renditions(conf.get().image_filter).prefetch_related("tags")
    last = ApprovalRecord.objects.filter(variant_key=Cast(OuterRef("pk"), CharField()), act__in=DECISIVE)
    variants = (
        Variant.objects.filter(state=State.APPROVED, live=True)
        .annotate(last_decision=Subquery(last.order_by("-pk").values("pk")[:1]))
        .select_related("item", "slot", "segment", "locale")
        .only(*READ, "item__key", "slot__key", "segment__key", "locale__language_code")
        .prefetch_related(Prefetch("image", images))
    )
    read = list(variants)
    approvals = ApprovalRecord.objects.filter(act=Act.APPROVED, pk__in=[variant.last_decision for variant in read])
    found = approvals.only("content_hash", "source_hash", "at").in_bulk()
    return ((variant, found[pk]) for variant in read if (pk := variant.last_decision) in found)


def as_served(variant: Variant, approval: ApprovalRecord) -> ServedVariant:
    """The variant as memory holds it, by what its approval says of its source."""
    words = {name: _clean(text) for name, text in variant.words.items()}
    image = rendition_url(variant.image) if variant.image_id else ""
    written = [name for name, shown in words.items() if shown and variant.drafted.get(name)]
    is_drawn = bool(image) and any(tag.name == AI_IMAGE for tag in variant.image.tags.all())
    return ServedVariant(
        key=variant.key,
        **words,
        image=image,
        segment=variant.segment.key if variant.segment_id else "",
        locale=variant.locale.language_code,
        label=variant.label,
        is_ai=variant.is_ai or is_drawn,
        ai_words=(*written, *([IMAGE] if is_drawn else [])),
        source_hash=approval.source_hash,
        approved_at=approval.at,
        go_live_at=variant.go_live_at,
        expire_at=variant.expire_at,
    )


def _is_plain(variant: Variant) -> bool:
    """Whether visitors would read exactly what was approved: what had to be cleaned first is not shown at all."""
    return all(_clean(text) == text for text in variant.words.values())


# Most of what is read again has not changed.
_clean = lru_cache(maxsize=20_000)(plain)
