"""Decisions from rows: cards, token, words, and the note of what the page has shown."""

import uuid
from collections.abc import Sequence

from personalization.events.tokens import DecisionToken, issue
from personalization.slots.arms import arm_key_of, exposure_of
from personalization.slots.context import ServingContext
from personalization.slots.decision import DecidedItem, Decision, Origin, Why
from personalization.slots.definitions import Definition
from personalization.slots.variation import Wording
from personalization.slots.words import fill_words

LONGEST_PLACEMENT = 200


def build_decision(
    definition: Definition,
    items: Sequence[DecidedItem],
    reason: str,
    fallback: bool,
    context: ServingContext,
    wording: Wording | None = None,
) -> Decision:
    """Put together what a slot shows. The page is changed last, when nothing can fail any more."""
    decision_id = uuid.uuid4()
    words = wording and wording.variant
    token = DecisionToken(
        decision_id=decision_id,
        slot_key=definition.key,
        arm_key=arm_key_of(definition.key, context),
        context=exposure_of(definition.key, context),
        visitor_key=context.token_visitor,
        item_keys=tuple(item.key for item in items),
        propensities=tuple(1.0 if item.propensity is None else item.propensity for item in items)
        if any(item.propensity is not None for item in items)
        else (),
        variant_keys=_variant_keys(items, wording),
        placement=context.path[:LONGEST_PLACEMENT],
    )
    decision = Decision(
        slot=definition.key,
        decision_id=str(decision_id),
        token=issue(token) if context.is_tracked else "",
        policy=definition.policy,
        model_version=context.memory.bundle.label if context.memory.bundle and not fallback else None,
        fallback=fallback,
        reason=str(reason),
        heading=fill_words((words and words.headline) or definition.heading, context),
        text=fill_words((words and words.summary) or definition.text, context),
        variant=words and words.key,
        ai_label=wording.label if wording else "",
        why_words=wording.why if wording else "",
        items=tuple(items),
        dismissible=definition.dismissible and context.is_tracked and context.may_personalize,
        template=definition.template,
    )
    context.shown |= {context.memory.catalog.row_of[item.key] for item in items}
    if context.is_tracked:
        context.tokens.append(token)
    return decision


def _variant_keys(items: Sequence[DecidedItem], wording: Wording | None) -> tuple[str, ...]:
    keys = (*(item.variant or "" for item in items), wording.variant.key if wording else "")
    return keys if any(keys) else ()


def build_item(
    row: int,
    why: tuple[Why, ...],
    context: ServingContext,
    origin: Origin = Origin.RANKED,
    propensity: float | None = None,
    wording: Wording | None = None,
) -> DecidedItem:
    """The card of one row, in its own words or in those of a variant."""
    card, words = context.memory.catalog.cards[row], wording and wording.variant
    return DecidedItem(
        key=card.key,
        type=card.type,
        title=(words and words.headline) or card.title,
        url=card.url,
        summary=(words and words.summary) or card.summary,
        image=(words and words.image) or card.image,
        variant=words and words.key,
        score=float(sum(addend.contribution for addend in why)),
        call_to_action=words.call_to_action if words else "",
        image_description=words.image_description if words else "",
        ai_label=wording.label if wording else "",
        why_words=wording.why if wording else "",
        why=why,
        origin=origin,
        propensity=propensity,
    )


def build_nothing(key: str, reason: str) -> Decision:
    """The decision to show nothing."""
    return Decision(key, str(uuid.uuid4()), "", "", None, True, str(reason))
