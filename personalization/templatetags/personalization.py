"""``{% load personalization %}``: slots, the browser client and the consent banner."""

import logging
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import RequestContext, TemplateSyntaxError
from django.urls import reverse
from django.utils.safestring import SafeString

from personalization.catalog.keys import key_of
from personalization.catalog.registry import extractor_for
from personalization.slots import rendering
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.rehearsal import rehearse
from personalization.slots.serve import serve_preview
from personalization.variants.models import Variant

register = template.Library()
logger = logging.getLogger(__name__)

MODES = ("inline", "fragment")


@register.simple_tag(takes_context=True)
def slot(context: RequestContext, key: str, mode: str = "inline") -> SafeString:
    """A slot by its key. With ``mode="fragment"`` the page can be cached, and the browser fetches the slot."""
    request = context.get("request")
    if _checked(mode) == "fragment" and request:
        return rendering.render_placeholder(key, request=request, page=context.get("page"))
    return rendering.render_slot(key, request=request, page=context.get("page")) if request else rendering.EMPTY


@register.inclusion_tag("personalization/client.html", takes_context=True)
def personalization_client(context: RequestContext, mode: str = "inline") -> dict[str, Any]:
    """The browser client. In a page cached for everybody, ``mode="fragment"`` keeps the visitor's choice out."""
    request, page = context.get("request"), context.get("page")
    return {
        "purposes": _purposes(request, page) if _checked(mode) == "inline" and request else None,
        "item": _key(page),
        "api": reverse("personalization:consent").removesuffix("consent/"),
    }


@register.inclusion_tag("personalization/consent_banner.html", takes_context=True)
def consent_banner(context: RequestContext, mode: str = "inline") -> dict[str, Any]:
    """The question what a visitor allows, for those who have not answered. In a cached page the client shows it."""
    request = context.get("request")
    if _checked(mode) == "fragment" or not request:
        return {"is_asked": True, "is_hidden": True}
    purposes = _purposes(request, context.get("page"))
    refused = ServingContext.from_request(request).refuses
    return {"is_asked": not purposes, "is_hidden": False, "refused_by_browser": refused}


@register.simple_tag(takes_context=True)
def slot_preview(context: RequestContext, slot: Slot) -> SafeString:
    """A slot as it stands in the editor's form, for a new visitor."""
    decision = serve_preview(slot, ServingContext.for_preview())
    return rendering.render_decision(decision, request=context.get("request"))


@register.simple_tag(takes_context=True)
def variant_preview(context: RequestContext, variant: Variant, slot: Slot | None = None) -> SafeString:
    """A variant's words in a slot, approved or not, for the eyes of its reviewers."""
    if not variant.item_id and not variant.slot_id:
        return rendering.EMPTY
    return rendering.render_decision(rehearse(variant, slot or None), request=context.get("request"))


def _checked(mode: str) -> str:
    if mode not in MODES:
        raise TemplateSyntaxError(f"mode is one of {', '.join(MODES)}, not {mode!r}.")
    return mode


def _purposes(request: HttpRequest, page: Any) -> list[str]:
    """What the visitor allows. A page that says so is that visitor's own; others vary by who asks."""
    try:
        context = ServingContext.for_page(request, page)
        context.varies = True
        if context.visitor is not None:
            context.is_personal = True
            rendering.keep_out_of_page_cache(request)
        return context.purposes
    except Exception as error:
        logger.error("The visitor's choice cannot be read: %s.", type(error).__name__)
        return []


def _key(page: Any) -> str:
    """The page's key if it is of a type that the catalog holds: views of other pages would be refused."""
    return key_of(page) if getattr(page, "pk", None) and extractor_for(type(page)) else ""
