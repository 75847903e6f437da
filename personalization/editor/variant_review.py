"""A variant beside its original: everything that a decision needs, and the forms to decide."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin import messages
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.snippets.views.snippets import InspectView
from wagtail.utils.decorators import xframe_options_sameorigin_override

from personalization.editor.judgements import judgeable_variant
from personalization.editor.variant_access import READERS
from personalization.editor.variant_comparison import beside_source, images_of, replaced_by, source_changes
from personalization.editor.variant_decisions import DECISIONS, Decision, forms_for
from personalization.editor.variant_facts import (
    audience,
    meaning_of,
    provenance_of,
    source_title,
    with_waiting_since,
)
from personalization.editor.variant_findings import shown_findings
from personalization.editor.variant_performance import performance_of
from personalization.editor.variant_queue import NAMESPACE as QUEUE
from personalization.editor.variant_queue import next_after
from personalization.slots.models import Slot
from personalization.slots.rehearsal import appearances
from personalization.variants.choices import WAITING, State
from personalization.variants.four_eyes import obstacle_for
from personalization.variants.hashing import source_of
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.reviewing import ReviewError, seen_by

FRAME = "personalization/variant_preview.html"
MOST_DECISIONS = 10
RELATED = ("item", "slot", "segment", "locale", "image", "requested_by", "call", "part__request__template")


class ReviewView(InspectView):
    """The page of one variant. A post decides about what the page showed."""

    any_permission_required = READERS
    page_title = _("Review")
    header_icon = "view"
    template_name = "personalization/editor/variant/review.html"

    def get_object(self, queryset: Any = None) -> Variant:
        return get_object_or_404(with_waiting_since(Variant.objects.select_related(*RELATED)), pk=self.pk)

    def get_fields_context(self) -> list[dict]:
        return []

    @cached_property
    def header_buttons(self) -> list:
        queue = HeaderButton(gettext("Queue"), url=reverse(f"{QUEUE}:index"), icon_name="clipboard-list")
        edit_url = self.get_edit_url()
        return [queue, *([HeaderButton(gettext("Edit"), url=edit_url, icon_name="edit")] if edit_url else [])]

    @cached_property
    def is_waiting(self) -> bool:
        return self.object.state in WAITING

    @cached_property
    def following(self) -> Variant | None:
        """What to judge after this one."""
        return next_after(self.object, self.request.user)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        variant, user = self.object, self.request.user
        forms = kwargs.pop("forms", None) or forms_for()
        places = appearances(variant)
        return super().get_context_data(
            variant=variant,
            source=source_of(variant),
            source_title=source_title(variant),
            audience=audience(variant),
            meaning=meaning_of(variant),
            sides=beside_source(variant),
            images=images_of(variant) if variant.image_id else None,
            changes=source_changes(variant),
            findings=shown_findings(variant),
            is_approved=variant.state == State.APPROVED,
            replaced=replaced_by(variant),
            places=places,
            place=next((one for one in places if one.slot.key == self.request.GET.get("slot")), None)
            or (places[0] if places else None),
            provenance=provenance_of(variant),
            decisions=ApprovalRecord.objects.filter(source_key=source_of(variant).key)[:MOST_DECISIONS],
            is_waiting=self.is_waiting,
            obstacle=obstacle_for(variant, user) if self.is_waiting else "",
            forms=[(decision, forms[decision.name]) for decision in DECISIONS.values()],
            seen=seen_by(variant),
            is_forbidden=variant.is_checked and variant.is_blocked,
            following=self.following if self.is_waiting else None,
            may_submit=variant.state in (State.DRAFT, State.CHANGES) and self.user_has_permission("change"),
            may_retire=variant.state == State.APPROVED and self.user_has_permission("approve"),
            judged=judgeable_variant(variant, user),
            performance=performance_of(variant),
            **kwargs,
        )

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        decision = DECISIONS.get(request.POST.get("decision", ""))
        if decision is None:
            messages.error(request, gettext("Choose one of the decisions below."))
            return redirect(request.path)
        forms = forms_for(request.POST)
        if not forms[decision.name].is_valid():
            messages.error(request, gettext("Nothing was decided: something is missing in the form below."))
            return self.render_to_response(self.get_context_data(forms=forms, open=decision.name))
        following = self.following
        if not self.carried_out(decision, forms[decision.name].cleaned_data):
            return redirect(request.path)
        if following is None:
            messages.info(request, gettext("Nothing else waits for you."))
            return redirect(f"{QUEUE}:index")
        return redirect(Variant.snippet_viewset.get_url_name("review"), following.pk)

    def carried_out(self, decision: Decision, answers: dict[str, str]) -> bool:
        """Decide, and tell how that went."""
        seen = self.request.POST.get("seen", "")
        try:
            decision.carry_out(self.object, user=self.request.user, seen=seen, answers=answers)
        except (ReviewError, PermissionDenied) as error:
            told = str(error) or gettext("You may not judge this variant.")
            messages.error(self.request, gettext("Nothing was decided. %(why)s") % {"why": told})
            return False
        messages.success(
            self.request, gettext("“%(variant)s”: %(done)s.") % {"variant": self.object, "done": decision.done}
        )
        return True


class FrameView(PermissionCheckedMixin, View):
    """The variant in a slot, as visitors would see it, for a frame on its page. Nothing is logged."""

    model = Variant
    any_permission_required = READERS
    http_method_names = ["get"]

    @method_decorator(xframe_options_sameorigin_override)
    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        variant = get_object_or_404(Variant.objects.select_related(*RELATED), pk=pk)
        slot = Slot.objects.filter(key=request.GET.get("slot", "")).first()
        return TemplateResponse(request, FRAME, {"object": variant, "shown_slot": slot})
