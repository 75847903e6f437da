"""What a contextual bandit knows of a request, and the shares that follow from it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from personalization.stats.linear_bandits import LinearArms
from personalization.visitors.matching import Facts

FEATURES = ("constant", "mobile", "tablet", "signed in", "known", "recency", "morning", "noon", "weekend")
NOISE = 0.5
DRAWS = 200


def features_of(facts: Facts) -> tuple[float, ...]:
    """Numbers between -1 and 1 in the order of FEATURES; what may not be known of the visitor counts as nothing."""
    clock = facts.clock
    turn = 2 * math.pi * (clock.hour + clock.minute / 60) / 24
    counts = facts.profile.counts if facts.profile else {}
    days = facts.days_since_last
    return (
        1.0,
        float(facts.device == "mobile"),
        float(facts.device == "tablet"),
        float(facts.is_signed_in()),
        1 - 1 / (1 + math.log1p(sum(counts.values()))),
        0.0 if days is None else 2 ** (-max(days, 0) / 7),
        math.sin(turn),
        math.cos(turn),
        float(clock.weekday() >= 5),
    )


def shares_of(learned: LinearArms, features: Sequence[float], floor: float) -> tuple[float, ...]:
    """The chance of each arm by Thompson sampling from its linear model, each at least `floor`."""
    return tuple(learned.propensities(features, noise=NOISE, floor=floor, draws=DRAWS).tolist())


def learned_from(state: Mapping[str, Any]) -> LinearArms | None:
    """The linear models that a batch keeps; None where it keeps none."""
    return LinearArms(np.array(state["grams"]), np.array(state["products"])) if "grams" in state else None
