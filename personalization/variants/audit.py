"""What an auditor asks of AI-made text: which words, made by what, answered for by whom, shown since and until when.

Made for Article 50(4) of the EU's AI Act (Regulation 2024/1689): text that was made by AI and informs the public is
labelled as such, unless a person reviewed it and somebody holds editorial responsibility. Each row proves one step.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet

from personalization.variants.choices import Words
from personalization.variants.records import ApprovalRecord
from personalization.variants.sheets import safe

CHUNK = 500
COLUMNS = (
    *("record", "at", "decision", "decided_by", "decided_by_account", "asked_by", "reason", "comment"),
    *("ai_made", "ai_share", "model", "prompt_template_version"),
    *("variant", "source", "segment", "language", *Words.values, "source_title", "source_summary", "source_text"),
    *("words_sha256", "source_sha256", "rules_version", "findings", "expires_at", "previous_sha256", "record_sha256"),
)


def records_between(first: date | None = None, last: date | None = None) -> QuerySet[ApprovalRecord]:
    """The records of these days, both included, in UTC; the oldest first."""
    found = ApprovalRecord.objects.order_by("pk")
    if first:
        found = found.filter(at__gte=_midnight(first))
    return found.filter(at__lt=_midnight(last + timedelta(days=1))) if last else found


def audit_rows(records: QuerySet[ApprovalRecord]) -> Iterator[dict[str, Any]]:
    """Everything that each record says, few of them in memory at a time; enough to compute its digest again."""
    names = [field.attname for field in ApprovalRecord._meta.concrete_fields]
    for entry in records.iterator(chunk_size=CHUNK):
        yield {name: _plain(getattr(entry, name)) for name in names}


def sheet_rows(records: QuerySet[ApprovalRecord]) -> Iterator[tuple[object, ...]]:
    """The same for a spreadsheet: a heading, then a row for each record, in which no cell counts as a formula."""
    yield COLUMNS
    for entry in records.iterator(chunk_size=CHUNK):
        yield tuple(safe(cell) for cell in _cells(entry))


def _cells(entry: ApprovalRecord) -> tuple[object, ...]:
    return (
        *(entry.pk, _plain(entry.at), entry.act, entry.user_name, entry.user_key, entry.requested_by),
        *(entry.reason, entry.comment, "yes" if entry.is_ai else "no", entry.ai_share),
        *(entry.model, entry.template_version, entry.variant_key, entry.source_key, entry.segment_key, entry.locale),
        *(entry.words.get(name, "") for name in Words.values),
        *(entry.source_words.get(name, "") for name in ("title", "summary", "text")),
        *(entry.content_hash, entry.source_hash, entry.rules_version),
        json.dumps(entry.findings, ensure_ascii=False, sort_keys=True),
        *(_plain(entry.expires_at), entry.previous, entry.digest),
    )


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
