"""What one process holds to decide from, stamped with the epochs it was read at."""

import logging
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
from scipy.sparse import csr_array
from wagtail.models import Locale

from personalization.catalog import snapshot
from personalization.catalog.snapshot import Catalog
from personalization.experiments.assignment import Assignment, ServedExperiment
from personalization.experiments.serving import serving_experiments
from personalization.recommend.data import Indexes, Interactions, Items, Mask
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.scorers.content import Content, Similar
from personalization.recommend.scorers.engagement import Engagement
from personalization.recommend.scorers.hybrid import Hybrid
from personalization.recommend.scorers.recent import Recent
from personalization.recommend.votes import Votes
from personalization.slots.definitions import Definition, define
from personalization.slots.fairness import Ledger, open_ledger
from personalization.slots.models import Slot
from personalization.slots.policies import COLD, WARM
from personalization.slots.pools import Pool, fill_pool
from personalization.slots.sites import Sites, read_sites
from personalization.training import serving
from personalization.training.storage import Bundle
from personalization.variants.judging import votes_on
from personalization.variants.serving import Labels, Served, read_labels, serving_variants
from personalization.visitors.matching import Membership, live_memberships

logger = logging.getLogger(__name__)

# These need no training: a site serves by content from its first day.
UNTRAINED = {"content": Content, "similar": Similar, "recent": Recent}


