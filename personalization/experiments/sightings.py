"""Who saw an item, or a slot, in which words, and who clicked: what a variant's performance is reckoned from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min, QuerySet

from personalization.events.models import Event, Kind
from personalization.stats import Proportion
from personalization.variants.records import last_approval

# In whose words something was shown where they were the original's own.
OWN = ""


class Row(NamedTuple):
    """One visitor's showings in one arm and wording."""

    visitor: str
    arm: str
    words: str
    first: datetime
    number: int


@dataclass
class Viewer:
    """One visitor: since when, in which arms, in whose words."""

    first: datetime
    arms: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Sightings:
    """What happened in the slots that showed a variant, from its first showing to the end of the day of its last.

    Only believed events of visitors who allow analytics count. Of an item its impressions are read; of a slot's own
    words the slot's exposures, for an impression speaks of the words of one card.
    """

    since: datetime
    until: datetime
    rows: tuple[Row, ...]
    clicked: Mapping[str, datetime]

    @classmethod
    def of(cls, variant: Any, *, arms: str = "") -> Sightings | None:
        """All since these words were approved last; with `arms` only what the arms of a phase gave, by its seed.

        None if nobody has seen the words since then.
        """
        approval = last_approval(variant)
        if approval is None:
            return None
        shown = _showings(variant, arms).filter(occurred_at__gte=approval.at)
        own = shown.filter(variant_key=variant.key)
        slots = set(own.values_list("slot_key", flat=True).distinct())
        if not slots:
            return None
        times = own.aggregate(first=Min("occurred_at"), last=Max("occurred_at"))
        until = _end_of_day(times["last"])
        here = {"slot_key__in": slots, "occurred_at__gte": times["first"], "occurred_at__lt": until}
        rows = shown.filter(**here).values_list("visitor_key", "arm_key", "variant_key")
        rows = rows.annotate(first=Min("occurred_at"), number=Count("pk"))
        clicks = _believed(variant).filter(kind=Kind.CLICK, slot_key__in=slots, occurred_at__gte=times["first"])
        last = clicks.values("visitor_key").annotate(last=Max("occurred_at")).values_list("visitor_key", "last")
        return cls(times["first"], until, tuple(Row(*row) for row in rows), dict(last))

    @property
    def viewers(self) -> dict[str, Viewer]:
        """Everybody who saw it, whichever the words."""
        found: dict[str, Viewer] = {}
        for row in self.rows:
            viewer = found.setdefault(row.visitor, Viewer(row.first))
            viewer.first = min(viewer.first, row.first)
            viewer.arms.add(row.arm)
            viewer.words.add(row.words)
        return found

    def proportion(self, viewers: Mapping[str, Viewer]) -> Proportion:
        """How many of these clicked at or after their first sight of it."""
        did = sum(visitor in self.clicked and self.clicked[visitor] >= one.first for visitor, one in viewers.items())
        return Proportion(did, len(viewers))

    def showings(self, words: str) -> int:
        """How often it was shown in these words."""
        return sum(row.number for row in self.rows if row.words == words)


def phases_of(variant: Any, since: datetime) -> list[str]:
    """The seeds of the phases of experiments in whose arms a variant was shown."""
    shown = _showings(variant).filter(variant_key=variant.key, occurred_at__gte=since, arm_key__contains=":")
    return sorted({arm.rpartition(":")[0] for arm in shown.values_list("arm_key", flat=True).distinct()})


def noted_segments(visitors: Iterable[str], arms: str) -> dict[str, str]:
    """The segment that a phase's first exposure noted of each visitor: what they were before they saw anything."""
    exposures = Event.objects.believed().filter(kind=Kind.EXPOSURE, arm_key__startswith=f"{arms}:")
    wanted, noted = set(visitors), {}
    for visitor, context in exposures.order_by("-occurred_at").values_list("visitor_key", "context").iterator():
        if visitor in wanted:
            noted[visitor] = (context or {}).get("segment", "")
    return noted


def _end_of_day(moment: datetime) -> datetime:
    return datetime.combine(moment.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def _believed(variant: Any) -> QuerySet[Event]:
    events = Event.objects.believed().filter(for_analytics=True).exclude(visitor_key="").order_by()
    return events.filter(item_key=variant.item.key) if variant.item_id else events.filter(slot_key=variant.slot.key)


def _showings(variant: Any, arms: str = "") -> QuerySet[Event]:
    shown = _believed(variant).filter(kind=Kind.IMPRESSION if variant.item_id else Kind.EXPOSURE)
    return shown.filter(arm_key__startswith=f"{arms}:") if arms else shown
