"""Which events to believe before anything is learned from them: rules of one table, vectorised, with a count for each.

Two sorts of rules are told apart. *Impossible* rows (missing, out of range, from the future, from before the item
existed) speak of a broken pipeline: when most rows are impossible, nothing of the batch can be believed. *Implausible*
rows (repeats, outliers, robots, bursts) speak of whoever sent them: they are set aside however many they are, for
otherwise anybody with a script could keep a site from learning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from personalization.recommend.data import Doubles, Indexes, Mask

if TYPE_CHECKING:
    from pandas import DataFrame, Series

HOUR, DAY = 3_600, 86_400
IMPOSSIBLE = ("missing", "range", "future", "unpublished")
IMPLAUSIBLE = ("outlier", "duplicate", "robot", "burst")
RULES = (*IMPOSSIBLE, *IMPLAUSIBLE)
REQUIRED = ("visitor", "item", "kind", "time")
HOURS_BEFORE = 168


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is still believed.

    Parameters
    ----------
    broken_share : float
        Share of impossible rows above which the batch is broken.
    largest_value : float
        Largest amount of a value, either way.
    longest_dwell : float
        Seconds that somebody may dwell on a page; beyond it a tab was left open.
    early : float
        Seconds before its publication at which an item may have been seen (previews, clocks).
    events_per_hour : int
        Most events of one visitor in an hour, impressions aside. (The busiest of 1,553 raters of MovieLens made 596.)
    silent_readings : int
        Most views and clicks of one visitor in a day without any dwelling or scrolling, on sites that tell these.
    steady_events, steadiness : int, float
        Somebody with at least so many events in a day whose gaps vary less than this (standard deviation over mean) is
        a clock. (The steadiest rater of MovieLens has 0.10.)
    burst_factor, burst_floor : float
        An item's events of one address range, or of one hour, are a burst when they exceed
        ``factor * (expected + floor)``.
    one_time_share : float
        An hour's rush on an item is a burst only if at least this share of its visitors did nothing else, ever.
    """

    broken_share: float = 0.5
    largest_value: float = 1e12
    longest_dwell: float = 6 * HOUR
    early: float = DAY
    events_per_hour: int = 720
    silent_readings: int = 50
    steady_events: int = 30
    steadiness: float = 0.05
    burst_factor: float = 10.0
    burst_floor: float = 10.0
    one_time_share: float = 0.8


class BrokenFrameError(ValueError):
    """A whole batch that cannot be believed; the message says why."""


@dataclass(frozen=True)
class CheckReport:
    """How many rows were looked at, and how many each rule found bad."""

    rows: int
    found: Mapping[str, int] = field(default_factory=dict)

    @property
    def quarantined(self) -> int:
        """Rows found bad by any rule."""
        return sum(self.found.values())

    @property
    def kept(self) -> int:
        """Rows that may be learned from."""
        return self.rows - self.quarantined

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, for a version's record."""
        return {"rows": self.rows, "kept": self.kept, "found": {rule: n for rule, n in self.found.items() if n}}


@dataclass(frozen=True, eq=False)
class Checked:
    """The rows to learn from, those set aside with the ``rule`` they broke, and the counts."""

    kept: DataFrame
    quarantined: DataFrame
    report: CheckReport


