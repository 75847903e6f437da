"""A slot through a visitor's eyes: from its page in the admin, and beside the form while it is being edited."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin.admin_url_finder import AdminURLFinder
from wagtail.admin.utils import get_valid_next_url_from_request
from wagtail.admin.views.generic.base import BaseObjectMixin, WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.views.generic.preview import PreviewOnCreate, PreviewOnEdit, PreviewRevision
from wagtail.admin.widgets.button import HeaderButton
from wagtail.utils.decorators import xframe_options_sameorigin_override

from personalization.catalog import snapshot
from personalization.editor.judgements import judgeable_items
from personalization.editor.personas import PersonaForm, count_tags, recall, remember
from personalization.editor.presentation import present
from personalization.editor.read_only import READERS
from personalization.slots.models import CARDS, Slot
from personalization.slots.serve import serve_preview

FRAGMENT = "personalization/editor/preview_frame.html"


def look(slot: Slot, request: HttpRequest, model_version: int | None = None) -> dict[str, Any]:
    """What the slot shows to whom the editor chose, and the form to choose somebody else."""
    form = PersonaForm(recall(request), user=request.user, tags=count_tags(snapshot.current()))
    context = form.context()
    context.model_version = model_version
    decision = serve_preview(slot, context)
    return {
        "slot": slot,
        "form": form,
        "presentation": present(decision, judgeable_items(decision.items, slot, request.user)),
        "here": request.get_full_path(),
    }


class ChooseView(PermissionCheckedMixin, View):
    """Keep the choice of whose eyes to look through, and go back to the look."""

    model = Slot
    any_permission_required = READERS
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        remember(request)
        return redirect(
            get_valid_next_url_from_request(request) or reverse(self.model.snippet_viewset.get_url_name("list"))
        )


class LookView(PermissionCheckedMixin, WagtailAdminTemplateMixin, BaseObjectMixin, TemplateView):
    """The latest draft of a slot, on a page of its own."""

    model = Slot
    any_permission_required = READERS
    page_title = _("Preview as")
    header_icon = "view"
    template_name = "personalization/editor/preview_page.html"

    def get_object(self) -> Slot:
        return super().get_object().get_latest_revision_as_object()

    def get_page_subtitle(self) -> str:
        return str(self.object)

    def get_breadcrumbs_items(self) -> list:
        viewset = self.model.snippet_viewset
        slots = {"url": reverse(viewset.get_url_name("list")), "label": gettext("Slots")}
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, slots, here]

    @cached_property
    def header_buttons(self) -> list:
        url = AdminURLFinder(self.request.user).get_edit_url(self.object)
        return [HeaderButton(gettext("Edit"), url=url, icon_name="edit")] if url else []

    def look(self) -> dict[str, Any]:
        return look(self.object, self.request)

    def get_context_data(self, **kwargs) -> dict:
        looked = self.look()
        return super().get_context_data(media=looked["form"].media, **looked, **kwargs)


class LookInFrameMixin:
    """Shows the same inside the panel beside the form; the cards alone are Wagtail's own kind of preview."""

    @method_decorator(xframe_options_sameorigin_override)
    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.GET.get("mode") == CARDS:
            return super().get(request, *args, **kwargs)
        form = self.get_form(self._get_form_data(self._get_form_state()))
        if not self.validate_form(form):
            return self.error_response()
        looked = look(form.save(commit=False), request)
        return TemplateResponse(request, FRAGMENT, {**looked, "media": looked["form"].media})


class LookOnEditView(LookInFrameMixin, PreviewOnEdit):
    """The form as it stands, saved or not."""


class LookOnCreateView(LookInFrameMixin, PreviewOnCreate):
    """The form of a slot that does not exist yet."""


class LookAtRevisionView(PermissionCheckedMixin, PreviewRevision):
    """An earlier state, from the history."""

    any_permission_required = READERS

    @method_decorator(xframe_options_sameorigin_override)
    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        looked = look(self.revision_object, request)
        return TemplateResponse(request, FRAGMENT, {**looked, "media": looked["form"].media})
