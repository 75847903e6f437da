"""What is shown where there is no ranking."""

from personalization.recommend import rerankers
from personalization.recommend.data import History
from personalization.slots import policies
from personalization.slots.building import build_decision, build_item
from personalization.slots.candidates import find_candidates, rows_of, showable
from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision, Origin, Reason, Why
from personalization.slots.definitions import Definition
from personalization.slots.explanations import chosen_by_editors, newest_of_pool
from personalization.slots.ordering import find_pins
from personalization.slots.policies import Situation


def fall_back(definition: Definition, reason: Reason, context: ServingContext) -> Decision:
    """The editor's fallback items, else the newest of the pool; pins stay where they are.

    Of a slot that is for some segments only, nothing but its fallback items is for everybody.
    """
    if Reason.VISITOR_FAILED in context.broken:
        context.forget_visitor()
    reasons = _listed(definition, context)
    is_for_all = definition.audience is None
    if not reasons and is_for_all and reason != Reason.NO_CANDIDATES:
        reasons = _newest(definition, context)
    pins = find_pins(definition, context) if is_for_all else {}
    rows = rerankers.place_pins(list(reasons), pins, definition.size).tolist()
    reasons |= dict.fromkeys(pins.values(), chosen_by_editors())
    origins = dict.fromkeys(reasons, Origin.FALLBACK) | dict.fromkeys(pins.values(), Origin.PINNED)
    items = [build_item(row, (reasons[row],), context, origins[row]) for row in rows]
    return build_decision(definition, items, reason, True, context)


def _listed(definition: Definition, context: ServingContext) -> dict[int, Why]:
    rows = rows_of(definition.fallback, showable(definition, context), context.memory)
    return dict.fromkeys(rows, chosen_by_editors())


def _newest(definition: Definition, context: ServingContext) -> dict[int, Why]:
    newest = policies.by_newest(Situation(context.memory.items, context.memory, History(), context.now.timestamp()))
    rows = rerankers.top(newest.scores, find_candidates(definition, context), definition.size).tolist()
    return {row: newest_of_pool(float(newest.scores[row])) for row in rows}
