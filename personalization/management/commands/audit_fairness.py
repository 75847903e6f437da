from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from personalization.monitoring.auditing import carry_out, start_audit
from personalization.monitoring.models import FairnessAudit

HEADINGS = {
    "ndcg": "NDCG@10",
    "recall": "Recall@10",
    "item_parity": _("Items: parity"),
    "item_opportunity": _("Items: opportunity"),
    "visitor_parity": _("Visitors: parity"),
    "visitor_opportunity": _("Visitors: opportunity"),
}


class Command(BaseCommand):
    help = "Audit the promoted version: who is shown, who is served well, and what two remedies would change."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--by",
            choices=FairnessAudit.Grouping.values,
            default=FairnessAudit.Grouping.TAG,
            help="What puts items into groups.",
        )

    def handle(self, *args: Any, by: str, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        audit = carry_out(audit=start_audit(grouping=by))
        if audit.status == FairnessAudit.Status.FAILED:
            raise CommandError(audit.message)
        console.print(_sides(audit))
        console.print(_groups(audit))
        broken = [case["name"] for case in audit.results["edge_cases"] if case["broken"]]
        told = _("Synthetic visitors for whom a rule is broken: %s.") % (", ".join(broken) or _("none"))
        console.print(told, highlight=False, markup=False)


def _sides(audit: FairnessAudit) -> Table:
    table = Table(title=_("%(version)s: differences between groups, 0 is equality") % {"version": audit.version})
    for heading in ("", *HEADINGS.values()):
        table.add_column(str(heading))
    for name, side in audit.results["sides"].items():
        figures = ("–" if side[figure] is None else f"{side[figure]:.4f}" for figure in HEADINGS)
        table.add_row(name, *figures)
    return table


def _groups(audit: FairnessAudit) -> Table:
    sides = audit.results["sides"]
    table = Table(title=_("Shares of the exposure"))
    for heading in (_("Group"), _("Items"), _("Catalog"), _("Interest"), *sides):
        table.add_column(str(heading))
    exposures = {name: {row["group"]: row["exposure"] for row in side["groups"]} for name, side in sides.items()}
    for row in sides["as it is"]["groups"]:
        shares = [row["catalog"], row["interest"], *(exposures[name][row["group"]] for name in sides)]
        table.add_row(row["group"] or _("no group"), str(row["items"]), *(f"{share:.1%}" for share in shares))
    return table
