"""What editors are told of one variant: where it stands, where it came from, and what it cost."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db.models import CharField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce
from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from personalization.experiments.wording import percent
from personalization.variants.choices import Act, State
from personalization.variants.models import ApprovalRecord, GenerationCall, Variant
from personalization.variants.records import ai_share, name_of

NONE = "–"
SMALLEST_PLACES = 6

MEANINGS = {
    State.DRAFT: _("Nobody but editors sees it. Submit it for review when it is ready."),
    State.IN_REVIEW: _("It waits for somebody else than who asked for it and who edited it last to judge it."),
    State.CHANGES: _("A reviewer asks for changes. Make them, and submit it again."),
    State.APPROVED: _(
        "Exactly these words are approved. Any change takes them out of their slot until the next approval."
    ),
    State.STALE: _("The source has changed since the approval, so it is not shown. It waits for a second look."),
    State.REJECTED: _("A reviewer rejected it. Only an edit makes a draft of it again."),
    State.RETIRED: _("It was taken out of its slot. Only an edit makes a draft of it again."),
}


def with_waiting_since(variants: QuerySet[Variant]) -> QuerySet[Variant]:
    """Add since when each one waits for a decision: as it was submitted, or as its approval expired."""
    entries = ApprovalRecord.objects.filter(
        variant_key=Cast(OuterRef("pk"), CharField()), act__in=(Act.SUBMITTED, Act.STALE)
    )
    return variants.annotate(waiting_since=Coalesce(Subquery(entries.order_by("-pk").values("at")[:1]), "created_at"))


def state_label(variant: Variant) -> str:
    """Its state in a word or two, for lists."""
    if variant.state == State.APPROVED and variant.losing_since:
        return gettext("Approved; retirement proposed")
    return gettext("Stale") if variant.state == State.STALE else variant.get_state_display()


def source_title(variant: Variant) -> str:
    """What the variant words otherwise, by name."""
    if variant.item_id:
        return variant.item.title
    return gettext("Slot: %(slot)s") % {"slot": variant.slot}


def audience(variant: Variant) -> str:
    """Whom it is meant for."""
    return str(variant.segment) if variant.segment_id else gettext("everybody")


def made_by(variant: Variant) -> str:
    """A model, or a person."""
    if not variant.is_ai:
        return gettext("a person")
    return variant.model or gettext("a model that is not known")


def findings_summary(variant: Variant) -> str:
    """How many findings of which severity, in a few words."""
    if not variant.checked_hash:
        return gettext("not checked yet")
    numbers = Counter(finding["severity"] for finding in variant.findings)
    told = (
        ngettext("%(n)d blocking", "%(n)d blocking", numbers["block"]) % {"n": numbers["block"]},
        ngettext("%(n)d redacted", "%(n)d redacted", numbers["redact"]) % {"n": numbers["redact"]},
        ngettext("%(n)d warning", "%(n)d warnings", numbers["warn"]) % {"n": numbers["warn"]},
    )
    words = [text for text, severity in zip(told, ("block", "redact", "warn"), strict=True) if numbers[severity]]
    return ", ".join(words) or gettext("none")


def provenance_of(variant: Variant) -> list[tuple[str, str]]:
    """Labels and values: who or what wrote it, by which prompt, and what that took. Unknown is not nothing."""
    if not variant.is_ai:
        return [(gettext("Written by"), name_of(variant.requested_by) or gettext("a person"))]
    call = variant.call
    return [
        (gettext("Written by"), variant.model or gettext("a model that is not known")),
        (gettext("Asked by"), name_of(variant.requested_by) or gettext("somebody who has left")),
        (gettext("Prompt template"), _template(variant)),
        *(_usage(call) if call else [(gettext("Cost"), gettext("unknown"))]),
        (gettext("As the model wrote it"), percent(ai_share(variant))),
    ]


def _template(variant: Variant) -> str:
    request = variant.part and variant.part.request
    version = gettext("version %(version)s") % {"version": variant.template_version or gettext("unknown")}
    return f"{request.template}, {version}" if request else version


def _usage(call: GenerationCall) -> Iterable[tuple[str, str]]:
    number = call.variants.count()
    shared = ngettext("for %(n)d draft", "for %(n)d drafts together", number) % {"n": number}
    yield gettext("Tokens read"), count_or_unknown(call.input_tokens)
    yield gettext("Tokens written"), count_or_unknown(call.output_tokens)
    yield gettext("Cost"), f"{money_or_unknown(call.money)} ({shared})"
    yield gettext("Time"), _seconds(call.latency_ms)
    yield gettext("Request id"), call.request_id or gettext("unknown")


def count_or_unknown(number: int | None) -> str:
    """A number of tokens."""
    return gettext("unknown") if number is None else number_format(number, force_grouping=True)


def money_or_unknown(amount: Decimal | None) -> str:
    """An amount in the currency of the stated prices, with as many places as it has."""
    if amount is None:
        return gettext("unknown")
    places = max(2, min(SMALLEST_PLACES, -amount.normalize().as_tuple().exponent))
    return number_format(amount, places)


def _seconds(milliseconds: int | None) -> str:
    if milliseconds is None:
        return gettext("unknown")
    return gettext("%(number)s s") % {"number": number_format(milliseconds / 1000, 1)}


def meaning_of(variant: Any) -> str:
    """What its state means for an editor."""
    return str(MEANINGS[State(variant.state)])
