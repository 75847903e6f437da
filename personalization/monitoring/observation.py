"""One week seen from outside: what visitors did, what the catalog held, what the model made of it - as distributions.

Every visitor counts once, however busy: shares of a visitor's events add up to one. So no crawler and no enthusiast
moves a figure, and the visitors are the independent observations that the tests of `recommend.drift` ask for.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from django.db.models import Count, Min, QuerySet
from django.utils import timezone
from numpy.typing import NDArray

from personalization.catalog import snapshot
from personalization.catalog.snapshot import EVERY_SITE, Catalog
from personalization.conf import DAY
from personalization.events.models import Event, Kind
from personalization.recommend.online import Level
from personalization.visitors.models import Profile
from personalization.visitors.profiles import weight_of

CHUNK = 10_000
ASKED_AT_ONCE = 400
# So many say as much as all: the noise of PSI is then below a hundredth.
MOST_VISITORS = 5_000
SPREAD = 16**4
EVERY = "every"
AGES = (("a day", 1), ("a week", 7), ("a month", 30), ("a quarter", 91), ("a year", 365))
FACTS = ("visitor_key", "kind", "item_key", "slot_key", "duration_ms", "for_personalization", "occurred_at")


class Read(NamedTuple):
    """One thing that a visitor read: what, how strong, and when, in seconds since the epoch."""

    group: str
    weight: float
    time: float


@dataclass(eq=False)
class Visit:
    """What one visitor read in the week, as far as the model may know it, oldest first; and what was shown to them.

    ``known`` is how much had been read when the first item was shown, at ``shown_at``: only that was known then.
    """

    key: str = ""
    reads: list[Read] = field(default_factory=list)
    shown: dict[str, bool] = field(default_factory=dict)
    shown_at: float | None = None
    known: int = 0

    def notice(self, kind: str, group: str, at: datetime) -> None:
        """Note what was shown, and whether it was clicked then."""
        if kind == Kind.IMPRESSION:
            if not self.shown:
                self.known, self.shown_at = len(self.reads), at.timestamp()
            self.shown.setdefault(group, False)
        elif kind == Kind.CLICK and group in self.shown:
            self.shown[group] = True


@dataclass(eq=False)
class Observation:
    """A week as distributions: numbers (one for each visitor), mixes (weights by name), vectors, means.

    ``places`` holds how often something was seen and clicked at each place of a slot, from 0.
    """

    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    mixes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    vectors: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)


def observe(*, since: datetime, until: datetime) -> Observation:
    """Read one week: a sample of its visitors, all its impressions and clicks, and the catalog as it is now."""
    seen = Observation()
    catalog = snapshot.current()
    events = Event.objects.believed().filter(occurred_at__gte=since, occurred_at__lt=until)
    _Watcher(seen, catalog).watch(events)
    _see_catalog(seen, catalog, until)
    _see_clicks(seen, events.filter(decision_id__isnull=False))
    return seen


class _Watcher:
    """Takes visitors in, one after the other."""

    def __init__(self, seen: Observation, catalog: Catalog) -> None:
        self.seen, self.catalog, self.zone = seen, catalog, timezone.get_default_timezone()

    def watch(self, events: QuerySet[Event]) -> None:
        sample = _sample(events).order_by("visitor_key", "occurred_at", "pk").values_list(*FACTS)
        readers, tastes = [], []
        for key, rows in groupby(sample.iterator(chunk_size=CHUNK), key=itemgetter(0)):
            visit = self._take_in(Visit(key), rows)
            if visit.reads:
                readers.append(key)
                tastes += self._taste(visit)
        self.seen.vectors["read_texts"] = np.asarray(tastes)
        for device in _devices(readers):
            self.seen.mixes["device"][device or "unknown"] += 1

    def _take_in(self, visit: Visit, rows: Iterator[tuple]) -> Visit:
        mixes = defaultdict(Counter)
        for _key, kind, item_key, slot_key, duration_ms, is_personal, at in rows:
            mixes["slot"].update([slot_key] if slot_key else ())
            mixes["kind"].update([kind] if kind != Kind.EXPOSURE else ())
            row, weight = self.catalog.row_of.get(item_key), weight_of(kind, duration_ms)
            if row is None:
                continue
            visit.notice(kind, self.catalog.items.groups[row], at)
            if is_personal and weight > 0:
                visit.reads.append(Read(self.catalog.items.groups[row], weight, at.timestamp()))
                for name, value in self._circumstances(row, at):
                    mixes[name][value] += 1
        self._keep(visit, mixes)
        return visit

    def _circumstances(self, row: int, at: datetime) -> Iterator[tuple[str, str]]:
        local, site = at.astimezone(self.zone), int(self.catalog.site[row])
        yield "hour", f"{local.hour:02}"
        yield "weekday", str(local.isoweekday())
        yield "locale", str(self.catalog.locale[row]) or EVERY
        yield "read_age", _age(at.timestamp() - self.catalog.items.published[row])
        yield "site", EVERY if site == EVERY_SITE else str(site)

    def _keep(self, visit: Visit, mixes: dict[str, Counter[str]]) -> None:
        self.seen.visits.append(visit)
        for name, counts in mixes.items():
            for value, number in counts.items():
                self.seen.mixes[name][value] += number / counts.total()
        if visit.reads:
            self.seen.numbers["events_per_visitor"].append(len(visit.reads))
            self.seen.numbers["history_length"].append(len({read.group for read in visit.reads}))

    def _taste(self, visit: Visit) -> list[NDArray[np.float64]]:
        """The mean vector of what a visitor read, if there is any."""
        vectors = self.catalog.columns.vectors
        if not vectors.size:
            return []
        own = vectors[
            [self.catalog.rows_of_group[group][0] for group in dict.fromkeys(read.group for read in visit.reads)]
        ]
        present = own[own.any(axis=1)]
        return [present.mean(axis=0, dtype=np.float64)] if len(present) else []


def _sample(events: QuerySet[Event]) -> QuerySet[Event]:
    """Visitors by the beginning of their keys, which is random: the same ones every time, and an even sample of all."""
    visitors = events.order_by().values("visitor_key").distinct().count()
    if visitors <= MOST_VISITORS:
        return events
    return events.filter(visitor_key__lt=f"{int(SPREAD * MOST_VISITORS / visitors):04x}")


def _devices(keys: list[str]) -> Iterator[str]:
    for start in range(0, len(keys), ASKED_AT_ONCE):
        asked = Profile.objects.filter(visitor__key__in=keys[start : start + ASKED_AT_ONCE])
        yield from asked.values_list("device", flat=True)


def _see_catalog(seen: Observation, catalog: Catalog, until: datetime) -> None:
    live = np.flatnonzero(catalog.live)
    vectors = catalog.columns.vectors
    has_vector = vectors[live].any(axis=1) if vectors.size else np.zeros(len(live), dtype=np.bool_)
    if len(live):
        seen.levels["not_embedded"] = Level.of_share(float((~has_vector).sum()), len(live))
    if has_vector.any():
        seen.vectors["catalog_texts"] = vectors[live[has_vector]].astype(np.float64)
        seen.mixes["embedder"][catalog.embedding_model] = float(has_vector.sum())
    for row in live.tolist():
        seen.mixes["catalog_age"][_age(until.timestamp() - catalog.items.published[row])] += 1
        tags = catalog.items.tags[row]
        for tag in tags:
            seen.mixes["tags"][tag] += 1 / len(tags)


def _age(seconds: float) -> str:
    """In words that stand still while a catalog grows older by a few days."""
    return "unknown" if np.isnan(seconds) else next((word for word, days in AGES if seconds < days * DAY), "older")


def _see_clicks(seen: Observation, decided: QuerySet[Event]) -> None:
    """Let the database count what was seen and what was clicked, by place."""
    shown, clicked = _by_place(decided.filter(kind=Kind.IMPRESSION)), _by_place(decided.filter(kind=Kind.CLICK))
    seen.places = {place: (shown[place], min(clicked[place], shown[place])) for place in sorted(shown)}
    seen.levels["click_rate"] = Level.of_share(sum(chosen for _, chosen in seen.places.values()), shown.total())
    clicks = decided.filter(kind=Kind.CLICK, position__isnull=False).order_by().values("decision_id")
    firsts = clicks.annotate(first=Min("position")).values_list("first", flat=True)
    seen.levels["click_rank"] = Level.of_ranks(Counter(firsts.iterator(chunk_size=CHUNK)))


def _by_place(events: QuerySet[Event]) -> Counter[int]:
    counted = events.filter(position__isnull=False).order_by().values("position").annotate(number=Count("pk"))
    return Counter(dict(counted.values_list("position", "number")))
