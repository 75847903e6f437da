"""From a policy's scores to a slot's order: the editor's adjustments, each of which stays visible in the score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from personalization import conf
from personalization.recommend import rerankers
from personalization.recommend.data import Doubles, Indexes, Mask
from personalization.slots.candidates import rows_of, showable
from personalization.slots.context import ServingContext
from personalization.slots.definitions import Definition
from personalization.slots.histories import shown_counts
from personalization.slots.policies import Policy, Ranking
from personalization.slots.pools import section_of

MOST_COMPARED = 100
MOST_IN_PLAY = 500
FRESHNESS_HALF_LIFE_DAYS = 7.0
LARGEST_LIFT = 2.0
# A page's other slots of the same policy will probably show what comes next.
SLOTS_AHEAD = 2


@dataclass(eq=False)
class Order:
    """Rows in the order to show; every candidate's score with the adjustments that are part of it."""

    candidates: Indexes
    base: Doubles
    scores: Doubles
    rows: list[int] = field(default_factory=list)
    pinned: frozenset[int] = frozenset()
    held_back: dict[int, str] = field(default_factory=dict)
    next_rows: list[int] = field(default_factory=list)
    adjustments: list[tuple[str, Doubles]] = field(default_factory=list)

    def adjust(self, name: str, scores: Doubles) -> None:
        """Take over new scores and remember by how much they differ."""
        self.adjustments.append((name, scores - self.scores))
        self.scores = scores

    def place(self, row: int) -> int | None:
        """Where a row stands among the candidates; None if it is none."""
        place = int(np.searchsorted(self.candidates, row))
        return place if place < len(self.candidates) and self.candidates[place] == row else None


def order_items(
    definition: Definition, policy: Policy, ranking: Ranking, candidates: Mask, context: ServingContext
) -> Order:
    """Adjust, cap, diversify and pin."""
    rows = _rows_in_play(definition, ranking, candidates, context)
    base = ranking.scores[rows].astype(np.float64)
    order = Order(rows, base, base)
    for step in (_boost, _freshen, _put_read_last):
        step(order, definition, policy, context)
    usable = _not_shown_too_often(order, definition, context)
    best = order.candidates[rerankers.top(order.scores, usable, max(MOST_COMPARED, 4 * definition.size))]
    varied = _diversify(best, order, definition, policy, context)
    pins = find_pins(definition, context)
    capped = _cap([row for row in varied if row not in pins.values()], order, definition, context)
    order.rows = rerankers.place_pins(capped, pins, definition.size).tolist()
    order.next_rows = capped[definition.size : (1 + SLOTS_AHEAD) * definition.size]
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
        if len(best) - np.count_nonzero(context.read_rows[best]) >= MOST_COMPARED:
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
    counts = shown_counts(context.profile, context.memory)[order.candidates]
    usable = np.isfinite(rerankers.frequency_cap(order.scores, counts, definition.frequency_cap))
    order.held_back |= dict.fromkeys(order.candidates[~usable].tolist(), "frequency_cap")
    return usable


def _diversify(
    best: Indexes, order: Order, definition: Definition, policy: Policy, context: ServingContext
) -> list[int]:
    """The best rows, reordered to be unlike each other; where nothing is known of their texts, as they were."""
    embeddings = context.memory.items.embeddings
    if policy.fixed_order or not definition.diversity or embeddings is None or len(best) < 2:
        return best.tolist()
    compared = best[:MOST_COMPARED]
    scores = order.scores[np.searchsorted(order.candidates, compared)]
    # Caps may leave out some of those chosen, so that more are needed.
    spare = 4 if definition.max_per_tag or definition.max_per_section else 1
    number = spare * definition.size + len(definition.pins)
    varied = rerankers.mmr(compared, scores, embeddings[compared], number, trade_off=1.0 - definition.diversity)
    return list(dict.fromkeys([*varied.tolist(), *best.tolist()]))


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
