"""Experiment statistics without a framework: NumPy and SciPy in, numbers out."""

from personalization.stats.bandits import BetaArms
from personalization.stats.comparison import Comparison, compare, judge
from personalization.stats.factorial import FactorEffect, factor_effects, interaction_p_value
from personalization.stats.health import novelty_trend, pre_exposure_imbalance, sample_ratio_mismatch
from personalization.stats.linear_bandits import LinearArms
from personalization.stats.multiple_testing import benjamini_hochberg, holm
from personalization.stats.off_policy import off_policy_value
from personalization.stats.planning import days_left, minimum_detectable_effect, power, sample_size
from personalization.stats.selftest import self_test
from personalization.stats.statistics import Proportion, Ratio, RegressionAdjusted, SampleMean, pool
from personalization.stats.stratification import stratified

__all__ = [
    "BetaArms",
    "Comparison",
    "FactorEffect",
    "LinearArms",
    "Proportion",
    "Ratio",
    "RegressionAdjusted",
    "SampleMean",
    "benjamini_hochberg",
    "compare",
    "days_left",
    "factor_effects",
    "holm",
    "interaction_p_value",
    "judge",
    "minimum_detectable_effect",
    "novelty_trend",
    "off_policy_value",
    "pool",
    "power",
    "pre_exposure_imbalance",
    "sample_ratio_mismatch",
    "sample_size",
    "self_test",
    "stratified",
]
