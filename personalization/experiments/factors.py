"""Tests of several factors at once: what each level does, and what levels do together."""

from collections.abc import Mapping, Sequence
from math import prod

from personalization.experiments.arms import Arms
from personalization.experiments.choices import Direction
from personalization.experiments.judging import correct
from personalization.experiments.models import Experiment, Metric
from personalization.experiments.pooling import Row, statistic
from personalization.experiments.readings import FactorReading
from personalization.stats import factor_effects

Cell = tuple[str, ...]


def read_factors(goals: Sequence[Metric], arms: Arms) -> tuple[FactorReading, ...]:
    """Main effects and interactions of two, where the arms are all combinations of some levels; else none."""
    levels = {arm.key: levels_of(arm.levels) for arm in arms.experiment.arms.all()}
    factors = tuple(levels.get(next(iter(arms.names), ""), {}))
    if arms.is_bandit or not factors or any(set(found) != set(factors) for found in levels.values()):
        return ()
    cells: dict[Cell, list[Row]] = {}
    for key in arms.names:  # the control comes first: its levels are the base
        cells.setdefault(tuple(levels[key][factor] for factor in factors), []).extend(arms.judged[key])
    if len(cells) < 2 or len(cells) < prod(len(set(column)) for column in zip(*cells, strict=True)):
        return ()
    return tuple(found for goal in goals for found in _read(goal, factors, cells, arms.experiment))


def levels_of(text: str) -> dict[str, str]:
    """What an arm's field says: "ranking=similar, heading=short"."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {factor.strip(): level.strip() for factor, _sign, level in pairs}


def _read(
    goal: Metric, factors: Sequence[str], cells: Mapping[Cell, Sequence[Row]], experiment: Experiment
) -> list[FactorReading]:
    told = {cell: statistic(rows, goal, adjusts=experiment.adjusts) for cell, rows in cells.items()}
    effects = factor_effects(told, next(iter(cells)), method=experiment.method, alpha=experiment.alpha)
    corrected = correct([effect.comparison.p_value for effect in effects], experiment)
    turned = goal.direction == Direction.DECREASE
    return [
        FactorReading(
            metric=str(goal.pk),
            label=str(goal),
            factors=tuple(factors[number] for number in effect.factors),
            levels=effect.levels,
            comparison=effect.comparison.where_less_is_better() if turned else effect.comparison,
            corrected_p_value=p_value,
        )
        for effect, p_value in zip(effects, corrected, strict=True)
    ]
