"""Segments as editors keep them: how many belong, while the rules are being written and afterwards."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, LiveStatusTagColumn, Table, UpdatedAtColumn
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.views.generic.preview import PreviewOnCreate, PreviewOnEdit, PreviewRevision
from wagtail.admin.widgets.button import Button
from wagtail.permission_policies import ModelPermissionPolicy
from wagtail.snippets.views.snippets import IndexView, InspectView, SnippetViewSet
from wagtail.utils.decorators import xframe_options_sameorigin_override

from personalization import tasks
from personalization.editor.choosers import ChooseOnlyViewSet
from personalization.editor.read_only import READERS
from personalization.visitors.matching import live_memberships, membership_of
from personalization.visitors.models import Segment, Visitor
from personalization.visitors.profiles import top_tags
from personalization.visitors.segments import Estimate, Sample, estimate, sample_visitors

FRAME = "personalization/editor/segment_frame.html"
MOST_TAGS = 4
RULES = Segment._meta.get_field("rules").stream_block


def size_of(segment: Segment, sample: Sample) -> str:
    """About how many visitors belong, in a few words."""
    told = estimate(membership=membership_of(segment), sample=sample)
    if told.expected is None:
        return gettext("depends on the request") if told.left_out else "–"
    return gettext("about %(n)s (%(share)s %%)") % {
        "n": number_format(told.expected, force_grouping=True),
        "share": round(100 * told.share),
    }


def describe(segment: Segment, request: HttpRequest) -> dict:
    """What is known of who belongs to a segment as it stands, saved or not."""
    sample = sample_visitors()
    told = estimate(membership=membership_of(segment), sample=sample, others=live_memberships())
    may_see = ModelPermissionPolicy(Visitor).user_has_permission(request.user, "view")
    return {
        "segment": segment,
        "estimate": told,
        "percent": None if told.share is None else round(100 * told.share),
        "left_out": [RULES.child_blocks[kind].label for kind in told.left_out],
        "overlaps": [(other.name, number, round(100 * number / told.members)) for other, number in told.overlaps],
        "examples": _examples(told, sample) if may_see else [],
    }


def _examples(told: Estimate, sample: Sample) -> list[dict]:
    return [
        {
            "visitor": str(profile.visitor),
            "tags": ", ".join(tag for tag, _affinity in top_tags(profile, sample.now, MOST_TAGS)),
            "interactions": sum(profile.counts.values()),
            "last": profile.last_interaction_at,
        }
        for profile in told.examples
    ]


class SegmentIndexView(IndexView):
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "No segments yet: a segment is a set of visitors, such as new ones, those fond of a tag, or those who are "
        "overdue. Describe one by rules, or let groups of like tastes be discovered; then show a slot to it alone, or "
        "give it pins and boosts of its own."
    )

    def get_table(self, object_list, **kwargs) -> Table:
        sample = sample_visitors()
        for segment in object_list:
            segment.size = size_of(segment, sample)
        return super().get_table(object_list, **kwargs)

    @cached_property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering

    @cached_property
    def header_more_buttons(self) -> list:
        buttons = list(super().header_more_buttons)
        if self.user_has_permission("add"):
            url = reverse(Segment.snippet_viewset.get_url_name("discover"))
            buttons.append(Button(gettext("Discover segments…"), url=url, icon_name="search", priority=50))
        return buttons


class SegmentInspectView(InspectView):
    template_name = "personalization/editor/segment_page.html"

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(**describe(self.object, self.request), **kwargs)


class DescribeInFrameMixin:
    """Counts, in the panel beside the form, who belongs by the rules as they stand there."""

    @method_decorator(xframe_options_sameorigin_override)
    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        form = self.get_form(self._get_form_data(self._get_form_state()))
        if not self.validate_form(form):
            return self.error_response()
        return TemplateResponse(request, FRAME, describe(form.save(commit=False), request))


class DescribeOnEditView(DescribeInFrameMixin, PreviewOnEdit):
    """The form as it stands, saved or not."""


class DescribeOnCreateView(DescribeInFrameMixin, PreviewOnCreate):
    """The form of a segment that does not exist yet."""


class DescribeRevisionView(PermissionCheckedMixin, PreviewRevision):
    """An earlier state, from the history."""

    any_permission_required = READERS

    @method_decorator(xframe_options_sameorigin_override)
    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        return TemplateResponse(request, FRAME, describe(self.revision_object, request))


class DiscoverView(PermissionCheckedMixin, WagtailAdminTemplateMixin, TemplateView):
    """Says what discovering does, and asks a worker to do it."""

    model = Segment
    permission_required = "add"
    page_title = _("Discover segments")
    header_icon = "search"
    template_name = "personalization/editor/discover.html"

    @cached_property
    def list_url(self) -> str:
        return reverse(Segment.snippet_viewset.get_url_name("list"))

    def get_breadcrumbs_items(self) -> list:
        segments = {"url": self.list_url, "label": gettext("Segments")}
        return [*self.breadcrumbs_items, segments, {"url": "", "label": self.get_page_title()}]

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(visitors=sample_visitors().visitors, list_url=self.list_url, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        tasks.enqueue(tasks.discover_segments)
        messages.success(request, gettext("A worker looks for groups now. What it finds appears here as drafts."))
        return redirect(self.list_url)


class SegmentViewSet(SnippetViewSet):
    model = Segment
    chooser_viewset_class = ChooseOnlyViewSet
    icon = "group"
    menu_label = _("Segments")
    index_view_class = SegmentIndexView
    index_results_template_name = SegmentIndexView.results_template_name
    inspect_view_enabled = True
    inspect_view_class = SegmentInspectView
    inspect_template_name = SegmentInspectView.template_name
    inspect_view_fields = ["key", "description", "match", "source"]
    preview_on_add_view_class = DescribeOnCreateView
    preview_on_edit_view_class = DescribeOnEditView
    revisions_view_class = DescribeRevisionView
    copy_view_enabled = False
    search_fields = ["key", "name"]
    search_backend_name = None
    list_filter = ["source", "live"]
    ordering = "sort_order"
    list_display = [
        "__str__",
        Column("key", label=_("Key"), sort_key="key"),
        Column("source", label=_("Source"), accessor="get_source_display", sort_key="source"),
        LiveStatusTagColumn(),
        Column("size", label=_("Visitors who allow personalization")),
        UpdatedAtColumn(),
    ]

    def get_urlpatterns(self) -> list:
        return [*super().get_urlpatterns(), path("discover/", self.construct_view(DiscoverView), name="discover")]
