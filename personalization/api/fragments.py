"""``slots/{key}/fragment/``: one slot as HTML, for pages that are cached."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from personalization import conf
from personalization.api.addresses import path_on_this_site
from personalization.api.decisions import refuse_unknown
from personalization.api.requests import Endpoint
from personalization.events import tokens
from personalization.events.tokens import TokenError
from personalization.slots.context import ServingContext
from personalization.slots.rendering import render_decision
from personalization.slots.serve import serve

SHOWN = "X-Personalization-Shown"


class NoNegotiation(BaseContentNegotiation):
    """The fragment is HTML and a refusal JSON, whatever the client says it accepts."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class FragmentEndpoint(Endpoint):
    """The visitor's own slot, to be put in the place of what a cached page shows to everybody."""

    throttle_scope = "decisions"
    content_negotiation_class = NoNegotiation

    @extend_schema(
        operation_id="fragment_read",
        parameters=[
            OpenApiParameter("url", str, required=True, description=str(_("Path of the page it stands on."))),
            OpenApiParameter(
                SHOWN, str, OpenApiParameter.HEADER, description=str(_("Tokens of the slots that the page shows."))
            ),
        ],
        responses={(200, "text/html"): OpenApiTypes.STR},
    )
    def get(self, request: Request, key: str) -> HttpResponse:
        """Render one slot for this visitor."""
        path = path_on_this_site(request.query_params.get("url", ""), request._request)
        context = ServingContext.from_request(request._request, url=path)
        context.shown_keys |= _shown_keys(request.headers.get(SHOWN, ""), context.now)
        refuse_unknown([key], context)
        decision = serve([key], context)[0]
        response = HttpResponse(render_decision(decision, request=request._request))
        response["X-Personalization-Purposes"] = " ".join(context.purposes)
        return response


def _shown_keys(header: str, now: datetime) -> set[str]:
    """Keys of what the page's other slots show, as their tokens prove; others say nothing."""
    keys: set[str] = set()
    for raw in header.split()[: conf.get().api_max_slots]:
        with suppress(TokenError):
            keys.update(tokens.read(raw, now=now).item_keys)
    return keys