def validate(frame: DataFrame, *, now: float, limits: Limits | None = None) -> Checked:
    """Part the rows of a log into those to learn from and those to set aside.

    Parameters
    ----------
    frame : DataFrame
        One row for each event. Columns ``visitor``, ``item`` (empty where the event is about none), ``kind`` (texts or
        categories) and ``time`` (float, seconds since the epoch). Optional: ``duration`` (float seconds), ``value``
        (float), ``published`` (float, when the item appeared; NaN where that is unknown or nobody's business),
        ``network`` (text naming the address range, empty when unknown), ``trusted`` (bool; such rows are never found
        implausible).
    now : float
        Seconds since the epoch.
    limits : Limits, optional
        What is still believed.

    Returns
    -------
    Checked
        `kept` and `quarantined` have the rows of `frame` in their order; a row is set aside by the first rule it
        breaks.

    Raises
    ------
    BrokenFrameError
        If a column is missing or of a wrong type, or more than ``broken_share`` of the rows are impossible.

    Notes
    -----
    *Bursts by address range.* Of an item's events on a day, ``c`` came from one range, the others' ``o`` did not. On
    all other items that day the range made ``a`` events, others ``b``. So ``o * a / b`` were to be expected. Where on
    most other days one range makes at least half of the traffic, as on an intranet, this rule judges nobody.

    *Bursts by hour.* The expected number is the 90th percentile of the item's hourly counts in the week before, and
    only visitors of whom this is the only event are set aside: a story that travels brings readers, who leave more.

    The cost is a few sorts: a few seconds for a million rows.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("ann", "x", "view", 10.0), ("ann", "x", "view", 10.0), ("bob", "y", "view", 99.0)]
    >>> checked = validate(pd.DataFrame(rows, columns=["visitor", "item", "kind", "time"]), now=50.0)
    >>> checked.quarantined[["visitor", "rule"]].values.tolist()
    [['ann', 'duplicate'], ['bob', 'future']]
    """
    limits = limits or Limits()
    frame = frame.reset_index(drop=True)
    rule = np.full(len(frame), -1, dtype=np.int64)
    _enter(rule, _check_schema(frame, limits))
    _enter(rule, _impossible_times(frame, now, limits))
    broken = int((rule >= 0).sum())
    if broken > limits.broken_share * max(len(frame), 1):
        worst = RULES[np.bincount(rule[rule >= 0]).argmax()]
        raise BrokenFrameError(f"{broken} of {len(frame)} rows are impossible, most of them as {worst!r}.")
    believed = np.flatnonzero(rule < 0)
    implausible = _implausible(_Columns.of(frame, believed), limits)
    trusted = frame["trusted"].to_numpy(dtype=np.bool_)[believed] if "trusted" in frame else np.False_
    for name, mask in implausible.items():
        rule[believed[mask & ~trusted & (rule[believed] < 0)]] = RULES.index(name)
    return _part(frame, rule)


def _enter(rule: Indexes, found: Mapping[str, Mask]) -> None:
    for name, mask in found.items():
        rule[mask & (rule < 0)] = RULES.index(name)


def _part(frame: DataFrame, rule: Indexes) -> Checked:
    bad = rule >= 0
    counts = np.bincount(rule[bad], minlength=len(RULES)).tolist()
    quarantined = frame[bad].assign(rule=np.asarray(RULES)[rule[bad]])
    return Checked(frame[~bad], quarantined, CheckReport(len(frame), dict(zip(RULES, counts, strict=True))))


def _check_schema(frame: DataFrame, limits: Limits) -> dict[str, Mask]:
    """Let pandera judge columns, types, gaps and ranges; return the rows at fault."""
    import pandera.pandas as pa

    within = pa.Check.in_range(-limits.largest_value, limits.largest_value)
    not_negative = pa.Check.in_range(0, limits.largest_value)
    columns = {name: pa.Column(nullable=False) for name in ("visitor", "item", "kind")}
    columns |= {
        "time": pa.Column(float, not_negative, nullable=False),
        "duration": pa.Column(float, not_negative, nullable=True, required=False),
        "value": pa.Column(float, within, nullable=True, required=False),
        "published": pa.Column(float, nullable=True, required=False),
        "network": pa.Column(nullable=False, required=False),
        "trusted": pa.Column(bool, required=False),
    }
    masks = {name: np.zeros(len(frame), dtype=np.bool_) for name in ("missing", "range")}
    if "visitor" in frame:
        masks["missing"] |= (frame["visitor"] == "").to_numpy(dtype=np.bool_, na_value=False)
    try:
        pa.DataFrameSchema(columns).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
        whole = cases[cases["index"].isna()]
        if len(whole):
            said = {str(case) for case in whole["failure_case"]}
            raise BrokenFrameError(f"The batch has not the expected columns: {', '.join(sorted(said))}.") from None
        is_gap = cases["check"] == "not_nullable"
        for name, part in (("missing", cases[is_gap]), ("range", cases[~is_gap])):
            masks[name][part["index"].to_numpy(dtype=np.int64)] = True
    return masks


def _impossible_times(frame: DataFrame, now: float, limits: Limits) -> dict[str, Mask]:
    times = frame["time"].to_numpy(dtype=np.float64)
    found = {"future": times > now}
    if "published" in frame:
        found["unpublished"] = times < frame["published"].to_numpy(dtype=np.float64) - limits.early
    return found


