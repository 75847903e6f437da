"""Which rows one slot may show on this request."""

from collections.abc import Iterable

import numpy as np

from personalization import conf
from personalization.recommend.data import Indexes, Mask
from personalization.slots.context import ServingContext
from personalization.slots.definitions import Definition
from personalization.slots.memory import Memory
from personalization.slots.models import Slot
from personalization.slots.pools import translations

WORST_RANK = {Slot.Languages.PAGE: 0, Slot.Languages.FALLBACK: 1, Slot.Languages.ANY: 2}


def find_candidates(definition: Definition, context: ServingContext) -> Mask:
    """Rows of the slot's pool that may be shown here and now, and are not yet on the page."""
    memory = context.memory
    pool = memory.pool(definition)
    matching = pool.matching
    if definition.max_age_days:
        oldest = context.now.timestamp() - definition.max_age_days * conf.DAY
        matching = matching & (memory.items.published >= oldest)
    return (matching | pool.listed) & showable(definition, context)


def showable(definition: Definition, context: ServingContext) -> Mask:
    """Rows that may be shown here and now, in the pool or not: public, in a fitting language, new on this page."""
    if definition.languages not in context.eligible:
        context.eligible[definition.languages] = _eligible(definition.languages, context)
    allowed = context.eligible[definition.languages] & ~context.memory.pool(definition).excluded
    allowed[context.taken_rows()] = False
    return allowed


def rows_of(keys: Iterable[str], allowed: Mask, memory: Memory) -> list[int]:
    """For each key the row to show for it: itself or the translation that is allowed here; none twice."""
    found = (next((row for row in translations(memory.catalog, key) if allowed[row]), None) for key in keys)
    return list(dict.fromkeys(row for row in found if row is not None))


def _eligible(languages: str, context: ServingContext) -> Mask:
    """Rows that are public on this site now, one translation of each page, in the languages a slot accepts."""
    memory = context.memory
    public = memory.catalog.eligible(site_id=context.site_id, locale=None, now=context.now)
    ranks = _language_ranks(context)
    mask = public & (ranks <= WORST_RANK[languages])
    # Of translations the one in the best language stays; most rows have none, and need no sorting.
    rows = np.flatnonzero(mask & memory.translated)
    order = rows[np.lexsort((ranks[rows], memory.group_numbers[rows]))]
    again = order[1:][np.diff(memory.group_numbers[order]) == 0]
    mask[again] = False
    return mask


def _language_ranks(context: ServingContext) -> Indexes:
    """0: the page's language, or none at all; 1: the site's default language; 2: any other."""
    names, numbers = context.memory.locales
    default = context.default_locale
    ranks = [0 if name in ("", context.language) else 1 if name == default else 2 for name in names]
    return np.asarray(ranks, dtype=np.int64)[numbers]
