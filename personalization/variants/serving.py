"""Which variants may be shown, as serving reads them: plain values, one query whenever memory is renewed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast
from waffle import get_waffle_switch_model

from personalization.catalog.extractors import rendition_url
from personalization.variants.choices import Act, State
from personalization.variants.guardrails.markup import plain
from personalization.variants.hashing import content_digest, source_key
from personalization.variants.models import Variant, VariantSettings
from personalization.variants.records import ApprovalRecord

# The kill switch. It counts as on until somebody makes one.
SWITCH = "personalization_ai"


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
    """Approved variants by the key of their source, the one approved last first; none when the switch is off."""
    if get_waffle_switch_model().objects.filter(name=SWITCH, active=False).exists():
        return {}
    found: dict[str, list[ServedVariant]] = defaultdict(list)
    for variant in _approved():
        # What was changed behind the forms' back has another digest than what was approved.
        if variant.approved_content == content_digest(variant):
            found[source_key(variant)].append(_served(variant))
    return {
        key: tuple(sorted(variants, key=lambda one: one.approved_at, reverse=True)) for key, variants in found.items()
    }


def _approved() -> QuerySet[Variant]:
    """Live variants whose last decision is an approval, with what was approved, and of which source."""
    decisive = (Act.APPROVED, Act.REVOKED, Act.STALE, Act.RETIRED, Act.REJECTED)
    last = ApprovalRecord.objects.filter(variant_key=Cast(OuterRef("pk"), CharField()), act__in=decisive)
    last = last.order_by("-pk")
    return (
        Variant.objects.filter(state=State.APPROVED, live=True)
        .annotate(
            last_act=Subquery(last.values("act")[:1]),
            approved_content=Subquery(last.values("content_hash")[:1]),
            approved_source=Subquery(last.values("source_hash")[:1]),
            approved_at=Subquery(last.values("at")[:1]),
        )
        .filter(last_act=Act.APPROVED)
        .select_related("item", "slot", "segment", "locale", "image")
        .defer("item__text", "item__summary", "findings", "source_words")
    )


def _served(variant: Variant) -> ServedVariant:
    return ServedVariant(
        key=variant.key,
        headline=plain(variant.headline),
        summary=plain(variant.summary),
        call_to_action=plain(variant.call_to_action),
        image=rendition_url(variant.image) if variant.image_id else "",
        image_description=plain(variant.image_description),
        segment=variant.segment.key if variant.segment_id else "",
        locale=variant.locale.language_code,
        label=variant.label,
        is_ai=variant.is_ai,
        source_hash=variant.approved_source,
        approved_at=variant.approved_at,
        go_live_at=variant.go_live_at,
        expire_at=variant.expire_at,
    )
