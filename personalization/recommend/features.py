"""What is known about a visitor, an item and a moment: each feature defined once, for training and for serving.

A feature *as of* a moment is made of strictly earlier events only; what happens at the very moment does not count. In
training `features` computes them for many moments of a whole log at once. In serving a
`personalization.recommend.feature_state.FeatureState` is told one event after the other and computes them for now.
Both go through the functions of this module, and a test replays a history to see that they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.asof import DAY, AsOf, fade
from personalization.recommend.data import Doubles, Floats, Indexes, Items, Mask
from personalization.recommend.forecasts import SHORTEST_DAYS, VISIT_GAP_MINUTES, Rhythm
from personalization.recommend.votes import Votes

HOUR = 3_600.0
SESSION = VISIT_GAP_MINUTES * 60.0
WINDOWS = {"events_1h": HOUR, "events_24h": DAY, "events_7d": 7 * DAY}
INTEREST_DAYS, POPULARITY_DAYS = 14.0, 7.0
# An item with few impressions is taken to do about as well as one in twenty.
PRIOR_SHOWN, PRIOR_CHOSEN = 20.0, 1.0
# One editor's vote alone says a third of what many that agree do.
PRIOR_VOTES = 2.0

RETURNS = ("expected_gap", "overdue")
OF_VISITOR = ("recency", "frequency", "value", "engagement", "session_seconds", "session_events", *WINDOWS, *RETURNS)
OF_PAIR = ("seen", "shown", "tag_affinity", "tag_dwell", "similarity")
OF_ITEM = ("popularity", "click_rate", "tag_demand", "age", "opinion")
CROSSED = {
    "similarity_x_popularity": ("similarity", "popularity"),
    "similarity_x_engagement": ("similarity", "engagement"),
    "recency_x_engagement": ("recency", "engagement"),
    "affinity_x_age": ("tag_affinity", "age"),
}
NUMBERS = (*OF_VISITOR, *OF_PAIR, *OF_ITEM, *CROSSED)
CONTEXT = ("device", "locale", "referrer", "segment")
WORDS = (*CONTEXT, "hour", "weekday", "device_x_hour")
HOURS = tuple(f"{hour:02}" for hour in range(24))
WEEKDAYS = ("thu", "fri", "sat", "sun", "mon", "tue", "wed")


@dataclass(frozen=True, eq=False)
class Log:
    """Events as columns, oldest first.

    Parameters
    ----------
    visitor, item : array of int64, shape (n,)
        Row of each visitor; column of each item, -1 where the event is about none.
    time : array of float64, shape (n,)
        Seconds since the epoch, not decreasing.
    weight : array of float64, shape (n,), optional
        How strong an interaction was; 0 for an impression. All 1 when left out.
    value, dwell : array of float64, shape (n,), optional
        A conversion's amount, and seconds of attention; NaN where there is none.

    Raises
    ------
    ValueError
        If lengths differ or time goes backwards.

    Examples
    --------
    >>> Log([0, 0], [1, -1], [10.0, 20.0]).weight.tolist()
    [1.0, 1.0]
    """

    visitor: Indexes
    item: Indexes
    time: Doubles
    weight: Doubles = field(default_factory=lambda: np.empty(0))
    value: Doubles = field(default_factory=lambda: np.empty(0))
    dwell: Doubles = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        n = len(self.time)
        for name in ("visitor", "item"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        for name, default in (("time", 0.0), ("weight", 1.0), ("value", np.nan), ("dwell", np.nan)):
            column = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, column if len(column) else np.full(n, default))
        if any(len(getattr(self, name)) != n for name in ("visitor", "item", "weight", "value", "dwell")):
            raise ValueError("All columns of a log must have the same length.")
        if (np.diff(self.time) < 0).any():
            raise ValueError("The events of a log must be in order of time.")

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: Mask) -> Log:
        """Return only some of the events."""
        return Log(*(getattr(self, name)[rows] for name in ("visitor", "item", "time", "weight", "value", "dwell")))


@dataclass(frozen=True, eq=False)
class Moments:
    """For whom, what and when features are wanted.

    Parameters
    ----------
    visitor, item : array of int64, shape (m,)
    time : array of float64, shape (m,)
    context : mapping of str to array of str, shape (m,)
        Any of ``device``, ``locale``, ``referrer`` and ``segment``; empty words, and columns left out, are missing
        values.
    """

    visitor: Indexes
    item: Indexes
    time: Doubles
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, eq=False)
class Table:
    """Features of some moments.

    Parameters
    ----------
    numbers : array of float64, shape (m, len(NUMBERS))
        NaN where a value is missing.
    words : array of str, shape (m, len(WORDS))
        "" where a value is missing.
    """

    numbers: Doubles
    words: np.ndarray[Any, np.dtype[np.str_]]

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> Doubles:
        """Return one of the numbers for all moments."""
        return np.asarray(self.numbers[:, NUMBERS.index(name)])

    def take(self, rows: Any) -> Table:
        """Return only some of the moments."""
        return Table(self.numbers[rows], self.words[rows])


@dataclass(frozen=True, eq=False)
class Shelf:
    """What features need to know of the items: vectors of unit length or zeros, tags as 0 and 1, times of publication.

    `votes` are what editors said of them, by column.

    Examples
    --------
    >>> Shelf.of(Items(ids=("a", "b"), tags=(("sea",), ())), ("b", "a")).tags.toarray().tolist()
    [[0.0], [1.0]]
    """

    embeddings: Floats
    tags: csr_array
    published: Doubles
    votes: Votes = field(default_factory=Votes)

    def demand(self, attention: Doubles) -> Doubles:
        """Return the attention that an item's tags get on average, from what every item gets; NaN without tags."""
        return _ratio(self.tags @ (self.tags.T @ attention), np.diff(self.tags.indptr).astype(np.float64))

    @classmethod
    def of(cls, items: Items | None, ids: Sequence[str]) -> Shelf:
        """Bring a catalog into the order of some collaborative ids; what it does not know stays empty."""
        items = items or Items(ids=())
        row: dict[str, int] = {}
        for names in (items.groups, items.ids):
            for index, name in enumerate(names):
                row.setdefault(name, index)
        found = [row.get(name, -1) for name in ids]
        tags = [items.tags[index] if index >= 0 else () for index in found]
        published = [float(items.published[index]) if index >= 0 else np.nan for index in found]
        vectors = items.aligned_to(ids)
        return cls(
            np.zeros((len(ids), 0), np.float32) if vectors is None else vectors,
            _one_hot(tags),
            np.array(published),
            items.votes.moved_to(np.array(found, dtype=np.int64)),
        )


