"""A slot inside a page's body."""

from collections.abc import Iterable
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from wagtail.snippets.blocks import SnippetChooserBlock

from personalization.slots.models import Slot
from personalization.slots.rendering import EMPTY, render_placeholder, render_slot


class SlotBlock(SnippetChooserBlock):
    """Lets an editor place a slot. ``SlotBlock(mode="fragment")`` leaves the page cacheable.

    A page that is shown needs of a slot only what the process holds in memory. So values are slots whose fields are
    read when somebody asks for them, and a page with any number of slots pays no query for its blocks.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Slot, **kwargs)

    def to_python(self, value: int | None) -> Slot | None:
        return None if value is None else Slot.from_db(None, ["id"], [value])

    def bulk_to_python(self, values: Iterable[int | None]) -> list[Slot | None]:
        return [self.to_python(value) for value in values]

    def get_form_state(self, value: Slot | None) -> Any:
        # A slot may have been deleted since it was placed; then the form shows an empty choice.
        return super().get_form_state(value and Slot.objects.filter(pk=value.pk).first())

    def render(self, value: Slot | None, context: dict[str, Any] | None = None) -> SafeString:
        """The same corridor as the template tag's; without a request there is nobody to decide for."""
        request = (context or {}).get("request")
        if value is None or request is None:
            return EMPTY
        render = render_placeholder if self.meta.mode == "fragment" else render_slot
        return render(value.pk, request=request, page=context.get("page"))

    def render_basic(self, value: Slot | None, context: dict[str, Any] | None = None) -> str:
        return self.get_api_representation(value) or ""

    def get_api_representation(self, value: Slot | None, context: dict[str, Any] | None = None) -> str | None:
        """The slot's key, with which a front end asks the decisions API."""
        return value and Slot.objects.filter(pk=value.pk).values_list("key", flat=True).first()

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        _path, _args, kwargs = super().deconstruct()
        return "personalization.blocks.SlotBlock", [], kwargs

    class Meta:
        icon = "pick"
        label = _("Slot")
        mode = "inline"
