from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console
from rich.table import Table

from personalization.recommend.artifacts import ArtifactError
from personalization.training.models import ModelVersion
from personalization.training.services import NoOlderVersionError, ServingVersionError, archive, promote, roll_back


class Command(BaseCommand):
    help = (
        "Choose the model version that serves: a given one, or the one that served before. Takes effect at once. "
        "Or put a version away that is not to serve."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Here --version means a model's; every command's own --version, Django's, gives way.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        choice = parser.add_mutually_exclusive_group(required=True)
        choice.add_argument("--version", metavar="N", help="Promote version N (or vN).")
        choice.add_argument("--roll-back", action="store_true", help="Let the version serve that served before.")
        choice.add_argument("--archive", metavar="N", help="Put version N away: it is no candidate any more.")
        choice.add_argument("--list", action="store_true", help="Show the versions, newest first.")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        if options["list"]:
            console.print(_versions_table())
            return
        try:
            told = _change(options)
        except (ArtifactError, NoOlderVersionError, ServingVersionError) as error:
            raise CommandError(str(error)) from error
        console.print(told, highlight=False, markup=False)


def _change(options: dict[str, Any]) -> str:
    if options["archive"]:
        return _("%s was archived.") % archive(version=_find(options["archive"]))
    return _("%s serves now.") % (roll_back() if options["roll_back"] else promote(version=_find(options["version"])))


def _find(number: str) -> ModelVersion:
    pk = number.removeprefix("v")
    version = ModelVersion.objects.filter(pk=pk).first() if pk.isdecimal() and len(pk) < 19 else None
    if version is None:
        raise CommandError(_("There is no version %s. See manage.py promote_model --list.") % number)
    return version


def _versions_table() -> Table:
    table = Table(title=_("Model versions"))
    for heading in (
        _("Version"),
        _("Status"),
        _("Made"),
        "NDCG@10",
        _("Interactions"),
        _("Code"),
        _("Files"),
        _("Verdict"),
    ):
        table.add_column(heading)
    for version in ModelVersion.objects.order_by("-created_at"):
        figures = version.metrics.get("scorers", {}).get("hybrid", {}).get("metrics", {})
        table.add_row(
            str(version),
            version.get_status_display(),
            f"{version.created_at:%Y-%m-%d %H:%M}",
            f"{figures['ndcg@10']:.4f}" if figures else "",
            str(version.interactions),
            version.code_version,
            _("kept") if version.artifact else _("deleted"),
            version.verdict,
        )
    return table