@dataclass(eq=False)
class Memory:
    """Catalog, slots, sites and promoted model of one moment. What is derived from them is computed once, on demand."""

    stamp: tuple[int, int]
    words_stamp: int
    votes_stamp: int
    catalog: Catalog
    bundle: Bundle | None
    definitions: Mapping[str, Definition]
    sites: Sites
    languages: Mapping[int, str]
    memberships: tuple[Membership, ...] = ()
    experiments: Mapping[int, tuple[ServedExperiment, ...]] = field(default_factory=dict)
    variants: Served = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    votes: Votes = field(default_factory=Votes)
    _scorers: dict[str, Scorer | None] = field(default_factory=dict)
    _blends: dict[tuple[tuple[str, float], ...], Scorer | None] = field(default_factory=dict)
    _pools: WeakKeyDictionary[Definition, Pool] = field(default_factory=WeakKeyDictionary)
    _tailored: WeakKeyDictionary[Definition, dict[tuple[str, ...], Definition]] = field(
        default_factory=WeakKeyDictionary
    )
    _altered: WeakKeyDictionary[Definition, dict[str, Definition]] = field(default_factory=WeakKeyDictionary)
    _ledgers: WeakKeyDictionary[Definition, Ledger] = field(default_factory=WeakKeyDictionary)

    @cached_property
    def items(self) -> Items:
        """The catalog's rows as scorers read them, with what editors think of them."""
        return replace(self.catalog.items, votes=self.votes) if len(self.votes) else self.catalog.items

    @cached_property
    def group_numbers(self) -> Indexes:
        """A number for each row, which the translations of one page share."""
        return np.unique(np.asarray(self.items.groups), return_inverse=True)[1].astype(np.int64)

    @cached_property
    def translated(self) -> Mask:
        """Rows that are not the only one of their group."""
        return np.bincount(self.group_numbers, minlength=1)[self.group_numbers] > 1

    @cached_property
    def locales(self) -> tuple[list[str], Indexes]:
        """The languages that occur, and the number of each row's language: numbers compare faster than words."""
        names, numbers = np.unique(self.catalog.locale, return_inverse=True)
        return names.tolist(), numbers

    @cached_property
    def row_of_address(self) -> dict[tuple[int, str], int]:
        """Rows by site and path, to know which item a front end's address means."""
        places = zip(self.catalog.site.tolist(), (card.url for card in self.catalog.cards), strict=True)
        return {place: row for row, place in enumerate(places) if self.catalog.live[row]}

    def definition(self, slot: str | int) -> Definition | None:
        """The slot of a key, or of the primary key that a page's body holds."""
        return self.definitions.get(slot if isinstance(slot, str) else self._keys.get(slot, ""))

    @cached_property
    def _keys(self) -> dict[int | None, str]:
        return {definition.pk: key for key, definition in self.definitions.items()}

    def tailored(self, definition: Definition, segments: tuple[str, ...]) -> Definition:
        """The slot as these segments get it: the same object for the same segments, so that its pool is kept."""
        named = tuple(key for key, _rules in definition.tailoring if key in segments)
        if not named:
            return definition
        known = self._tailored.setdefault(definition, {})
        if named not in known:
            known[named] = definition.tailored_to(named)
        return known[named]

    def altered(self, definition: Definition, assignment: Assignment) -> Definition:
        """The slot as an arm has it: the same object for the same arm, so that its pool is kept."""
        changes = assignment.arm.changes if assignment.arm else None
        if not changes:
            return definition
        known = self._altered.setdefault(definition, {})
        if assignment.arm_key not in known:
            known[assignment.arm_key] = replace(definition, **changes)
        return known[assignment.arm_key]

    def pool(self, definition: Definition) -> Pool:
        """The rows a slot may draw on, as far as time and visitor do not matter."""
        if definition not in self._pools:
            self._pools[definition] = fill_pool(definition, self.catalog)
        return self._pools[definition]

    def ledger(self, definition: Definition) -> Ledger:
        """How a slot's groups share attention, and what each of them got so far."""
        if definition not in self._ledgers:
            ledger = open_ledger(definition, self.pool(definition), self.catalog)
            # Another thread may have been faster, and has begun to count.
            self._ledgers.setdefault(definition, ledger)
        return self._ledgers[definition]

    def scorer(self, name: str) -> Scorer | None:
        """One scorer for the catalog's rows; None when it was not trained or does not fit them."""
        if name not in self._scorers:
            self._scorers[name] = self._trained(name) or self._untrained(name)
        return self._scorers[name]

    def blend(self, weights: Mapping[str, float]) -> Scorer | None:
        """A hybrid of those of some scorers that are at hand."""
        key = tuple(sorted(weights.items()))
        if key not in self._blends:
            members = {name: scorer for name in weights if (scorer := self.scorer(name))}
            shares = {name: weights[name] for name in members}
            self._blends[key] = Hybrid(members, shares) if members else None
        return self._blends[key]

    def warm_up(self) -> "Memory":
        """Do now what the first page would otherwise wait for against its deadline."""
        for name in (*UNTRAINED, *(self.bundle.scorers if self.bundle else ())):
            self.scorer(name)
        for weights in (WARM, COLD):
            self.blend(weights)
        for definition in self.definitions.values():
            if definition.fair_by:
                self.ledger(definition)
        return self

    def _trained(self, name: str) -> Scorer | None:
        scorer = self.bundle.scorers.get(name) if self.bundle else None
        blend = self.bundle.scorers.get(Hybrid.name) if scorer else None
        if isinstance(blend, Hybrid) and blend.members.get(name) is scorer:
            fitting = self.scorer(Hybrid.name)
            return fitting.members[name] if fitting else None
        try:
            return scorer.rebase(self.items) if scorer and self.items.ids else None
        except ValueError as error:
            logger.warning(
                "Scorer %s of model %s does not fit the catalog: %s Train anew.", name, self.bundle.label, error
            )
            return None

    def _untrained(self, name: str) -> Scorer | None:
        needs_texts = name in ("content", "similar")
        if name not in UNTRAINED or not self.items.ids or (needs_texts and self.items.embeddings is None):
            return None
        return UNTRAINED[name]().fit(_nobody(self.items), self.items)


_lock = Lock()
_held: Memory | None = None
_beside: dict[int, Memory] = {}


def current(epochs: Mapping[str, int], version_id: int | None = None) -> Memory:
    """What serving at these epochs needs, by the promoted model or a given one: nothing to do while they stand."""
    memory = _by_promoted(epochs)
    bundle = serving.bundle(version_id, epochs.get("model", 0)) if version_id else memory.bundle
    return memory if bundle is None or bundle is memory.bundle else _by_version(bundle, memory)