@dataclass(frozen=True, eq=False)
class _Columns:
    """The rows that are possible, as numbers."""

    visitor: Indexes
    item: Indexes
    network: Indexes
    time: Doubles
    duration: Doubles
    kind: Indexes
    kinds: tuple[str, ...]

    @classmethod
    def of(cls, frame: DataFrame, rows: Indexes) -> _Columns:
        part = frame.iloc[rows]
        kind, kinds = _codes(part["kind"])
        absent = np.full(len(part), np.nan)
        return cls(
            visitor=_codes(part["visitor"])[0],
            item=_codes(part["item"], unknown="")[0],
            network=_codes(part["network"], unknown="")[0] if "network" in part else np.full(len(part), -1),
            time=part["time"].to_numpy(dtype=np.float64),
            duration=part["duration"].to_numpy(dtype=np.float64) if "duration" in part else absent,
            kind=kind,
            kinds=kinds,
        )

    def is_kind(self, *names: str) -> Mask:
        return np.isin(self.kind, [number for number, name in enumerate(self.kinds) if name in names])


def _codes(column: Series, unknown: str | None = None) -> tuple[Indexes, tuple[str, ...]]:
    """Number the words of a column; the unknown word is -1."""
    import pandas as pd

    codes, words = pd.factorize(column.astype(object) if column.dtype != "category" else column)
    numbers = np.asarray(codes, dtype=np.int64)
    named = tuple(str(word) for word in words)
    if unknown in named:
        numbers[numbers == named.index(str(unknown))] = -1
    return numbers, named


def _implausible(columns: _Columns, limits: Limits) -> dict[str, Mask]:
    shown = columns.is_kind("impression")
    return {
        "outlier": columns.duration > limits.longest_dwell,
        "duplicate": _repeats(columns),
        "robot": _too_fast(columns, ~shown, limits) | _silent(columns, limits) | _steady(columns, ~shown, limits),
        "burst": _rush_of_range(columns, shown, limits) | _rush_of_hour(columns, shown, limits),
    }


def _groups(*keys: Indexes) -> tuple[Indexes, Indexes]:
    """Return the number of each row's group of equal keys, and the groups' sizes."""
    import pandas as pd

    joint = np.zeros(len(keys[0]), dtype=np.int64)
    for key in keys if len(joint) else ():
        lowest = key.min()
        # Hashing takes a fraction of the time of sorting.
        joint = pd.factorize(joint * (key.max() - lowest + 1) + key - lowest)[0].astype(np.int64)
    return joint, np.bincount(joint)