def _one_hot(tags: Sequence[Sequence[str]]) -> csr_array:
    names = {name: number for number, name in enumerate(sorted({tag for own in tags for tag in own}))}
    columns = [names[tag] for own in tags for tag in dict.fromkeys(own)]
    indptr = np.concatenate([[0], np.cumsum([len(set(own)) for own in tags])]).astype(np.int64)
    return csr_array((np.ones(len(columns)), columns, indptr), shape=(len(tags), max(len(names), 1)))


def features(log: Log, moments: Moments, shelf: Shelf) -> Table:
    """Compute every feature of many moments, each from what came strictly before it.

    Parameters
    ----------
    log : Log
        Everything that happened, of all visitors.
    moments : Moments
        For whom, what and when; in any order.
    shelf : Shelf
        What is known of the items.

    Returns
    -------
    Table

    Examples
    --------
    >>> log = Log([0, 0], [0, 1], [0.0, 60.0])
    >>> table = features(log, Moments(np.array([0, 0]), np.array([1, 1]), np.array([60.0, 90.0])), Shelf.of(None, "ab"))
    >>> table.column("session_events").tolist()
    [1.0, 2.0]
    """
    numbers = of_visitor(log, moments, shelf) | of_item(log, moments, shelf) | of_shelf(moments, shelf)
    return table_of(numbers, moments)


def of_visitor(log: Log, moments: Moments, shelf: Shelf) -> dict[str, Doubles]:
    """Return what depends on the visitor's own events alone."""
    acts = log.take(log.weight > 0)
    about = acts.take(acts.item >= 0)
    shown = log.take((log.weight <= 0) & (log.item >= 0))
    n_items = max(len(shelf.published), 1)
    pairs = moments.visitor * n_items + moments.item
    numbers = _habits(acts, moments)
    for name, part in (("seen", about), ("shown", shown)):
        numbers[name] = np.log1p(AsOf(part.visitor * n_items + part.item, part.time).number(pairs, moments.time))
    numbers |= _tag_numbers(about, moments, shelf.tags)
    numbers["similarity"] = _similarity(about, moments, shelf.embeddings)
    return numbers