def _by_version(bundle: Bundle, memory: Memory) -> Memory:
    """The same catalog and slots, ranked by another version."""
    held = _beside.get(bundle.version_id)
    is_alike = held is not None and held.definitions is memory.definitions and held.votes is memory.votes
    if is_alike and held.bundle is bundle:
        if held.variants is not memory.variants:
            held = _beside[bundle.version_id] = _reworded(held, memory.words_stamp, memory.variants, memory.labels)
        return held
    with _lock:
        for key in [key for key in _beside if not serving.is_held(key)]:
            del _beside[key]
        beside = replace(memory, bundle=bundle, _scorers={}, _blends={}, _pools=memory._pools)
        _beside[bundle.version_id] = beside.warm_up()
        return beside


def _by_promoted(epochs: Mapping[str, int]) -> Memory:
    catalog = snapshot.current(epochs.get("catalog", 0))
    bundle = serving.promoted(epochs.get("model", 0))
    stamp = (epochs.get("slots", 0), epochs.get("catalog", 0))
    words_stamp, votes_stamp = epochs.get("variants", 0), epochs.get("opinions", 0)
    held = _held
    only_scores = _is_current(held, stamp, catalog) and held.words_stamp == words_stamp
    if only_scores and held.bundle is bundle and held.votes_stamp == votes_stamp:
        return held
    # Others go on with the old model while one prepares the new; what was withdrawn is shown by nobody meanwhile.
    if not _lock.acquire(blocking=not only_scores):
        return held
    try:
        return _renew(stamp, words_stamp, votes_stamp, catalog, bundle)
    finally:
        _lock.release()


def _is_current(held: Memory | None, stamp: tuple[int, int], catalog: Catalog) -> bool:
    return held is not None and held.stamp == stamp and held.catalog is catalog


def _renew(
    stamp: tuple[int, int], words_stamp: int, votes_stamp: int, catalog: Catalog, bundle: Bundle | None
) -> Memory:
    global _held
    held = _held
    if not _is_current(held, stamp, catalog):
        definitions = define(Slot.objects.all())
        read = (
            read_sites(),
            _languages(),
            live_memberships(),
            serving_experiments(),
            serving_variants(),
            read_labels(),
            votes_on(catalog),
        )
        _held = Memory(stamp, words_stamp, votes_stamp, catalog, bundle, definitions, *read).warm_up()
        return _held
    if held.words_stamp != words_stamp:
        held = _held = _reworded(held, words_stamp, serving_variants(), read_labels())
    if held.votes_stamp != votes_stamp:
        held = _held = _revalued(held, votes_stamp, votes_on(catalog))
    if held.bundle is not bundle:
        _held = replace(held, bundle=bundle, _scorers={}, _blends={}).warm_up()
    return _held


def _reworded(held: Memory, words_stamp: int, variants: Served, labels: Labels) -> Memory:
    """The same in other words: editors approve often, and nothing else has to be worked out again for it."""
    reworded = copy(held)
    reworded.words_stamp, reworded.variants, reworded.labels = words_stamp, variants, labels
    return reworded


def _revalued(held: Memory, votes_stamp: int, votes: Votes) -> Memory:
    """The same with what editors think by now; scorers are prepared anew only if one of them listens to editors."""
    revalued = replace(held, votes_stamp=votes_stamp, votes=votes)
    if held.bundle is None or not _listens(held.bundle.scorers):
        return revalued
    return replace(revalued, _scorers={}, _blends={}).warm_up()


def _listens(scorers: Mapping[str, Scorer]) -> bool:
    return any(isinstance(one, Engagement) or _listens(getattr(one, "members", {})) for one in scorers.values())


def forget() -> None:
    """Let go of what this process holds, as if it had just started."""
    global _held
    _held = None
    _beside.clear()


def _languages() -> dict[int, str]:
    return dict(Locale.objects.values_list("pk", "language_code"))


def _nobody(items: Items) -> Interactions:
    return Interactions(csr_array((0, len(items.ids)), dtype=np.float32), np.empty(0), (), items.ids)
