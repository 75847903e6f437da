"""``decisions/``: what each slot of a page shows to this visitor."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from wagtail.coreutils import get_supported_content_language_variant

from personalization import conf
from personalization.api import errors
from personalization.api.addresses import path_on_this_site
from personalization.api.fields import Text
from personalization.api.requests import Endpoint
from personalization.slots.context import ServingContext
from personalization.slots.decision import Origin, Reason
from personalization.slots.serve import serve

AI_LABEL = _("To be shown beside words that were made with AI; empty where nothing is to be said.")


class DecisionsEndpoint(Endpoint):
    """Ask for all slots of a page at once: then nothing appears twice."""

    throttle_scope = "decisions"

    class Question(serializers.Serializer):
        class Place(serializers.Serializer):
            url = Text(required=False, allow_null=True, max_length=2000, help_text=_("Path of the page, as in /a/."))
            item = Text(required=False, allow_null=True, max_length=120, help_text=_("Key of the item being viewed."))
            locale = Text(required=False, allow_null=True, max_length=16, help_text=_("Language, as in en."))

        slots = serializers.ListField(child=Text(max_length=60), allow_empty=False)
        context = Place(required=False, allow_null=True)

    class Answer(serializers.Serializer):
        class Decision(serializers.Serializer):
            class Item(serializers.Serializer):
                class Why(serializers.Serializer):
                    scorer = serializers.CharField()
                    contribution = serializers.FloatField(help_text=_("The contributions add up to the score."))
                    text = serializers.CharField()

                key = serializers.CharField()
                type = serializers.CharField()
                title = serializers.CharField()
                url = serializers.CharField()
                summary = serializers.CharField()
                image = serializers.CharField()
                variant = serializers.CharField(
                    allow_null=True, help_text=_("Whose words these are; null for the item's own.")
                )
                score = serializers.FloatField()
                call_to_action = serializers.CharField(help_text=_("What the link to the item may say; mostly empty."))
                image_description = serializers.CharField(help_text=_("For the image's alt; mostly empty."))
                ai_label = serializers.CharField(help_text=AI_LABEL)
                why_words = serializers.CharField(help_text=_("Why these words are shown; empty for the item's own."))
                why = Why(many=True)
                origin = serializers.CharField(help_text=", ".join(Origin))
                propensity = serializers.FloatField(
                    allow_null=True, help_text=_("Probability of the item at its place, in slots that explore.")
                )

            slot = serializers.CharField()
            decision_id = serializers.CharField()
            token = serializers.CharField(help_text=_("To be sent with events about these items."))
            policy = serializers.CharField()
            model_version = serializers.CharField(allow_null=True)
            fallback = serializers.BooleanField()
            reason = serializers.CharField(help_text=", ".join(Reason))
            heading = serializers.CharField()
            text = serializers.CharField()
            variant = serializers.CharField(
                allow_null=True, help_text=_("Whose heading and text these are; null for the slot's own.")
            )
            ai_label = serializers.CharField(help_text=AI_LABEL)
            why_words = serializers.CharField(help_text=_("Why these words are shown; empty for the slot's own."))
            items = Item(many=True)
            dismissible = serializers.BooleanField(help_text=_("Whether to offer a button “not interested”."))

        decisions = Decision(many=True)

    @extend_schema(operation_id="decisions_create", request=Question, responses=Answer)
    def post(self, request: Request) -> Response:
        """Decide for up to API_MAX_SLOTS slots, in the order in which they are named."""
        _refuse_crowd(request.data)
        question = self.Question(data=request.data)
        question.is_valid(raise_exception=True)
        slots = list(dict.fromkeys(question.validated_data["slots"]))
        context = _context(request._request, **(question.validated_data.get("context") or {}))
        refuse_unknown(slots, context)
        return Response({"decisions": [decision.as_dict() for decision in serve(slots, context)]})


def refuse_unknown(slots: list[str], context: ServingContext) -> None:
    """Answer 404 if a slot does not exist. Where even that cannot be known, the decision itself will say so."""
    for key in slots:
        if not context.may_exist(key):
            detail = _("There is no slot %(key)s.") % {"key": key[:60]}
            raise errors.Problem(status=404, code="unknown_slot", detail=detail)


def _context(
    request: HttpRequest, *, url: str | None = None, item: str | None = None, locale: str | None = None
) -> ServingContext:
    path = path_on_this_site(url, request) if url else ""
    if locale:
        try:
            get_supported_content_language_variant(locale)
        except LookupError as error:
            detail = _("This site has no content in the language %(locale)s.") % {"locale": locale}
            raise errors.Problem(status=400, code="unknown_locale", detail=detail) from error
    return ServingContext.from_request(request, url=path, item_key=item or None, locale=locale)


def _refuse_crowd(data: Any) -> None:
    limit = conf.get().api_max_slots
    slots = data.get("slots") if isinstance(data, dict) else None
    if isinstance(slots, list) and len(slots) > limit:
        detail = _("At most %(limit)d slots can be asked for at once.") % {"limit": limit}
        raise errors.Problem(status=400, code="too_many_slots", detail=detail)
