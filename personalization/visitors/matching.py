"""Who belongs to a segment, told from what a request and a profile have already brought: no query is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from functools import cached_property
from types import MappingProxyType
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_time

from personalization import conf
from personalization.recommend.clusters import nearest, shares_of
from personalization.recommend.forecasts import Return, return_state
from personalization.visitors.models import Profile, Segment

Value = Any
NO_INTERACTION = frozenset({"exposure", "impression", "dismiss"})


def _no() -> bool:
    return False


def _no_flag(name: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True, eq=False)
class Facts:
    """What rules may look at; without `may_personalize` those about the visitor do not hold, and neither do opposites.

    `profile` is None for somebody of whom nothing was learned yet.
    """

    now: datetime
    locale: str = ""
    site_id: int | None = None
    device: str = ""
    referrer: str = ""
    campaign: Mapping[str, str] = field(default_factory=dict)
    is_signed_in: Callable[[], bool] = _no
    is_flag_active: Callable[[str], bool] = _no_flag
    may_personalize: bool = False
    profile: Profile | None = None

    @cached_property
    def shares(self) -> Mapping[str, float]:
        """Each tag's part of what the visitor reads, by its name in small letters."""
        shares: dict[str, float] = {}
        for tag, share in shares_of(self.profile.tags if self.profile else {}).items():
            shares[tag.casefold()] = shares.get(tag.casefold(), 0.0) + share
        return shares

    @cached_property
    def clock(self) -> datetime:
        """The time on the site's own clock."""
        return timezone.localtime(self.now)

    @property
    def days_since_last(self) -> float | None:
        """Days since the visitor's last interaction."""
        last = self.profile and self.profile.last_interaction_at
        return (self.now - last).total_seconds() / conf.DAY if last else None


@dataclass(frozen=True, eq=False)
class Membership:
    """A segment as serving reads it: its rules as plain values."""

    key: str
    name: str
    match_all: bool
    rules: tuple[tuple[str, Value], ...]

    @property
    def is_lasting(self) -> bool:
        """Whether all rules are about the visitor, so that membership is the same on every request of a day."""
        return bool(self.rules) and all(kind in ABOUT_VISITOR for kind, _value in self.rules)

    def admits(self, facts: Facts) -> bool:
        """Whether whom these facts are about belongs. A segment without rules admits nobody."""
        held = (_holds(kind, value, facts) for kind, value in self.rules)
        return bool(self.rules) and (all(held) if self.match_all else any(held))


def membership_of(segment: Segment) -> Membership:
    """Read a segment's rules, saved or not, without a query."""
    rules = [(block["type"], block["value"]) for block in segment.rules.raw_data]
    if segment.clusters:
        rules.append(("cluster", segment.clusters))
    return Membership(segment.key, str(segment), segment.match == Segment.Match.ALL, tuple(rules))


def live_memberships() -> tuple[Membership, ...]:
    """All published segments in the editors' order, in one query."""
    return tuple(membership_of(segment) for segment in Segment.objects.filter(live=True))


def keys_of(memberships: Iterable[Membership], facts: Facts) -> tuple[str, ...]:
    """The segments that admit, in the editors' order."""
    return tuple(membership.key for membership in memberships if membership.admits(facts))


def _holds(kind: str, value: Value, facts: Facts) -> bool:
    if kind in ABOUT_VISITOR:
        return facts.may_personalize and ABOUT_VISITOR[kind](value, facts)
    return ABOUT_REQUEST[kind](value, facts)


def _likes_tag(value: Value, facts: Facts) -> bool:
    return facts.shares.get(value["tag"].strip().casefold(), 0.0) * 100 >= value["share"]


def _interacted(value: Value, facts: Facts) -> bool:
    counts = facts.profile.counts if facts.profile else {}
    if value["kind"] == "any":
        number = sum(count for kind, count in counts.items() if kind not in NO_INTERACTION)
    else:
        number = counts.get(value["kind"], 0)
    return (value["least"] or 0) <= number and (value["most"] is None or number <= value["most"])


def _was_seen(value: Value, facts: Facts) -> bool:
    days = facts.days_since_last
    return days is not None and (days <= value["days"]) == (value["when"] == "within")


def _returns(value: Value, facts: Facts) -> bool:
    return state_of_return(value["goal"], facts) == value["state"]


def state_of_return(goal: str, facts: Facts) -> str:
    """Whether the next "visit" or "conversion" is "early", "due" or "overdue" by the forecast; else "unknown".

    As of the last visit that the nightly forecast has seen: who is overdue stays so all through the visit that ends it.
    """
    told = facts.profile.returns.get(goal) if facts.profile else None
    if not told:
        return "unknown"
    days = (facts.now.timestamp() - told["last"]) / conf.DAY
    return return_state(Return(told["low"], told["typical"], told["high"]), days)


def _is_of_cluster(value: Value, facts: Facts) -> bool:
    tastes = facts.profile.tags if facts.profile else {}
    return nearest(tastes, value["centroids"]) == value["number"]


def _speaks(value: Value, facts: Facts) -> bool:
    return facts.locale == value


def _is_on_site(value: Value, facts: Facts) -> bool:
    return str(facts.site_id) == value


def _has_device(value: Value, facts: Facts) -> bool:
    return facts.device == value


def _came_from(value: Value, facts: Facts) -> bool:
    return facts.referrer == value


def _came_by_campaign(value: Value, facts: Facts) -> bool:
    return facts.campaign.get(value["parameter"], "").casefold() == value["value"].strip().casefold()


def _is_within_hours(value: Value, facts: Facts) -> bool:
    begin, end, now = _time(value["begin"]), _time(value["end"]), facts.clock.time()
    return begin <= now < end if begin <= end else now >= begin or now < end


def _time(value: str | time) -> time:
    # A form that is not saved yet holds times, the database texts.
    return value if isinstance(value, time) else parse_time(value)


def _is_on_weekday(value: Value, facts: Facts) -> bool:
    return str(facts.clock.weekday()) in value


def _is_signed_in(value: Value, facts: Facts) -> bool:
    return facts.is_signed_in() == (value == "yes")


def _has_flag(value: Value, facts: Facts) -> bool:
    return facts.is_flag_active(value)


Test = Callable[[Value, Facts], bool]

# These look at what was learned, which only a visitor who allows personalization has agreed to.
ABOUT_VISITOR: Mapping[str, Test] = MappingProxyType(
    {
        "tag": _likes_tag,
        "interactions": _interacted,
        "last_seen": _was_seen,
        "returns": _returns,
        "cluster": _is_of_cluster,
    }
)
# These look at the request alone: what any server sees, kept nowhere.
ABOUT_REQUEST: Mapping[str, Test] = MappingProxyType(
    {
        "language": _speaks,
        "site": _is_on_site,
        "device": _has_device,
        "referrer": _came_from,
        "campaign": _came_by_campaign,
        "hours": _is_within_hours,
        "weekdays": _is_on_weekday,
        "signed_in": _is_signed_in,
        "flag": _has_flag,
    }
)
