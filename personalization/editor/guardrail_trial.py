"""A place to try guardrails out: words of one's own, held against the rules beside a source. Nothing is stored."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.models import Locale

from personalization.catalog.models import Item
from personalization.editor.item_picker import OneItem
from personalization.editor.read_only import READERS
from personalization.editor.variant_findings import shown_findings
from personalization.variants.checking import examine
from personalization.variants.choices import Words
from personalization.variants.gathering import rule_set_for
from personalization.variants.models import RuleSet, Variant


def _words(name: str) -> forms.CharField:
    field = Variant._meta.get_field(name)
    widget = forms.Textarea(attrs={"rows": 3}) if name == Words.SUMMARY else forms.TextInput
    return forms.CharField(label=Words(name).label, max_length=field.max_length, required=False, widget=widget)


class TrialForm(forms.Form):
    """Some words, the item that they are for, and the language that they are in."""

    item = forms.ModelChoiceField(Item.objects.filter(live=True), label=_("Item"), widget=OneItem)
    locale = forms.ModelChoiceField(Locale.objects.all(), label=_("Language"), empty_label=None)
    headline, summary = _words(Words.HEADLINE), _words(Words.SUMMARY)
    call_to_action, image_description = _words(Words.CALL_TO_ACTION), _words(Words.IMAGE_DESCRIPTION)

    @property
    def variant(self) -> Variant:
        """A variant that is never saved."""
        return Variant(**self.cleaned_data)


class TrialView(PermissionCheckedMixin, WagtailAdminTemplateMixin, FormView):
    """Show what the rules find, and which words would be kept."""

    model = RuleSet
    any_permission_required = READERS
    form_class = TrialForm
    page_title = _("Try words out")
    header_icon = "view"
    template_name = "personalization/editor/asking/trial.html"

    def get_breadcrumbs_items(self) -> list:
        listing = {"url": reverse(RuleSet.snippet_viewset.get_url_name("list")), "label": gettext("Guardrails")}
        return [*self.breadcrumbs_items, listing, {"url": "", "label": self.get_page_title()}]

    def get_initial(self) -> dict[str, Any]:
        return {"locale": Locale.get_default()}

    def get_context_data(self, **kwargs: Any) -> dict:
        context = super().get_context_data(**kwargs)
        return context | {"media": context["form"].media}

    def form_valid(self, form: TrialForm) -> HttpResponse:
        variant = form.variant
        checked = examine(variant).checked
        variant.findings, variant.checked_hash = [finding.as_dict() for finding in checked.findings], "tried"
        kept = [(Words(name).label, words) for name, words in checked.words.items() if words != getattr(variant, name)]
        rules = rule_set_for(variant.locale_id)
        return self.render_to_response(
            self.get_context_data(
                form=form,
                variant=variant,
                findings=shown_findings(variant),
                is_blocked=checked.is_blocked,
                kept=kept,
                rules=rules or gettext("the built-in guardrails"),
            )
        )
