"""From scores to a page: pure functions that adjust scores (n_items,) or reorder ranked indexes."""

from personalization.recommend.rerankers.adjusting import apply_boosts, drop_seen, fatigue, frequency_cap, freshness
from personalization.recommend.rerankers.calibration import calibrate, miscalibration, mix_of
from personalization.recommend.rerankers.choosing import top, top_rows
from personalization.recommend.rerankers.diversity import dpp, mmr
from personalization.recommend.rerankers.exploration import (
    BetaPosterior,
    Explored,
    Sampler,
    explore_epsilon,
    explore_posterior,
    generator,
)
from personalization.recommend.rerankers.exposure import Exposure, FairList, fair_exposure
from personalization.recommend.rerankers.placing import limit_per_group, place_pins
from personalization.recommend.rerankers.scales import discounts, spread

__all__ = [
    "BetaPosterior",
    "Explored",
    "Exposure",
    "FairList",
    "Sampler",
    "apply_boosts",
    "calibrate",
    "discounts",
    "dpp",
    "drop_seen",
    "explore_epsilon",
    "explore_posterior",
    "fair_exposure",
    "fatigue",
    "frequency_cap",
    "freshness",
    "generator",
    "limit_per_group",
    "miscalibration",
    "mix_of",
    "mmr",
    "place_pins",
    "spread",
    "top",
    "top_rows",
]
