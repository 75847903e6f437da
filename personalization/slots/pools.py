"""Which rows of the catalog a slot may draw on, as far as it can be said once for all visitors."""

from dataclasses import dataclass

import numpy as np

from personalization.catalog.snapshot import Catalog
from personalization.recommend.data import Floats, Mask
from personalization.slots.definitions import Definition


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows that pass the filters, that are listed, and that are never to be shown; a factor for each row, or None."""

    matching: Mask
    listed: Mask
    excluded: Mask
    boosts: Floats | None


def fill_pool(definition: Definition, catalog: Catalog) -> Pool:
    """Apply a slot's filters, list, exclusions and boosts to every row."""
    listed = _rows_named(catalog, definition.listed)
    matching = _matching(definition, catalog) if definition.filters or not definition.listed else np.zeros_like(listed)
    return Pool(matching, listed, _rows_named(catalog, definition.excluded), _boosts(definition, catalog))


def section_of(catalog: Catalog, row: int) -> tuple[str, ...]:
    """The page an item lies below, as the one group it belongs to; snippets belong to none."""
    path = catalog.tree_paths[row]
    return (path[:-4],) if path else ()


def translations(catalog: Catalog, key: str) -> list[int]:
    """All rows that share an item's history, itself included."""
    row = catalog.row_of.get(key)
    return [] if row is None else list(catalog.rows_of_group[catalog.items.groups[row]])


def _rows_named(catalog: Catalog, keys: tuple[str, ...] | frozenset[str]) -> Mask:
    mask = np.zeros(len(catalog.items.ids), dtype=np.bool_)
    mask[[row for key in keys for row in translations(catalog, key)]] = True
    return mask


def _matching(definition: Definition, catalog: Catalog) -> Mask:
    mask = np.ones(len(catalog.items.ids), dtype=np.bool_)
    if definition.types:
        mask &= np.fromiter((card.type in definition.types for card in catalog.cards), np.bool_, len(mask))
    if definition.limited_to_trees:
        # A page lies below another if its path is longer and begins alike.
        mask &= np.fromiter((_lies_below(path, definition.trees) for path in catalog.tree_paths), np.bool_, len(mask))
    if definition.tags:
        passes = definition.tags.issubset if definition.all_tags else lambda tags: not definition.tags.isdisjoint(tags)
        mask &= np.fromiter((passes(_folded(tags)) for tags in catalog.items.tags), np.bool_, len(mask))
    return mask


def _boosts(definition: Definition, catalog: Catalog) -> Floats | None:
    if not definition.item_boosts and not definition.tag_boosts:
        return None
    factors = np.ones(len(catalog.items.ids), dtype=np.float32)
    for key, factor in definition.item_boosts.items():
        factors[translations(catalog, key)] *= factor
    if definition.tag_boosts:
        for row, tags in enumerate(catalog.items.tags):
            for tag in _folded(tags) & definition.tag_boosts.keys():
                factors[row] *= definition.tag_boosts[tag]
    return factors


def _lies_below(path: str, trees: tuple[str, ...]) -> bool:
    return any(path.startswith(tree) and path != tree for tree in trees)


def _folded(tags: tuple[str, ...]) -> set[str]:
    return {tag.casefold() for tag in tags}
