"""What an editor fills in to ask for variants."""

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.models import Locale

from personalization.editor.item_picker import ItemsField, RowsField, is_key
from personalization.slots.models import Slot
from personalization.variants.asking import MOST_ALTERNATIVES
from personalization.variants.choices import Words
from personalization.variants.generation import MOST_PARTS
from personalization.variants.models import GenerationRequest, PromptTemplate
from personalization.visitors.models import Segment

NOTE = GenerationRequest._meta.get_field("note")


class AskForm(forms.Form):
    """Some sources, some segments, and what to write for each pair of them."""

    items = ItemsField(label=gettext_lazy("Items"), required=False)
    slots = RowsField(
        Slot.objects.filter(live=True),
        label=gettext_lazy("Slots"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Other words for a slot’s own heading and text."),
    )
    segments = RowsField(
        Segment.objects.filter(live=True),
        label=gettext_lazy("Segments"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Each one gets words of its own. None ticked: words for everybody."),
    )
    template = forms.ModelChoiceField(
        PromptTemplate.objects.all(), label=gettext_lazy("Prompt template"), empty_label=None
    )
    words = forms.MultipleChoiceField(
        label=gettext_lazy("What to write"),
        choices=Words.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=[Words.HEADLINE, Words.SUMMARY],
    )
    alternatives = forms.TypedChoiceField(
        label=gettext_lazy("Alternatives of each"),
        choices=[(n, n) for n in range(1, MOST_ALTERNATIVES + 1)],
        coerce=int,
        initial=2,
    )
    draws_image = forms.BooleanField(label=gettext_lazy("Also an image"), required=False)
    locale = forms.ModelChoiceField(
        Locale.objects.all(),
        label=gettext_lazy("Language"),
        required=False,
        empty_label=gettext_lazy("The source’s own"),
    )
    note = forms.CharField(
        label=gettext_lazy("Note to the model"), help_text=NOTE.help_text, max_length=NOTE.max_length, required=False
    )

    def __init__(self, *args: Any, draws: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not draws:
            del self.fields["draws_image"]
        for name in ("slots", "segments"):
            if not self.fields[name].queryset.exists():
                del self.fields[name]
        self.fields["template"].initial = self.fields["template"].queryset.first()

    @property
    def parts(self) -> int:
        """How many calls of the model this asks for: each source for each segment."""
        chosen = {name: len(self.cleaned_data.get(name) or ()) for name in ("items", "slots", "segments")}
        return (chosen["items"] + chosen["slots"]) * max(1, chosen["segments"])

    def clean(self) -> dict:
        cleaned = super().clean()
        if not self.errors and not self.parts:
            self.add_error("items", _("Choose at least one item or slot."))
        if self.parts > MOST_PARTS:
            told = _(
                "This asks the model %(parts)d times; %(most)d is the most at once. Choose fewer items or segments."
            )
            raise forms.ValidationError(told % {"parts": self.parts, "most": MOST_PARTS})
        return cleaned

    def refuse(self, error: forms.ValidationError) -> None:
        """Show what the service has against it, beside the field that it is about."""
        by_field = error.error_dict if hasattr(error, "error_dict") else {None: error.error_list}
        for name, errors in by_field.items():
            shown = {"fields": "words"}.get(name, name)
            self.add_error(shown if shown in self.fields else None, errors)

    @property
    def asked(self) -> dict[str, Any]:
        """What was filled in, as the service wants it."""
        chosen = {name: value for name, value in self.cleaned_data.items() if name != "words"}
        return chosen | {"fields": self.cleaned_data["words"]}


def prefilled(query: QueryDict) -> dict[str, list[Any]]:
    """What a query string such as ``?items=3&items=5&segments=2`` fills in: of what exists and can be chosen."""
    choices = {name: AskForm.base_fields[name].queryset.all() for name in ("items", "slots", "segments")}
    wanted = {name: [int(key) for key in query.getlist(name)[:MOST_PARTS] if is_key(key)] for name in choices}
    return {name: list(choices[name].filter(pk__in=keys)) for name, keys in wanted.items() if keys}
