"""What the promoted version makes of a week's visitors, and whether they chose what it ranks high."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import numpy as np
from scipy.special import expit

from personalization import conf
from personalization.catalog import snapshot
from personalization.events.models import Event
from personalization.monitoring.observation import ASKED_AT_ONCE, CHUNK, Observation, Read
from personalization.recommend.data import Floats, History
from personalization.recommend.online import Calibration, RankCalibration, calibration, rank_calibration
from personalization.recommend.scorers.base import Scorer
from personalization.visitors.profiles import weight_of

MOST_SCORED = 1_000
AT_ONCE = 100
PLACES = 10

T = TypeVar("T")
# A visitor's scores as they could have been when something was shown, the item's column, and whether it was chosen.
Showing = tuple[Floats, int, bool]


def score_visitors(seen: Observation, scorer: Scorer) -> None:
    """Add the distribution of what visitors' best items score to an observation."""
    columns = {name: column for column, name in enumerate(scorer.item_ids)}
    histories = [_history(visit.reads, columns) for visit in seen.visits if visit.reads][:MOST_SCORED]
    places = min(PLACES, len(columns))
    for some in _blocks(histories):
        best = np.sort(scorer.score(some), axis=1)[:, -places:]
        seen.numbers["top_scores"] += best.mean(axis=1).tolist()
        seen.numbers["score_spread"] += (best[:, -1] - best[:, 0]).tolist()


def recall(seen: Observation, *, until: datetime) -> Mapping[str, list[Read]]:
    """What those to whom something was shown had read before the week, oldest first: slots went by that, too."""
    catalog, since = snapshot.current(), until - timedelta(days=conf.get().training_window_days)
    keys = [visit.key for visit in seen.visits if visit.shown][:MOST_SCORED]
    earlier: dict[str, list[Read]] = defaultdict(list)
    events = Event.objects.believed().filter(for_personalization=True, occurred_at__gte=since, occurred_at__lt=until)
    facts = events.order_by("occurred_at", "pk").values_list(
        "visitor_key", "kind", "item_key", "duration_ms", "occurred_at"
    )
    for start in range(0, len(keys), ASKED_AT_ONCE):
        asked = facts.filter(visitor_key__in=keys[start : start + ASKED_AT_ONCE])
        for key, kind, item_key, duration_ms, at in asked.iterator(chunk_size=CHUNK):
            row, weight = catalog.row_of.get(item_key), weight_of(kind, duration_ms)
            if row is not None and weight > 0:
                earlier[key].append(Read(catalog.items.groups[row], weight, at.timestamp()))
    return earlier


def judge_ranking(seen: Observation, earlier: Mapping[str, list[Read]], scorer: Scorer) -> RankCalibration:
    """Set what visitors clicked, of what they were shown, against how this scorer ranks it for them.

    A visitor is scored by what was read before anything was shown: clicks must not explain themselves.
    """
    showings = _showings(seen, earlier, scorer)
    pairs = [(float((row < row[column]).mean()), clicked) for row, column, clicked in showings]
    ranks, chosen = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return rank_calibration(ranks, chosen)


def judge_probabilities(seen: Observation, earlier: Mapping[str, list[Read]], scorer: Scorer) -> Calibration:
    """Set what visitors clicked against the probabilities of a scorer whose scores are log-odds of a click."""
    pairs = [(row[column], clicked) for row, column, clicked in _showings(seen, earlier, scorer)]
    log_odds, chosen = np.array(pairs, dtype=np.float64).reshape(-1, 2).T
    return calibration(expit(log_odds), chosen)


def _showings(seen: Observation, earlier: Mapping[str, list[Read]], scorer: Scorer) -> Iterator[Showing]:
    columns = {name: column for column, name in enumerate(scorer.item_ids)}
    visits = [visit for visit in seen.visits if visit.shown][:MOST_SCORED]
    for some in _blocks(visits):
        known = [([*earlier.get(visit.key, ()), *visit.reads[: visit.known]], visit.shown_at) for visit in some]
        scores = scorer.score([_history(reads, columns, now) for reads, now in known])
        for visit, row in zip(some, scores, strict=True):
            for group, clicked in visit.shown.items():
                if group in columns:
                    yield row, columns[group], clicked


def _history(reads: Sequence[Read], columns: dict[str, int], now: float | None = None) -> History:
    """What a visitor has read, each item once with its summed weight and latest time."""
    weights: dict[int, float] = {}
    times: dict[int, float] = {}
    for group, weight, at in reads:
        if group in columns:
            weights[columns[group]] = weights.get(columns[group], 0.0) + weight
            times[columns[group]] = at
    order = sorted(times, key=lambda column: times[column])
    return History(items=order, weights=[weights[c] for c in order], timestamps=[times[c] for c in order], now=now)


def _blocks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
