"""Turns a data set of films into a part of the site, quickly: ten thousand pages in a minute."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac
from taggit.models import Tag
from wagtail.images.models import AbstractImage
from wagtail.models import Page

from cms_site.demo.movielens import Film, Rating
from cms_site.home.content import ensure_home, publish_missing
from cms_site.home.covers import genre_cover
from cms_site.home.models import FilmGenre, FilmIndexPage, FilmPage

Progress = Callable[[int, int], None]

CHUNK = 500
COVERS_EACH = 2
NO_GENRE = "Film"
INTRO = "<p>Films that real people rated, from the MovieLens data set of GroupLens.</p>"
SPAN = timedelta(days=300)


@dataclass(frozen=True)
class Calendar:
    """Squeezes the years of a data set into the 300 days before the film site was made, keeping their order.

    A site forgets events after RETENTION_DAYS and learns from the last TRAINING_WINDOW_DAYS: twenty years of ratings
    at their own dates would be gone by tomorrow.
    """

    oldest: float
    newest: float
    until: datetime

    @classmethod
    def of(cls, ratings: Sequence[Rating], until: datetime) -> "Calendar":
        """The calendar that maps the newest of all ratings to `until`."""
        return cls(ratings[0].at, ratings[-1].at, until)

    def day(self, at: float) -> datetime:
        """The moment on this site that stands for a moment (epoch seconds) of the data set."""
        share = (self.newest - at) / max(self.newest - self.oldest, 1.0)
        return self.until - share * SPAN


def film_index() -> FilmIndexPage:
    """The page above all films, made if it is missing; the moment of its publication anchors the calendar."""
    page = FilmIndexPage(title="Films", slug="films", intro=INTRO, show_in_menus=True)
    return publish_missing(ensure_home(), page)


def build_films(
    index: FilmIndexPage, films: Sequence[Film], *, appeared: Mapping[int, datetime], progress: Progress | None = None
) -> int:
    """Add the films that are not there yet; `appeared` says when each came out on this site. Returns their number."""
    existing = set(FilmPage.objects.child_of(index).values_list("slug", flat=True))
    missing = [film for film in films if film.slug not in existing]
    tags, covers = _tags(missing), _covers(missing)
    for start in range(0, len(missing), CHUNK):
        if progress:
            progress(start, len(missing))
        _add(index, missing[start : start + CHUNK], tags, covers, appeared)
    if progress:
        progress(len(missing), len(missing))
    return len(missing)


def film_keys(index: FilmIndexPage) -> dict[int, str]:
    """The catalog's key of each film, by its number in the data set."""
    pages = FilmPage.objects.child_of(index).values_list("slug", "pk")
    return {int(slug.rpartition("-")[2]): f"page:{pk}" for slug, pk in pages if slug.rpartition("-")[2].isdecimal()}


def visitor_key(user: int) -> str:
    """The pseudonym of a person of the data set: without the site's secret key nobody can tell who is behind it."""
    return salted_hmac("movielens.user", str(user), algorithm="sha256").hexdigest()[:32]


@transaction.atomic
def _add(
    index: FilmIndexPage,
    films: Sequence[Film],
    tags: Mapping[str, Tag],
    covers: Mapping[str, AbstractImage],
    appeared: Mapping[int, datetime],
) -> None:
    """Write pages as a fixture is loaded: rows only, with no signal for each of ten thousand.

    Who calls this brings the catalog, the search index and the reference index up to date afterwards, once for all.
    """
    parent = FilmIndexPage.objects.select_for_update(of=("self",)).get(pk=index.pk)
    pages = Page.objects.bulk_create(_pages(parent, films, appeared))
    for page, film in zip(pages, films, strict=True):
        row = FilmPage(page_ptr_id=page.pk, year=film.year, plot=film.plot, director=film.director, actors=film.actors)
        row.cover = covers[_cover_name(film)]
        row.save_base(raw=True, force_insert=True)
    FilmGenre.objects.bulk_create(
        FilmGenre(content_object_id=page.pk, tag=tags[name.lower()])
        for page, film in zip(pages, films, strict=True)
        for name in _tag_names(film)
    )
    Page.objects.filter(pk=parent.pk).update(numchild=F("numchild") + len(pages))


def _pages(parent: FilmIndexPage, films: Sequence[Film], appeared: Mapping[int, datetime]) -> list[Page]:
    content_type = ContentType.objects.get_for_model(FilmPage)
    last = parent.get_last_child()
    step = Page._str2int(last.path[-Page.steplen :]) if last else 0
    now = timezone.now()
    return [
        Page(
            path=Page._get_path(parent.path, parent.depth + 1, step + number),
            depth=parent.depth + 1,
            title=film.title,
            draft_title=film.title,
            slug=film.slug,
            url_path=f"{parent.url_path}{film.slug}/",
            content_type=content_type,
            locale_id=parent.locale_id,
            live=True,
            first_published_at=appeared.get(film.number, now),
            last_published_at=appeared.get(film.number, now),
        )
        for number, film in enumerate(films, start=1)
    ]


def _tag_names(film: Film) -> list[str]:
    """Genres, then people's tags; "sci-fi" is not tagged beside "Sci-Fi"."""
    return list({name.lower(): name for name in reversed((*film.genres, *film.tags))}.values())


def _tags(films: Iterable[Film]) -> dict[str, Tag]:
    names = {name.lower(): name for film in films for name in (*film.tags, *film.genres)}
    found = {tag.name.lower(): tag for tag in Tag.objects.filter(name__in=[*names, *names.values()])}
    return found | {low: Tag.objects.create(name=name) for low, name in sorted(names.items()) if low not in found}


def _cover_name(film: Film) -> str:
    return f"{film.genres[0] if film.genres else NO_GENRE}/{film.number % COVERS_EACH}"


def _covers(films: Iterable[Film]) -> dict[str, AbstractImage]:
    names = sorted({_cover_name(film) for film in films})
    return {name: genre_cover(genre=name.split("/")[0], number=int(name.split("/")[1])) for name in names}
