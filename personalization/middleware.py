"""What happens to a response after a page's slots were decided."""

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from personalization import conf
from personalization.events.services import log_exposures
from personalization.slots.context import ATTRIBUTE, ServingContext
from personalization.visitors.identity import HEADER, REFUSALS, apply_cookie_change

logger = logging.getLogger(__name__)

# What the words of consent depend on: who asks, and what the browser objects to.
VARYING = ("Cookie", HEADER, *REFUSALS)
# Each would tell some cache to keep what Cache-Control forbids.
OTHER_CACHE_HEADERS = ("Expires", "Surrogate-Control", "CDN-Cache-Control")


class PersonalizationMiddleware:
    """Keeps personal pages out of caches, sets and deletes the visitor's cookie, records what was shown."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        conf.refuse_unknown()
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        apply_cookie_change(request, response)
        context = getattr(request, ATTRIBUTE, None)
        if context is not None:
            if context.varies:
                patch_vary_headers(response, VARYING)
            if context.is_personal:
                _keep_out_of_caches(response)
            if context.tokens and response.status_code < 400:
                _log_when_sent(response, context)
        return response


def _keep_out_of_caches(response: HttpResponse) -> None:
    response["Cache-Control"] = "private, no-store"
    for name in OTHER_CACHE_HEADERS:
        if name in response:
            del response[name]


def _log_when_sent(response: HttpResponse, context: ServingContext) -> None:
    """Record what was shown when the server has sent it: the visitor does not wait for a database that writes."""
    close = response.close

    def log_and_close() -> None:
        _log_exposures(context)
        close()

    response.close = log_and_close  # type: ignore[method-assign]


def _log_exposures(context: ServingContext) -> None:
    try:
        log_exposures(visitor=context.visitor, tokens=context.tokens)
    except Exception as error:
        logger.error("%d exposures were not recorded: %s.", len(context.tokens), type(error).__name__)
