"""What a contextual bandit knows of a request, and the shares that follow from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from personalization.stats.linear_bandits import LinearArms
from personalization.visitors.matching import Facts

FEATURES = ("constant", "phone", "tablet", "signed in", "known", "recency", "morning", "noon", "weekend")
DRAWS = 200


@dataclass(frozen=True, eq=False)
class Learned:
    """A linear model for each arm that takes part, those arms' places among all, and how rewards vary."""

    models: LinearArms
    places: tuple[int, ...]
    n_arms: int
    noise: float

    def shares(self, features: Sequence[float], floor: float) -> tuple[float, ...]:
        """The chance of each arm by Thompson sampling, at least `floor` for those that take part, else none."""
        least = fitting_floor(floor, len(self.places))
        found = self.models.propensities(features, noise=self.noise, floor=least, draws=DRAWS)
        shares = np.zeros(self.n_arms)
        shares[list(self.places)] = found
        return tuple(shares.tolist())


def fitting_floor(floor: float, n_arms: int) -> float:
    """The floor that is asked for, or as much of it as so many arms can have."""
    return min(floor, 1 / n_arms)


def features_of(facts: Facts) -> tuple[float, ...]:
    """Numbers between -1 and 1 in the order of FEATURES; what may not be known of the visitor counts as nothing."""
    clock = facts.clock
    turn = 2 * math.pi * (clock.hour + clock.minute / 60) / 24
    counts = facts.profile.counts if facts.profile else {}
    days = facts.days_since_last
    return (
        1.0,
        float(facts.device == "phone"),
        float(facts.device == "tablet"),
        float(facts.is_signed_in()),
        1 - 1 / (1 + math.log1p(sum(counts.values()))),
        0.0 if days is None else 2 ** (-max(days, 0) / 7),
        math.sin(turn),
        math.cos(turn),
        float(clock.weekday() >= 5),
    )


def state_of(models: LinearArms, arms: Sequence[str], noise: float) -> dict[str, Any]:
    """What a batch keeps of the models of these arms."""
    return {"arms": list(arms), "features": list(FEATURES), "noise": noise, **models.sums()}


def learned_from(state: Mapping[str, Any], arms: Sequence[str]) -> Learned | None:
    """The models that a batch keeps, for a list of all arms; None where it keeps none, or of other features or arms."""
    if state.get("features") != list(FEATURES) or not set(state["arms"]) <= set(arms):
        return None
    models = LinearArms(np.array(state["grams"]), np.array(state["products"]))
    return Learned(models, tuple(arms.index(key) for key in state["arms"]), len(arms), state["noise"])
