"""The whole catalog in memory, once for each process: what decisions are made from without asking the database."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personalization.catalog.columns import EVERY_SITE, Card, Columns, patched, read
from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Epoch, Item
from personalization.recommend.data import Items, centre

__all__ = ["EVERY_SITE", "Card", "Catalog", "current", "forget"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Catalog:
    """Every item at one epoch, withdrawn ones too; entry n of each sequence is about the same item.

    ``site`` is EVERY_SITE and ``locale`` is "" for items that belong to all; ``expires`` is in epoch seconds, infinite
    for most; ``type`` is a model's label, as in "home.articlepage". All arrays are read-only.
    """

    epoch: int
    embedding_model: str
    items: Items
    cards: tuple[Card, ...]
    row_of: Mapping[str, int]
    rows_of_group: Mapping[str, tuple[int, ...]]
    live: NDArray[np.bool_]
    site: NDArray[np.int64]
    locale: NDArray[np.str_]
    type: NDArray[np.str_]
    tree_paths: NDArray[np.str_]
    expires: NDArray[np.float64]
    columns: Columns = field(repr=False)  # for the next refresh

    def __len__(self) -> int:
        return len(self.cards)

    def eligible(self, *, site_id: int | None, locale: str | None, now: datetime) -> NDArray[np.bool_]:
        """Which items may be shown at all, on this site, in this language (None: any), at this moment."""
        here = (self.site == EVERY_SITE) | (self.site == (site_id or EVERY_SITE))
        mask = self.live & here & (self.expires > now.timestamp())
        return mask & ((self.locale == locale) | (self.locale == "")) if locale else mask


_held: Catalog | None = None
_lock = Lock()


def current(epoch: int | None = None) -> Catalog:
    """The catalog as of `epoch` or later; only rows that changed since the last call are read again."""
    global _held
    held = _held
    if held is not None and epoch == held.epoch:
        return held
    with _lock:
        # Asked again, for another thread may have been faster, and a database brought back from a backup counts anew.
        newest = Epoch.objects.numbers().get("catalog", 0)
        if _held is None or newest != _held.epoch:
            _held = _read(_held, newest)
        return _held


def forget() -> None:
    """Drop what is held, as a new process would."""
    global _held
    with _lock:
        _held = None


def _read(held: Catalog | None, epoch: int) -> Catalog:
    model = current_embedder().name
    if held is not None and held.epoch < epoch and held.embedding_model == model:
        rows, vectors = read(Item.objects.filter(epoch__gt=held.epoch), model)
        if held.columns.fits(list(rows)):
            return _catalog(patched(held.columns, rows, vectors), held, epoch, model)
    return _catalog(patched(Columns(), *read(Item.objects.all(), model)), None, epoch, model)


def _catalog(columns: Columns, held: Catalog | None, epoch: int, model: str) -> Catalog:
    cells = columns.cells
    return Catalog(
        epoch=epoch,
        embedding_model=model,
        items=_items(columns, held),
        cards=cells.cards,
        row_of=held.row_of if held and len(held) == len(columns) else _numbered(columns),
        rows_of_group=held.rows_of_group if held and held.items.groups == cells.groups else _grouped(cells.groups),
        live=_fixed(cells.live, np.bool_),
        site=_fixed(cells.sites, np.int64),
        locale=_fixed(cells.locales, np.str_),
        type=_fixed([card.type for card in cells.cards], np.str_),
        tree_paths=_fixed(cells.tree_paths, np.str_),
        expires=_fixed(cells.expires, np.float64),
        columns=columns,
    )


def _items(columns: Columns, held: Catalog | None) -> Items:
    if held is not None and columns.vectors is held.columns.vectors:
        embeddings, mean = held.items.embeddings, held.items.mean
    elif columns.vectors.size:
        embeddings, mean = (_fixed(array, np.float32) for array in centre(columns.vectors))
    else:
        embeddings = mean = None
    cards = columns.cells.cards
    return Items(
        ids=tuple(card.key for card in cards),
        groups=columns.cells.groups,
        embeddings=embeddings,
        tags=tuple(card.tags for card in cards),
        published=_fixed(columns.cells.published, np.float64),
        mean=mean,
    )


def _numbered(columns: Columns) -> Mapping[str, int]:
    return MappingProxyType({card.key: n for n, card in enumerate(columns.cells.cards)})


def _grouped(groups: tuple[str, ...]) -> Mapping[str, tuple[int, ...]]:
    rows: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for n, group in enumerate(groups):
        rows[group] += (n,)
    return MappingProxyType(dict(rows))


def _fixed(values: Any, kind: type) -> NDArray[Any]:
    array = np.asarray(values, dtype=kind)
    array.setflags(write=False)
    return array
