"""Simulated readers with stated tastes, so that the demonstration has a history to learn from.

Nobody real is described: a reader is a seed, two or three favourite sections and a habit of wandering off.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

WANDERING = 0.15


@dataclass(frozen=True)
class Reading:
    """One article read to the end by one simulated reader."""

    reader: str
    slug: str
    at: datetime


@dataclass(frozen=True)
class Shelf:
    """What can be read: an article's slug, its section and the day it came out."""

    slug: str
    section: str
    published: datetime


def simulate_readings(shelves: Sequence[Shelf], *, readers: int, until: datetime, seed: int = 7) -> Iterator[Reading]:
    """Yield readings in order of time; the same seed gives the same readers, tastes and articles.

    Each reader visits on 4 to 12 days of the last sixty and reads one to four articles a day: mostly from the
    favourite sections, sometimes anything, and never the same article twice.
    """
    random = np.random.default_rng(seed)
    sections = sorted({shelf.section for shelf in shelves})
    readings = [
        reading
        for number in range(readers)
        for reading in _one_reader(f"simulated-{number:04d}", shelves, sections, until, random)
    ]
    yield from sorted(readings, key=lambda reading: (reading.at, reading.reader))


def _one_reader(
    name: str, shelves: Sequence[Shelf], sections: Sequence[str], until: datetime, random: np.random.Generator
) -> Iterator[Reading]:
    tastes = set(random.choice(sections, size=random.integers(2, 4), replace=False))
    appeal = random.gamma(2.0, size=len(shelves))
    unread = np.ones(len(shelves), dtype=bool)
    for days_ago in sorted(random.choice(60, size=random.integers(4, 13), replace=False), reverse=True):
        at = until - timedelta(days=int(days_ago), minutes=int(random.integers(30, 1000)))
        for step in range(random.integers(1, 5)):
            chances = _chances(shelves, tastes, appeal, unread, at)
            if not chances.any():
                break
            choice = int(random.choice(len(shelves), p=chances / chances.sum()))
            unread[choice] = False
            yield Reading(name, shelves[choice].slug, at + timedelta(minutes=4 * step))


def _chances(
    shelves: Sequence[Shelf], tastes: set[str], appeal: np.ndarray, unread: np.ndarray, at: datetime
) -> np.ndarray:
    liked = np.array([1.0 if shelf.section in tastes else WANDERING / 3 for shelf in shelves])
    out = np.array([shelf.published <= at for shelf in shelves])
    return liked * appeal * unread * out
