"""The window in which an editor picks an item for a slot."""

from django import forms
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from wagtail.admin.forms.choosers import BaseFilterForm
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn
from wagtail.admin.views.generic.chooser import ChooseResultsView, ChooseView
from wagtail.admin.viewsets.chooser import ChooserViewSet
from wagtail.snippets.views.chooser import SnippetChooserViewSet

from personalization.catalog.models import Item
from personalization.editor.items import type_of, with_readiness
from personalization.slots.rules import ITEM_CHOOSER


class ItemFilterForm(BaseFilterForm):
    """Search in title, tags and key; the catalog is not in Wagtail's search index."""

    q = forms.CharField(
        label=_("Search term"), required=False, widget=forms.TextInput(attrs={"placeholder": _("Search")})
    )

    def filter(self, objects: QuerySet[Item]) -> QuerySet[Item]:
        objects = super().filter(objects)
        words = self.cleaned_data["q"].split()
        if words:
            self.is_searching, self.search_query = True, self.cleaned_data["q"]
        for word in words:
            objects = objects.filter(Q(title__icontains=word) | Q(tags__icontains=word) | Q(key__iexact=word))
        return objects


class ItemColumnsMixin:
    filter_form_class = ItemFilterForm
    per_page = 20

    @property
    def columns(self) -> list[Column]:
        return [
            *super().columns,
            Column("type", label=_("Type"), accessor=type_of),
            Column("locale", label=_("Locale")),
            BooleanColumn("embedded", label=_("Embedded")),
            DateColumn("published_at", label=_("Published")),
        ]


class ItemChooseView(ItemColumnsMixin, ChooseView):
    """The window with search and first results."""


class ItemChooseResultsView(ItemColumnsMixin, ChooseResultsView):
    """The results as one types."""


class WithoutCreation:
    """A window for choosing has no form to make anything, so it has no address to send one to either."""

    def get_urlpatterns(self) -> list:
        return [pattern for pattern in super().get_urlpatterns() if pattern.name != "create"]


class ChooseOnlyViewSet(WithoutCreation, SnippetChooserViewSet):
    """The window of a snippet, without the form that it does not have."""


class ItemChooserViewSet(WithoutCreation, ChooserViewSet):
    model = Item
    icon = "doc-full"
    url_prefix = "personalization/choose-item"
    choose_one_text = _("Choose an item")
    choose_another_text = _("Choose another item")
    choose_view_class = ItemChooseView
    choose_results_view_class = ItemChooseResultsView
    register_widget = False

    def get_object_list(self) -> QuerySet[Item]:
        """What can be shown; a withdrawn item that a slot already names stays chosen."""
        return with_readiness(Item.objects.filter(live=True))


item_chooser = ItemChooserViewSet(ITEM_CHOOSER)
