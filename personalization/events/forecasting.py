"""When visitors are expected back, and how much of each tag will be read: made every night from events."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone

from personalization import conf
from personalization.catalog import snapshot
from personalization.events.models import Event, Kind, TagForecast
from personalization.recommend.data import Doubles
from personalization.recommend.forecasts import (
    FEWEST_DAYS,
    Return,
    Rhythm,
    backtest_demand,
    backtest_returns,
    forecast_demand,
    forecast_return,
    return_state,
    visit_intervals,
)
from personalization.visitors.models import Profile
from personalization.visitors.services import store_returns

DAYS = ("low", "typical", "high")
AT_ONCE = 400
MOST_TESTED = 300
HISTORY_DAYS = 84
AHEAD_DAYS = 14
MOST_TAGS = 50
MOST_TAGS_TESTED = 10
READ = (Kind.VIEW, Kind.CLICK, Kind.CONVERSION)

Figures = dict[str, dict[str, float]]
Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Returns:
    """What came of a forecast of visits: how many visitors, their states, and how earlier forecasts would have done."""

    visitors: int
    states: dict[str, int]
    figures: Figures


@dataclass(frozen=True)
class TagDemand:
    """What came of a forecast of tags: how many, and how earlier forecasts would have done."""

    tags: int
    figures: Figures


def _nothing(done: int, total: int) -> None:
    return None


@dataclass(frozen=True)
class Past:
    """For one goal: when each visitor reached it last, after which intervals before, and how everybody does."""

    last: dict[str, float]
    intervals: dict[str, Doubles]
    rhythm: Rhythm

    @classmethod
    def of(cls, times: dict[str, list[float]]) -> "Past":
        intervals = {key: visit_intervals(seen) for key, seen in times.items()}
        return cls({key: max(seen) for key, seen in times.items()}, intervals, Rhythm.of([*intervals.values()]))

    def expected(self, key: str) -> dict[str, float] | None:
        """When the visitor is expected again; None for who has not come back yet."""
        told = forecast_return(self.intervals.get(key, np.empty(0)), self.rhythm)
        if told is None:
            return None
        return {name: round(getattr(told, name), 2) for name in DAYS} | {"last": round(self.last[key], 3)}


def forecast_visits(*, tell: Tell = _nothing) -> Returns:
    """Forecast the next visit and conversion of everybody who allows personalization, and keep them in the profiles."""
    now = timezone.now()
    consenting = Profile.objects.filter(visitor__consent__personalization=True)
    keys = list(consenting.order_by("pk").values_list("visitor__key", flat=True))
    pasts = {goal: Past.of(times) for goal, times in _read_times(keys, now).items()}
    states: Counter[str] = Counter()
    for start in range(0, len(keys), AT_ONCE):
        returns = {key: _expected(key, pasts) for key in keys[start : start + AT_ONCE]}
        states.update(_state(told.get("visit"), now) for told in returns.values())
        store_returns(returns=returns)
        tell(start + len(returns), len(keys))
    tested = [days for days in pasts["visit"].intervals.values() if len(days) > 1][:MOST_TESTED]
    return Returns(len(keys), dict(states), backtest_returns(tested) if tested else {})


def forecast_tags(*, tell: Tell = _nothing) -> TagDemand:
    """Forecast two weeks of reading for the tags read most, replacing yesterday's forecasts."""
    today = timezone.localdate()
    series = _daily_counts(today)
    rows = []
    for tag, counts in series.items():
        rows.append(_tag_forecast(tag, counts, today))
        tell(len(rows), len(series))
    with transaction.atomic():
        TagForecast.objects.all().delete()
        TagForecast.objects.bulk_create(rows)
    return TagDemand(len(rows), _test_demand(series))


def _read_times(keys: Sequence[str], now: datetime) -> dict[str, dict[str, list[float]]]:
    """For each goal when each visitor reached it, within the training window."""
    times: dict[str, dict[str, list[float]]] = {"visit": defaultdict(list), "conversion": defaultdict(list)}
    since = now - timedelta(days=conf.get().training_window_days)
    events = Event.objects.filter(for_personalization=True, verdict="", occurred_at__gte=since, occurred_at__lte=now)
    for start in range(0, len(keys), AT_ONCE):
        facts = events.filter(visitor_key__in=keys[start : start + AT_ONCE])
        for key, kind, at in facts.values_list("visitor_key", "kind", "occurred_at").iterator():
            times["visit"][key].append(at.timestamp())
            if kind == Kind.CONVERSION:
                times["conversion"][key].append(at.timestamp())
    return times


def _expected(key: str, pasts: dict[str, Past]) -> dict[str, dict[str, float]]:
    told = {goal: past.expected(key) for goal, past in pasts.items()}
    return {goal: expected for goal, expected in told.items() if expected is not None}


def _state(told: dict[str, float] | None, now: datetime) -> str:
    if told is None:
        return return_state(None, None)
    return return_state(Return(*(told[name] for name in DAYS)), (now.timestamp() - told["last"]) / conf.DAY)


def _daily_counts(today: date) -> dict[str, Doubles]:
    """How often each of the most read tags was read on each whole day, the oldest first."""
    first = today - timedelta(days=HISTORY_DAYS)
    begin, end = (timezone.make_aware(datetime.combine(day, datetime.min.time())) for day in (first, today))
    events = Event.objects.filter(
        for_analytics=True, verdict="", kind__in=READ, occurred_at__gte=begin, occurred_at__lt=end
    )
    by_day = events.values_list(TruncDate("occurred_at"), "item_key").annotate(number=Count("pk")).order_by()
    catalog = snapshot.current()
    series: dict[str, Doubles] = defaultdict(lambda: np.zeros(HISTORY_DAYS))
    for day, item_key, number in by_day.iterator():
        row = catalog.row_of.get(item_key)
        for tag in () if row is None else catalog.items.tags[row]:
            series[tag][(day - first).days] += number
    return {tag: series[tag] for tag in sorted(series, key=lambda tag: (-series[tag].sum(), tag))[:MOST_TAGS]}


def _tag_forecast(tag: str, counts: Doubles, today: date) -> TagForecast:
    # What lies before the first reading says nothing about the tag: it, or the site, was not there yet.
    known = counts[np.flatnonzero(counts)[0] :]
    demand = forecast_demand(known, AHEAD_DAYS)
    return TagForecast(
        tag=tag,
        today=today,
        history=counts.tolist(),
        **{name: np.round(getattr(demand, name), 2).tolist() for name in ("mean", "low", "high")},
        method=demand.method,
        lately=float(counts[-AHEAD_DAYS:].sum()),
        expected=round(float(demand.mean.sum()), 1),
    )


def _test_demand(series: dict[str, Doubles]) -> Figures:
    """By the tags read most: a backtest makes each forecast several times."""
    known = {tag: counts[np.flatnonzero(counts)[0] :] for tag, counts in [*series.items()][:MOST_TAGS_TESTED]}
    long_enough = {tag: counts for tag, counts in known.items() if len(counts) >= FEWEST_DAYS + AHEAD_DAYS}
    return backtest_demand(long_enough) if long_enough else {}
