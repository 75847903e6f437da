"""A slot's heading and text for one visitor."""

import logging
from collections.abc import Callable
from functools import partial

from personalization.slots.context import ServingContext
from personalization.slots.placeholders import fill_placeholders
from personalization.visitors.profiles import recent_items, top_tags

logger = logging.getLogger(__name__)


def fill_words(text: str, context: ServingContext) -> str:
    """The text with its placeholders filled in; a value that cannot be had becomes its fallback."""
    if "{" not in text:
        return text
    values = {"first_name": context.find_first_name, "top_tag": partial(_top_tag, context)}
    values["last_viewed"] = partial(_last_viewed, context)
    return fill_placeholders(text, {name: partial(_safely, name, value) for name, value in values.items()})


def _top_tag(context: ServingContext) -> str:
    if context.liked_tags:
        return context.liked_tags[0]
    best = top_tags(context.profile, context.now, 1) if context.profile else []
    return best[0][0] if best else ""


def _last_viewed(context: ServingContext) -> str:
    """The newest title that is still public here, other than the page being viewed."""
    catalog = context.memory.catalog
    public = catalog.eligible(site_id=context.site_id, locale=None, now=context.now)
    keys = [key for key, *_ in recent_items(context.profile)] if context.profile else []
    rows = (catalog.row_of[key] for key in keys if key in catalog.row_of)
    return next((catalog.cards[row].title for row in rows if public[row] and row != context.item_row), "")


def _safely(name: str, value: Callable[[], str]) -> str:
    try:
        return value()
    except Exception as error:
        logger.warning("Placeholder visitor.%s has no value: %s.", name, type(error).__name__)
        return ""
