from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import train

Status = TrainingRun.Status


class Command(BaseCommand):
    help = (
        "Learn a new model version from the events, measure it on a temporal hold-out, and let it serve if it beats "
        "popularity and is no worse than the version serving now. Does what the schedule does every night."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--require-promotion", action="store_true", help="Fail unless the run ends with a promoted version."
        )

    def handle(self, *args: Any, require_promotion: bool, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        run = _train(console)
        if run.status == Status.FAILED:
            raise CommandError(run.message)
        version = ModelVersion.objects.filter(run=run).first()
        if version is not None:
            console.print(_holdout_table(version))
        console.print(run.message, highlight=False, markup=False)
        if require_promotion and (version is None or version.status != ModelVersion.Status.PROMOTED):
            raise CommandError(_("No version was promoted."))


def _train(console: Console) -> TrainingRun:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as bars:
        bar = bars.add_task("", total=None)
        run = train(
            trigger="command",
            progress=lambda stage, done, total: bars.update(bar, description=stage, completed=done, total=total),
        )
        if run.status == Status.SUCCEEDED:
            total = bars.tasks[bar].total
            bars.update(bar, description=_("Done"), completed=total)
    return run


def _holdout_table(version: ModelVersion) -> Table:
    metrics = version.metrics
    by_rule = {
        "newest": _("the newest interactions of all"),
        "newest of each visitor": _("the newest interactions of each visitor, for too few came back after one cut"),
    }
    table = Table(
        title=_("%(version)s on the hold-out") % {"version": version},
        caption=_("Kept back: %(rule)s. Judged by %(visitors)d visitors; %(left_out)d newcomers left out.")
        % {
            "rule": by_rule.get(metrics["holdout"], metrics["holdout"]),
            "visitors": metrics["visitors"],
            "left_out": metrics["left_out"],
        },
    )
    table.add_column(_("Scorer"))
    for heading in ("NDCG@10", _("95 % interval"), "Recall@10", _("Coverage@10"), _("Seconds")):
        table.add_column(heading, justify="right")
    rows = metrics["scorers"].items()
    for name, row in sorted(rows, key=lambda item: -(item[1]["metrics"]["ndcg@10"] or 0)):
        table.add_row(*_cells(name, row), style="bold" if name == "hybrid" else None)
    return table


def _cells(name: str, row: dict[str, Any]) -> list[str]:
    figures = row["metrics"]
    low, high = row["intervals"]["ndcg@10"]
    numbers = [f"{figures[figure]:.4f}" for figure in ("recall@10", "coverage@10")]
    seconds = f"{row['fit_seconds']:.1f}" if row["fit_seconds"] else ""
    return [name, f"{figures['ndcg@10']:.4f}", f"{low:.4f} – {high:.4f}", *numbers, seconds]
