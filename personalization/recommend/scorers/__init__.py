"""Scorers: importing this package registers them all."""

from personalization.recommend.scorers.base import BaseScorer, Scorer
from personalization.recommend.scorers.content import Content, Similar
from personalization.recommend.scorers.ease import Ease
from personalization.recommend.scorers.hybrid import Hybrid, tune_weights
from personalization.recommend.scorers.item_knn import ItemKnn
from personalization.recommend.scorers.markov import Markov
from personalization.recommend.scorers.popular import Popular, Trending
from personalization.recommend.scorers.recent import Recent
from personalization.recommend.scorers.registry import SCORERS, load_scorer
from personalization.recommend.scorers.svd import Svd

__all__ = [
    "SCORERS",
    "BaseScorer",
    "Content",
    "Ease",
    "Hybrid",
    "ItemKnn",
    "Markov",
    "Popular",
    "Recent",
    "Scorer",
    "Similar",
    "Svd",
    "Trending",
    "load_scorer",
    "tune_weights",
]
