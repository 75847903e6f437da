"""Each goal among the visitors of one segment, device or language: so many looks that some show what is not there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from personalization.experiments.arms import Arms
from personalization.experiments.comparing import read_arms
from personalization.experiments.models import Metric
from personalization.experiments.pooling import grouped
from personalization.experiments.readings import Slice

DIMENSIONS = ("segment", "device", "locale")


def read_slices(goals: Sequence[Metric], arms: Arms) -> Iterator[Slice]:
    """Every value of every dimension that has more than one."""
    for dimension in DIMENSIONS:
        groups = grouped(arms.rows, attrgetter(dimension))
        if len(groups) < 2:
            continue
        for value in sorted(groups):
            part = replace(arms, rows=groups[value])
            for goal in goals:
                yield Slice(dimension, value, str(goal.pk), str(goal), read_arms(goal, part))
