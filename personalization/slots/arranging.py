"""From a slot's best rows to its list: variety, the visitor's own mix, caps, fairness and trying out.

Each step takes rows best first and gives all of them back, but for what a cap holds back. A step that is turned off
changes nothing.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from personalization.recommend import rerankers
from personalization.recommend.rerankers import Exposure, FairList
from personalization.slots.context import ServingContext
from personalization.slots.decision import Origin
from personalization.slots.definitions import Definition
from personalization.slots.fairness import Ledger
from personalization.slots.models import Slot
from personalization.slots.order import Order
from personalization.slots.policies import Policy
from personalization.slots.pools import section_of

MOST_COMPARED = 100
TOLERANCE = 0.2
SIGNIFICANT_DIGITS = 6


def arrange(
    best: Sequence[int],
    free: Sequence[int],
    order: Order,
    definition: Definition,
    policy: Policy,
    context: ServingContext,
) -> list[int]:
    """Reorder rows for the places that pins leave free, given by their numbers from 0."""
    rows = list(best)
    if not policy.fixed_order:
        rows = _diversify(rows, len(free), order, definition, context)
        rows = _calibrate(rows, len(free), order, definition, context)
    rows = _cap(rows, order, definition, context)
    if policy.fixed_order:
        return rows
    ledger = context.memory.ledger(definition) if definition.fair_by else None
    if ledger is None:
        return _explore(rows, len(free), order, definition, context)
    with ledger.lock:
        return _share_attention(rows, free, order, ledger, definition, context)


def _diversify(rows: list[int], size: int, order: Order, definition: Definition, context: ServingContext) -> list[int]:
    """Reorder rows to be unlike each other; where nothing is known of their texts they stay as they are."""
    embeddings = context.memory.items.embeddings
    if not definition.diversity or embeddings is None or len(rows) < 2:
        return rows
    compared = rows[:MOST_COMPARED]
    scores = order.scores[np.searchsorted(order.candidates, compared)]
    choose = rerankers.dpp if definition.diversity_method == Slot.DiversityMethod.DPP else rerankers.mmr
    number = _number_needed(size, definition)
    varied = choose(compared, scores, embeddings[compared], number, trade_off=1.0 - definition.diversity)
    return _moved_up(varied.tolist(), rows, size, order, Origin.VARIED)


def _calibrate(rows: list[int], size: int, order: Order, definition: Definition, context: ServingContext) -> list[int]:
    """Reorder rows to keep the visitor's own mix of tags."""
    if not definition.calibration or not context.own_mix or len(rows) < 2:
        return rows
    compared = rows[:MOST_COMPARED]
    tags = context.memory.items.tags
    groups = [[tag.casefold() for tag in tags[row]] for row in compared]
    # By place, not by score: the order may be one of variety by now, and every scorer is traded off alike.
    worth = rerankers.discounts(len(compared))
    number = _number_needed(size, definition)
    mixed = rerankers.calibrate(compared, worth, groups, context.own_mix, number, strength=definition.calibration)
    return _moved_up(mixed.tolist(), rows, size, order, Origin.CALIBRATED)


def _number_needed(size: int, definition: Definition) -> int:
    """How many rows to choose: caps and fairness may leave out some of them."""
    return 4 * size if definition.max_per_tag or definition.max_per_section or definition.fair_by else size


def _moved_up(chosen: Iterable[int], rows: list[int], size: int, order: Order, origin: Origin) -> list[int]:
    """All rows with the chosen ones first, and a note for what they came to be shown."""
    moved = list(dict.fromkeys([*chosen, *rows]))
    order.note(rows, moved, size, origin)
    return moved


def _cap(rows: list[int], order: Order, definition: Definition, context: ServingContext) -> list[int]:
    catalog = context.memory.catalog
    rows = _limit(rows, lambda row: catalog.items.tags[row], definition.max_per_tag, order)
    return _limit(rows, lambda row: section_of(catalog, row), definition.max_per_section, order)


def _limit(rows: list[int], groups_of: Callable[[int], Sequence[str]], most: int | None, order: Order) -> list[int]:
    if not most:
        return rows
    kept = rerankers.limit_per_group(rows, [groups_of(row) for row in rows], most, len(rows)).tolist()
    order.held_back |= dict.fromkeys(set(rows).difference(kept), "cap")
    return kept


def _share_attention(
    rows: list[int],
    free: Sequence[int],
    order: Order,
    ledger: Ledger,
    definition: Definition,
    context: ServingContext,
) -> list[int]:
    """Give groups that got too little their due, and count what the list as it will be shown gives to each."""
    weights = rerankers.discounts(definition.size)[list(free)]
    groups = [ledger.groups[row] for row in rows]
    fair = rerankers.fair_exposure(rows, groups, ledger.shares, weights, ledger.exposure, tolerance=TOLERANCE)
    moved = _moved_up(fair.ranked.tolist(), rows, len(free), order, Origin.FAIR)
    listed = _explore(moved, len(free), order, definition, context)
    if context.is_tracked:
        shown = [ledger.groups[row] for row in listed[: len(free)]]
        ledger.exposure = _counted(shown, weights.tolist(), ledger.exposure, fair)
    return listed


def _counted(groups: Sequence[str], weights: Sequence[float], before: Exposure, fair: FairList) -> Exposure:
    """The exposure with this list: what was due by fairness, and what is given after trying out."""
    given = dict(before.given)
    for group, weight in zip(groups, weights, strict=False):
        given[group] = given.get(group, 0.0) + weight
    return Exposure(given, fair.exposure.due)


def _explore(rows: list[int], size: int, order: Order, definition: Definition, context: ServingContext) -> list[int]:
    """Try out other rows on a visitor whose events teach something; for an hour they stay the same."""
    if not definition.exploration or not context.token_visitor:
        return rows
    hour = str(int(context.now.timestamp()) // 3600)
    random = rerankers.generator(context.token_visitor, definition.key, hour)
    shown = rerankers.explore_epsilon(rows, size, definition.exploration, random)
    listed = shown.ranked.tolist()
    order.origins |= dict.fromkeys(shown.ranked[shown.explored].tolist(), Origin.EXPLORED)
    chances = [float(f"{chance:.{SIGNIFICANT_DIGITS}g}") for chance in shown.propensities.tolist()]
    order.propensities = dict(zip(listed, chances, strict=True))
    return list(dict.fromkeys([*listed, *rows]))
