"""The form of a variant: its words beside the source's, what the guardrails found, and where it came from."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.models import WagtailAdminModelForm
from wagtail.admin.panels import FieldPanel, FieldRowPanel, HelpPanel, MultiFieldPanel, ObjectList, PublishingPanel
from wagtail.models import Locale

from personalization.editor.variant_facts import meaning_of, provenance_of
from personalization.editor.variant_findings import shown_findings
from personalization.slots.rules import ItemChooser
from personalization.variants.choices import State, Words
from personalization.variants.guardrails.records import LIMITS
from personalization.variants.hashing import source_of
from personalization.variants.models import Variant

SOURCES = ("item", "slot")


def limits_of(variant: Variant) -> dict[str, int]:
    """How long each of the words may be: as the prompt template says, else as the guardrails do."""
    if not variant.part_id:
        return dict(LIMITS)
    return {name: getattr(variant.part.request.template, f"longest_{name}") for name in Words.values}


class VariantForm(WagtailAdminModelForm):
    """Words of an item or a slot, which is chosen once and for all when the variant is added."""

    class Media:
        css = {"all": ["personalization/editor/editor.css", "personalization/editor/variants.css"]}
        js = ["personalization/editor/variant_words.js"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            for name in SOURCES:
                self.fields.pop(name, None)
        for name, longest in limits_of(self.instance).items():
            field = self.fields[name]
            bound = gettext("At most %(length)d characters.") % {"length": longest}
            field.help_text = f"{field.help_text} {bound}".strip()
            field.widget.attrs |= {"data-controller": self._controllers(field), "data-slot-count-limit-value": longest}

    @staticmethod
    def _controllers(field: Any) -> str:
        return f"{field.widget.attrs.get('data-controller', '')} slot-count".strip()

    def save(self, commit: bool = True) -> Variant:
        """Save a new variant; of others, leave the row to the revision: it alone notices what changes."""
        if self.instance._state.adding:
            self._begin()
            return super().save(commit=commit)
        return super().save(commit=False)

    def _begin(self) -> None:
        variant = self.instance
        source = source_of(variant)
        variant.requested_by = self.for_user
        variant.source_hash, variant.source_words = source.digest, source.words
        # Words are shown on pages of their own language only: those of an item are in the item's.
        variant.locale = Locale.objects.filter(language_code=source.language).first() or variant.locale


class InstancePanel(HelpPanel):
    """Tells something of a variant that exists."""

    file = ""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**({"template": self.file} | kwargs))

    class BoundPanel(HelpPanel.BoundPanel):
        def is_shown(self) -> bool:
            return self.instance.pk is not None

        def get_context_data(self, parent_context: Any = None) -> dict[str, Any]:
            return super().get_context_data(parent_context) | self.panel.facts_of(self.instance)

    def facts_of(self, variant: Variant) -> dict[str, Any]:
        raise NotImplementedError


class StatePanel(InstancePanel):
    """Where it stands, and what follows from that."""

    file = "personalization/editor/variant/state.html"

    def facts_of(self, variant: Variant) -> dict[str, Any]:
        return {"variant": variant, "meaning": meaning_of(variant), "is_approved": variant.state == State.APPROVED}


class SourcePanel(InstancePanel):
    """The original's words."""

    file = "personalization/editor/variant/source.html"

    def facts_of(self, variant: Variant) -> dict[str, Any]:
        return {"variant": variant, "source": source_of(variant)}


class FindingsPanel(InstancePanel):
    """What the guardrails found in the words as they were saved last."""

    file = "personalization/editor/variant/findings.html"

    def facts_of(self, variant: Variant) -> dict[str, Any]:
        return {"variant": variant, "findings": shown_findings(variant)}


class ProvenancePanel(InstancePanel):
    """Who or what wrote it, and what that took."""

    file = "personalization/editor/variant/provenance.html"

    def facts_of(self, variant: Variant) -> dict[str, Any]:
        return {"provenance": provenance_of(variant)}


WORDS = MultiFieldPanel(
    [
        *(FieldPanel(name) for name in ("headline", "summary", "call_to_action")),
        FieldPanel("image"),
        FieldPanel("image_description"),
    ]
)
BESIDE = MultiFieldPanel(
    [SourcePanel(heading=_("Original")), FindingsPanel(heading=_("What the guardrails found"))], classname="slot-beside"
)
PANEL = ObjectList(
    [
        StatePanel(heading=_("State")),
        MultiFieldPanel(
            [
                FieldRowPanel([FieldPanel("item", widget=ItemChooser), FieldPanel("slot", widget=forms.Select)]),
            ],
            heading=_("What it is for"),
            help_text=_("Choose an item, or a slot to word its heading and text otherwise."),
        ),
        FieldRowPanel([WORDS, BESIDE], heading=_("Words")),
        MultiFieldPanel(
            [FieldRowPanel([FieldPanel("segment", widget=forms.Select), FieldPanel("label")])], heading=_("For whom")
        ),
        ProvenancePanel(heading=_("Where it came from")),
        PublishingPanel(),
    ],
    base_form_class=VariantForm,
)
