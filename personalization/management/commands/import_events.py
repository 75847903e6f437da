"""``manage.py import_events FILE --consent analytics,personalization``: bring a site's history in."""

import csv
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from personalization.events.importing import ImportFileError, Reject, begin_import, import_file
from personalization.events.models import EventImport

PURPOSES = {"analytics", "personalization"}
FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class KeepLines(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    """Django's order of options, and the text's own lines."""


class Command(BaseCommand):
    help = """Bring a site's history in, from CSV with a header or from JSON lines, in UTF-8.

columns that must be there:
  visitor      any id of yours; only a keyed hash of it is stored
  item         a catalog key ("page:12"), the group of translations, or the address or path of a page
  kind         view, click, dwell, scroll, impression, exposure, conversion or custom
  occurred_at  2030-01-31T12:00:00Z, or seconds since 1970
columns that may be there:
  goal         name of a conversion's or custom event's goal
  value        a number; a scroll's depth in percent
  duration_ms  a dwell's duration in milliseconds
  id           the event's own id; without it, the same facts are the same event
  slot         key of the slot in which it happened

An import that was interrupted goes on where it stopped when it is started again with the same file.
Visitors that consented in person keep what they chose; all others get the consent named by --consent."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(prog_name, subcommand, formatter_class=KeepLines, **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--consent",
            required=True,
            help="What these visitors have allowed, as you can prove: analytics, personalization or both, "
            "separated by a comma.",
        )
        parser.add_argument(
            "--format", choices=sorted(set(FORMATS.values())), help="Told by the file's name if left out."
        )
        parser.add_argument("--rejects", type=Path, help="File for refused lines (CSV); standard error if left out.")

    def handle(self, *, file: Path, consent: str, format: str | None, rejects: Path | None, **options: Any) -> None:
        purposes = {name.strip() for name in consent.split(",")}
        if not purposes or purposes - PURPOSES:
            raise CommandError("--consent takes analytics, personalization, or both separated by a comma.")
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        format = format or FORMATS.get(file.suffix.lower())
        if format is None:
            raise CommandError("The file's name does not tell its format: add --format csv or --format jsonl.")
        state = begin_import(path=file)
        if state.finished_at:
            self.stdout.write(f"This file was imported on {state.finished_at:%Y-%m-%d}: nothing to do.")
            return
        state = self._import(state, file, format, purposes, rejects)
        self.stdout.write(f"{state.accepted} events imported, {state.rejected} lines refused.")

    def _import(
        self, state: EventImport, file: Path, format: str, purposes: set[str], rejects: Path | None
    ) -> EventImport:
        with ExitStack() as stack:
            reject = self._writer(stack, rejects, goes_on=state.offset > 0)
            advance = self._progress(stack, file.stat().st_size)
            try:
                return import_file(
                    state=state,
                    path=file,
                    format=format,
                    analytics="analytics" in purposes,
                    personalization="personalization" in purposes,
                    reject=reject,
                    progress=advance,
                )
            except ImportFileError as error:
                raise CommandError(str(error)) from error

    def _writer(self, stack: ExitStack, rejects: Path | None, *, goes_on: bool) -> Callable[[Reject], None]:
        if rejects is None:
            return lambda refused: self.stderr.write(f"line {refused.line}: {refused.code}: {refused.detail}")
        rows = csv.writer(stack.enter_context(rejects.open("a" if goes_on else "w", encoding="utf-8", newline="")))
        if not goes_on:
            rows.writerow(["line", "code", "detail"])
        return lambda refused: rows.writerow([refused.line, refused.code, refused.detail])

    def _progress(self, stack: ExitStack, size: int) -> Callable[[int], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        console = Console(file=sys.stderr)
        bar = stack.enter_context(Progress(*columns, console=console, disable=not console.is_terminal))
        task = bar.add_task("Importing", total=size)
        return lambda offset: bar.update(task, completed=offset)
