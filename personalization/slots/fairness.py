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
    groups = [_group(row, definition, catalog) for row in range(len(catalog))]
    rows = np.flatnonzero((pool.matching | pool.listed) & ~pool.excluded & catalog.live)
    return Ledger(groups, Counter(groups[row] for row in rows.tolist()))


def _group(row: int, definition: Definition, catalog: Catalog) -> str:
    if definition.fair_by == Slot.FairBy.SECTION:
        return next(iter(section_of(catalog, row)), OTHERS)
    own = {tag.casefold() for tag in catalog.items.tags[row]}
    return next((tag for tag in definition.fair_tags if tag in own), OTHERS)
