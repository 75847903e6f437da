"""From a policy's scores to a slot's order: the editor's adjustments, each of which stays visible in the score."""

import numpy as np

from personalization import conf
from personalization.recommend import rerankers
from personalization.recommend.data import Indexes, Mask
from personalization.slots.arranging import MOST_COMPARED, arrange
from personalization.slots.candidates import rows_of, showable
from personalization.slots.context import ServingContext
from personalization.slots.definitions import Definition
from personalization.slots.order import Order
from personalization.slots.policies import Policy, Ranking

MOST_IN_PLAY = 500
FRESHNESS_HALF_LIFE_DAYS = 7.0
LARGEST_LIFT = 2.0
# A page's other slots of the same policy will probably show what comes next.
SLOTS_AHEAD = 2


def order_items(
    definition: Definition, policy: Policy, ranking: Ranking, candidates: Mask, context: ServingContext
) -> Order:
    """Adjust, arrange and pin."""
    rows = _rows_in_play(definition, ranking, candidates, context)
    base = ranking.scores[rows].astype(np.float64)
    order = Order(rows, base, base)
    for step in (_boost, _freshen, _put_ignored_lower, _put_read_last):
        step(order, definition, policy, context)
    usable = _not_shown_too_often(order, definition, context)
    best = order.candidates[rerankers.top(order.scores, usable, max(MOST_COMPARED, 4 * definition.size))]
    pins = find_pins(definition, context)
    unpinned = [row for row in best.tolist() if row not in pins.values()]
    free = [place for place in range(definition.size) if place not in pins]
    arranged = arrange(unpinned, free, order, definition, policy, context)
    order.rows = rerankers.place_pins(arranged, pins, definition.size).tolist()
    order.next_rows = arranged[definition.size : (1 + SLOTS_AHEAD) * definition.size]
    order.pinned = frozenset(pins.values())
    return order


def _rows_in_play(definition: Definition, ranking: Ranking, candidates: Mask, context: ServingContext) -> Indexes:
    """The candidates in ascending order. Where no rule can lift an item, those with the best scores will do."""
    pool = context.memory.pool(definition)
    if pool.boosts is None and not definition.freshness and not definition.frequency_cap:
        if ranking not in context.leaders:
            context.leaders[ranking] = np.sort(rerankers.top(ranking.scores, ranking.only, MOST_IN_PLAY))
        leaders = context.leaders[ranking]
        best = leaders[candidates[leaders]]
        # What sinks below others makes room for those, and they must be among the best as well.
        sinking = context.read_rows[best] | (context.shown_counts[best] > 0 if definition.fatigue else False)
        if len(best) - np.count_nonzero(sinking) >= MOST_COMPARED:
            return best
    only = candidates if ranking.only is None else candidates & ranking.only
    return np.flatnonzero(only & np.isfinite(ranking.scores))


def find_pins(definition: Definition, context: ServingContext) -> dict[int, int]:
    """Rows by place, as far as they may be shown here and now."""
    if not definition.pins:
        return {}
    allowed = showable(definition, context)
    found = {place: rows_of([key], allowed, context.memory) for place, key in definition.pins.items()}
    return {place: rows[0] for place, rows in found.items() if rows}


def _boost(order: Order, definition: Definition, policy: Policy, context: ServingContext) -> None:
    boosts = context.memory.pool(definition).boosts
    if boosts is not None and len(order.candidates):
        order.adjust("boost", rerankers.apply_boosts(order.scores, boosts[order.candidates]))


def _freshen(order: Order, definition: Definition, policy: Policy, context: ServingContext) -> None:
    if definition.freshness:
        ages = (context.now.timestamp() - context.memory.items.published[order.candidates]) / conf.DAY
        strength = LARGEST_LIFT * definition.freshness
        order.adjust("fresh", rerankers.freshness(order.scores, ages, FRESHNESS_HALF_LIFE_DAYS, strength))


def _put_ignored_lower(order: Order, definition: Definition, policy: Policy, context: ServingContext) -> None:
    if not definition.fatigue or policy.fixed_order:
        return
    ignored = context.shown_counts[order.candidates]
    if ignored.any():
        order.adjust("ignored", rerankers.fatigue(order.scores, ignored, LARGEST_LIFT * definition.fatigue))


def _put_read_last(order: Order, definition: Definition, policy: Policy, context: ServingContext) -> None:
    if context.profile is None or not definition.demote_read or policy.fixed_order:
        return
    read = context.read_rows[order.candidates]
    if read.any():
        below_all = LARGEST_LIFT * np.ptp(order.scores) + 1.0
        order.adjust("read", order.scores - below_all * read)


def _not_shown_too_often(order: Order, definition: Definition, context: ServingContext) -> Mask | None:
    if context.profile is None or not definition.frequency_cap:
        return None
    counts = context.shown_counts[order.candidates]
    usable = np.isfinite(rerankers.frequency_cap(order.scores, counts, definition.frequency_cap))
    order.held_back |= dict.fromkeys(order.candidates[~usable].tolist(), "frequency_cap")
    return usable
