from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from wagtail.models import ReferenceIndex

from cms_site.demo.movielens import DataError, Film, Rating, read_films, read_ratings
from cms_site.home.films import Calendar, build_films, film_index, film_keys, visitor_key
from cms_site.home.models import FilmPage
from personalization.catalog.services import embed_items, index_all
from personalization.events.services import HistoricEvent, record_history

LIKED = 4.0
BATCH = 2_000
NAMESPACE = UUID("6e0ea7a5-57c9-4a54-8b5e-0f3a2f1f9a34")


class Command(BaseCommand):
    """Load GroupLens' ml-latest-small as a film site with its real history.

    Films with a plot or a rating become pages. Each rating becomes one event of a pseudonymous visitor who allows
    personalization and nothing else: 4 stars or more are a conversion with the goal "like", fewer a view. Dates are
    squeezed, in their order, into the 300 days before the film site was made. Repeating it adds what is missing; it
    may be interrupted at any moment.
    """

    help = "Load GroupLens' ml-latest-small (movies.csv, ratings.csv, tags.csv, plots.csv) as a film site with history."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="The folder that holds the CSV files.")
        parser.add_argument("--limit-users", type=int, metavar="N", help="Load the ratings of the first N people only.")
        parser.add_argument("--no-embed", action="store_true", help="Leave the embeddings to the worker.")

    def handle(self, *args: Any, folder: Path, limit_users: int | None, no_embed: bool, **options: Any) -> None:
        try:
            films, ratings = read_films(folder), read_ratings(folder)
        except DataError as error:
            raise CommandError(str(error)) from error
        if limit_users is not None and limit_users < 1:
            raise CommandError("--limit-users must be at least 1.")
        self.console = Console(file=self.stdout, no_color=options["no_color"], quiet=options["verbosity"] == 0)
        with _bars(self.console) as bars:
            self.load(films, ratings, _first_users(ratings, limit_users), no_embed, bars)

    def load(
        self, films: list[Film], ratings: list[Rating], chosen: list[Rating], no_embed: bool, bars: Progress
    ) -> None:
        """Pages first, then the catalog that reads them, then the history that speaks of the catalog's items."""
        index = film_index()
        calendar = Calendar.of(ratings, index.first_published_at)
        appeared = {rating.film: calendar.day(rating.at) for rating in reversed(ratings)}
        rated = {rating.film for rating in chosen}
        wanted = [film for film in films if film.plot or film.number in rated]
        made = build_films(index, wanted, appeared=appeared, progress=_bar(bars, "Films"))
        if made:
            _index_references(_bar(bars, "References"))
            call_command("update_index", backend_name="default", verbosity=0)
        changed = index_all(progress=_bar(bars, "Catalog")).changed
        embedded = 0 if no_embed else embed_items(progress=_bar(bars, "Embeddings"))
        accepted = _record(chosen, film_keys(index), calendar, bars)
        self.console.print(
            f"{made} films added, {changed} catalog rows changed, {embedded} texts embedded, {accepted} ratings added "
            f"of {len(chosen)}. The films stand at {index.full_url}; next: manage.py train",
            highlight=False,
        )


def _first_users(ratings: Sequence[Rating], limit: int | None) -> list[Rating]:
    users = sorted({rating.user for rating in ratings})[:limit]
    return [rating for rating in ratings if rating.user <= users[-1]]


def _index_references(tell: Any) -> None:
    """Let each cover know the films it stands on, as saving them one by one would have done."""
    films = FilmPage.objects.exclude(pk__in=_with_references()).order_by("pk")
    total = films.count()
    for done, film in enumerate(films.iterator(chunk_size=BATCH), start=1):
        ReferenceIndex.create_or_update_for_object(film)
        if done % 100 == 0 or done == total:
            tell(done, total)


def _with_references() -> list[str]:
    known = ReferenceIndex.objects.filter(content_type__app_label="home", content_type__model="filmpage")
    return list(known.values_list("object_id", flat=True))


def _record(ratings: Sequence[Rating], keys: dict[int, str], calendar: Calendar, bars: Progress) -> int:
    tell, accepted, done = _bar(bars, "Ratings"), 0, 0
    for batch in _batches(ratings):
        events = [_event(rating, keys[rating.film], calendar) for rating in batch if rating.film in keys]
        accepted += record_history(events=events, analytics=False, personalization=True).accepted
        done += len(batch)
        tell(done, len(ratings))
    return accepted


def _batches(ratings: Sequence[Rating]) -> Iterator[list[Rating]]:
    """Whole people at a time, so that each profile is written once; their ratings stay in order."""
    batch: list[Rating] = []
    for _user, theirs in groupby(sorted(ratings, key=lambda rating: rating.user), key=lambda rating: rating.user):
        batch += theirs
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _event(rating: Rating, key: str, calendar: Calendar) -> HistoricEvent:
    liked = rating.stars >= LIKED
    return HistoricEvent(
        id=uuid5(NAMESPACE, f"{rating.user}/{rating.film}"),
        visitor_key=visitor_key(rating.user),
        item_key=key,
        kind="conversion" if liked else "view",
        goal="like" if liked else None,
        occurred_at=calendar.day(rating.at),
    )


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console)


def _bar(bars: Progress, description: str) -> Any:
    bar = bars.add_task(description, total=None)
    return lambda done, total: bars.update(bar, completed=done, total=total)
