"""Reads over events."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from personalization import conf
from personalization.catalog.models import Item
from personalization.events.models import Event, Kind

if TYPE_CHECKING:
    from pandas import DataFrame

CHUNK = 10_000
FACTS = (
    "visitor_key",
    "item_key",
    "kind",
    "network",
    "occurred_at",
    "duration_ms",
    "value",
    "source",
    "verdict",
    "pk",
)


def read_log(*, since: datetime, until: datetime) -> "DataFrame":
    """Return what may be learned from, one row for each event, in order of time.

    Only rows that their visitor allowed to be used for personalization, and that are not in quarantine. `item` is the
    group of the catalog's items, empty for what the catalog has never known; `time` is in seconds since the epoch,
    `duration` in seconds. `published` is known for what browsers told: imported histories may be older than the pages.
    Rows are streamed: of the database's table only numbers are in memory.
    """
    items = list(Item.objects.values_list("key", "group", "published_at").iterator(chunk_size=CHUNK))
    reader = _LogReader({key: (group, at.timestamp() if at else np.nan) for key, group, at in items})
    events = Event.objects.believed().filter(for_personalization=True, occurred_at__gte=since, occurred_at__lt=until)
    rows = events.exclude(kind=Kind.EXPOSURE).order_by("occurred_at", "pk").values_list(*FACTS)
    return reader.read(rows.iterator(chunk_size=CHUNK))


class _LogReader:
    """Turns rows into columns; every word is kept once, whatever the number of rows that bear it."""

    def __init__(self, items: dict[str, tuple[str, float]]) -> None:
        self.items = items
        self.words: dict[str, dict[str, int]] = {name: {} for name in ("visitor", "item", "kind", "network")}

    def read(self, rows: Iterator[Sequence[Any]]) -> "DataFrame":
        import pandas as pd

        parts = [self._columns(())]
        while chunk := list(islice(rows, CHUNK)):
            parts.append(self._columns(chunk))
        columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        for name, words in self.words.items():
            columns[name] = pd.Categorical.from_codes(columns[name], categories=list(words))
        return pd.DataFrame(columns)

    def _columns(self, rows: Sequence[Sequence[Any]]) -> dict[str, np.ndarray]:
        visitors, keys, kinds, networks, times, durations, values, sources, verdicts, numbers = (
            zip(*rows, strict=True) if rows else ((),) * len(FACTS)
        )
        known = [self.items.get(key, ("", np.nan)) for key in keys]
        told = [at if source == "browser" else np.nan for (_group, at), source in zip(known, sources, strict=True)]
        return {
            "visitor": self._codes("visitor", visitors),
            "item": self._codes("item", (group for group, _at in known)),
            "kind": self._codes("kind", kinds),
            "network": self._codes("network", networks),
            "time": np.array([at.timestamp() for at in times], dtype=np.float64),
            "duration": np.array([np.nan if ms is None else ms / 1000 for ms in durations], dtype=np.float64),
            "value": np.array([np.nan if value is None else value for value in values], dtype=np.float64),
            "published": np.array(told, dtype=np.float64),
            "trusted": np.array([verdict != "" for verdict in verdicts], dtype=np.bool_),
            "pk": np.array(numbers, dtype=np.int64),
        }

    def _codes(self, name: str, column: Iterable[str]) -> np.ndarray:
        words = self.words[name]
        return np.array([words.setdefault(word, len(words)) for word in column], dtype=np.int32)


def count_interactions(*, since: datetime, most: int) -> int:
    """How many events that may be learned from have happened since; counting stops at `most`."""
    kinds = [kind for kind, weight in conf.get().event_weights.items() if weight > 0]
    events = Event.objects.believed().filter(for_personalization=True, kind__in=kinds, occurred_at__gt=since)
    return events.order_by()[:most].count()
