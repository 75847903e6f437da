"""What every endpoint shares: how a request is read, whose it is, and whether another site sent it."""

import json
import re
from functools import cached_property
from typing import IO, Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from personalization import conf
from personalization.api import errors
from personalization.api.throttles import ClientThrottle
from personalization.events.networks import network_of
from personalization.visitors import identity
from personalization.visitors.models import Visitor
from personalization.visitors.services import current_visitor

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class BoundedJSONParser(BaseParser):
    """JSON of at most API_MAX_BODY_BYTES; the length is believed only to refuse, and the bytes are counted too."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: str | None = None, parser_context: dict | None = None) -> Any:
        """The value of the body; ParseError when it is no JSON, Problem when it is too large."""
        limit = conf.get().api_max_body_bytes
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise errors.too_large(limit)
        try:
            return json.loads(body, parse_constant=_refuse_constant)
        # Deep nesting ends in RecursionError, an integer of thousands of digits in ValueError.
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not valid JSON.")) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Endpoint(APIView):
    """A view that reads and answers JSON, for visitors rather than users.

    Nobody is authenticated by a session here, and so no CSRF token is asked for: the visitor's cookie is
    SameSite=Lax, a body is only read as ``application/json``, which a foreign page cannot send without a CORS
    preflight, and what changes consent or data is refused when the browser says that another site sent it.
    """

    authentication_classes = ()
    permission_classes = ()
    parser_classes = (BoundedJSONParser,)
    renderer_classes = (JSONRenderer,)
    throttle_classes = (ClientThrottle,)
    metadata_class = None
    versioning_class = None
    own_site_only = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse, before anything is read, what is too large or comes from a site that has no business here."""
        super().initial(request, *args, **kwargs)
        limit = conf.get().api_max_body_bytes
        if _announced_length(request) > limit:
            raise errors.too_large(limit)
        if self.own_site_only and request.method not in SAFE_METHODS and is_foreign(request):
            detail = _("Another site may not change this. Allow its origin in CORS_ALLOWED_ORIGINS if it should.")
            raise errors.Problem(status=403, code="foreign_origin", detail=detail)

    def perform_authentication(self, request: Request) -> None:
        """Leave Django's user alone, whom REST framework would replace by an anonymous one."""

    def get_exception_handler(self) -> Any:
        """The API's own shape of errors, whatever the site's other APIs use."""
        return errors.answer

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Answers are one person's: no cache may keep them."""
        response = super().finalize_response(request, response, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    @cached_property
    def visitor(self) -> Visitor | None:
        """The visitor this request may act for."""
        return current_visitor(request=self.request._request)

    @property
    def network(self) -> str:
        """The sender's address range; a forwarded address counts only where NUM_PROXIES says whom to believe."""
        trusted = api_settings.NUM_PROXIES is not None
        address = ClientThrottle().get_ident(self.request) if trusted else self.request.META.get("REMOTE_ADDR")
        return network_of(address or "", at=timezone.now())

    @property
    def may_personalize(self) -> bool:
        """Whether the browser lets this request be personalized at all."""
        return not identity.refuses_personalization(self.request.headers)


def user_of(request: HttpRequest) -> AbstractBaseUser | None:
    """Who is logged in, if anybody."""
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def is_foreign(request: HttpRequest | Request) -> bool:
    """Whether a browser says that a page of another origin sent this, which CORS does not allow.

    Programs send neither header, and have no cookies that somebody else could ride on.
    """
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    own = site in ("same-origin", "none") if site else origin is None or _host_of(origin) == request.get_host()
    return not own and not _is_allowed(origin or "")


def subject_key(request: HttpRequest) -> str | None:
    """Whose data a privacy request is about: the visitor at hand, else the user's.

    A key whose visitor is gone still counts: events recorded under it may remain, and can be erased.
    """
    visitor = current_visitor(request=request)
    user = user_of(request)
    if visitor is None and user:
        visitor = Visitor.objects.filter(user_id=user.pk).first()
    if visitor:
        return visitor.key
    key = identity.read_key(cookies=request.COOKIES, headers=request.headers)
    return None if key is None or Visitor.objects.filter(key=key).exists() else key


def _announced_length(request: Request) -> int:
    length = request.META.get("CONTENT_LENGTH") or "0"
    return int(length) if length.isdecimal() else 0


def _host_of(origin: str) -> str:
    # The scheme is left out: behind a proxy that ends TLS, Django may think it is http.
    return origin.partition("://")[2]


def _is_allowed(origin: str) -> bool:
    """Whether django-cors-headers' settings let this origin in."""
    if getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False) or origin in getattr(settings, "CORS_ALLOWED_ORIGINS", ()):
        return True
    return any(re.match(pattern, origin) for pattern in getattr(settings, "CORS_ALLOWED_ORIGIN_REGEXES", ()))
