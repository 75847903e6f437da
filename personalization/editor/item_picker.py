"""Several items at once: what was chosen as a list, and a button that opens the usual window to choose more."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import BigIntegerField
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from wagtail.admin.staticfiles import versioned_static

from personalization.catalog.models import Item
from personalization.slots.rules import ITEM_CHOOSER, ItemChooser


class ItemPicker(forms.SelectMultiple):
    """Keeps what was chosen in hidden inputs, one each."""

    template_name = "personalization/editor/asking/item_picker.html"

    @property
    def media(self) -> forms.Media:
        theirs = [versioned_static(f"wagtailadmin/js/{name}") for name in ("modal-workflow.js", "chooser-modal.js")]
        return forms.Media(js=[*theirs, "personalization/editor/item_picker.js"])

    def get_context(self, name: str, value: Any, attrs: dict | None) -> dict:
        """Only what was chosen is looked up: a catalog may be large."""
        context = {"widget": {"name": name, "attrs": self.build_attrs(self.attrs, attrs)}}
        context["chosen"] = _chosen(value or ())
        context["chooser_url"] = reverse(f"{ITEM_CHOOSER}:choose")
        return context


def _chosen(values: Iterable[Any]) -> list[Item]:
    keys = [getattr(value, "pk", value) for value in values]
    return list(Item.objects.only("title", "locale").in_bulk([int(key) for key in keys if is_key(key)]).values())


def is_key(value: Any) -> bool:
    """Whether a value can be the key of a row at all: databases stumble over larger numbers."""
    return str(value).isascii() and str(value).isdecimal() and int(value) <= BigIntegerField.MAX_BIGINT


class OneItem(ItemChooser):
    """The window for one item; what a forged form names and is no key shows as nothing chosen."""

    def get_instance(self, value: Any) -> Item | None:
        return super().get_instance(value) if isinstance(value, Item) or is_key(value) else None


class RowsField(forms.ModelMultipleChoiceField):
    """Some rows of a table; a key that no row can have is refused, not looked up."""

    def clean(self, value: Any) -> Any:
        if any(not is_key(getattr(key, "pk", key)) for key in value or ()):
            raise forms.ValidationError(self.error_messages["invalid_pk_value"] % {"pk": "…"}, code="invalid_pk_value")
        return super().clean(value)


class ItemsField(RowsField):
    """Items that can be shown."""

    widget = ItemPicker
    default_error_messages = {
        "invalid_choice": _("One of the items can no longer be shown. Take it out of the list."),
        "invalid_pk_value": _("One of the items can no longer be shown. Take it out of the list."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Item.objects.filter(live=True), **kwargs)
