from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from personalization.experiments.models import Experiment
from personalization.experiments.sums import rebuild_sums, refresh_sums


class Command(BaseCommand):
    help = "Bring the daily sums of experiments up to date, as the schedule does every ten minutes. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--experiment", metavar="KEY", help="Only this one, whatever its status.")
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="Sum all days anew that events are still kept of, not only changed ones.",
        )

    def handle(self, *args: Any, experiment: str | None, rebuild: bool, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        experiments = list(_named(experiment) if experiment else Experiment.objects.measured())
        written = 0
        with _bars(console) as bars:
            bar = bars.add_task("", total=len(experiments))
            for one in experiments:
                bars.update(bar, description=one.key)
                written += rebuild_sums(experiment=one) if rebuild else refresh_sums(experiment=one)
                bars.advance(bar)
        console.print(
            _("%(experiments)d experiments summed, %(rows)d rows written.")
            % {"experiments": len(experiments), "rows": written},
            highlight=False,
        )


def _named(key: str) -> list[Experiment]:
    if found := list(Experiment.objects.filter(key=key)):
        return found
    known = ", ".join(Experiment.objects.order_by("key").values_list("key", flat=True))
    raise CommandError(
        _("There is no experiment “%(key)s”. There are: %(known)s") % {"key": key, "known": known or "–"}
    )


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
