"""What became of every candidate of a slot: the table behind an editor's preview."""

import numpy as np

from personalization.recommend.data import Indexes
from personalization.slots.context import ServingContext
from personalization.slots.decision import Candidate, Origin, Why
from personalization.slots.definitions import Definition
from personalization.slots.explanations import explain_rows
from personalization.slots.order import Order
from personalization.slots.policies import Ranking

MOST_LISTED = 100


def list_candidates(
    definition: Definition, order: Order, ranking: Ranking, context: ServingContext
) -> tuple[Candidate, ...]:
    """The shown items in their order, then the other candidates by score, then what the rules shut out.

    Outcomes: how a shown one came onto the list, see `Origin`; for the others ``lower_score``, ``gave_way``, ``cap``,
    ``frequency_cap``, ``excluded``, ``dismissed``.
    """
    others = [row for row in _by_score(order) if row not in order.rows][:MOST_LISTED]
    rows = [*order.rows, *others]
    reasons = explain_rows(rows, order, ranking, context)
    listed = [_candidate(row, why, order, context) for row, why in zip(rows, reasons, strict=True)]
    pool, live = context.memory.pool(definition), context.memory.catalog.live
    excluded = np.flatnonzero(pool.excluded & live).tolist()
    dismissed = [row for row in context.dismissed_rows if live[row] and not pool.excluded[row]]
    shut_out = [*((row, "excluded") for row in excluded), *((row, "dismissed") for row in dismissed)]
    return (*listed, *(_shut_out(row, outcome, context) for row, outcome in shut_out))


def _by_score(order: Order) -> list[int]:
    ranked: Indexes = order.candidates[np.argsort(-order.scores, kind="stable")]
    return ranked.tolist()


def _candidate(row: int, why: tuple[Why, ...], order: Order, context: ServingContext) -> Candidate:
    card = context.memory.catalog.cards[row]
    position = order.rows.index(row) + 1 if row in order.rows else None
    score = float(sum(addend.contribution for addend in why))
    return Candidate(card.key, card.type, card.title, score, position, _outcome(row, order), why)


def _outcome(row: int, order: Order) -> str:
    if row in order.rows:
        return order.origin(row)
    if row in order.held_back:
        return order.held_back[row]
    unranked = {Origin.PINNED, Origin.EXPLORED}
    shown = [order.scores[order.place(other)] for other in order.rows if order.origin(other) not in unranked]
    # What scored more than something that is shown had to give way to variety, to the visitor's mix or to fairness.
    return "gave_way" if shown and order.scores[order.place(row)] > min(shown) else "lower_score"


def _shut_out(row: int, outcome: str, context: ServingContext) -> Candidate:
    card = context.memory.catalog.cards[row]
    return Candidate(card.key, card.type, card.title, None, None, outcome)
