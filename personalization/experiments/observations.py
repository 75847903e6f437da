"""What a bandit's log tells: for each visitor and UTC day the arm, how likely it was, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from personalization.events.models import Event, Kind
from personalization.experiments.choices import Allocation, Direction, Measure, Role, Scope
from personalization.experiments.contextual import FEATURES
from personalization.experiments.models import Experiment, Metric, Phase
from personalization.recommend.data import Indexes
from personalization.stats.statistics import Doubles

# Whatever takes longer than a day to be seen, or is no yes or no, cannot tell a bandit tomorrow what to serve.
KINDS = {Measure.CLICKED: Kind.CLICK, Measure.CONVERTED: Kind.CONVERSION}
DEVICES = ("phone", "tablet")


@dataclass(frozen=True, eq=False)
class Observations:
    """Visitors' days, each spent with one arm; rewards are 1 where the goal was met, in the direction that is wanted.

    Features have the shape (n, d): those that a contextual bandit went by, else a constant and the device.
    """

    visitors: tuple[str, ...]
    arms: Indexes
    propensities: Doubles
    rewards: Doubles
    features: Doubles

    def __len__(self) -> int:
        return len(self.visitors)

    @cached_property
    def numbers(self) -> Indexes:
        """A number for each observation, the same for those of one visitor."""
        return np.unique(self.visitors, return_inverse=True)[1]

    @classmethod
    def joined(cls, parts: Sequence[Observations]) -> Observations:
        """Those of several days as one."""
        columns = ("arms", "propensities", "rewards", "features")
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}
        return cls(visitors=tuple(visitor for part in parts for visitor in part.visitors), **arrays)


def goal_of(experiment: Experiment) -> Metric | None:
    """The metric by which a bandit learns: its first goal."""
    return next((metric for metric in experiment.metrics.all() if metric.role == Role.GOAL), None)


def find_bandit_flaws(experiment: Experiment) -> Iterator[str]:
    """Why a bandit could not learn by the goal it has, in words for editors."""
    goal = goal_of(experiment)
    if experiment.is_bandit and goal and goal.measure not in KINDS:
        yield _("A bandit learns from its first goal, which must be met within a day or not: who clicks, or converts.")


def days_of(phase: Phase, *, until: date, at_most: int | None = None) -> list[date]:
    """The UTC days of a phase before `until`, or so many of the newest, the oldest first."""
    first = phase.started_at.astimezone(UTC).date()
    count = (until - first).days
    days = [first + timedelta(days=number) for number in range(count)]
    return days[-at_most:] if at_most else days


def observe(*, experiment: Experiment, phase: Phase, day: date) -> Observations:
    """Read one day. A visitor who was seen in more than one arm on it tells of none."""
    begin = datetime.combine(day, time(), UTC)
    events = Event.objects.believed().filter(
        for_analytics=True, occurred_at__gte=begin, occurred_at__lt=begin + timedelta(days=1)
    )
    goal = goal_of(experiment)
    arms = {f"{phase.seed}:{arm.key}": number for number, arm in enumerate(experiment.arms.all())}
    seen = _first_exposures(events.filter(kind=Kind.EXPOSURE, arm_key__in=list(arms)))
    rows = [one for one in seen if one.propensity and one.has_features(experiment)]
    last = _last_successes(events, experiment, goal)
    met = np.array([one.visitor in last and last[one.visitor] >= one.at for one in rows], np.float64)
    return Observations(
        visitors=tuple(one.visitor for one in rows),
        arms=np.array([arms[one.arm_key] for one in rows], np.int64),
        propensities=np.array([one.propensity for one in rows], np.float64),
        rewards=1 - met if goal.direction == Direction.DECREASE else met,
        features=np.array([one.features for one in rows], np.float64),
    )


class _Seen(NamedTuple):
    """A visitor's first exposure of a day."""

    visitor: str
    arm_key: str
    at: datetime
    context: Mapping[str, Any] | None

    @property
    def propensity(self) -> float:
        return (self.context or {}).get("propensity", 0.0)

    @property
    def features(self) -> Sequence[float]:
        noted = self.context or {}
        return noted.get("features") or (1.0, *(float(noted.get("device") == name) for name in DEVICES))

    def has_features(self, experiment: Experiment) -> bool:
        """Whether they are those of today's code, where a contextual bandit went by them."""
        return experiment.allocation != Allocation.CONTEXTUAL or len(self.features) == len(FEATURES)


def _first_exposures(exposures: QuerySet[Event]) -> Iterator[_Seen]:
    first: dict[str, _Seen | None] = {}
    rows = exposures.order_by("occurred_at", "pk").values_list("visitor_key", "arm_key", "occurred_at", "context")
    for row in rows.iterator():
        seen = _Seen(*row)
        known = first.setdefault(seen.visitor, seen)
        if known and known.arm_key != seen.arm_key:
            first[seen.visitor] = None
    return (seen for seen in first.values() if seen)


def _last_successes(events: QuerySet[Event], experiment: Experiment, goal: Metric) -> dict[str, datetime]:
    """When each visitor last met the goal on the day: it counts if that was after the exposure."""
    found = events.filter(kind=KINDS[goal.measure])
    if goal.scope == Scope.SLOT:
        found = found.filter(slot_key=experiment.slot.key)
    if goal.goal and goal.measure == Measure.CONVERTED:
        found = found.filter(goal=goal.goal)
    return dict(found.order_by().values_list("visitor_key").annotate(Max("occurred_at")))
