"""Slots as editors keep them: list, form, history, and a look through a visitor's eyes."""

from django.conf import settings
from django.db.models import QuerySet
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, LiveStatusTagColumn, UpdatedAtColumn
from wagtail.admin.widgets.button import Button
from wagtail.models import ReferenceIndex
from wagtail.snippets.views.snippets import EditView, IndexView, SnippetViewSet

from personalization.editor.asking_buttons import ask_buttons
from personalization.editor.choosers import ChooseOnlyViewSet
from personalization.editor.preview import ChooseView, LookAtRevisionView, LookOnCreateView, LookOnEditView, LookView
from personalization.editor.words import reason_text
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.serve import serve_preview


def preview_button(slot: Slot, priority: int = 15) -> Button:
    url = reverse(Slot.snippet_viewset.get_url_name("preview_as"), args=[slot.pk])
    return Button(gettext("Preview as…"), url=url, icon_name="view", priority=priority)


def placements(slot: Slot) -> str:
    """How many pages have the slot in their body, leading to which; what templates and front ends do cannot be seen."""
    if not slot.usage_count:
        return gettext("no page’s body")
    url = reverse(Slot.snippet_viewset.get_url_name("usage"), args=[slot.pk])
    pages = ngettext("%(n)d page", "%(n)d pages", slot.usage_count) % {"n": slot.usage_count}
    return format_html('<a href="{}">{}</a>', url, pages)


def what_new_visitors_get(slot: Slot) -> str:
    """In a few words, what a new visitor would see now; nothing for a draft."""
    if not slot.live:
        return "–"
    decision = serve_preview(slot, ServingContext.for_preview(locale=settings.LANGUAGE_CODE))
    number = len(decision.items)
    items = ngettext("%(n)d item", "%(n)d items", number) % {"n": number}
    return f"{items}. {reason_text(decision.reason)}"


class SlotIndexView(IndexView):
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "No slots yet: a slot is a named place on a page whose content fits each visitor. Say what may appear in it, "
        "how it is ranked and what your own rules are; then put it into a page’s body, or ask for it in a template."
    )

    def get_base_queryset(self) -> QuerySet[Slot]:
        return super().get_base_queryset().annotate(usage_count=ReferenceIndex.usage_count_subquery(Slot))

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    def get_list_more_buttons(self, instance: Slot) -> list:
        asking = ask_buttons(self.request.user, slots=instance.pk) if instance.live else []
        return [*super().get_list_more_buttons(instance), preview_button(instance), *asking]


class SlotEditView(EditView):
    @cached_property
    def header_more_buttons(self) -> list:
        asking = ask_buttons(self.request.user, slots=self.object.pk) if self.object.live else []
        return [*super().header_more_buttons, preview_button(self.object), *asking]


class SlotViewSet(SnippetViewSet):
    model = Slot
    chooser_viewset_class = ChooseOnlyViewSet
    icon = "crosshairs"
    menu_label = _("Slots")
    index_view_class = SlotIndexView
    index_results_template_name = SlotIndexView.results_template_name
    edit_view_class = SlotEditView
    preview_on_add_view_class = LookOnCreateView
    preview_on_edit_view_class = LookOnEditView
    revisions_view_class = LookAtRevisionView
    search_fields = ["key", "name", "heading"]
    search_backend_name = None
    list_filter = ["policy", "live"]
    ordering = "key"
    list_display = [
        "__str__",
        Column("key", label=_("Key"), sort_key="key"),
        Column("policy", label=_("Policy"), accessor="get_policy_display", sort_key="policy"),
        LiveStatusTagColumn(),
        Column("placements", label=_("Placed in"), accessor=placements, sort_key="usage_count"),
        Column("outcome", label=_("New visitors get now"), accessor=what_new_visitors_get),
        UpdatedAtColumn(),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("preview-as/<int:pk>/", self.construct_view(LookView), name="preview_as"),
            path("preview-as/choose/", self.construct_view(ChooseView), name="preview_as_choose"),
        ]
