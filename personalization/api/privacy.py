"""``privacy/``: what is held about the visitor, to take along or to erase."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.requests import Endpoint, subject_key
from personalization.events.privacy import erase_visitor, export_visitor
from personalization.visitors import identity

NOTHING = {"visitor": None, "consent": None, "profile": None, "events": []}


class ExportEndpoint(Endpoint):
    """Everything held, as JSON."""

    throttle_scope = "privacy"

    @extend_schema(operation_id="privacy_export", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Visitor, consent, profile and every event; empty for somebody about whom nothing is held."""
        key = subject_key(request._request)
        response = Response(export_visitor(key=key) if key else NOTHING)
        response["Content-Disposition"] = 'attachment; filename="my-data.json"'
        return response


class PrivacyEndpoint(Endpoint):
    """The end of everything held."""

    throttle_scope = "privacy"
    own_site_only = True

    class Remaining(serializers.Serializer):
        visitors = serializers.IntegerField()
        consents = serializers.IntegerField()
        profiles = serializers.IntegerField()
        events = serializers.IntegerField()

    @extend_schema(operation_id="privacy_erase", responses={200: Remaining})
    def delete(self, request: Request) -> Response:
        """Erase everywhere, and answer what a recount finds."""
        key = subject_key(request._request)
        response = Response(erase_visitor(key=key) if key else dict.fromkeys(self.Remaining().fields, 0))
        identity.remember_cookie_change(request._request, None)
        identity.apply_cookie_change(request._request, response)
        return response
