"""Interactions and items from CSV files of unknown origin: what can be used is, the rest is counted and told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from personalization.recommend.data import Doubles, Floats, Indexes, Interactions, Mask
from personalization.recommend.tables import FileError, Table, read_table

MISSING = frozenset({"", "nan", "none", "null"})
# No date in seconds is as large before the year 5138, and no date in milliseconds as small after March 1973.
LARGEST_SECONDS = 1e11
LATEST = 253_402_300_799.0  # the end of the year 9999
# A file of which more than this share is unusable is of another kind than it was taken for.
MOST_UNUSABLE = 0.5


@dataclass(frozen=True, eq=False)
class Log:
    """The usable rows of a file of interactions, in its order.

    Parameters
    ----------
    visitors, items : list of str, length n
        Ids as they are written, without surrounding blanks.
    timestamps : array of float64, shape (n,)
        Seconds since the epoch.
    weights : array of float32, shape (n,)
        Above zero; 1 where the file has none.
    segments : dict of str to str
        The last segment named for each visitor; empty without such a column.
    facts : dict
        What to report of the file: name, SHA-256 of its bytes, numbers of rows, of visitors and of items, first and
        last time, and how many rows were left out for which reason.
    """

    visitors: list[str]
    items: list[str]
    timestamps: Doubles
    weights: Floats
    segments: dict[str, str]
    facts: dict[str, Any]

    @property
    def item_ids(self) -> tuple[str, ...]:
        """All items: in the order of numbers if all ids are whole numbers, else in that of letters."""
        return tuple(sorted(set(self.items), key=_order(set(self.items))))

    def interactions(self) -> Interactions:
        """Merge repeats of a pair: weights are summed, and the last time is kept."""
        return Interactions.from_rows(
            self.visitors, self.items, self.timestamps, self.weights, item_ids=self.item_ids, segments=self.segments
        )


@dataclass(frozen=True, eq=False)
class Catalog:
    """The items of a file, each once: ids, texts (title, text and tags together) and tags; and what to report of it."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    tags: tuple[tuple[str, ...], ...]
    facts: dict[str, Any]


def read_log(path: Path) -> Log:
    """Read interactions from a file with the columns visitor, item and timestamp, and perhaps weight and segment.

    Any file that `tables.read_table` can read. Ids stay strings. Times are ISO 8601 (UTC where no zone is given) or
    numbers: seconds since 1970, or milliseconds, microseconds or nanoseconds when the median is too large for seconds.
    Rows that cannot be used are left out and counted, as are exact repeats.

    Raises
    ------
    FileError
        If the file cannot be read, a column is missing, or more than half of the rows cannot be used.
    """
    table = read_table(path, required=("visitor", "item", "timestamp"), optional=("weight", "segment"))
    visitors, items = _ids(table.column("visitor")), _ids(table.column("item"))
    times, weights = _times(table.column("timestamp")), _weights(table)
    usable = _sift(table, visitors, items, times, weights)
    rows = pd.DataFrame({"visitor": visitors.codes, "item": items.codes, "time": times, "row": np.arange(len(times))})
    kept = rows[usable].drop_duplicates(["visitor", "item", "time"])["row"].to_numpy()
    names = [visitors.names[code] for code in visitors.codes[kept].tolist()]
    keys = [items.names[code] for code in items.codes[kept].tolist()]
    span = [datetime.fromtimestamp(seconds, tz=UTC).isoformat() for seconds in (times[kept].min(), times[kept].max())]
    counts = {"used": len(kept), "duplicates": int(usable.sum()) - len(kept)}
    sizes = {"visitors": len(set(names)), "items": len(set(keys)), "from": span[0], "until": span[1]}
    return Log(
        visitors=names,
        items=keys,
        timestamps=times[kept],
        weights=weights[kept].astype(np.float32),
        segments=_segments(table, visitors, kept),
        facts=table.facts | counts | sizes,
    )


def read_catalog(path: Path) -> Catalog:
    """Read items from a file with the column item and any of title, text and tags.

    Tags are separated by comma, bar or semicolon. Rows without an id are left out; of rows with the same id the first
    counts.

    Raises
    ------
    FileError
        If the file cannot be read, has no column item, or names no item.
    """
    table = read_table(path, required=("item",), optional=("title", "text", "tags"))
    ids = _ids(table.column("item"))
    _, first = np.unique(ids.codes, return_index=True)
    kept = [row for row in sorted(first.tolist()) if ids.codes[row] >= 0]
    if not kept:
        raise FileError(f"{path}: no row names an item.")
    tags = [tuple(filter(None, map(str.strip, re.split(r"[,;|]", cell)))) for cell in table.column("tags")[kept]]
    words = zip(table.column("title")[kept], table.column("text")[kept], tags, strict=True)
    table.facts["items"] = len(kept)
    return Catalog(
        ids=tuple(ids.names[ids.codes[row]] for row in kept),
        texts=tuple("\n".join(filter(None, (title.strip(), text.strip(), ", ".join(t)))) for title, text, t in words),
        tags=tuple(tags),
        facts=table.facts,
    )


