import csv
import json
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from personalization.variants.audit import audit_rows, records_between, sheet_rows


class Command(BaseCommand):
    help = "Write the approval records to standard output, for an audit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--format", choices=["csv", "json"], default="csv", help="For spreadsheets or for programs."
        )
        parser.add_argument("--from", dest="first", type=_day, metavar="DATE", help="The first day, as 2026-01-31.")
        parser.add_argument("--to", dest="last", type=_day, metavar="DATE", help="The last day.")

    def handle(self, *args: Any, format: str, first: date | None, last: date | None, **options: Any) -> None:
        if first and last and last < first:
            raise CommandError(_("--to lies before --from."))
        records = records_between(first, last)
        if format == "csv":
            csv.writer(self.stdout, lineterminator="\n").writerows(sheet_rows(records))
        else:
            self._write_json(audit_rows(records))

    def _write_json(self, rows: Any) -> None:
        """An array, written row by row: there may be more of them than memory holds."""
        opening = "["
        for row in rows:
            self.stdout.write(f"{opening}\n{json.dumps(row, ensure_ascii=False)}", ending="")
            opening = ","
        self.stdout.write("[]" if opening == "[" else "\n]")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(_("%(text)s is no date. Write it as 2026-01-31.") % {"text": text}) from error
