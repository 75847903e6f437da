from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cms_site.home.content import build_magazine
from cms_site.home.models import ArticlePage


class Command(BaseCommand):
    help = "Fill the site with the demonstration magazine. Repeating it adds only what is missing."

    def handle(self, *args, **options):
        columns = (TextColumn("Articles"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, TextColumn("{task.description}"), console=Console(file=self.stdout)) as bar:
            task = bar.add_task("", total=0)

            def show(title: str, done: int, total: int) -> None:
                bar.update(task, description=title, completed=done, total=total)

            home = build_magazine(progress=show)
        count = ArticlePage.objects.descendant_of(home).count()
        self.stdout.write(f"The magazine stands at {home.full_url} with {count} articles.")
