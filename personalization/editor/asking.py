"""Asking for variants: the form, and what it would take."""

from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView, TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin

from personalization import tasks
from personalization.editor.asking_estimate import estimate_of, uses_for
from personalization.editor.asking_form import AskForm, prefilled
from personalization.variants import generation
from personalization.variants.generators.current import availability
from personalization.variants.models import GenerationRequest, PromptTemplate

NAMESPACE = "personalization_requests"


class AskPage(PermissionCheckedMixin):
    """What the page and its estimate share."""

    model = GenerationRequest
    permission_required = "add"
    form_class = AskForm


class AskView(AskPage, WagtailAdminTemplateMixin, FormView):
    """Choose sources, segments and a template; then workers ask the model, part by part."""

    page_title = _("Ask for variants")
    header_icon = "edit"
    template_name = "personalization/editor/asking/ask.html"

    @cached_property
    def available(self) -> Any:
        return availability()

    def get_breadcrumbs_items(self) -> list:
        listing = {"url": reverse(f"{NAMESPACE}:index"), "label": gettext("Requests")}
        return [*self.breadcrumbs_items, listing, {"url": "", "label": self.get_page_title()}]

    def get_initial(self) -> dict[str, Any]:
        return prefilled(self.request.GET)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"draws": self.available.draws}

    def get_context_data(self, **kwargs: Any) -> dict:
        context = super().get_context_data(**kwargs)
        form, user = context["form"], self.request.user
        return context | {
            "media": form.media,
            "available": self.available,
            "has_templates": PromptTemplate.objects.exists(),
            "may_template": user.has_perm("personalization.add_prompttemplate"),
            "may_write": user.has_perm("personalization.add_variant"),
            "estimate": estimate_of(form, model=self.available.model, user=user) if form.is_bound else None,
            "uses": uses_for(user),
        }

    def form_valid(self, form: AskForm) -> HttpResponse:
        if not self.available.is_ready:
            form.refuse(ValidationError(self.available.explanation))
            return self.form_invalid(form)
        try:
            asked = generation.ask(user=self.request.user, **form.asked)
        except ValidationError as error:
            form.refuse(error)
            return self.form_invalid(form)
        tasks.generate(asked)
        messages.success(self.request, gettext("Asked. The drafts arrive here, one part after the other."))
        return redirect(f"{NAMESPACE}:inspect", asked.pk)


class EstimateView(AskPage, TemplateView):
    """What a form takes as it is filled in now; nothing is stored."""

    template_name = "personalization/editor/asking/estimate.html"

    def get_context_data(self, **kwargs: Any) -> dict:
        available, user = availability(), self.request.user
        form = AskForm(self.request.GET, draws=available.draws)
        estimate = estimate_of(form, model=available.model, user=user)
        return super().get_context_data(estimate=estimate, uses=uses_for(user), **kwargs)