def _habits(acts: Log, moments: Moments) -> dict[str, Doubles]:
    by_visitor = AsOf(acts.visitor, acts.time)
    start, end = by_visitor.span(moments.visitor, moments.time)
    known = end > start
    last = np.maximum(end - 1, 0)
    times = by_visitor.times if len(acts) else np.zeros(1)
    since = np.where(known, moments.time - times[last], np.nan)
    opens = np.diff(by_visitor.keys, prepend=-1).astype(bool) | (np.diff(by_visitor.times, prepend=-np.inf) > SESSION)
    begin = np.maximum.accumulate(np.where(opens, np.arange(len(opens)), 0)) if len(acts) else np.zeros(1, np.int64)
    going_on = known & (np.nan_to_num(since, nan=np.inf) <= SESSION)
    values = np.nan_to_num(acts.value)
    numbers = {
        "recency": np.log1p(since / DAY),
        "frequency": np.log1p(end - start),
        "value": np.arcsinh(by_visitor.decayed(values, np.inf, moments.visitor, moments.time)),
        "engagement": np.log1p(by_visitor.decayed(acts.weight, INTEREST_DAYS, moments.visitor, moments.time)),
        "session_seconds": np.log1p(np.where(going_on, moments.time - times[begin[last]], 0.0)),
        "session_events": np.where(going_on, end - begin[last], 0).astype(np.float64),
        **_returns(by_visitor, np.flatnonzero(opens), start, end, since),
    }
    for name, seconds in WINDOWS.items():
        numbers[name] = np.log1p(end - by_visitor.span(moments.visitor, moments.time - seconds)[1])
    return numbers


def _returns(by_visitor: AsOf, opens: Indexes, start: Indexes, end: Indexes, since: Doubles) -> dict[str, Doubles]:
    """Return how long a visitor stays away as a rule, and how much of such a time is over.

    The rule is the forecast of `forecasts` by the mean, held to a week by how few the intervals are: what it would be
    held to by the population would have to be known for every past moment.
    """
    is_return = np.diff(by_visitor.keys[opens]) == 0
    days = np.maximum(np.diff(by_visitor.times[opens])[is_return] / DAY, SHORTEST_DAYS)
    returns = np.zeros((2, len(by_visitor.times) + 1))
    returns[:, opens[1:][is_return] + 1] = np.log(days), np.ones(len(days))
    so_far = np.cumsum(returns, axis=1)
    total, number = so_far[:, end] - so_far[:, start]
    expected = Rhythm().level(_ratio(total, number), number)
    return {"expected_gap": expected, "overdue": np.log1p(since / DAY / np.exp(expected))}


def _tag_numbers(about: Log, moments: Moments, tags: csr_array) -> dict[str, Doubles]:
    """Return the share of a visitor's attention that went to an item's tags, and how long it stays with them."""
    dwelt = np.where(np.isnan(about.dwell), 0.0, about.weight)
    seconds = dwelt * np.nan_to_num(about.dwell)
    read, stayed, long = _of_tags(about, moments, tags, INTEREST_DAYS, about.weight, dwelt, seconds)
    everything = AsOf(about.visitor, about.time).decayed(about.weight, INTEREST_DAYS, moments.visitor, moments.time)
    return {
        "tag_affinity": _ratio(read, everything * np.diff(tags.indptr)[moments.item]),
        "tag_dwell": np.log1p(_ratio(long, stayed)),
    }


def _of_tags(about: Log, moments: Moments, tags: csr_array, half_life_days: float, *amounts: Doubles) -> list[Doubles]:
    """Return for each kind of amount what an item's tags have got of it from the visitor, all of its tags together."""
    n_tags, sizes = tags.shape[1], np.diff(tags.indptr)
    rows = np.repeat(np.arange(len(moments)), sizes[moments.item])
    keys = moments.visitor[rows] * n_tags + _indices_of(tags, moments.item)
    events = np.repeat(np.arange(len(about)), sizes[about.item])
    by_tag = AsOf(about.visitor[events] * n_tags + _indices_of(tags, about.item), about.time[events])
    found = (by_tag.decayed(amount[events], half_life_days, keys, moments.time[rows]) for amount in amounts)
    return [np.bincount(rows, weights=left, minlength=len(moments)).astype(np.float64) for left in found]


def _indices_of(tags: csr_array, items: Indexes) -> Indexes:
    return np.asarray(tags[items].indices, dtype=np.int64) if len(items) else np.empty(0, dtype=np.int64)


def _ratio(above: Doubles, below: Doubles) -> Doubles:
    ratio: Doubles = np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
    return ratio


