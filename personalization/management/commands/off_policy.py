from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from personalization.experiments.models import Experiment
from personalization.experiments.off_policy import Answer, NoAnswerError, Worth, ask_log

HEADINGS = {"ips": _("Inverse propensity"), "snips": _("Self-normalized"), "doubly_robust": _("Doubly robust")}


class Command(BaseCommand):
    help = "Say from a bandit's log what other ways of choosing arms would have earned, with 95 % intervals."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("experiment", help="The experiment's key.")
        parser.add_argument(
            "--target",
            action="append",
            default=[],
            help='A policy: "arm:KEY" always serves one arm, "uniform" all alike, "newest" by the newest shares.',
        )

    def handle(self, *args: Any, experiment: str, target: list[str], **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        asked = Experiment.objects.filter(key=experiment).first()
        if asked is None:
            raise CommandError(_("There is no experiment “%s”.") % experiment)
        with Progress(console=console, transient=True) as bars:
            bar = bars.add_task(_("Reading the log"), total=None)
            try:
                answer = ask_log(
                    experiment=asked,
                    targets=target,
                    tell=lambda done, total: bars.update(bar, completed=done, total=total),
                )
            except NoAnswerError as error:
                raise CommandError(str(error)) from error
        console.print(_table(answer))


def _table(answer: Answer) -> Table:
    told = _("%(n)d visitors' days on %(days)d days; %(earned).2f %% of them met the goal.")
    title = told % {"n": answer.n, "days": answer.days, "earned": 100 * answer.earned}
    caption = _("The newest shares were learned from this very log: it flatters them.")
    table = Table(title=title, caption=caption)
    table.add_column(_("Policy"))
    for heading in (*HEADINGS.values(), _("Worth days")):
        table.add_column(heading, justify="right")
    for worth in answer.worths:
        table.add_row(worth.target, *_cells(worth))
    return table


def _cells(worth: Worth) -> list[str]:
    if worth.estimates is None:
        return [_("never served"), "", "", "0"]
    estimates = [worth.estimates[method] for method in HEADINGS]
    told = [f"{e.value:.2%} ({e.interval[0]:.2%} .. {e.interval[1]:.2%})" for e in estimates]
    return [*told, f"{estimates[0].effective_n:.0f}"]
