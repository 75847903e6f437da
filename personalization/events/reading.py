"""The catalog as one batch of events sees it: which items there are, and what reading one says about a visitor."""

from dataclasses import dataclass
from time import monotonic

import numpy as np

from personalization.catalog import snapshot
from personalization.catalog.snapshot import Catalog
from personalization.events.models import Event
from personalization.visitors.profiles import Signal, weight_of

ASKED_EVERY = 1.0
_asked_at = 0.0
_epoch: int | None = None


@dataclass(slots=True)
class Reading:
    """Looks keys up in the process's snapshot, and asks for a newer one when a key is missing."""

    catalog: Catalog
    is_newest: bool

    @property
    def embedding_model(self) -> str:
        """The name under which the vectors may be added to one another."""
        return self.catalog.embedding_model

    def knows(self, key: str) -> bool:
        """Whether the catalog has the item, shown or no longer."""
        if key not in self.catalog.row_of and not self.is_newest:
            # Published a moment ago, perhaps through another process.
            self.catalog, self.is_newest = snapshot.current(), True
        return key in self.catalog.row_of

    def vector_of(self, key: str) -> np.ndarray | None:
        """The item's centred vector of unit length; None where there is none."""
        row = self.catalog.row_of.get(key)
        vectors = self.catalog.items.embeddings
        return None if row is None or vectors is None else vectors[row]

    def signal(self, row: Event, *, device: str = "") -> Signal:
        """What one stored event says to a profile."""
        at = self.catalog.row_of.get(row.item_key)
        return Signal(
            kind=row.kind,
            item_key=row.item_key,
            weight=weight_of(row.kind, row.duration_ms),
            at=row.occurred_at,
            vector=self.vector_of(row.item_key),
            tags=() if at is None else self.catalog.items.tags[at],
            value=row.value,
            device=device,
        )


def current() -> Reading:
    """A reading of the catalog, which is compared with the database's at most once in ASKED_EVERY seconds."""
    global _asked_at, _epoch
    is_due = monotonic() - _asked_at > ASKED_EVERY
    catalog = snapshot.current(None if is_due else _epoch)
    if is_due:
        _asked_at, _epoch = monotonic(), catalog.epoch
    return Reading(catalog, is_due)