def _similarity(about: Log, moments: Moments, embeddings: Floats) -> Doubles:
    """Return the cosine of each item's vector and the visitor's interest, a recency-weighted mean of what was read."""
    found = np.full(len(moments), np.nan)
    if not embeddings.shape[1] or not len(moments):
        return found
    read = AsOf(about.visitor, about.time)
    weights, items = about.weight[read.order], about.item[read.order]
    start, end = read.span(moments.visitor, moments.time)
    order = np.argsort(moments.visitor, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(moments.visitor[order])) + 1):
        own = slice(int(start[rows[0]]), int(end[rows].max()))
        times, which = np.unique(moments.time[rows], return_inverse=True)
        ages = times[:, None] - read.times[own]
        shares = np.where(ages > 0, fade(weights[own], ages, INTEREST_DAYS), 0.0)
        interest = shares @ embeddings[items[own]].astype(np.float64)
        found[rows] = _cosines(interest, which, embeddings[moments.item[rows]])
    return found


def _cosines(interest: Doubles, which: Indexes, vectors: Floats) -> Doubles:
    lengths = np.linalg.norm(interest, axis=1)
    if len(interest) == 1:
        products = np.einsum("ij,j->i", vectors, interest[0])
    else:
        products = np.einsum("ij,ij->i", vectors, interest[which])
    present = vectors.any(axis=1) & (lengths[which] > 1e-9)
    cosines: Doubles = np.divide(products, lengths[which], out=np.full(len(vectors), np.nan), where=present)
    return cosines


def of_item(log: Log, moments: Moments, shelf: Shelf) -> dict[str, Doubles]:
    """Return what depends on what everybody did with the item."""
    about = log.take((log.weight > 0) & (log.item >= 0))
    shown = log.take((log.weight <= 0) & (log.item >= 0))
    by_item = AsOf(about.item, about.time)
    # Everybody as if they were one visitor.
    all_log = replace(about, visitor=np.zeros_like(about.visitor))
    all_moments = replace(moments, visitor=np.zeros_like(moments.visitor))
    (read,) = _of_tags(all_log, all_moments, shelf.tags, POPULARITY_DAYS, about.weight)
    total = AsOf(all_log.visitor, about.time)
    return item_numbers(
        by_item.decayed(about.weight, POPULARITY_DAYS, moments.item, moments.time),
        total.decayed(about.weight, POPULARITY_DAYS, all_moments.visitor, moments.time),
        _ratio(read, np.diff(shelf.tags.indptr)[moments.item].astype(np.float64)),
        by_item.number(moments.item, moments.time),
        AsOf(shown.item, shown.time).number(moments.item, moments.time),
        len(shelf.published),
    )


def item_numbers(
    attention: Doubles, total: Doubles, of_tags: Doubles, chosen: Doubles, shown: Doubles, n_items: int
) -> dict[str, Doubles]:
    total = np.broadcast_to(total, attention.shape)
    return {
        # As a multiple of the average item's, so that a busier site makes no item more popular.
        "popularity": np.log1p(_ratio(attention * n_items, total)),
        "tag_demand": _ratio(of_tags, total),
        "click_rate": np.where(shown > 0, np.log((chosen + PRIOR_CHOSEN) / (shown + PRIOR_SHOWN)), np.nan),
    }


def of_shelf(moments: Moments, shelf: Shelf) -> dict[str, Doubles]:
    """Return what depends on the item alone and on no visitor's events.

    ``opinion = (votes for - votes against) / (votes + PRIOR_VOTES)``, of the votes before the moment: from -1 to 1, and
    0 where nobody has voted.
    """
    votes = shelf.votes
    so_far = AsOf(votes.item, votes.time)
    net = so_far.decayed(votes.sign, np.inf, moments.item, moments.time)
    return {
        "age": np.log1p(np.maximum(moments.time - shelf.published[moments.item], 0.0) / DAY),
        "opinion": net / (so_far.number(moments.item, moments.time) + PRIOR_VOTES),
    }


def table_of(numbers: Mapping[str, Doubles], moments: Moments) -> Table:
    crossed = {name: numbers[first] * numbers[second] for name, (first, second) in CROSSED.items()}
    merged = {**numbers, **crossed}
    columns = np.column_stack([merged[name] for name in NUMBERS])
    return Table(columns, _words(moments))


def _words(moments: Moments) -> np.ndarray[Any, np.dtype[np.str_]]:
    given = {name: np.asarray(moments.context.get(name, [""] * len(moments)), dtype=np.str_) for name in CONTEXT}
    hours = (moments.time // HOUR).astype(np.int64)
    hour = np.asarray(HOURS)[hours % 24]
    weekday = np.asarray(WEEKDAYS)[hours // 24 % 7]
    both = np.where(given["device"] == "", "", np.char.add(np.char.add(given["device"], "@"), hour))
    return np.column_stack([*given.values(), hour, weekday, both])
