"""Experiment statistics without a framework: NumPy and SciPy in, numbers out."""

from personalization.stats.comparison import Comparison, compare, judge
from personalization.stats.statistics import Proportion, Ratio, RegressionAdjusted, SampleMean, pool

__all__ = [
    "Comparison",
    "Proportion",
    "Ratio",
    "RegressionAdjusted",
    "SampleMean",
    "compare",
    "judge",
    "pool",
]
