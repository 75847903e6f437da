"""Reads GroupLens' ml-latest-small: real films, and what real people thought of them and when.

F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4), 2015.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.text import slugify

YEAR = re.compile(r"\s*\((\d{4})(?:[–-]\d{0,4})?\)\s*$")
ARTICLE_LAST = re.compile(r"^(?P<rest>[^()]+), (?P<article>The|A|An|Les?|La|L'|El|Il|Das|Der|Die)(?P<more> \(.*)?$")
NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]+)?")
NO_GENRE = "(no genres listed)"
TAGGERS = 2
LONGEST_PLOT = 10_000


class DataError(Exception):
    """The folder does not hold the data set, or a file of it cannot be read; the message says where."""


@dataclass(frozen=True)
class Film:
    """One film; `tags` are words that at least two people gave it."""

    number: int
    title: str
    year: int | None
    genres: tuple[str, ...]
    tags: tuple[str, ...] = ()
    plot: str = ""
    director: str = ""
    actors: str = ""

    @property
    def slug(self) -> str:
        """Its address, which stays the same from one loading to the next."""
        return f"{slugify(self.title)[:100]}-{self.number}".lstrip("-")


@dataclass(frozen=True, slots=True)
class Rating:
    """What one person thought of one film, from 0.5 to 5 stars, and when (epoch seconds)."""

    user: int
    film: int
    stars: float
    at: float


def read_films(folder: Path) -> list[Film]:
    """Every film, with plot and people where they are known."""
    plots = {int(row["movieId"]): row for row in _rows(folder / "plots.csv", "movieId plot", optional=True)}
    tags = _shared_tags(folder)
    return [_film(row, plots, tags) for row in _rows(folder / "movies.csv", "movieId title genres")]


def read_ratings(folder: Path) -> list[Rating]:
    """Every rating, oldest first."""
    rows = _rows(folder / "ratings.csv", "userId movieId rating timestamp")
    ratings = [
        Rating(int(row["userId"]), int(row["movieId"]), float(row["rating"]), float(row["timestamp"])) for row in rows
    ]
    if not ratings:
        raise DataError(f"{folder / 'ratings.csv'} has no ratings.")
    return sorted(ratings, key=lambda rating: (rating.at, rating.user, rating.film))


def _film(row: dict[str, str], plots: dict[int, dict[str, str]], tags: dict[int, tuple[str, ...]]) -> Film:
    number = int(row["movieId"])
    told = plots.get(number, {})
    year = YEAR.search(row["title"])
    return Film(
        number=number,
        title=_natural(YEAR.sub("", row["title"]).strip())[:255],
        year=int(year[1]) if year else None,
        genres=tuple(genre for genre in row["genres"].split("|") if genre and genre != NO_GENRE),
        tags=tags.get(number, ()),
        plot=(told.get("plot") or "")[:LONGEST_PLOT],
        director=(told.get("director") or "")[:255],
        actors=told.get("actors") or "",
    )


def _natural(title: str) -> str:
    """ "Usual Suspects, The" as people say it."""
    found = ARTICLE_LAST.match(title)
    if not found:
        return title
    space = "" if found["article"].endswith("'") else " "
    return f"{found['article']}{space}{found['rest']}{found['more'] or ''}"


def _shared_tags(folder: Path) -> dict[int, tuple[str, ...]]:
    people: dict[tuple[int, str], set[str]] = defaultdict(set)
    for row in _rows(folder / "tags.csv", "userId movieId tag", optional=True):
        people[int(row["movieId"]), row["tag"].strip().lower()[:100]].add(row["userId"])
    shared: dict[int, tuple[str, ...]] = defaultdict(tuple)
    for (film, tag), users in sorted(people.items()):
        if len(users) >= TAGGERS:
            shared[film] += (tag,)
    return shared


def _rows(path: Path, columns: str, *, optional: bool = False) -> Iterator[dict[str, str]]:
    """Yield a CSV file's rows; whatever is wrong with a number in one is told with the file's name and the line."""
    if optional and not path.exists():
        return
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(columns.split()) - set(reader.fieldnames or ()):
                raise DataError(f"{path} has no column {', '.join(sorted(missing))}.")
            for row in reader:
                yield _checked(row, f"{path}, line {reader.line_num}")
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist. DIR must hold GroupLens' ml-latest-small.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _checked(row: dict[str, str], place: str) -> dict[str, str]:
    for name in ("userId", "movieId"):
        if name in row and not (row[name] or "").isdecimal():
            raise DataError(f"{place}: {name} is {row[name]!r}, not a number.")
    for name, most in (("rating", 5.0), ("timestamp", 4e9)):
        if name in row and not (NUMBER.fullmatch(row[name] or "") and float(row[name]) <= most):
            raise DataError(f"{place}: {name} is {row[name]!r}, not a number up to {most:.0f}.")
    return row
