from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from personalization.events.forecasting import Figures, forecast_tags, forecast_visits


class Command(BaseCommand):
    help = (
        "Forecast when each visitor who allows personalization comes back, and how much of each tag will be read in "
        "the next two weeks. Does what the schedule does every night, and prints how earlier forecasts would have done."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        with Progress(console=console, transient=True) as bars:
            visits = bars.add_task(_("Visitors"), total=None)
            returns = forecast_visits(tell=lambda done, total: bars.update(visits, completed=done, total=total))
            tags = bars.add_task(_("Tags"), total=None)
            demand = forecast_tags(tell=lambda done, total: bars.update(tags, completed=done, total=total))
        counts = {"n": returns.visitors} | {state: returns.states.get(state, 0) for state in ("due", "overdue")}
        console.print(_("%(n)d visitors: %(due)d are due, %(overdue)d overdue.") % counts, highlight=False)
        console.print(_("%(n)d tags for the next two weeks.") % {"n": demand.tags}, highlight=False)
        for title, figures in ((_("Days to the next visit"), returns.figures), (_("Readings a day"), demand.figures)):
            if figures:
                console.print(_table(title, figures))


def _table(title: str, figures: Figures) -> Table:
    caption = _(
        "Each forecast made from what lay before it. Relative error: below 1 is better than repeating the last."
    )
    table = Table(title=title, caption=caption)
    table.add_column(_("Method"))
    for heading in (_("Mean error"), _("Relative error"), _("Within the bounds"), _("Forecasts")):
        table.add_column(heading, justify="right")
    for method, row in figures.items():
        share = "–" if method == "naive" else f"{row['coverage']:.0%}"
        table.add_row(method, f"{row['mae']:.2f}", f"{row['mase']:.3f}", share, f"{row['points']:.0f}")
    return table
