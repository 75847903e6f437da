"""A slot as serving reads it: every choice resolved to keys and paths, frozen, kept in memory."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from personalization.catalog.keys import page_model
from personalization.catalog.models import Item
from personalization.slots.models import Slot

Blocks = Mapping[str, list[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Definition:
    """Everything an editor stated about one slot. Items are named by key, places count from 0."""

    pk: int | None
    key: str
    heading: str
    text: str
    size: int
    template: str
    policy: str
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
    pins: Mapping[int, str]
    excluded: frozenset[str]
    item_boosts: Mapping[str, float]
    tag_boosts: Mapping[str, float]
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

    def shows_at(self, now: datetime) -> bool:
        """Whether the slot is published and within its dates."""
        begun = self.go_live_at is None or self.go_live_at <= now
        return self.live and begun and (self.expire_at is None or now < self.expire_at)

    @property
    def filters(self) -> bool:
        """Whether types, trees or tags limit the pool."""
        return bool(self.types or self.limited_to_trees or self.tags)


def define(slots: Iterable[Slot]) -> dict[str, Definition]:
    """Resolve slots, saved or not, in two queries for all of them."""
    read = [(slot, _blocks(slot.pool), _blocks(slot.rules)) for slot in slots]
    keys = _item_keys(block for _, pool, rules in read for block in _chosen_items(pool, rules))
    paths = _page_paths(page for _, pool, _ in read for page in pool["tree"])
    return {slot.key: _definition(slot, pool, rules, keys, paths) for slot, pool, rules in read}


def _definition(
    slot: Slot, pool: Blocks, rules: Blocks, keys: Mapping[int, str], paths: Mapping[int, str]
) -> Definition:
    def named(pks: Iterable[int]) -> tuple[str, ...]:
        return tuple(keys[pk] for pk in pks if pk in keys)

    def by_item(blocks: list[dict[str, Any]], value: str) -> dict[str, Any]:
        return {keys[block["item"]]: block[value] for block in blocks if block["item"] in keys}

    pins = {position - 1: key for key, position in by_item(rules["pin"], "position").items()}
    return Definition(
        pk=slot.pk,
        key=slot.key,
        heading=slot.heading,
        text=slot.text,
        size=slot.size,
        template=slot.template,
        policy=slot.policy,
        flag=slot.flag,
        live=slot.live,
        go_live_at=slot.go_live_at,
        expire_at=slot.expire_at,
        types=frozenset(slot.pool_types),
        trees=tuple(paths[pk] for pk in pool["tree"] if pk in paths),
        limited_to_trees=bool(pool["tree"]),
        tags=frozenset(_tags(slot.pool_tags)),
        all_tags=slot.pool_tags_match == Slot.TagsMatch.ALL,
        listed=named(pool["item"]),
        max_age_days=slot.max_age_days,
        languages=slot.languages,
        pins=MappingProxyType(pins),
        excluded=frozenset(named(rules["exclude"])),
        item_boosts=MappingProxyType(by_item(rules["boost_item"], "factor")),
        tag_boosts=MappingProxyType({block["tag"].casefold(): block["factor"] for block in rules["boost_tag"]}),
        fallback=named(rules["fallback"]),
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
    )


def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip().casefold() for tag in text.split(",") if tag.strip()))


def _blocks(stream: Any) -> Blocks:
    """The raw values of a stream field by block type: reading them asks the database nothing."""
    values: dict[str, list[Any]] = defaultdict(list)
    for block in stream.raw_data:
        values[block["type"]].append(block["value"])
    return values


def _chosen_items(pool: Blocks, rules: Blocks) -> list[int]:
    within = [block["item"] for kind in ("pin", "boost_item") for block in rules[kind]]
    return [*pool["item"], *rules["exclude"], *rules["fallback"], *within]


def _item_keys(pks: Iterable[int]) -> dict[int, str]:
    return dict(Item.objects.filter(pk__in=set(pks)).values_list("pk", "key"))


def _page_paths(pks: Iterable[int]) -> dict[int, str]:
    return dict(page_model()._default_manager.filter(pk__in=set(pks)).values_list("pk", "path"))
