"""What a training run learns from: the interactions of visitors who allowed it, and the texts of the catalog."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization import conf
from personalization.catalog import snapshot
from personalization.events.queries import interaction_rows
from personalization.recommend.data import Interactions, Items

# One visitor, however busy or automatic, must not outweigh the others.
LARGEST_HISTORY = 1_000


class TooLittleError(Exception):
    """There is not enough to learn from; the message says what is missing."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Interactions over the whole catalog, its texts, and the hash by which two runs know that they saw the same."""

    interactions: Interactions
    items: Items
    digest: str

    @property
    def since(self) -> datetime:
        """When the first interaction happened."""
        return datetime.fromtimestamp(float(self.interactions.timestamps.min()), tz=UTC)

    @property
    def until(self) -> datetime:
        """When the last interaction happened."""
        return datetime.fromtimestamp(float(self.interactions.timestamps.max()), tz=UTC)


def read_dataset() -> Dataset:
    """Read the training window from the database; raise TooLittleError when it holds less than TRAINING_MINIMUM."""
    settings = conf.get()
    now = timezone.now()
    catalog = snapshot.current()
    on_show = (catalog.items.groups[row] for row in np.flatnonzero(catalog.live))
    rows = interaction_rows(since=now - timedelta(days=settings.training_window_days), until=now)
    interactions = _collect(rows, on_show)
    found = interactions.matrix.nnz if interactions else 0
    if interactions is None or found < settings.training_minimum:
        raise TooLittleError(
            _(
                "Only %(found)d interactions of visitors who allow personalization in the last %(days)d days; "
                "%(needed)d are needed (TRAINING_MINIMUM). Until then slots follow texts and the editors' order."
            )
            % {"found": found, "days": settings.training_window_days, "needed": settings.training_minimum}
        )
    return Dataset(interactions, catalog.items, _digest(interactions))


def _collect(rows: Iterable[tuple[str, str, float, float, str]], groups: Iterable[str]) -> Interactions | None:
    """Gather rows into arrays; every name is kept once, whatever the number of rows that bear it."""
    names: dict[str, str] = {}
    visitors, items, times, weights = [], [], [], []
    for visitor, group, seconds, weight, _kind in rows:
        visitors.append(names.setdefault(visitor, visitor))
        items.append(names.setdefault(group, group))
        times.append(seconds)
        weights.append(weight)
    if not visitors:
        return None
    universe = sorted({*items, *groups})
    return _newest_of_each(Interactions.from_rows(visitors, items, times, weights, item_ids=universe))


def _newest_of_each(interactions: Interactions) -> Interactions:
    """Leave each visitor the newest LARGEST_HISTORY items."""
    if np.diff(interactions.matrix.indptr).max() <= LARGEST_HISTORY:
        return interactions
    rows = interactions.rows
    by_age = np.lexsort((-interactions.timestamps, rows))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[by_age] = np.arange(len(rows)) - interactions.matrix.indptr[:-1][rows[by_age]]
    return interactions.keep(rank < LARGEST_HISTORY)


def _digest(interactions: Interactions) -> str:
    matrix = interactions.matrix
    digest = hashlib.sha256()
    for array in (matrix.indptr, matrix.indices, matrix.data, interactions.timestamps):
        digest.update(np.ascontiguousarray(array).data)
    digest.update("\n".join((*interactions.visitor_ids, *interactions.item_ids)).encode())
    return digest.hexdigest()
