"""What the promoted version makes of a week's visitors, and whether they chose what it ranks high."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from scipy.special import expit

from personalization.monitoring.observation import Observation, Visit
from personalization.recommend.data import Floats, History
from personalization.recommend.metrics import expected_calibration_error
from personalization.recommend.online import RankCalibration, rank_calibration
from personalization.recommend.scorers.base import Scorer

MOST_SCORED = 1_000
AT_ONCE = 100
PLACES = 10

T = TypeVar("T")


def score_visitors(seen: Observation, scorer: Scorer) -> None:
    """Add the distribution of what visitors' best items score to an observation."""
    columns = {name: column for column, name in enumerate(scorer.item_ids)}
    histories = [_history(visit, columns, len(visit.groups)) for visit in seen.visits if visit.groups][:MOST_SCORED]
    places = min(PLACES, len(columns))
    for some in _blocks(histories):
        best = np.sort(scorer.score(some), axis=1)[:, -places:]
        seen.numbers["top_scores"] += best.mean(axis=1).tolist()
        seen.numbers["score_spread"] += (best[:, -1] - best[:, 0]).tolist()


def judge_ranking(seen: Observation, scorer: Scorer) -> RankCalibration:
    """Set what visitors clicked, of what they were shown, against how this scorer ranks it for them.

    A visitor is scored by what was read before anything was shown: clicks must not explain themselves.
    """
    ranks, chosen = [], []
    for row, column, clicked in _shown(seen, scorer):
        ranks.append(float((row < row[column]).mean()))
        chosen.append(clicked)
    return rank_calibration(ranks, np.asarray(chosen, dtype=np.bool_))


def judge_probabilities(seen: Observation, scorer: Scorer) -> tuple[float, int]:
    """The calibration error of a scorer whose scores are log-odds of a click, and over how many showings."""
    pairs = [(row[column], clicked) for row, column, clicked in _shown(seen, scorer)]
    if not pairs:
        return 0.0, 0
    log_odds, chosen = np.asarray(pairs, dtype=np.float64).T
    return expected_calibration_error(expit(log_odds), chosen), len(pairs)


def _shown(seen: Observation, scorer: Scorer) -> Iterator[tuple[Floats, int, bool]]:
    """For all that was shown: the visitor's scores as they could have been then, the item's column, and the choice."""
    columns = {name: column for column, name in enumerate(scorer.item_ids)}
    visits = [visit for visit in seen.visits if visit.shown][:MOST_SCORED]
    for some in _blocks(visits):
        scores = scorer.score([_history(visit, columns, visit.known) for visit in some])
        for visit, row in zip(some, scores, strict=True):
            for group, clicked in visit.shown.items():
                if group in columns:
                    yield row, columns[group], clicked


def _history(visit: Visit, columns: dict[str, int], known: int) -> History:
    """The first `known` things a visitor read, each item once with its summed weight and latest time."""
    weights: dict[int, float] = {}
    times: dict[int, float] = {}
    facts = zip(visit.groups[:known], visit.weights[:known], visit.times[:known], strict=True)
    for group, weight, at in facts:
        if group in columns:
            weights[columns[group]] = weights.get(columns[group], 0.0) + weight
            times[columns[group]] = at
    order = sorted(times, key=lambda column: times[column])
    return History(items=order, weights=[weights[c] for c in order], timestamps=[times[c] for c in order])


def _blocks(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    return (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
