from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _
from rich.console import Console

from personalization.catalog.services import embed_items, index_all
from personalization.management.progress import advance, bars
from personalization.variants.services import notice_changed_sources


class Command(BaseCommand):
    help = "Bring the catalog in line with the site's pages and snippets, and embed what has changed. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--no-embed", action="store_true", help="Leave the embeddings to the worker.")

    def handle(self, *args: Any, no_embed: bool, **options: Any) -> None:
        console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        with bars(console) as shown:
            report = index_all(progress=advance(shown, _("Reading pages and snippets")))
            notice_changed_sources()
            embedded = 0 if no_embed else embed_items(progress=advance(shown, _("Embedding texts")))
        console.print(
            _("%(objects)d objects compared, %(changed)d rows changed, %(embedded)d texts embedded.")
            % {"objects": report.objects, "changed": report.changed, "embedded": embedded}
        )
        if report.unreadable:
            self.stderr.write(
                _("%d objects could not be read and are not shown; the log says why.") % report.unreadable
            )
