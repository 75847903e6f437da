"""A slot as serving reads it: every choice resolved to keys and paths, frozen, kept in memory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any

from personalization.catalog.keys import page_model
from personalization.catalog.models import Item
from personalization.slots.models import Slot
from personalization.variants.hashing import slot_source
from personalization.visitors.models import Segment

Blocks = Mapping[str, list[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rules:
    """What holds whatever the ranking says, for everybody or for one segment."""

    pins: Mapping[int, str]
    excluded: frozenset[str]
    item_boosts: Mapping[str, float]
    tag_boosts: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition(Rules):
    """Everything an editor stated about one slot. Items and segments are named by key, places count from 0.

    `audience` names the segments that alone may see it, None for everybody; `tailoring` what holds for some besides;
    `wording` the label of the variants that alone may be shown, which only an experiment's arm states.
    """

    pk: int | None
    key: str
    heading: str
    text: str
    size: int
    template: str
    policy: str
    personalizes: bool
    flag: str
    live: bool
    go_live_at: datetime | None
    expire_at: datetime | None
    types: frozenset[str]
    trees: tuple[str, ...]
    limited_to_trees: bool
    tags: frozenset[str]
    all_tags: bool
    listed: tuple[str, ...]
    max_age_days: int | None
    languages: str
    fallback: tuple[str, ...]
    diversity: float
    freshness: float
    demote_read: bool
    max_per_tag: int | None
    max_per_section: int | None
    frequency_cap: int | None
    diversity_method: str
    calibration: float
    fatigue: float
    exploration: float
    fair_by: str
    fair_tags: tuple[str, ...]
    dismissible: bool
    audience: frozenset[str] | None
    tailoring: tuple[tuple[str, Rules], ...]
    wording: str = ""

    def shows_at(self, now: datetime) -> bool:
        """Whether the slot is published and within its dates."""
        begun = self.go_live_at is None or self.go_live_at <= now
        return self.live and begun and (self.expire_at is None or now < self.expire_at)

    def tailored_to(self, segments: tuple[str, ...]) -> "Definition":
        """The slot as these segments get it. Of two pins to one place, that of the rule that stands first holds."""
        tailored = self
        for key, rules in reversed(self.tailoring):
            if key in segments:
                tailored = replace(tailored, **_added(tailored, rules))
        return tailored

    @cached_property
    def words_hash(self) -> str:
        """By which a variant of the slot's own words knows whether they still are what was approved."""
        return slot_source(self).digest

    @property
    def filters(self) -> bool:
        """Whether types, trees or tags limit the pool."""
        return bool(self.types or self.limited_to_trees or self.tags)


def define(slots: Iterable[Slot]) -> dict[str, Definition]:
    """Resolve slots, saved or not, in three queries for all of them."""
    read = [(slot, _blocks(slot.pool.raw_data), _blocks(slot.rules.raw_data)) for slot in slots]
    names = Names(
        items=_item_keys(block for _, pool, rules in read for block in _chosen_items(pool, rules)),
        paths=_page_paths(page for _, pool, _ in read for page in pool["tree"]),
        segments=_segment_keys(pk for _, _, rules in read for pk in _chosen_segments(rules)),
    )
    return {slot.key: _definition(slot, pool, rules, names) for slot, pool, rules in read}


@dataclass(frozen=True)
class Names:
    """What primary keys in rules stand for; whatever was deleted is missing."""

    items: Mapping[int, str]
    paths: Mapping[int, str]
    segments: Mapping[int, str]

    def of_items(self, pks: Iterable[int]) -> tuple[str, ...]:
        """The keys of those that exist."""
        return tuple(self.items[pk] for pk in pks if pk in self.items)


