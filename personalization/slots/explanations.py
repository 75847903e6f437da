"""Why an item is shown: addends that make up its score, each with words for the visitor."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from personalization.recommend.data import Attribution
from personalization.slots.context import ServingContext
from personalization.slots.decision import Origin, Why
from personalization.slots.order import Order
from personalization.slots.policies import Ranking

MOST_TOLD = 4
PINNED = 1.0

PHRASES = {
    "popular": gettext_lazy("Popular right now"),
    "trending": gettext_lazy("More people than usual are reading this"),
    "content": gettext_lazy("Close to what you like to read"),
    "newest": gettext_lazy("New"),
    "fresh": gettext_lazy("Published recently"),
    "boost": gettext_lazy("Chosen by the editors"),
    "editors": gettext_lazy("Chosen by the editors"),
}

Source = tuple[str, int | None]
Addend = tuple[Source, float]


def explain_rows(rows: Sequence[int], order: Order, ranking: Ranking, context: ServingContext) -> list[tuple[Why, ...]]:
    """The reasons for each row; a pinned one is there because the editors want it, another to be tried out."""
    ranked = [row for row in rows if row not in order.pinned]
    told = dict(zip(ranked, _explain_ranked(ranked, order, ranking, context), strict=True)) if ranked else {}
    tried = {row for row in ranked if order.origin(row) == Origin.EXPLORED}
    return [
        (*told[row], *([tried_out()] if row in tried else [])) if row in told else (chosen_by_editors(),)
        for row in rows
    ]


def chosen_by_editors() -> Why:
    """The reason for pinned items and for fallback items."""
    return Why("editors", PINNED, _("Chosen by the editors"))


def tried_out() -> Why:
    """The reason for items shown by chance: no part of the score, and yet worth telling."""
    return Why("explored", 0.0, _("Something different, to try out"))


def newest_of_pool(score: float) -> Why:
    """The reason for items that are there because nothing better is known."""
    return Why("newest", score, _("New"))


def _explain_ranked(
    rows: Sequence[int], order: Order, ranking: Ranking, context: ServingContext
) -> list[tuple[Why, ...]]:
    addends = _addends(rows, order, ranking, context)
    places = np.searchsorted(order.candidates, rows)
    adjusted = [((name, None), deltas[places].tolist()) for name, deltas in order.adjustments]
    scores = order.scores[places].tolist()
    return [
        _reasons([*addends[row], *((source, amounts[n]) for source, amounts in adjusted)], scores[n], context)
        for n, row in enumerate(rows)
    ]


def _addends(rows: Sequence[int], order: Order, ranking: Ranking, context: ServingContext) -> dict[int, list[Addend]]:
    """What the scores of these rows are made of; what the page's next slots may ask for is found out with them."""
    known = context.addends.setdefault(ranking, {})
    missing = [row for row in rows if row not in known]
    if missing:
        missing += [row for row in order.next_rows if row not in known]
        known.update(zip(missing, _shorten(ranking.attribute(missing)), strict=True))
    return known


def _shorten(said: Attribution) -> list[list[Addend]]:
    """For each row its largest addends one by one, and what else each scorer says in one sum."""
    sources, amounts = said.sources, said.amounts.copy()
    names = list(dict.fromkeys(name for name, _item in sources))
    number = min(MOST_TOLD, len(sources))
    largest = np.argsort(-np.abs(amounts), axis=1)[:, :number]
    told = np.take_along_axis(amounts, largest, axis=1)
    np.put_along_axis(amounts, largest, 0.0, axis=1)
    belongs = np.array([[name == own for own in names] for name, _item in sources], dtype=np.float64)
    rest = amounts @ belongs.reshape(len(sources), len(names))
    return [
        [
            *((sources[column], amount) for column, amount in zip(columns, row_told, strict=True)),
            *(((name, None), amount) for name, amount in zip(names, row_rest, strict=True)),
        ]
        for columns, row_told, row_rest in zip(largest.tolist(), told.tolist(), rest.tolist(), strict=True)
    ]


def _reasons(addends: Sequence[Addend], score: float, context: ServingContext) -> tuple[Why, ...]:
    amounts: dict[Source, float] = defaultdict(float)
    for source, amount in addends:
        amounts[source] += amount
    ordered = sorted((pair for pair in amounts.items() if pair[1]), key=lambda pair: -abs(pair[1]))
    if ordered:
        # The sum must be the score to the last digit, though scores are counted in fewer digits than their parts.
        source, amount = ordered[0]
        ordered[0] = source, amount + score - sum(part for _source, part in ordered)
    return tuple(Why(source[0], amount, _words(source, amount, context)) for source, amount in ordered)


def _words(source: Source, amount: float, context: ServingContext) -> str:
    """What to tell the visitor of an addend; the same words serve all items of a page."""
    spoken = (source, amount > 0)
    if spoken not in context.phrases:
        context.phrases[spoken] = _phrase(*source, amount > 0, context)
    return context.phrases[spoken]


def _phrase(name: str, item: int | None, speaks_for: bool, context: ServingContext) -> str:
    if not speaks_for:
        return _("You have read this") if name == "read" else ""
    if item is not None:
        return _phrase_about(name, item, context)
    return str(PHRASES.get(name) or _("Liked by people who read what you read"))


def _phrase_about(name: str, item: int, context: ServingContext) -> str:
    if item == context.item_row:
        return _("Similar to this page")
    catalog = context.memory.catalog
    if name == "recent":
        return _("You looked at this")
    # The title of what has since been withdrawn or restricted is nobody's business any more.
    if not catalog.live[item]:
        return ""
    if "because" not in context.phrases:
        context.phrases["because"] = _("Because you read “%(title)s”")
    return context.phrases["because"] % {"title": catalog.cards[item].title}
