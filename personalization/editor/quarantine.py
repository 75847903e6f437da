"""Events in quarantine, as editors see them: what is not learned from, by which rule, and the way out of it."""

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton

from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.events.models import Event, Kind
from personalization.events.quarantine import RULES, release

NAMESPACE = "personalization_quarantine"
NONE = "–"


def rule_of(event: Event) -> str:
    return str(RULES.get(event.verdict, event.verdict))


class QuarantineFilterSet(WagtailFilterSet):
    verdict = django_filters.ChoiceFilter(label=_("Found bad as"), choices=list(RULES.items()))
    kind = django_filters.ChoiceFilter(label=_("Kind"), choices=Kind.choices)
    item_key = django_filters.CharFilter(label=_("Item"), lookup_expr="iexact")
    occurred_at = django_filters.DateFromToRangeFilter(label=_("Occurred"))

    class Meta:
        model = Event
        fields = ["verdict", "kind", "item_key", "occurred_at"]


class QuarantineIndexView(ReadOnlyIndexView):
    page_title = _("Quarantine")
    empty_text = _(
        "Nothing is in quarantine. Before each training run events are checked: what cannot have happened, is told "
        "twice, or comes from a robot or a burst of scripted clicks is set aside here and not learned from."
    )

    def get_base_queryset(self) -> QuerySet[Event]:
        return super().get_base_queryset().quarantined()

    @cached_property
    def header_buttons(self) -> list:
        if not self.user_has_permission("change") or not Event.objects.quarantined().exists():
            return []
        url = f"{reverse(f'{NAMESPACE}:release')}?{self.request.GET.urlencode()}"
        return [HeaderButton(gettext("Release these"), url=url, icon_name="check")]


class ReleaseView(PermissionCheckedMixin, TemplateView):
    """Ask once more, then release what the list's filters match."""

    model = Event
    permission_required = "change"
    template_name = "personalization/editor/confirm_release.html"

    @cached_property
    def filters(self) -> QuarantineFilterSet:
        return QuarantineFilterSet(self.request.GET, queryset=Event.objects.quarantined(), request=self.request)

    @property
    def matched(self) -> QuerySet[Event]:
        # A filter that cannot be read must not release everything.
        return self.filters.qs if self.filters.form.is_valid() else Event.objects.none()

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(
            number=self.matched.count(), address=reverse(f"{NAMESPACE}:index"), page_title=_("Release"), **kwargs
        )

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        number = release(events=self.matched, user=request.user)
        said = ngettext(
            "%(number)d event was released. The next training run may learn from it.",
            "%(number)d events were released. The next training run may learn from them.",
            number,
        )
        messages.success(request, said % {"number": number})
        return redirect(f"{NAMESPACE}:index")


class QuarantineInspectView(generic.InspectView):
    page_title = _("Event in quarantine")

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]


def facts_of(event: Event) -> list[tuple[str, object]]:
    return [
        (gettext("Found bad as"), rule_of(event) if event.verdict else NONE),
        (gettext("Kind"), event.get_kind_display()),
        (gettext("Item"), event.item_key or NONE),
        (gettext("Slot"), event.slot_key or NONE),
        (gettext("Occurred"), event.occurred_at),
        (gettext("Received"), event.received_at),
        (gettext("Told by"), event.source),
    ]


class QuarantineViewSet(ReadOnlyViewSet):
    model = Event
    name = NAMESPACE
    url_prefix = "personalization/quarantine"
    icon = "warning"
    menu_label = _("Quarantine")
    index_view_class = QuarantineIndexView
    inspect_view_class = QuarantineInspectView
    actions = ("view", "change")
    filterset_class = QuarantineFilterSet
    list_per_page = 50
    ordering = "-occurred_at"
    list_display = [
        DateColumn("occurred_at", label=_("Occurred"), sort_key="occurred_at"),
        Column("kind", label=_("Kind"), accessor="get_kind_display", sort_key="kind"),
        Column("item_key", label=_("Item"), sort_key="item_key"),
        Column("verdict", label=_("Found bad as"), accessor=rule_of, sort_key="verdict"),
        Column("source", label=_("Told by")),
    ]

    def get_urlpatterns(self) -> list:
        return [*super().get_urlpatterns(), path("release/", self.construct_view(ReleaseView), name="release")]
