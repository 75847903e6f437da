"""Decisions as HTML. A slot that cannot be rendered leaves a gap in the page, never an error."""

import logging
import re
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from personalization import conf
from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision, Reason
from personalization.slots.serve import serve, serve_placeholder

logger = logging.getLogger(__name__)

TEMPLATE = "personalization/slot.html"
EMPTY = SafeString("")
ABSENT = {Reason.NOT_LIVE, Reason.UNKNOWN_SLOT, Reason.MEMORY_FAILED}


def render_slot(slot: str | int, *, request: HttpRequest, page: Any = None) -> SafeString:
    """The visitor's own slot, by key or primary key, inside the page: no cache may keep that page."""
    keep_out_of_page_cache(request)
    try:
        decision = serve([slot], ServingContext.for_page(request, page))[0]
        return render_decision(decision, request=request)
    except Exception:
        logger.exception("Slot %s cannot be rendered.", slot)
        return EMPTY


def keep_out_of_page_cache(request: HttpRequest) -> None:
    """Tell Django's own cache that the answer to this request is one visitor's."""
    # A view under `cache_page` is stored before any middleware sees its response; Django asks the request first.
    request._cache_update_cache = False  # type: ignore[attr-defined]


def render_placeholder(slot: str | int, *, request: HttpRequest, page: Any = None) -> SafeString:
    """What everybody may see, in a frame that the browser fills with the visitor's own slot: the page can be cached."""
    try:
        decision = serve_placeholder(slot, ServingContext.for_page(request, page))
        if decision.reason in ABSENT:
            return EMPTY
        address = reverse("personalization:fragment", args=[decision.slot])
        context = {
            "fragment_url": f"{address}?{urlencode({'url': request.path}, safe='/')}",
            "fallback": render_decision(decision, request=request),
        }
        return render_to_string("personalization/fragment.html", context)
    except Exception:
        logger.exception("Slot %s cannot be rendered.", slot)
        return EMPTY


def render_decision(decision: Decision, *, request: HttpRequest | None = None) -> SafeString:
    """The cards of a decision; nothing where there is nothing to show."""
    if not decision.items:
        return EMPTY
    # Without context processors, which would run anew for every slot of a page.
    context = {"decision": decision, "image_size": image_size(), "request": request}
    return render_to_string(decision.template or TEMPLATE, context)


def image_size() -> tuple[int, int] | None:
    """Width and height of the cards' images, when the image filter fixes them, so that pages do not jump."""
    found = re.fullmatch(r"fill-(\d+)x(\d+)(-c\d+)?(\|.*)?", conf.get().image_filter)
    return (int(found[1]), int(found[2])) if found else None
