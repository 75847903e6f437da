"""Reading records from files of any size, CSV or JSON lines, from any record on; one record is in memory at a time."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from django.utils.translation import gettext_lazy as _

REQUIRED = ("visitor", "item", "kind", "occurred_at")
LONGEST_LINE = 65_536


class ImportFileError(Exception):
    """The file as a whole cannot be imported; the message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record: its fields (None where unreadable), its first and last line, and the byte where the next begins."""

    number: int
    last: int
    end: int
    fields: Mapping[str, Any] | None


def read_lines(file: BinaryIO, *, format: str, start: int = 0, number: int = 0) -> Iterator[Line]:
    """The records of a file, from the byte where one begins, after `number` lines; one is in memory at a time."""
    return _read_csv(file, start, number) if format == "csv" else _read_json(_Source(file, start, number))


class _Source:
    """Decoded lines of a file, counted; the csv module may join several of them to one record."""

    def __init__(self, file: BinaryIO, start: int = 0, lines: int = 0) -> None:
        file.seek(start)
        self.file, self.end, self.lines, self.spoilt = file, start, lines, False

    def __iter__(self) -> "_Source":
        return self

    def __next__(self) -> str:
        raw = self.file.readline(LONGEST_LINE)
        if not raw:
            raise StopIteration
        is_first = self.end == 0
        self.end += len(raw)
        self.lines += 1
        try:
            if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                self._skip_line()
                raise ValueError("too long")
            return raw.decode("utf-8-sig" if is_first else "utf-8")
        except ValueError:
            self.spoilt = True
            return "\n"

    def _skip_line(self) -> None:
        rest = b"."
        while rest and not rest.endswith(b"\n"):
            rest = self.file.readline(LONGEST_LINE)
            self.end += len(rest)


def _read_csv(file: BinaryIO, start: int, number: int) -> Iterator[Line]:
    source = _Source(file)
    header = [name.strip() for name in next(csv.reader(source), [])]
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise ImportFileError(_("The first line must name the columns; missing: %s.") % ", ".join(missing))
    if start:
        source = _Source(file, start, number)
    records = csv.reader(source, strict=True)
    while True:
        first, source.spoilt = source.lines + 1, False
        try:
            record = next(records)
        except StopIteration:
            return
        except csv.Error:
            record, source.spoilt = [], True
        if record or source.spoilt:
            fits = not source.spoilt and len(record) == len(header)
            yield Line(first, source.lines, source.end, dict(zip(header, record, strict=True)) if fits else None)


def _read_json(source: _Source) -> Iterator[Line]:
    for raw in source:
        if raw.strip() or source.spoilt:
            yield Line(source.lines, source.lines, source.end, None if source.spoilt else _object(raw))
        source.spoilt = False


def _object(raw: str) -> dict[str, Any] | None:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    plain = isinstance(value, dict) and all(
        field is None or type(field) in (str, int, float) for field in value.values()
    )
    return value if plain else None