def _units(columns: _Columns, seconds: int) -> Indexes:
    return (columns.time // seconds).astype(np.int64)


def _repeats(columns: _Columns) -> Mask:
    """Everything but the first row of each visitor, item, kind and moment."""
    import pandas as pd

    moments = pd.factorize(columns.time)[0].astype(np.int64)
    group, sizes = _groups(columns.visitor, columns.item, columns.kind, moments)
    order = np.argsort(group, kind="stable")
    repeated = np.ones(len(group), dtype=np.bool_)
    repeated[order[np.cumsum(sizes) - sizes]] = False
    return repeated


def _too_fast(columns: _Columns, acts: Mask, limits: Limits) -> Mask:
    """The whole day of a visitor who in one of its hours did more than a person can."""
    hour, _ = _groups(columns.visitor, _units(columns, HOUR))
    counts = np.bincount(hour[acts], minlength=hour.max(initial=-1) + 1)
    return _whole_days(columns, counts[hour] > limits.events_per_hour)


def _whole_days(columns: _Columns, rows: Mask) -> Mask:
    day, sizes = _groups(columns.visitor, _units(columns, DAY))
    found = np.zeros(len(sizes), dtype=np.bool_)
    found[day[rows]] = True
    return found[day]


def _silent(columns: _Columns, limits: Limits) -> Mask:
    """Days full of reading on which nothing was dwelt on, where most who read as much do dwell."""
    day, sizes = _groups(columns.visitor, _units(columns, DAY))
    readings = np.bincount(day[columns.is_kind("view", "click")], minlength=len(sizes))
    dwells = np.bincount(day[columns.is_kind("dwell", "scroll")], minlength=len(sizes)) > 0
    readers = readings >= 5
    tells = readers.any() and dwells[readers].mean() >= 0.5
    silent = (readings > limits.silent_readings) & ~dwells
    return silent[day] & tells


def _steady(columns: _Columns, acts: Mask, limits: Limits) -> Mask:
    """Days on which a visitor's events follow one another like a clock's ticks."""
    day, sizes = _groups(columns.visitor, _units(columns, DAY))
    rows = np.flatnonzero(acts)
    rows = rows[np.lexsort((columns.time[rows], day[rows]))]
    gaps, same = np.diff(columns.time[rows]), np.diff(day[rows]) == 0
    owner = day[rows][1:][same]
    number = np.bincount(owner, minlength=len(sizes))
    mean = _mean(owner, gaps[same], number)
    spread = np.sqrt(_mean(owner, (gaps[same] - mean[owner]) ** 2, number))
    steady = (number + 1 >= limits.steady_events) & (mean > 0) & (spread < limits.steadiness * mean)
    return steady[day]


def _mean(owner: Indexes, amounts: Doubles, number: Indexes) -> Doubles:
    return np.bincount(owner, weights=amounts, minlength=len(number)) / np.maximum(number, 1)


def _rush_of_range(columns: _Columns, shown: Mask, limits: Limits) -> Mask:
    """An item's events from one address range on a day, far above what the range's other traffic makes expect."""
    known = (columns.item >= 0) & (columns.network >= 0)
    sort, days = shown[known].astype(np.int64), _units(columns, DAY)[known]
    item, network = columns.item[known], columns.network[known]
    group, here = _groups(network, item, days, sort)
    first = np.unique(group, return_index=True)[1]
    of_item, of_range, of_day = (
        _groups(*keys)[0][first] for keys in ((item, days, sort), (network, days, sort), (days, sort))
    )
    others_here = _sums(of_item, here) - here
    # On no item a range counts for more than all others do, so that scripts cannot vouch for one another.
    believable = np.minimum(here, others_here)
    elsewhere = _sums(of_range, believable) - believable
    others_elsewhere = _sums(of_day, here) - _sums(of_range, here) - others_here
    expected = others_here * elsewhere / np.maximum(others_elsewhere, 1)
    burst = here > limits.burst_factor * (expected + limits.burst_floor)
    found = np.zeros(len(columns.time), dtype=np.bool_)
    found[known] = (burst & ~_is_audience(of_range, of_day, here))[group]
    return found


def _sums(owner: Indexes, amounts: Indexes) -> Doubles:
    """Return for each entry the sum of the amounts of all entries of the same owner."""
    totals: Doubles = np.bincount(owner, weights=amounts).astype(np.float64)
    return totals[owner]


def _is_audience(of_range: Indexes, of_day: Indexes, here: Indexes) -> Mask:
    """Return which entries are of a site, such as an intranet, whose traffic on most other days has one origin."""
    of_ranges, of_days = np.bincount(of_range, weights=here), np.bincount(of_day, weights=here)
    largest = np.zeros(len(of_days))
    np.maximum.at(largest, of_day, of_ranges[of_range])
    concentrated = largest >= 0.5 * of_days
    others = np.maximum(len(of_days) - 1, 1)
    is_audience: Mask = (concentrated.sum() - concentrated > 0.5 * others)[of_day]
    return is_audience


def _rush_of_hour(columns: _Columns, shown: Mask, limits: Limits) -> Mask:
    """Visitors who did nothing but this, in an hour far above the item's own past, when most of the hour's are such."""
    known = np.flatnonzero(columns.item >= 0)
    hours = _units(columns, HOUR)[known]
    group, sizes = _groups(columns.item[known], shown[known].astype(np.int64), hours)
    first = np.unique(group, return_index=True)[1]
    one_time = (np.bincount(columns.visitor)[columns.visitor] == 1)[known]
    share = np.bincount(group[one_time], minlength=len(sizes)) / np.maximum(sizes, 1)
    busy = (sizes > limits.burst_factor * limits.burst_floor) & (share >= limits.one_time_share)
    of_item, _ = _groups(columns.item[known][first], shown[known][first].astype(np.int64))
    burst = np.zeros(len(sizes), dtype=np.bool_)
    for number in np.flatnonzero(busy).tolist():
        ages = hours[first][number] - hours[first]
        before = (of_item == of_item[number]) & (ages > 0) & (ages <= HOURS_BEFORE)
        usual = np.quantile(np.append(sizes[before], np.zeros(HOURS_BEFORE - before.sum())), 0.9)
        burst[number] = sizes[number] > limits.burst_factor * (usual + limits.burst_floor)
    found = np.zeros(len(columns.time), dtype=np.bool_)
    found[known[burst[group] & one_time]] = True
    return found
