"""How a server shows its key, and how often one key may ask."""

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_bearer_security_scheme_object
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from personalization.api.throttles import ClientThrottle
from personalization.events.keys import find_key
from personalization.events.models import SenderKey


class SenderKeyAuthentication(BaseAuthentication):
    """Reads ``Authorization: Bearer ps_...``. A cookie is never looked at, so nothing can be forged across sites."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SenderKey] | None:
        """Nobody and the server's key, or None."""
        scheme, _blank, raw = get_authorization_header(request).decode("latin-1").partition(" ")
        key = find_key(raw.strip()) if scheme.lower() == "bearer" else None
        return key and (AnonymousUser(), key)

    def authenticate_header(self, request: Request) -> str:
        """What a refused server is told to show."""
        return "Bearer"


class SenderThrottle(ClientThrottle):
    """Counts by key, whatever the address; who shows none is counted by address."""

    def client_of(self, request: Request) -> str:
        """The key's number, else the address."""
        return f"key {request.auth.pk}" if request.auth else self.get_ident(request) or ""


class SenderKeyScheme(OpenApiAuthenticationExtension):
    """Says in the OpenAPI description how a key is shown."""

    target_class = SenderKeyAuthentication
    name = "senderKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict:
        """A bearer token."""
        return build_bearer_security_scheme_object(header_name="Authorization", token_prefix="Bearer")  # noqa: S106
