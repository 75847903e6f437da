"""How long a candidate takes to rank the whole catalog for one visitor, as serving will ask it."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from personalization.recommend.data import Interactions
from personalization.recommend.rerankers import top
from personalization.recommend.scorers import Scorer

VISITORS = 50
SHOWN = 10


@dataclass(frozen=True)
class Latency:
    """Milliseconds at the median, with its 95 % interval."""

    median: float
    interval: tuple[float, float]


def measure_latency(scorer: Scorer, interactions: Interactions, *, visitors: int = VISITORS) -> Latency:
    """Score and pick the first ten for a seeded sample of visitors, one at a time."""
    number = min(visitors, interactions.n_visitors)
    rows = np.random.default_rng(0).choice(interactions.n_visitors, number, replace=False)
    _rank(scorer, interactions, int(rows[0]))  # what is computed once is not counted
    times = np.array([_rank(scorer, interactions, int(row)) for row in rows])
    # Of n independent values the median's 95 % interval lies between these ranks (binomial, by its normal limit).
    half = min(0.5, 0.98 / np.sqrt(number))
    low, median, high = np.quantile(times, [0.5 - half, 0.5, 0.5 + half])
    return Latency(float(median), (float(low), float(high)))


def _rank(scorer: Scorer, interactions: Interactions, row: int) -> float:
    history = interactions.history(row)
    started = perf_counter()
    top(scorer.appraise(history).scores, None, SHOWN)
    return (perf_counter() - started) * 1000
