"""``events/``: what happened, as the visitor's browser tells it."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from personalization import conf
from personalization.api import errors
from personalization.api.fields import Identifier, Moment, Number, Text, WholeNumber
from personalization.api.requests import Endpoint
from personalization.events import metrics
from personalization.events.models import Kind
from personalization.events.services import NewEvent, record_events


class EventsEndpoint(Endpoint):
    """Take a batch: what cannot be believed is refused one by one, what has no shape is refused whole."""

    throttle_scope = "events"

    class Batch(serializers.Serializer):
        class Claim(serializers.Serializer):
            id = Identifier(help_text=_("Made by the client; one id counts once."))
            kind = Text(help_text=", ".join(kind for kind in Kind.values if kind != Kind.EXPOSURE))
            token = Text(required=False, allow_null=True, allow_blank=True, help_text=_("The decision's token."))
            item = Text(required=False, allow_null=True, allow_blank=True, help_text=_("The item's key."))
            goal = Text(required=False, allow_null=True, allow_blank=True)
            value = Number(required=False, allow_null=True)
            duration_ms = WholeNumber(required=False, allow_null=True)
            occurred_at = Moment(required=False, allow_null=True)

        events = Claim(many=True)

    class Outcome(serializers.Serializer):
        class Rejection(serializers.Serializer):
            index = serializers.IntegerField()
            code = serializers.CharField()
            detail = serializers.CharField()

        accepted = serializers.IntegerField()
        rejected = Rejection(many=True)

    @extend_schema(operation_id="events_create", request=Batch, responses={202: Outcome})
    def post(self, request: Request) -> Response:
        """Record a batch of at most API_MAX_EVENTS events."""
        refuse_crowd(request.data, "events")
        batch = self.Batch(data=request.data)
        batch.is_valid(raise_exception=True)
        outcome = record_events(
            visitor=self.visitor,
            events=[_claim(**event) for event in batch.validated_data["events"]],
            personalize=self.may_personalize,
            user_agent=request.headers.get("User-Agent", ""),
            network=self.network,
        )
        return Response(self.Outcome(outcome).data, status=202)

    def handle_exception(self, exc: Exception) -> Response:
        """Count refused requests beside refused events."""
        response = super().handle_exception(exc)
        metrics.REJECTED.labels(code=response.data["code"]).inc()
        return response


def _claim(*, item: str | None = None, **facts: Any) -> NewEvent:
    return NewEvent(item_key=item, **facts)


def refuse_crowd(data: Any, name: str) -> None:
    """Refuse a batch of too many events before looking at any."""
    limit = conf.get().api_max_events
    events = data.get(name) if isinstance(data, dict) else None
    if isinstance(events, list) and len(events) > limit:
        detail = _("A batch has at most %(limit)d events.") % {"limit": limit}
        raise errors.Problem(status=400, code="too_many_events", detail=detail)
