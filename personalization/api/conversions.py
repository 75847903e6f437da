"""``conversions/``: what a site's own servers know to have happened."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api.events import EventsEndpoint, refuse_crowd
from personalization.api.fields import Identifier, Moment, Number, Text
from personalization.api.requests import Endpoint
from personalization.api.sender_keys import SenderKeyAuthentication, SenderThrottle
from personalization.events.conversions import NewConversion, record_conversions


class ConversionsEndpoint(Endpoint):
    """Take a batch from a server that shows its key; what cannot be believed is refused one by one."""

    throttle_scope = "conversions"
    throttle_classes = (SenderThrottle,)
    authentication_classes = (SenderKeyAuthentication,)

    class Report(serializers.Serializer):
        class Conversion(serializers.Serializer):
            id = Identifier(help_text=_("Made by the server; one id counts once."))
            visitor = Text(
                allow_blank=True,
                help_text=_("The visitor's token: the value of the cookie, or what the front end holds."),
            )
            goal = Text(allow_blank=True)
            value = Number(required=False, allow_null=True)
            occurred_at = Moment(required=False, allow_null=True)

        conversions = Conversion(many=True)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse who shows no key that is in force, after counting the attempt."""
        super().initial(request, *args, **kwargs)
        if request.auth is None:
            self.permission_denied(request)

    @extend_schema(operation_id="conversions_create", request=Report, responses={202: EventsEndpoint.Outcome})
    def post(self, request: Request) -> Response:
        """Record a batch of at most API_MAX_EVENTS conversions."""
        refuse_crowd(request.data, "conversions")
        report = self.Report(data=request.data)
        report.is_valid(raise_exception=True)
        outcome = record_conversions(
            conversions=[NewConversion(**conversion) for conversion in report.validated_data["conversions"]]
        )
        return Response(EventsEndpoint.Outcome(outcome).data, status=202)
