"""Importing a site's history: one line, one event; what cannot be believed is reported with its line number."""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from personalization.catalog.models import Item
from personalization.events.files import ImportFileError, Line, read_lines
from personalization.events.history import HISTORY, HistoricEvent, record_history
from personalization.events.models import EventImport
from personalization.events.validation import DETAILS, RefusedError

LONGEST_SLOT = 60
LINE_DETAILS = DETAILS | {
    "bad_line": _("The line cannot be read: is it UTF-8, of at most 64 KB, and of the file's format?"),
    "visitor_required": _("The line names no visitor."),
    "bad_time": _("The time is neither ISO 8601, as in 2030-01-31T12:00:00Z, nor seconds since 1970."),
    "bad_slot": _("A slot's key has at most 60 printable characters."),
}


@dataclass(frozen=True, slots=True)
class Reject:
    """A line that was not imported, and why. The line itself is not repeated: it names persons."""

    line: int
    code: str
    detail: str


def pseudonym(visitor: str) -> str:
    """The key of an external visitor: always the same, and nobody without SECRET_KEY can tell whose it is."""
    return salted_hmac("personalization.import", visitor, algorithm="sha256").hexdigest()[:32]


def begin_import(*, path: Path) -> EventImport:
    """The record of a file's import, begun now or earlier: a file is known by its content."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return EventImport.objects.get_or_create(file_hash=digest)[0]


def import_file(
    *,
    state: EventImport,
    path: Path,
    format: str,
    analytics: bool,
    personalization: bool,
    reject: Callable[[Reject], None],
    progress: Callable[[int], None],
    batch_size: int = 10_000,
) -> EventImport:
    """Import a file from where an earlier attempt stopped; each batch and its progress are stored together."""
    names = references()
    with path.open("rb") as file:
        for batch in _batches(read_lines(file, format=format, start=state.offset, number=state.lines), batch_size):
            state = _import_batch(state, batch, names, (analytics, personalization), reject)
            progress(state.offset)
    state.finished_at = timezone.now()
    state.save(update_fields=["finished_at"])
    return state


def references() -> dict[str, str]:
    """Catalog keys by everything that names an item in a file: the key itself, its group, its address or path."""
    names: dict[str, str] = {}
    for key, group, url in Item.objects.order_by("pk").values_list("key", "group", "url").iterator():
        for name in (group, url, urlsplit(url).path):
            names.setdefault(name, key)
        names[key] = key
    names.pop("", None)
    return names


def historic_event(fields: Mapping[str, Any], names: Mapping[str, str]) -> HistoricEvent:
    """One record as an event; raise RefusedError if it cannot be one."""
    visitor = _text(fields, "visitor")
    if not visitor:
        raise RefusedError("visitor_required")
    slot = _text(fields, "slot")
    if len(slot) > LONGEST_SLOT or not slot.isprintable():
        raise RefusedError("bad_slot")
    return HistoricEvent(
        visitor_key=pseudonym(visitor),
        item_key=_item_of(_text(fields, "item"), names),
        kind=_text(fields, "kind"),
        occurred_at=_time_of(_text(fields, "occurred_at")),
        id=_id_of(_text(fields, "id")),
        goal=_text(fields, "goal"),
        value=_number(fields, "value", float, "bad_value"),
        duration_ms=_number(fields, "duration_ms", _whole, "bad_duration"),
        slot_key=slot,
    )


@transaction.atomic
def _import_batch(
    state: EventImport,
    batch: list[Line],
    names: Mapping[str, str],
    told: tuple[bool, bool],
    reject: Callable[[Reject], None],
) -> EventImport:
    locked = EventImport.objects.select_for_update().get(pk=state.pk)
    if locked.offset != state.offset:
        raise ImportFileError(_("Another process is importing this file."))
    events, numbers, rejects = [], [], []
    for line in batch:
        try:
            if line.fields is None:
                raise RefusedError("bad_line")
            events.append(historic_event(line.fields, names))
            numbers.append(line.number)
        except RefusedError as error:
            rejects.append(Reject(line.number, error.code, str(LINE_DETAILS[error.code])))
    outcome = record_history(events=events, analytics=told[0], personalization=told[1])
    rejects += [Reject(numbers[refused.index], refused.code, refused.detail) for refused in outcome.rejected]
    locked.offset, locked.lines = batch[-1].end, batch[-1].last
    locked.accepted += outcome.accepted
    locked.rejected += len(rejects)
    locked.save()
    for refused in sorted(rejects, key=lambda entry: entry.line):
        reject(refused)
    return locked


def _batches(lines: Iterator[Line], size: int) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value).strip()


def _item_of(name: str, names: Mapping[str, str]) -> str:
    if not name:
        return ""
    path = urlsplit(name).path if "://" in name else name
    for candidate in (name, path, f"{path}/"):
        if candidate in names:
            return names[candidate]
    raise RefusedError("unknown_item")


def _time_of(text: str) -> datetime:
    try:
        # By their form, for 20300131 is a date and no number of seconds.
        seconds = float(text) if re.fullmatch(r"\d{9,11}(\.\d+)?", text) else None
        moment = parse_datetime(text) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except ValueError:
        moment = None
    if moment is None:
        raise RefusedError("bad_time")
    return moment


def _whole(text: str) -> int:
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(number)


def _id_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return uuid.uuid5(HISTORY, text)


def _number(fields: Mapping[str, Any], name: str, kind: Callable[[str], Any], code: str) -> Any:
    text = _text(fields, name)
    try:
        return kind(text) if text else None
    except ValueError:
        raise RefusedError(code) from None
