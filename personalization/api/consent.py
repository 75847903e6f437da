"""``consent/``: what the visitor allows."""

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.fields import Flag
from personalization.api.requests import Endpoint, user_of
from personalization.events.privacy import store_choice
from personalization.visitors import identity
from personalization.visitors.models import Visitor


class ConsentEndpoint(Endpoint):
    """See and change the choice; the first grant brings the cookie, and the last withdrawal takes it away."""

    throttle_scope = "consent"
    own_site_only = True

    class Choice(serializers.Serializer):
        analytics = Flag()
        personalization = Flag()

    class Consent(serializers.Serializer):
        analytics = serializers.BooleanField()
        personalization = serializers.BooleanField()
        refused_by_browser = serializers.BooleanField(
            help_text=_("The browser sends Sec-GPC: 1 or DNT: 1, so personalization is refused whatever was chosen.")
        )

    class Stored(Consent):
        visitor = serializers.CharField(
            allow_null=True, help_text=_("The token that clients without cookies send as X-Personalization-Visitor.")
        )

    @extend_schema(operation_id="consent_read", responses=Consent)
    def get(self, request: Request) -> Response:
        """What is allowed now."""
        return Response(self._state(self.visitor))

    @extend_schema(operation_id="consent_change", request=Choice, responses=Stored)
    def put(self, request: Request) -> Response:
        """Store a choice."""
        choice = self.Choice(data=request.data)
        choice.is_valid(raise_exception=True)
        visitor = store_choice(
            visitor=self.visitor,
            analytics=choice.validated_data["analytics"],
            personalization=choice.validated_data["personalization"] and self.may_personalize,
            user=user_of(request._request),
        )
        response = Response(
            {**self._state(visitor), "visitor": identity.sign_key(visitor.key) if visitor else None},
        )
        identity.remember_cookie_change(request._request, visitor.key if visitor else None)
        identity.apply_cookie_change(request._request, response)
        return response

    def _state(self, visitor: Visitor | None) -> dict[str, bool]:
        consent = getattr(visitor, "consent", None)
        return {
            "analytics": bool(consent and consent.analytics),
            "personalization": bool(consent and consent.personalization and self.may_personalize),
            "refused_by_browser": not self.may_personalize,
        }
