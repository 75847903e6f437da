"""How often one client may ask: a courtesy to the database, no defence, for two requests at once may count as one."""

import hashlib
import logging

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from personalization import conf
from personalization.visitors import identity

logger = logging.getLogger(__name__)


class ClientThrottle(SimpleRateThrottle):
    """Counts by visitor, else by address, at the rate that API_THROTTLES names for the view's `throttle_scope`."""

    cache_is_down = False

    def __init__(self) -> None:
        """The rate is that of the view, known only when a request comes."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether the client may go on in the view's scope."""
        return self.allows(request, getattr(view, "throttle_scope", None))

    def allows(self, request: HttpRequest | Request, scope: str | None) -> bool:
        """Whether the client may go on. When the cache does not answer, everybody may."""
        self.scope = scope
        self.rate = conf.get().api_throttles.get(scope) if scope else None
        if self.rate is None:
            return True
        self.num_requests, self.duration = self.parse_rate(self.rate)
        try:
            allowed = super().allow_request(request, None)
        except Exception:  # each cache backend raises errors of its own
            self._tell_of_outage()
            return True
        ClientThrottle.cache_is_down = False
        return allowed

    def get_cache_key(self, request: HttpRequest | Request, view: APIView | None) -> str:
        """The client's counter; neither key nor address can be read from it."""
        digest = hashlib.sha256(self.client_of(request).encode(errors="replace")).hexdigest()
        return f"personalization:throttle:{self.scope}:{digest}"

    def client_of(self, request: HttpRequest | Request) -> str:
        """Whose requests are counted together."""
        visitor_key = identity.read_key(cookies=request.COOKIES, headers=request.headers)
        return visitor_key or self.get_ident(request) or ""

    def _tell_of_outage(self) -> None:
        if not ClientThrottle.cache_is_down:
            logger.exception("The cache does not answer: requests are not throttled until it does.")
        ClientThrottle.cache_is_down = True
