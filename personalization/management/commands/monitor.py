from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from personalization.monitoring.measures import UNITS
from personalization.monitoring.models import Alert, Reading
from personalization.monitoring.services import measure_drift

STYLES = {Reading.Status.ALERT: "bold red", Reading.Status.WARN: "yellow", Reading.Status.TOO_LITTLE: "dim"}


class Command(BaseCommand):
    help = "Measure drift and online accuracy now, as the schedule does, and raise or end alerts."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fail", action="store_true", help="Fail while an alert is open.")

    def handle(self, *args: Any, fail: bool, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        readings = measure_drift()
        if not readings:
            console.print(_("No model version serves yet: there is nothing to measure."))
            return
        console.print(_table(readings))
        alerts = [str(alert) for alert in Alert.objects.open()]
        if fail and alerts:
            raise CommandError(_("Open alerts: %s") % ", ".join(alerts))


def _table(readings: list[Reading]) -> Table:
    table = Table(title=_("%(version)s, last seven days") % {"version": readings[0].version})
    for heading in (_("Measure"), _("Value"), _("Watch from"), _("Alert from"), _("Status")):
        table.add_column(heading)
    for reading in readings:
        if not reading.slice:
            value = f"{reading.value:.3f} {UNITS[reading.measure.unit]}"
            limits = ["" if limit is None else f"{limit:g}" for limit in (reading.warn, reading.alert)]
            cells = [str(reading.measure.label), value, *limits, reading.get_status_display()]
            table.add_row(*cells, style=STYLES.get(reading.status))
    return table
