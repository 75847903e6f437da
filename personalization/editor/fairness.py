"""Fairness as editors see it: the groups to watch, the button that starts an audit, and what audits have found."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.panels import FieldPanel
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.permission_policies import ModelPermissionPolicy
from wagtail.snippets.views.snippets import IndexView, SnippetViewSet

from personalization import tasks
from personalization.editor import fairness_tables as tables
from personalization.editor.choosers import ChooseOnlyViewSet
from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.monitoring.auditing import start_audit
from personalization.monitoring.models import FairnessAudit, ItemGroup
from personalization.training.models import ModelVersion

NAMESPACE = "personalization_fairness"


class AuditForm(forms.Form):
    grouping = forms.ChoiceField(
        label=_("Items by"), choices=FairnessAudit.Grouping, initial=FairnessAudit.Grouping.TAG
    )


class AuditIndexView(ReadOnlyIndexView):
    template_name = "personalization/editor/fairness_index.html"
    empty_text = _(
        "No audits yet: an audit tells which groups of items are shown more or less than their part, whether all "
        "visitors are served equally well, and what two remedies would change. Nothing that visitors see is touched."
    )

    def get_context_data(self, *args, **kwargs) -> dict:
        return super().get_context_data(
            *args,
            form=AuditForm(),
            may_audit=ModelPermissionPolicy(FairnessAudit).user_has_permission(self.request.user, "add"),
            serving=ModelVersion.objects.promoted(),
            latest=FairnessAudit.objects.first(),
            **kwargs,
        )


class AuditInspectView(generic.InspectView):
    page_title = _("Fairness audit")
    template_name = "personalization/editor/fairness_audit.html"

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    def get_context_data(self, **kwargs) -> dict:
        results = self.object.results
        found = _tables(results) if results else {}
        return super().get_context_data(results=results, **found, **kwargs)


def _tables(results: dict) -> dict:
    return {
        "figures": tables.FIGURES.values(),
        "side_labels": [tables.SIDES.get(name, name) for name in results["sides"]],
        "sides": tables.side_rows(results),
        "groups": tables.group_rows(results),
        "activity": tables.segment_rows(results),
        "segments": tables.segment_rows(results, by_segment=True),
        "cases": tables.case_rows(results),
        "plots": [tables.exposure_plot(results), tables.segment_plot(results)],
        "judges": results["sides"][tables.AS_IT_IS]["visitors"],
    }


def facts_of(audit: FairnessAudit) -> list[tuple[str, object]]:
    return [
        (gettext("Status"), audit.get_status_display()),
        (gettext("Items by"), audit.get_grouping_display()),
        (gettext("Version"), audit.version or "–"),
        (gettext("Started"), audit.started_at),
        (gettext("Finished"), audit.finished_at or gettext("not yet")),
        (gettext("Asked for by"), audit.asked_by or gettext("a command")),
        (gettext("Outcome"), audit.message or (audit.stage if audit.status == audit.Status.RUNNING else "–")),
    ]


class AuditProgressView(PermissionCheckedMixin, TemplateView):
    """The inside of the panel, asked for again while an audit goes on."""

    model = FairnessAudit
    permission_required = "view"
    template_name = "personalization/editor/fairness_state.html"

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(latest=FairnessAudit.objects.first(), **kwargs)


class StartAuditView(PermissionCheckedMixin, View):
    """Ask a worker for an audit."""

    model = FairnessAudit
    permission_required = "add"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        form = AuditForm(request.POST)
        if form.is_valid():
            audit = start_audit(grouping=form.cleaned_data["grouping"], user=request.user)
            tasks.enqueue(tasks.audit_fairness, audit.pk)
        else:
            messages.error(request, gettext("Choose what puts items into groups."))
        return redirect(f"{NAMESPACE}:index")


class FairnessAuditViewSet(ReadOnlyViewSet):
    model = FairnessAudit
    name = NAMESPACE
    url_prefix = "personalization/fairness"
    icon = "group"
    menu_label = _("Fairness")
    index_view_class = AuditIndexView
    inspect_view_class = AuditInspectView
    actions = ("view", "add")
    list_filter = ["status", "grouping"]
    ordering = "-started_at"
    list_display = [
        DateColumn("started_at", label=_("Started"), sort_key="started_at"),
        Column("grouping", label=_("Items by"), accessor="get_grouping_display", sort_key="grouping"),
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda audit: audit.status == FairnessAudit.Status.DONE,
            sort_key="status",
        ),
        Column("version", label=_("Version")),
        Column("message", label=_("Outcome"), accessor=lambda audit: audit.message or "–"),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("start/", self.construct_view(StartAuditView), name="start"),
            path("progress/", self.construct_view(AuditProgressView), name="progress"),
        ]


class ItemGroupIndexView(IndexView):
    results_template_name = "personalization/editor/index_results.html"
    empty_text = _(
        "No item groups yet: a group names the items whose exposure you want to watch, by tag, author or language. "
        "A fairness audit “by item groups” then compares them."
    )

    @property
    def is_unfiltered(self) -> bool:
        return not self.is_searching and not self.is_filtering


class ItemGroupViewSet(SnippetViewSet):
    model = ItemGroup
    chooser_viewset_class = ChooseOnlyViewSet
    icon = "tag"
    menu_label = _("Item groups")
    index_view_class = ItemGroupIndexView
    list_display = ["name", "tags", "author", "locale"]
    panels = [FieldPanel("name"), FieldPanel("tags"), FieldPanel("author"), FieldPanel("locale")]
