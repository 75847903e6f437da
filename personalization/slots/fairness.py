"""Which groups of a slot's pool share attention, and what each of them got so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from personalization.catalog.snapshot import Catalog
from personalization.recommend.rerankers import Exposure
from personalization.slots.definitions import Definition
from personalization.slots.models import Slot
from personalization.slots.pools import Pool, section_of

OTHERS = ""


@dataclass(eq=False)
class Ledger:
    """Each row's group, each group's share of the pool, and the attention that this process's lists gave.

    Each process keeps its own: what is fair in every process is fair in all of them together. A change of the catalog
    or of a slot begins a new one, so that no group lives on what it was due under other circumstances.
    """

    groups: Sequence[str]
    shares: Mapping[str, float]
    exposure: Exposure = field(default_factory=Exposure)
    lock: Lock = field(default_factory=Lock)


def open_ledger(definition: Definition, pool: Pool, catalog: Catalog) -> Ledger:
    """Divide a slot's pool into the groups that its editor named."""
    groups = _sections(catalog) if definition.fair_by == Slot.FairBy.SECTION else _tagged(definition, catalog)
    rows = np.flatnonzero((pool.matching | pool.listed) & ~pool.excluded & catalog.live)
    return Ledger(groups, Counter(groups[row] for row in rows.tolist()))


def _sections(catalog: Catalog) -> list[str]:
    return [next(iter(section_of(catalog, row)), OTHERS) for row in range(len(catalog))]


def _tagged(definition: Definition, catalog: Catalog) -> list[str]:
    """For each row the first of the named tags that it carries."""
    folded = [{tag.casefold() for tag in tags} for tags in catalog.items.tags]
    return [next((tag for tag in definition.fair_tags if tag in own), OTHERS) for own in folded]
