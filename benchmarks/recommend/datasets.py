"""The real data of GroupLens as interactions, and a seeded magazine of any size. None of it needs Django."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from personalization.recommend.data import Floats, Interactions


@dataclass(frozen=True, eq=False)
class Films:
    """Ratings of films whose plots are known, and what is written about each film."""

    interactions: Interactions
    texts: tuple[str, ...]


def movielens_100k(data: Path) -> Interactions:
    """Every rating is a positive; films are columns in the order of their numbers."""
    rows = [line.split("\t") for line in (data / "movielens-100k" / "u.data").read_text().splitlines()]
    return Interactions.from_rows([r[0] for r in rows], [r[1].zfill(4) for r in rows], [float(r[3]) for r in rows])


def films_with_plots(data: Path) -> Films:
    """The ratings of ml-latest-small that go to films with a plot, and all that is written about those."""
    folder = data / "movielens-small"
    films = {row["movieId"]: row for row in _table(folder / "movies.csv")}
    plots = {row["movieId"]: row for row in _table(folder / "plots.csv") if row["plot"].strip()}
    ratings = [row for row in _table(folder / "ratings.csv") if row["movieId"] in plots]
    interactions = Interactions.from_rows(
        [row["userId"] for row in ratings],
        [row["movieId"] for row in ratings],
        [float(row["timestamp"]) for row in ratings],
    )
    return Films(interactions, tuple(_words(films[film], plots[film]) for film in interactions.item_ids))


def _words(film: dict[str, str], plot: dict[str, str]) -> str:
    genres = film["genres"].replace("|", ", ")
    return f"{film['title']}. {genres}. Director: {plot['director']}. Actors: {plot['actors']}. {plot['plot']}"


def magazine(n_items: int, n_visitors: int, *, each: int = 20, topics: int = 40, seed: int = 0) -> Interactions:
    """Visitors with three favourite topics who read popular items more often."""
    random = np.random.default_rng(seed)
    topic = random.integers(topics, size=n_items)
    appeal = random.pareto(1.2, size=n_items) + 0.05
    chances = [np.where(topic == number, appeal, 0.0) for number in range(topics)]
    chances = [chance / chance.sum() for chance in chances]
    visitors = np.repeat(np.arange(n_visitors), each)
    taste = random.integers(topics, size=(n_visitors, 3))[visitors, random.integers(3, size=len(visitors))]
    items = np.empty(len(visitors), dtype=np.int64)
    for number in range(topics):
        mine = taste == number
        items[mine] = random.choice(n_items, size=int(mine.sum()), p=chances[number])
    names = [f"page:{number:06d}" for number in range(n_items)]
    return Interactions.from_rows(
        [f"{visitor:06d}" for visitor in visitors],
        [names[item] for item in items],
        random.uniform(0, 60 * 86_400, size=len(visitors)),
        item_ids=names,
    )


def magazine_vectors(n_items: int, *, dimensions: int = 384, topics: int = 40, seed: int = 0) -> Floats:
    """Vectors scattered around those of the magazine's topics, shape (n_items, dimensions)."""
    random = np.random.default_rng(seed)
    topic = random.integers(topics, size=n_items)
    centres = random.normal(size=(topics, dimensions))
    return (centres[topic] + 1.2 * random.normal(size=(n_items, dimensions))).astype(np.float32)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
