import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from personalization.experiments.wording import percent, whole
from personalization.variants.choices import Act
from personalization.variants.reporting import Report, Span, Tally, review_report

NONE = "–"
LONGEST = 3660


class Command(BaseCommand):
    help = "Report how reviewing goes: throughput, acceptance, time to decision, cost per approved variant."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=28, metavar="N", help="So many days, today included.")
        parser.add_argument("--json", action="store_true", help="For programs; what cannot be said is null.")

    def handle(self, *args: Any, days: int, json: bool, **options: Any) -> None:
        if not 1 <= days <= LONGEST:
            raise CommandError(_("--days takes a number from 1 to %(most)d.") % {"most": LONGEST})
        report = review_report(days=days)
        if json:
            self.stdout.write(_as_json(report))
            return
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        console.print(_tallies(report, _("Prompt template"), [*report.by_template, report.total]))
        console.print(_tallies(report, _("Model"), [*report.by_model, report.total]))
        console.print(_spans(_("Week from"), report.weeks))
        console.print(_spans(_("Day"), [day for day in report.days if day.decided]))
        if report.total.unknown_calls:
            told = _("%(unknown)s of %(calls)s calls have no known cost: they are in no sum.")
            numbers = {"unknown": whole(report.total.unknown_calls), "calls": whole(len(report.total.called))}
            console.print(told % numbers, highlight=False)


def _tallies(report: Report, heading: str, tallies: Sequence[Tally]) -> Table:
    table = Table(title=_("%(first)s to %(last)s") % {"first": report.first, "last": report.last})
    numbers = (_("Approved"), _("Changes"), _("Rejected"), _("Accepted"), _("Median"), _("90 %"), _("Each approved"))
    for number, name in enumerate((heading, *numbers)):
        table.add_column(name, justify="right" if number else "left")
    for tally in tallies:
        table.add_row(tally.label, *_cells(tally, report.currency))
    return table


def _cells(tally: Tally, currency: str) -> list[str]:
    counts = [whole(tally.counts[act]) for act in (Act.APPROVED, Act.CHANGES, Act.REJECTED)]
    hours = [NONE if value is None else _("%.1f h") % value for value in (tally.median_hours, tally.p90_hours)]
    cost = NONE if tally.cost_per_approved is None else f"{tally.cost_per_approved:.4f} {currency}"
    return [*counts, NONE if tally.acceptance is None else percent(tally.acceptance), *hours, cost]


def _spans(heading: str, spans: Sequence[Span]) -> Table:
    table = Table()
    for number, name in enumerate((heading, _("Decided"), _("Approved"), _("Changes"), _("Rejected"))):
        table.add_column(name, justify="right" if number else "left")
    for span in spans:
        table.add_row(str(span.begins), whole(span.decided), *(whole(number) for number in span.counts.values()))
    return table


def _as_json(report: Report) -> str:
    said = {
        "first": str(report.first),
        "last": str(report.last),
        "currency": report.currency,
        "total": _plain(report.total),
        "by_template": [_plain(tally) for tally in report.by_template],
        "by_model": [_plain(tally) for tally in report.by_model],
        "days": [{"day": str(span.begins), **span.counts} for span in report.days],
        "weeks": [{"from": str(span.begins), **span.counts} for span in report.weeks],
    }
    return json.dumps(said, ensure_ascii=False, indent=2)


def _plain(tally: Tally) -> dict[str, Any]:
    return {
        "label": tally.label,
        **tally.counts,
        "acceptance": tally.acceptance,
        "median_hours": tally.median_hours,
        "p90_hours": tally.p90_hours,
        "approved_variants": tally.approved_variants,
        "calls": len(tally.called),
        "calls_of_unknown_cost": tally.unknown_calls,
        "money": tally.money and str(tally.money),
        "cost_per_approved": tally.cost_per_approved and str(tally.cost_per_approved),
    }
