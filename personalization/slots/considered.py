"""What became of every candidate of a slot: the table behind an editor's preview."""

import numpy as np

from personalization.recommend.data import Indexes
from personalization.slots.context import ServingContext
from personalization.slots.decision import Candidate, Why
from personalization.slots.definitions import Definition
from personalization.slots.explanations import explain_rows
from personalization.slots.ordering import Order
from personalization.slots.policies import Ranking

MOST_LISTED = 100


def list_candidates(
    definition: Definition, order: Order, ranking: Ranking, context: ServingContext
) -> tuple[Candidate, ...]:
    """The shown items in their order, then the other candidates by score, then what the rules shut out.

    Outcomes: ``shown``, ``pinned``, ``lower_score``, ``too_similar``, ``cap``, ``frequency_cap``, ``excluded``.
    """
    others = [row for row in _by_score(order) if row not in order.rows][:MOST_LISTED]
    rows = [*order.rows, *others]
    reasons = explain_rows(rows, order, ranking, context)
    listed = [_candidate(row, why, order, context) for row, why in zip(rows, reasons, strict=True)]
    excluded = np.flatnonzero(context.memory.pool(definition).excluded & context.memory.catalog.live).tolist()
    return (*listed, *(_shut_out(row, context) for row in excluded))


def _by_score(order: Order) -> list[int]:
    ranked: Indexes = order.candidates[np.argsort(-order.scores, kind="stable")]
    return ranked.tolist()


def _candidate(row: int, why: tuple[Why, ...], order: Order, context: ServingContext) -> Candidate:
    card = context.memory.catalog.cards[row]
    position = order.rows.index(row) + 1 if row in order.rows else None
    score = float(sum(addend.contribution for addend in why))
    return Candidate(card.key, card.type, card.title, score, position, _outcome(row, order), why)


def _outcome(row: int, order: Order) -> str:
    if row in order.pinned:
        return "pinned"
    if row in order.rows:
        return "shown"
    if row in order.held_back:
        return order.held_back[row]
    shown = [order.scores[order.place(other)] for other in order.rows if other not in order.pinned]
    # What scored more than something that is shown had to give way to variety.
    return "too_similar" if shown and order.scores[order.place(row)] > min(shown) else "lower_score"


def _shut_out(row: int, context: ServingContext) -> Candidate:
    card = context.memory.catalog.cards[row]
    return Candidate(card.key, card.type, card.title, None, None, "excluded")