def _definition(slot: Slot, pool: Blocks, rules: Blocks, names: Names) -> Definition:
    return Definition(
        pk=slot.pk,
        key=slot.key,
        heading=slot.heading,
        text=slot.text,
        size=slot.size,
        template=slot.template,
        policy=slot.policy,
        personalizes=slot.personalizes,
        flag=slot.flag,
        live=slot.live,
        go_live_at=slot.go_live_at,
        expire_at=slot.expire_at,
        types=frozenset(slot.pool_types),
        trees=tuple(names.paths[pk] for pk in pool["tree"] if pk in names.paths),
        limited_to_trees=bool(pool["tree"]),
        tags=frozenset(_tags(slot.pool_tags)),
        all_tags=slot.pool_tags_match == Slot.TagsMatch.ALL,
        listed=names.of_items(pool["item"]),
        max_age_days=slot.max_age_days,
        languages=slot.languages,
        **vars(_rules(rules, names)),
        fallback=names.of_items(rules["fallback"]),
        diversity=slot.diversity,
        freshness=slot.freshness,
        demote_read=slot.demote_read,
        max_per_tag=slot.max_per_tag,
        max_per_section=slot.max_per_section,
        frequency_cap=slot.frequency_cap,
        diversity_method=slot.diversity_method,
        calibration=slot.calibration / 100,
        fatigue=slot.fatigue / 100,
        exploration=slot.exploration / 100,
        fair_by=slot.fair_by,
        fair_tags=_tags(slot.fair_tags),
        dismissible=slot.dismissible,
        wording=slot.wording,
        audience=_audience(rules, names),
        tailoring=tuple(
            (names.segments[block["segment"]], _rules(_blocks(block["rules"]), names))
            for block in rules["for_segment"]
            if block["segment"] in names.segments
        ),
    )


def _rules(rules: Blocks, names: Names) -> Rules:
    def by_item(blocks: list[dict[str, Any]], value: str) -> dict[str, Any]:
        return {names.items[block["item"]]: block[value] for block in blocks if block["item"] in names.items}

    pins = {position - 1: key for key, position in by_item(rules["pin"], "position").items()}
    return Rules(
        pins=MappingProxyType(pins),
        excluded=frozenset(names.of_items(rules["exclude"])),
        item_boosts=MappingProxyType(by_item(rules["boost_item"], "factor")),
        tag_boosts=MappingProxyType({block["tag"].casefold(): block["factor"] for block in rules["boost_tag"]}),
    )


def _added(before: Definition, rules: Rules) -> dict[str, Any]:
    pins = {place: key for place, key in before.pins.items() if key not in rules.pins.values()}
    return {
        "pins": MappingProxyType(pins | rules.pins),
        "excluded": before.excluded | rules.excluded,
        "item_boosts": _multiplied(before.item_boosts, rules.item_boosts),
        "tag_boosts": _multiplied(before.tag_boosts, rules.tag_boosts),
    }


def _multiplied(before: Mapping[str, float], added: Mapping[str, float]) -> Mapping[str, float]:
    return MappingProxyType({**before, **{name: before.get(name, 1.0) * factor for name, factor in added.items()}})


def _audience(rules: Blocks, names: Names) -> frozenset[str] | None:
    """None without such a rule. A segment that was deleted leaves nobody, not everybody."""
    chosen = rules["only_for"]
    return frozenset(names.segments[pk] for pk in chosen if pk in names.segments) if chosen else None


def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip().casefold() for tag in text.split(",") if tag.strip()))


def _blocks(stream: Any) -> Blocks:
    """The raw values of a stream field by block type: reading them asks the database nothing."""
    values: dict[str, list[Any]] = defaultdict(list)
    for block in stream:
        values[block["type"]].append(block["value"])
    return values


def _chosen_items(pool: Blocks, rules: Blocks) -> list[int]:
    of_segments = [_blocks(block["rules"]) for block in rules["for_segment"]]
    within = [block["item"] for part in (rules, *of_segments) for kind in ("pin", "boost_item") for block in part[kind]]
    excluded = [pk for part in (rules, *of_segments) for pk in part["exclude"]]
    return [*pool["item"], *excluded, *rules["fallback"], *within]


def _chosen_segments(rules: Blocks) -> list[int]:
    return [*rules["only_for"], *(block["segment"] for block in rules["for_segment"])]


def _segment_keys(pks: Iterable[int]) -> dict[int, str]:
    return dict(Segment.objects.filter(pk__in=set(pks)).values_list("pk", "key"))


def _item_keys(pks: Iterable[int]) -> dict[int, str]:
    return dict(Item.objects.filter(pk__in=set(pks)).values_list("pk", "key"))


def _page_paths(pks: Iterable[int]) -> dict[int, str]:
    return dict(page_model()._default_manager.filter(pk__in=set(pks)).values_list("pk", "path"))
