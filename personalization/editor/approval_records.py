"""The record of decisions about variants, as people read it: nobody changes it, and everybody who may can take it away.

Downloads hold what the list's filters match, in the same rows as the export for audits.
"""

import django_filters
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import View
from wagtail.admin.filters import DateRangePickerWidget, WagtailFilterSet
from wagtail.admin.ui.tables import Column, DateColumn, TitleColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import HeaderButton

from personalization.editor.read_only import READERS, ReadOnlyIndexView, ReadOnlyViewSet
from personalization.editor.result_files import csv_response
from personalization.editor.variant_findings import shown_findings
from personalization.experiments.wording import percent
from personalization.variants.audit import audit_rows, sheet_rows
from personalization.variants.choices import Words
from personalization.variants.models import ApprovalRecord, Variant

NAMESPACE = "personalization_records"
NONE = "–"
FILE = "approval-records"


class RecordFilterSet(WagtailFilterSet):
    user_name = django_filters.CharFilter(label=_("Who"), lookup_expr="icontains")
    at = django_filters.DateFromToRangeFilter(label=_("When"), widget=DateRangePickerWidget)
    source_key = django_filters.CharFilter(label=_("Source"), lookup_expr="iexact")
    variant_key = django_filters.CharFilter(label=_("Variant"), lookup_expr="exact")

    class Meta:
        model = ApprovalRecord
        fields = ["act", "user_name", "at", "source_key", "variant_key", "is_ai"]


def says(entry: ApprovalRecord) -> str:
    """The first words that were decided about."""
    words = next((text for text in entry.words.values() if text), NONE)
    return Truncator(words).chars(60)


def address(entry: ApprovalRecord) -> str:
    return reverse(f"{NAMESPACE}:inspect", args=[entry.pk])


class RecordIndexView(ReadOnlyIndexView):
    empty_text = _(
        "No decisions yet: whenever somebody submits, approves, sends back, rejects or retires a variant, and whenever "
        "an approval ends because the words or their source changed, it is written down here for good."
    )

    @cached_property
    def header_buttons(self) -> list:
        query = self.request.GET.urlencode()
        return [
            HeaderButton(label, url=f"{reverse(f'{NAMESPACE}:{name}')}?{query}", icon_name="download")
            for name, label in (("csv", gettext("Download as CSV")), ("json", gettext("Download as JSON")))
        ]


class DownloadView(PermissionCheckedMixin, View):
    """What the list's filters match, as a file; filters that cannot be read match nothing."""

    model = ApprovalRecord
    any_permission_required = READERS
    http_method_names = ["get"]

    def found(self, request: HttpRequest) -> QuerySet[ApprovalRecord]:
        filters = RecordFilterSet(request.GET, queryset=ApprovalRecord.objects.order_by("pk"), request=request)
        return filters.qs if filters.form.is_valid() else ApprovalRecord.objects.none()


class CsvView(DownloadView):
    """For spreadsheets."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return csv_response(FILE, sheet_rows(self.found(request)))


class JsonView(DownloadView):
    """For programs, such as those that check the digests."""

    def get(self, request: HttpRequest) -> HttpResponse:
        response = JsonResponse({"records": list(audit_rows(self.found(request)))}, json_dumps_params={"indent": 2})
        response["Content-Disposition"] = f'attachment; filename="{FILE}.json"'
        return response


class RecordInspectView(generic.InspectView):
    """One decision, with the very words that it was about."""

    page_title = _("Approval record")
    template_name = "personalization/editor/asking/record.html"

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    def get_context_data(self, **kwargs) -> dict:
        entry = self.object
        labels = dict(Words.choices)
        told = Variant(**entry.words, findings=entry.findings, checked_hash=entry.content_hash)
        return super().get_context_data(
            variant=told,
            findings=shown_findings(told),
            words=[(labels.get(name, name), text) for name, text in entry.words.items() if text],
            source_words=[text for name, text in entry.source_words.items() if text and name != "text"],
            source_text=entry.source_words.get("text", ""),
            **kwargs,
        )


def facts_of(entry: ApprovalRecord) -> list[tuple[str, object]]:
    """Labels and values of a record's page, but for the words."""
    return [
        (gettext("Decision"), entry.get_act_display()),
        (gettext("When"), entry.at),
        (gettext("Who"), entry.user_name or gettext("nobody: it followed from a change")),
        (gettext("Asked by"), entry.requested_by or NONE),
        (gettext("Reason"), entry.get_reason_display() or NONE),
        (gettext("Comment"), entry.comment or NONE),
        (gettext("Segment"), entry.segment_key or gettext("everybody")),
        (gettext("Language"), entry.locale),
        (gettext("Expires"), entry.expires_at or gettext("never")),
        (gettext("AI-generated share"), percent(entry.ai_share) if entry.is_ai else gettext("none: a person wrote it")),
        (gettext("Model"), entry.model or NONE),
        (gettext("Prompt template and version"), entry.template_version or NONE),
        (gettext("Rules"), entry.rules_version or NONE),
        (gettext("Variant"), entry.variant_key),
        (gettext("Source"), entry.source_key),
        (gettext("Hash of the words"), _code(entry.content_hash)),
        (gettext("Hash of the source"), _code(entry.source_hash)),
        (gettext("This record’s digest"), _code(entry.digest)),
        (gettext("Digest of the variant’s record before"), _code(entry.previous)),
    ]


def _code(digest: str) -> str:
    return format_html('<code dir="ltr" class="slot-digest">{}</code>', digest) if digest else gettext("none")


class ApprovalRecordViewSet(ReadOnlyViewSet):
    model = ApprovalRecord
    name = NAMESPACE
    url_prefix = "personalization/approval-records"
    icon = "history"
    menu_label = _("Approval records")
    index_view_class = RecordIndexView
    inspect_view_class = RecordInspectView
    filterset_class = RecordFilterSet
    list_per_page = 50
    ordering = "-pk"
    list_display = [
        TitleColumn("says", label=_("Words"), accessor=says, get_url=address),
        DateColumn("at", label=_("When"), sort_key="at"),
        Column("act", label=_("Decision"), accessor="get_act_display", sort_key="act"),
        Column("user_name", label=_("Who"), accessor=lambda entry: entry.user_name or NONE, sort_key="user_name"),
        Column("source_key", label=_("Source"), sort_key="source_key"),
        Column("locale", label=_("Language"), sort_key="locale"),
        Column("reason", label=_("Reason"), accessor=lambda entry: entry.get_reason_display() or NONE),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("csv/", self.construct_view(CsvView), name="csv"),
            path("json/", self.construct_view(JsonView), name="json"),
        ]
