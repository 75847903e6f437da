"""Scorers: importing this package registers them all."""

from personalization.recommend.scorers.als import Als
from personalization.recommend.scorers.base import BaseScorer, Scorer
from personalization.recommend.scorers.bpr import Bpr
from personalization.recommend.scorers.cold import Cold
from personalization.recommend.scorers.content import Content, Similar
from personalization.recommend.scorers.ease import Ease
from personalization.recommend.scorers.engagement import Engagement
from personalization.recommend.scorers.hybrid import Hybrid, tune_weights
from personalization.recommend.scorers.interests import Interests
from personalization.recommend.scorers.item_knn import ItemKnn
from personalization.recommend.scorers.lambdamart import LambdaMart
from personalization.recommend.scorers.markov import Markov
from personalization.recommend.scorers.popular import Popular, SegmentPopular, Trending
from personalization.recommend.scorers.recent import Recent
from personalization.recommend.scorers.recent_ease import RecentEase
from personalization.recommend.scorers.registry import SCORERS, load_scorer
from personalization.recommend.scorers.rp3beta import Rp3Beta
from personalization.recommend.scorers.sasrec import Sasrec
from personalization.recommend.scorers.stacking import Stacked
from personalization.recommend.scorers.svd import Svd
from personalization.recommend.scorers.user_knn import UserKnn

__all__ = [
    "SCORERS",
    "Als",
    "BaseScorer",
    "Bpr",
    "Cold",
    "Content",
    "Ease",
    "Engagement",
    "Hybrid",
    "Interests",
    "ItemKnn",
    "LambdaMart",
    "Markov",
    "Popular",
    "Recent",
    "RecentEase",
    "Rp3Beta",
    "Sasrec",
    "Scorer",
    "SegmentPopular",
    "Similar",
    "Stacked",
    "Svd",
    "Trending",
    "UserKnn",
    "load_scorer",
    "tune_weights",
]
