"""The corridor: every slot, through whichever door it is asked for, is decided here."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from personalization.recommend.data import History
from personalization.slots import metrics, policies
from personalization.slots.arms import put_under_test
from personalization.slots.building import build_decision, build_item, build_nothing
from personalization.slots.candidates import find_candidates, rows_of
from personalization.slots.considered import list_candidates
from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision, Reason
from personalization.slots.definitions import Definition, define
from personalization.slots.explanations import explain_rows
from personalization.slots.fallback import fall_back
from personalization.slots.models import Slot
from personalization.slots.order import Order
from personalization.slots.ordering import order_items
from personalization.slots.policies import Policy, Ranking, Situation
from personalization.slots.stages import StageError, Stages, log_failure
from personalization.slots.variation import find_wordings

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Ranked:
    """A policy's ranking of one slot, ordered by the editor's rules."""

    ranking: Ranking
    order: Order


Decide = Callable[[Definition, Stages], Decision]


def serve(slot_keys: Sequence[str | int], context: ServingContext) -> list[Decision]:
    """Decide what each slot shows, in this order, nothing twice. Never raises: a decision says what went wrong."""
    context.is_personal = True
    return [_serve_one(key, context, _decide) for key in slot_keys]


def serve_placeholder(slot_key: str | int, context: ServingContext) -> Decision:
    """What may stand in a cached page until the visitor's own fragment comes: the fallback, the same for everybody."""
    return _serve_one(slot_key, context.for_anybody, _do_not_decide)


def serve_preview(slot: Slot, context: ServingContext) -> Decision:
    """Decide for a slot as it stands in a form, saved or not, live or not, with every candidate's score and fate."""
    stages = Stages(slot.key, context)
    try:
        with stages.stage(Reason.MEMORY_FAILED, timed=False):
            definition = define([slot])[slot.key]
            context.memory.pool(definition)
            stages.start_clock()
    except StageError as error:
        return build_nothing(slot.key, error.reason)
    return _with_fallback(definition, stages, _decide_for_editor)


def _serve_one(key: str | int, context: ServingContext, decide: Decide) -> Decision:
    stages = Stages(key, context)
    decision = _look_up(key, stages, decide)
    context.decisions.append(decision)
    context.spent_ms += stages.spent_ms()
    # Anybody can ask for slots that do not exist: their names must not become labels.
    known = decision.slot if decision.reason not in (Reason.UNKNOWN_SLOT, Reason.MEMORY_FAILED) else ""
    metrics.SECONDS.observe(stages.spent_ms() / 1000)
    metrics.DECISIONS.labels(slot=known, reason=decision.reason, fallback=str(decision.fallback).lower()).inc()
    return decision


def _look_up(key: str | int, stages: Stages, decide: Decide) -> Decision:
    try:
        with stages.stage(Reason.MEMORY_FAILED, timed=False):
            definition = stages.context.memory.definition(key)
            stages.start_clock()
    except StageError as error:
        return build_nothing(str(key), error.reason)
    if definition is None:
        logger.warning("Slot %.60r is asked for, but does not exist.", key)
        return build_nothing(str(key), Reason.UNKNOWN_SLOT)
    if not definition.shows_at(stages.context.now):
        return build_nothing(definition.key, Reason.NOT_LIVE)
    return _with_fallback(definition, stages, decide)


def _with_fallback(definition: Definition, stages: Stages, decide: Decide) -> Decision:
    try:
        return decide(definition, stages)
    except StageError as error:
        reason = error.reason
    try:
        return fall_back(definition, reason, stages.context)
    except Exception as error:
        log_failure(definition.key, Reason.FALLBACK_FAILED, error, stages.context)
        return build_nothing(definition.key, Reason.FALLBACK_FAILED)


def _do_not_decide(definition: Definition, stages: Stages) -> Decision:
    raise StageError(Reason.PLACEHOLDER)


def _decide(definition: Definition, stages: Stages) -> Decision:
    with stages.stage(Reason.FLAG_FAILED):
        _check_switches(definition, stages.context)
    definition = _tailored(put_under_test(definition, stages), stages)
    return _decided(definition, _ranked(definition, stages), stages)


def _decide_for_editor(definition: Definition, stages: Stages) -> Decision:
    definition = _tailored(put_under_test(definition, stages), stages)
    ranked = _ranked(definition, stages)
    decision = _decided(definition, ranked, stages)
    candidates = list_candidates(definition, ranked.order, ranked.ranking, stages.context)
    return replace(decision, candidates=candidates)


def _check_switches(definition: Definition, context: ServingContext) -> None:
    if not context.is_switched_on:
        raise StageError(Reason.SWITCHED_OFF)
    if definition.flag and not context.is_flag_active(definition.flag):
        raise StageError(Reason.FLAG_OFF)


def _tailored(definition: Definition, stages: Stages) -> Definition:
    """The slot as this visitor's segments get it."""
    if definition.audience is None and not definition.tailoring:
        return definition
    with stages.stage(Reason.VISITOR_FAILED):
        segments = stages.context.segments
    if definition.audience is not None and definition.audience.isdisjoint(segments):
        raise StageError(Reason.OTHER_SEGMENT)
    return stages.context.memory.tailored(definition, segments)


def _ranked(definition: Definition, stages: Stages) -> Ranked:
    context = stages.context
    with stages.stage(Reason.VISITOR_FAILED):
        history = context.history
    with stages.stage(Reason.CANDIDATES_FAILED):
        candidates = find_candidates(definition, context)
        listed = tuple(rows_of(definition.listed, candidates, context.memory))
    with stages.stage(Reason.POLICY_FAILED):
        policy = policies.find(definition.policy)
        ranking = _ranking(policy, history, listed, context)
    if ranking is None:
        raise StageError(Reason.NO_CANDIDATES)
    with stages.stage(Reason.RANKING_FAILED):
        order = order_items(definition, policy, ranking, candidates, context)
    if not order.rows:
        raise StageError(Reason.NO_CANDIDATES)
    return Ranked(ranking, order)


def _ranking(policy: Policy, history: History, listed: tuple[int, ...], context: ServingContext) -> Ranking | None:
    """A policy's scores, computed once for all slots of the page that use it."""
    key = (policy.name, listed if policy.per_slot else ())
    if key not in context.rankings:
        now = context.now.timestamp()
        situation = Situation(context.memory.items, context.memory, history, now, listed)
        context.rankings[key] = policy.rank(situation)
    return context.rankings[key]


def _decided(definition: Definition, ranked: Ranked, stages: Stages) -> Decision:
    context, order = stages.context, ranked.order
    wordings = find_wordings(order.rows, definition, context)
    with stages.stage(Reason.EXPLAIN_FAILED):
        reasons = explain_rows(order.rows, order, ranked.ranking, context)
        items = [
            build_item(row, why, context, order.origin(row), order.propensities.get(row), wordings.items.get(row))
            for row, why in zip(order.rows, reasons, strict=True)
        ]
    with stages.stage(Reason.TOKEN_FAILED, timed=False):
        return build_decision(definition, items, ranked.ranking.rung, False, context, wordings.slot)