@dataclass(frozen=True, eq=False)
class _Ids:
    """Names, and for each row the position of its own; -1 where it has none."""

    codes: Indexes
    names: list[str]


def _ids(cells: NDArray[Any]) -> _Ids:
    codes, uniques = pd.factorize(cells)
    names: dict[str, int] = {}
    places = []
    for unique in uniques:
        name = str(unique).strip()
        places.append(-1 if name.casefold() in MISSING else names.setdefault(name, len(names)))
    return _Ids(np.asarray(places, dtype=np.int64)[codes], list(names))


def _times(cells: NDArray[Any]) -> Doubles:
    """Return seconds since the epoch; NaN where a cell is no time."""
    series = pd.Series(cells, dtype=object)
    seconds = np.array(pd.to_numeric(series, errors="coerce"), dtype=np.float64)
    if np.isfinite(seconds).any():
        while np.nanmedian(np.abs(seconds[np.isfinite(seconds)])) > LARGEST_SECONDS:
            seconds /= 1_000
    words = ~np.isfinite(seconds)
    if words.any():
        texts = series[words].str.strip()
        # Not just any word: pandas would take "today" for a date.
        dates = pd.to_datetime(texts.where(texts.str.match(r"\d{4}")), utc=True, format="ISO8601", errors="coerce")
        seconds[words] = (dates - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    return seconds


def _weights(table: Table) -> Doubles:
    """Return weights, 1 where a cell is blank, NaN where it is no number that float32 can hold."""
    if not table.has("weight"):
        return np.ones(len(table.frame))
    cells = pd.Series(table.column("weight"), dtype=object)
    weights = np.array(pd.to_numeric(cells, errors="coerce"), dtype=np.float64)
    weights[cells.str.strip().str.casefold().isin(MISSING).to_numpy()] = 1
    weights[~(np.abs(weights) <= np.finfo(np.float32).max)] = np.nan
    return np.where(np.abs(weights) < np.finfo(np.float32).tiny, np.copysign(0, weights), weights)


def _sift(table: Table, visitors: _Ids, items: _Ids, times: Doubles, weights: Doubles) -> Mask:
    """Mark the usable rows; count the others by reason, or refuse the file when they are too many."""
    blank = (visitors.codes < 0) & (items.codes < 0) & np.isin(table.column("timestamp"), ("",))
    usable = ~blank
    dropped: dict[str, Any] = {}
    for reason, bad in _faults(visitors, items, times, weights):
        rows = np.flatnonzero(usable & bad)
        if len(rows):
            dropped[reason] = {"rows": len(rows), "first_line": table.line(int(rows[0]))}
            usable &= ~bad
    lost = sum(entry["rows"] for entry in dropped.values())
    if lost > MOST_UNUSABLE * table.facts["rows"] or not usable.any():
        reason, entry = max(dropped.items(), key=lambda pair: int(pair[1]["rows"]))
        share = f"{lost:,} of {table.facts['rows']:,} rows cannot be used"
        raise FileError(f"{table.path}: line {entry['first_line']}: {reason}; {share}.")
    table.facts["dropped"] = dropped
    return usable


def _faults(visitors: _Ids, items: _Ids, times: Doubles, weights: Doubles) -> Iterator[tuple[str, Mask]]:
    yield "no visitor", visitors.codes < 0
    yield "no item", items.codes < 0
    yield "the timestamp is neither ISO 8601 nor a number of seconds or milliseconds", ~(np.abs(times) <= LATEST)
    yield "the timestamp is before 1970", times < 0
    yield "the weight is not a number", np.isnan(weights)
    yield "the weight is not above zero", weights <= 0


def _segments(table: Table, visitors: _Ids, kept: Indexes) -> dict[str, str]:
    if not table.has("segment"):
        return {}
    cells = table.column("segment")[kept]
    named = ((visitors.names[code], cell.strip()) for code, cell in zip(visitors.codes[kept], cells, strict=True))
    return {name: segment for name, segment in named if segment.casefold() not in MISSING}


def _order(ids: set[str]) -> Any:
    numbers = all(name.isascii() and name.isdigit() and len(name) < 20 for name in ids)
    return (lambda name: (int(name), name)) if numbers else None


def summary(facts: Mapping[str, Any]) -> list[str]:
    """Return the sentences that a person should read about a file before believing figures made of it."""
    told = [
        f"{facts['file']}: {entry['rows']:,} rows left out: {reason} (first on line {entry['first_line']})."
        for reason, entry in facts.get("dropped", {}).items()
    ]
    if facts.get("duplicates"):
        told.append(f"{facts['file']}: {facts['duplicates']:,} exact repeats left out.")
    if facts.get("ignored_columns"):
        told.append(f"{facts['file']}: columns not used: {', '.join(filter(None, facts['ignored_columns']))[:200]}.")
    if facts["encoding"] == "latin-1":
        told.append(f"{facts['file']}: not UTF-8, read as Latin-1.")
    return told
