"""The catalog as editors see it: what may be shown, and whether it is ready to be."""

import django_filters
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.admin_url_finder import AdminURLFinder
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import BooleanColumn, Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.widgets import BooleanRadioSelect
from wagtail.admin.widgets.button import HeaderButton
from wagtail.coreutils import get_content_type_label

from personalization.catalog.models import Embedding, Item
from personalization.editor.asking_buttons import ask_buttons
from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet

NONE = "–"


def with_readiness(items: QuerySet[Item]) -> QuerySet[Item]:
    """Add what lists show and leave out what is long; `embedded` means that the vector fits today's text."""
    fitting = Embedding.objects.filter(item=OuterRef("pk"), text_hash=OuterRef("text_hash"))
    return items.annotate(embedded=Exists(fitting)).select_related("content_type").defer("text")


def type_of(item: Item) -> str:
    return get_content_type_label(item.content_type)


def is_shown(item: Item) -> bool:
    return item.live and (item.expires_at is None or item.expires_at > timezone.now())


def state_of(item: Item) -> str:
    if not item.live:
        return gettext("withdrawn")
    return gettext("can be shown") if is_shown(item) else gettext("expired")


class ItemFilterSet(WagtailFilterSet):
    content_type = django_filters.ModelChoiceFilter(
        label=_("Type"),
        empty_label=_("All types"),
        queryset=lambda request: ContentType.objects.filter(pk__in=Item.objects.order_by().values("content_type")),
    )
    locale = django_filters.AllValuesFilter(label=_("Locale"), empty_label=_("All locales"))
    live = django_filters.BooleanFilter(label=_("Can be shown"), widget=BooleanRadioSelect)
    embedded = django_filters.BooleanFilter(label=_("Embedded"), widget=BooleanRadioSelect)

    class Meta:
        model = Item
        fields = ["content_type", "locale", "live"]

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.form.fields["content_type"].label_from_instance = get_content_type_label


class ItemIndexView(ReadOnlyIndexView):
    empty_text = _(
        "No items yet: an item is a page or snippet that slots may show. Name its type in PERSONALIZATION['CATALOG'], "
        "then publish one; “manage.py index_catalog” brings in those that are already published."
    )

    def get_base_queryset(self) -> QuerySet[Item]:
        return with_readiness(super().get_base_queryset())

    def get_list_more_buttons(self, instance: Item) -> list:
        asking = ask_buttons(self.request.user, items=instance.pk) if instance.live else []
        return [*super().get_list_more_buttons(instance), *asking]


class ItemInspectView(generic.InspectView):
    """What slots know of one item."""

    page_title = _("Item")

    def get_object(self, queryset=None) -> Item:
        return get_object_or_404(with_readiness(Item.objects.select_related("embedding")), pk=self.pk)

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    @cached_property
    def header_buttons(self) -> list:
        model = self.object.content_type.model_class()
        source = model and model._base_manager.filter(pk=self.object.object_id).first()
        url = AdminURLFinder(self.request.user).get_edit_url(source) if source else None
        asking = ask_buttons(self.request.user, HeaderButton, items=self.object.pk) if self.object.live else []
        return [*asking, *([HeaderButton(gettext("Edit the source"), url=url, icon_name="edit")] if url else [])]


def facts_of(item: Item) -> list[tuple[str, object]]:
    """Labels and values of an item's page, from an item with readiness."""
    link, picture = '<a href="{0}">{0}</a>', '<img src="{}" alt="" width="240" loading="lazy">'
    return [
        (gettext("Title"), item.title),
        (gettext("Status"), state_of(item)),
        (gettext("Type"), type_of(item)),
        (gettext("Key"), item.key),
        (gettext("Shares history with"), item.group),
        (gettext("Address"), format_html(link, item.url) if item.url else NONE),
        (gettext("Locale"), item.locale or NONE),
        (gettext("Summary"), item.summary or NONE),
        (gettext("Tags"), ", ".join(item.tags) or NONE),
        (gettext("Published"), item.published_at or NONE),
        (gettext("Expires"), item.expires_at or gettext("never")),
        (gettext("Embedding"), embedding_of(item)),
        (gettext("Image"), format_html(picture, item.image) if item.image else NONE),
    ]


def embedding_of(item: Item) -> str:
    """Say whether content ranking can use the item."""
    if not hasattr(item, "embedding"):
        return gettext("not made yet: until a worker has made it, the item is ranked without its text")
    if not item.embedded:
        return gettext("made from an earlier text; a worker will renew it")
    return gettext("made by %(model)s") % {"model": item.embedding.model}


class ItemViewSet(ReadOnlyViewSet):
    model = Item
    name = "personalization_items"
    url_prefix = "personalization/items"
    icon = "doc-full"
    menu_label = _("Items")
    index_view_class = ItemIndexView
    inspect_view_class = ItemInspectView
    search_fields = ["title", "summary", "key"]
    filterset_class = ItemFilterSet
    list_per_page = 50
    ordering = "-published_at"
    list_display = [
        "title",
        Column("type", label=_("Type"), accessor=type_of, sort_key="content_type"),
        Column("locale", label=_("Locale"), sort_key="locale"),
        StatusTagColumn("state", label=_("Status"), accessor=state_of, primary=is_shown, sort_key="live"),
        BooleanColumn("embedded", label=_("Embedded"), sort_key="embedded"),
        DateColumn("published_at", label=_("Published"), sort_key="published_at"),
    ]
