"""What the guardrails found, as editors read it: the rule, how grave it is, the words it is about, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from personalization.variants.choices import Words
from personalization.variants.finding_words import advice_of, sentence_of
from personalization.variants.models import Variant

SEVERITIES = {"block": _("Blocks"), "redact": _("Taken out"), "warn": _("Warning")}
CONTEXT = 40


@dataclass(frozen=True)
class Shown:
    """One finding in words, with what stands around it in its field."""

    severity: str
    severity_label: str
    text: str
    advice: str
    field_label: str
    before: str
    excerpt: str
    after: str


def shown_findings(variant: Variant) -> list[Shown]:
    """The findings, the gravest first."""
    grave = list(SEVERITIES)
    return [_shown(raw, variant) for raw in sorted(variant.findings, key=lambda raw: grave.index(raw["severity"]))]


def _shown(raw: Mapping[str, Any], variant: Variant) -> Shown:
    field = raw.get("field", "")
    text = getattr(variant, field, "") if field in Words.values else ""
    start, end = raw.get("start"), raw.get("end")
    is_placed = start is not None and end is not None and text[start:end] == raw["excerpt"]
    return Shown(
        severity=raw["severity"],
        severity_label=str(SEVERITIES[raw["severity"]]),
        text=sentence_of(raw),
        advice=advice_of(raw),
        field_label=str(Words(field).label) if field in Words.values else "",
        before=text[max(0, start - CONTEXT) : start] if is_placed else "",
        excerpt=raw.get("excerpt", ""),
        after=text[end : end + CONTEXT] if is_placed else "",
    )
