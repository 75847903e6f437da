"""What a request would take, before anybody asks: at most, or nearly so."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _
from wagtail.models import Locale

from personalization.editor.asked import priced
from personalization.editor.asking_form import AskForm
from personalization.editor.budgets import Use, use_of
from personalization.editor.variant_facts import count_or_unknown
from personalization.variants import budgets
from personalization.variants.generators.base import Usage
from personalization.variants.hashing import Source, item_source, slot_source
from personalization.variants.prompting import build_prompt, estimated_usage, examples_of


@dataclass(frozen=True)
class Estimate:
    """How many calls and drafts, of how many tokens, at which cost, and what speaks against it."""

    parts: int
    drafts: int
    tokens: str
    cost: str
    warnings: tuple[str, ...]


def estimate_of(form: AskForm, *, model: str, user: Any) -> Estimate | None:
    """What a form takes as it is filled in; None while it says too little."""
    if not form.is_valid():
        return None
    chosen = form.cleaned_data
    usage = _usage(form)
    money = budgets.cost(usage, model)
    tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    images = [_("Images come on top of that.")] if chosen.get("draws_image") else []
    return Estimate(
        parts=form.parts,
        drafts=form.parts * chosen["alternatives"],
        tokens=count_or_unknown(tokens),
        cost=_("unknown: no price is set for this model") if money is None else priced(money),
        warnings=(*images, *_beyond(user, tokens, money)),
    )


def uses_for(user: Any) -> list[Use]:
    """What all editors together, and this one, have used today and may use."""
    return [use_of(standing) for standing in budgets.usage_today(user)]


def _sources(chosen: dict[str, Any]) -> Iterator[Source]:
    yield from map(item_source, chosen.get("items") or ())
    yield from map(slot_source, chosen.get("slots") or ())


def _usage(form: AskForm) -> Usage:
    """Of all parts together; segments differ in a line, so the first one stands for all."""
    chosen = form.cleaned_data
    segments = list(chosen.get("segments") or ())
    usages = [
        estimated_usage(
            build_prompt(
                chosen["template"],
                source,
                segment=next(iter(segments), None),
                fields=chosen["words"],
                alternatives=chosen["alternatives"],
                locale=chosen["locale"] or chosen["template"].language or Locale.get_default(),
                note=chosen["note"],
                examples=examples_of(chosen["template"]),
            )
        )
        for source in _sources(chosen)
    ]
    times = max(1, len(segments))
    return Usage(
        times * sum(usage.input_tokens or 0 for usage in usages),
        times * sum(usage.output_tokens or 0 for usage in usages),
    )


def _beyond(user: Any, tokens: int, money: Decimal | None) -> list[str]:
    """Which budgets this goes beyond: what fits is drafted all the same."""
    words = _("More than is left of today’s budget (%s): what fits is drafted, and the rest can be resumed tomorrow.")
    return [
        words % standing.label
        for standing in budgets.usage_today(user)
        if _exceeds(standing.used.tokens, tokens, standing.tokens)
        or _exceeds(standing.used.money, money, standing.money)
    ]


def _exceeds(used: Any, needed: Any, limit: Any) -> bool:
    return limit is not None and needed is not None and (used or 0) + needed > limit
