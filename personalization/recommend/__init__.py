"""Recommenders without a framework: arrays in, arrays out. Nothing here knows Django."""

from personalization.recommend import metrics, rerankers, splits
from personalization.recommend.data import Contribution, Explanation, History, Interactions, Items, centre
from personalization.recommend.evaluation import Report, evaluate, paired_difference
from personalization.recommend.scorers import SCORERS, Scorer, load_scorer
from personalization.recommend.splits import Split
from personalization.recommend.tuning import Tuned, tune

__all__ = [
    "SCORERS",
    "Contribution",
    "Explanation",
    "History",
    "Interactions",
    "Items",
    "Report",
    "Scorer",
    "Split",
    "Tuned",
    "centre",
    "evaluate",
    "load_scorer",
    "metrics",
    "paired_difference",
    "rerankers",
    "splits",
    "tune",
]
