"""The pages on which variants are written and submitted. Nothing here publishes: only an approval does."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.snippets.action_menu import ActionMenuItem, CancelWorkflowMenuItem
from wagtail.snippets.views.snippets import CreateView, EditView

from personalization.variants import reviewing, services
from personalization.variants.checking import check_variant
from personalization.variants.choices import WAITING
from personalization.variants.models import Variant
from personalization.variants.reviewing import ReviewError

# What of Wagtail's own menu means something for variants.
KEPT = ("action-save", "action-locked")


def address(name: str, variant: Variant | None = None) -> str:
    """Of one of the pages of variants, or of one variant."""
    return reverse(Variant.snippet_viewset.get_url_name(name), args=[variant.pk] if variant else [])


def submit(request: HttpRequest, variant: Variant) -> bool:
    """Put a draft into the queue, and tell how that went."""
    try:
        services.submit_variant(variant=variant, user=request.user)
    except PermissionDenied:
        messages.error(request, gettext("You may not submit variants: ask for the permission to change them."))
    except ReviewError as error:
        look = messages.button(address("review", variant), gettext("See what was found"))
        messages.error(request, gettext("Not submitted. %(why)s") % {"why": error}, buttons=[look])
    else:
        messages.success(request, gettext("“%s” waits for review now. Somebody else will judge it.") % variant)
        return True
    return False


class TakeBackMenuItem(CancelWorkflowMenuItem):
    """Makes a draft again of what waits."""

    label = _("Take back from review")


class SubmitMenuItem(ActionMenuItem):
    """Saves the form, and puts what it says into the queue."""

    name = "action-submit"
    label = _("Submit for review")
    icon_name = "resubmit"

    def is_shown(self, context: dict[str, Any]) -> bool:
        variant = context.get("instance")
        return super().is_shown(context) and not (variant and variant.state in WAITING)


def offer_no_publishing(menu_items: list, request: HttpRequest, context: dict[str, Any]) -> None:
    """Leave of Wagtail's menu what means something for variants, which only an approval publishes."""
    if context["model"] is not Variant:
        return
    menu_items[:] = [item for item in menu_items if item.name in KEPT]
    menu_items += [item for item in (TakeBackMenuItem(order=40), SubmitMenuItem(order=60)) if item.is_shown(context)]


class NoPublishingMixin:
    """Saves drafts, checks them, and submits them."""

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        # A keystroke would be saved half a second later, and end an approval: that needs somebody's intention.
        self.autosave_enabled = False

    def get_available_actions(self) -> list[str]:
        actions = [name for name in super().get_available_actions() if name in ("create", "edit", "cancel-workflow")]
        return [*actions, "submit"]

    def run_action_method(self) -> HttpResponse | None:
        check_variant(variant=Variant.objects.get(pk=self.object.pk))
        return super().run_action_method()

    def submit_action(self) -> HttpResponse:
        variant = Variant.objects.get(pk=self.object.pk)
        return redirect(address("review" if submit(self.request, variant) else "edit", variant))

    def cancel_workflow_action(self) -> HttpResponse:
        try:
            services.take_back(variant=self.object, user=self.request.user)
        except (ReviewError, PermissionDenied) as error:
            messages.error(self.request, gettext("Not taken back. %(why)s") % {"why": error})
        else:
            messages.success(self.request, gettext("“%s” is a draft again, and waits for nobody.") % self.object)
        return redirect(address("edit", self.object))

    def get_success_message(self, instance: Variant | None = None) -> str:
        if self.action in ("create", "edit") and self.object.state in WAITING:
            return gettext("“%s” is saved. It still waits for review, with the words as they are now.") % self.object
        return super().get_success_message(instance)

    def get_success_buttons(self) -> list:
        return [messages.button(address("review", self.object), gettext("See beside the original"))]


class VariantCreateView(NoPublishingMixin, CreateView):
    """Words that a person writes."""


class VariantEditView(NoPublishingMixin, EditView):
    """Other words for the same source."""

    @cached_property
    def header_buttons(self) -> list:
        url = address("review", self.object)
        return [*super().header_buttons, HeaderButton(gettext("Review"), url=url, icon_name="view")]


class SubmitView(PermissionCheckedMixin, View):
    """Submits a draft as it was saved."""

    model = Variant
    permission_required = "change"
    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        variant = get_object_or_404(Variant, pk=pk)
        submit(request, variant)
        return redirect(address("review", variant))


class RetireView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Asks once more, then takes an approved variant out of its slot."""

    model = Variant
    permission_required = "approve"
    page_title = _("Retire")
    header_icon = "download"
    template_name = "personalization/editor/variant/retire.html"

    @cached_property
    def object(self) -> Variant:
        return get_object_or_404(Variant.objects.select_related("item", "slot", "segment"), pk=self.kwargs["pk"])

    def get_page_subtitle(self) -> str:
        return str(self.object)

    def get_breadcrumbs_items(self) -> list:
        variants = {"url": address("list"), "label": gettext("Variants")}
        variant = {"url": address("review", self.object), "label": str(self.object)}
        return [*self.breadcrumbs_items, variants, variant, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        review_url = address("review", self.object)
        return super().get_context_data(variant=self.object, review_url=review_url, **kwargs)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        comment = request.POST.get("comment", "").strip()
        try:
            reviewing.retire(variant=self.object, user=request.user, comment=comment)
        except ReviewError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, gettext("“%s” is retired. It is not shown any more.") % self.object)
        return redirect(address("review", self.object))
