import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from personalization.stats import self_test
from personalization.stats.selftest import Row

FULL, FAST = 20_000, 1_000


class Command(BaseCommand):
    help = (
        "Try the statistics on simulated experiments: without any effect over 28 daily looks, with known lifts, and "
        "with visitors lost. Fails if a figure is not as promised."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--runs", type=int, default=FULL, help="Simulated experiments for each line.")
        parser.add_argument("--fast", action="store_true", help=f"At most {FAST} of them.")

    def handle(self, *args: Any, runs: int, fast: bool, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        begun = time.monotonic()
        try:
            with console.status(_("Simulating experiments …")):
                rows = self_test(runs=min(runs, FAST) if fast else runs)
        except ValueError as error:
            raise CommandError(str(error)) from error
        console.print(_table(rows))
        console.print(_("%(seconds).1f seconds.") % {"seconds": time.monotonic() - begun}, highlight=False)
        if failed := [row.check for row in rows if row.passes is False]:
            raise CommandError(_("Not as promised: %s.") % ", ".join(failed))


def _table(rows: list[Row]) -> Table:
    caption = _("A line without a promise only warns: it says what happens to those who read daily what is not for it.")
    table = Table(title=_("%(runs)d simulated experiments a line") % {"runs": rows[0].runs}, caption=caption)
    table.add_column(_("Check"))
    for heading in (_("Measured"), _("Promised"), _("Margin of chance"), ""):
        table.add_column(heading, justify="right")
    for row in rows:
        style = {True: "green", False: "bold red", None: "dim"}[row.passes]
        table.add_row(
            row.check, f"{row.measured:.2%}", _promised(row), f"± {row.margin:.2%}", _verdict(row), style=style
        )
    return table


def _promised(row: Row) -> str:
    signs = {"about": "", "at most": "≤ ", "at least": "≥ "}
    return "" if row.expected is None else f"{signs[row.relation]}{row.expected:.2%}"


def _verdict(row: Row) -> str:
    return {True: _("as promised"), False: _("NOT AS PROMISED"), None: ""}[row.passes]
