"""What the model gets: a template's prompt for an item of one's choice, assembled as it would be sent."""

import json
from typing import Any

from django import forms
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton
from wagtail.models import Locale

from personalization.catalog.models import Item
from personalization.editor.item_picker import OneItem
from personalization.editor.read_only import READERS
from personalization.variants.choices import Words
from personalization.variants.hashing import item_source
from personalization.variants.models import PromptTemplate
from personalization.variants.prompting import build_prompt, estimated_usage, examples_of
from personalization.visitors.models import Segment


class LookForm(forms.Form):
    item = forms.ModelChoiceField(Item.objects.filter(live=True), label=_("Item"), widget=OneItem)
    segment = forms.ModelChoiceField(
        Segment.objects.filter(live=True), label=_("Segment"), required=False, empty_label=_("Everybody")
    )
    locale = forms.ModelChoiceField(
        Locale.objects.all(), label=_("Language"), required=False, empty_label=_("The source’s own")
    )


class PromptLookView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Both messages of the prompt, side by side: our instructions, and the page's words as data."""

    model = PromptTemplate
    any_permission_required = READERS
    page_title = _("What the model gets")
    header_icon = "view"
    template_name = "personalization/editor/asking/prompt_look.html"

    @cached_property
    def object(self) -> PromptTemplate:
        return get_object_or_404(PromptTemplate, pk=self.kwargs["pk"])

    def get_page_subtitle(self) -> str:
        return str(self.object)

    def get_breadcrumbs_items(self) -> list:
        viewset = PromptTemplate.snippet_viewset
        listing = {"url": reverse(viewset.get_url_name("list")), "label": gettext("Prompt templates")}
        return [*self.breadcrumbs_items, listing, {"url": "", "label": self.get_page_title(), "sublabel": self.object}]

    @cached_property
    def header_buttons(self) -> list:
        if not self.user_has_permission("change"):
            return []
        url = reverse(PromptTemplate.snippet_viewset.get_url_name("edit"), args=[self.object.pk])
        return [HeaderButton(gettext("Edit the template"), url=url, icon_name="edit")]

    def get_context_data(self, **kwargs: Any) -> dict:
        form = LookForm(self.request.GET if "item" in self.request.GET else None)
        prompt = self._prompt(form) if form.is_valid() else None
        return super().get_context_data(
            form=form,
            media=form.media,
            prompt=prompt,
            schema=prompt and json.dumps(prompt.schema, indent=2, ensure_ascii=False),
            usage=prompt and estimated_usage(prompt),
            **kwargs,
        )

    def _prompt(self, form: LookForm) -> Any:
        chosen = form.cleaned_data
        source = item_source(chosen["item"])
        written_in = Locale.objects.filter(language_code=source.language).first() or Locale.get_default()
        return build_prompt(
            self.object,
            source,
            segment=chosen["segment"],
            fields=[Words.HEADLINE, Words.SUMMARY, Words.CALL_TO_ACTION],
            alternatives=2,
            locale=chosen["locale"] or self.object.language or written_in,
            examples=examples_of(self.object),
        )
