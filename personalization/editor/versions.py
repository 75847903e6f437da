"""Model versions: how each measured on the hold-out, which one serves, and the two ways to change that."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.base import BaseObjectMixin, WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.permission_policies import ModelPermissionPolicy

from personalization.editor.holdout import headline, holdout_rows
from personalization.editor.read_only import ReadOnlyIndexView, ReadOnlyViewSet
from personalization.editor.training import TrainingPanelMixin
from personalization.recommend.artifacts import ArtifactError
from personalization.training.models import ModelVersion
from personalization.training.services import NoOlderVersionError, promote, roll_back

NAMESPACE = "personalization_versions"


def may_promote(version: ModelVersion) -> bool:
    """A version that does not serve and still has its files."""
    return bool(version.artifact) and version.status != ModelVersion.Status.PROMOTED


def may_change(request: HttpRequest) -> bool:
    return ModelPermissionPolicy(ModelVersion).user_has_permission(request.user, "change")


def ndcg_column(name: str, label: str) -> Column:
    return Column(name, label=label, accessor=lambda version: _figure(headline(version.metrics)[name]))


def _figure(value: float | None) -> str:
    return "–" if value is None else number_format(value, 4)


class VersionIndexView(TrainingPanelMixin, ReadOnlyIndexView):
    empty_text = _(
        "No model versions yet: a version is what a training run has learned from visitors. Until one serves, slots "
        "rank by texts, popularity and your own order."
    )

    def get_list_more_buttons(self, instance: ModelVersion) -> list:
        buttons = super().get_list_more_buttons(instance)
        if may_promote(instance) and self.user_has_permission("change"):
            url = reverse(f"{NAMESPACE}:promote", args=[instance.pk])
            buttons.append(Button(gettext("Promote"), url=url, icon_name="upload", priority=30))
        return buttons


class VersionInspectView(generic.InspectView):
    """One version: where it came from and its hold-out table."""

    page_title = _("Model version")
    template_name = "personalization/editor/version.html"

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]

    @cached_property
    def header_buttons(self) -> list:
        if not may_change(self.request):
            return []
        if may_promote(self.object):
            url = reverse(f"{NAMESPACE}:promote", args=[self.object.pk])
            return [HeaderButton(gettext("Promote"), url=url, icon_name="upload")]
        if self.object.status == ModelVersion.Status.PROMOTED and ModelVersion.objects.older_than(self.object).exists():
            return [HeaderButton(gettext("Roll back"), url=reverse(f"{NAMESPACE}:roll_back"), icon_name="rotate")]
        return []

    def get_context_data(self, **kwargs) -> dict:
        metrics = self.object.metrics
        return super().get_context_data(rows=holdout_rows(metrics), judges=metrics.get("visitors"), **kwargs)


def facts_of(version: ModelVersion) -> list[tuple[str, object]]:
    learned = gettext("%(interactions)s interactions of %(visitors)s visitors with %(items)s items") % {
        name: number_format(getattr(version, name), force_grouping=True)
        for name in ("interactions", "visitors", "items")
    }
    return [
        (gettext("Status"), version.get_status_display()),
        (gettext("Verdict"), version.verdict or "–"),
        (gettext("Learned from"), learned),
        (gettext("From"), version.data_from or "–"),
        (gettext("Until"), version.data_until or "–"),
        (gettext("Made"), version.created_at),
        (gettext("Promoted"), version.promoted_at or gettext("never")),
        (gettext("Promoted by"), version.promoted_by or (gettext("the gate") if version.promoted_at else "–")),
        (gettext("Files"), version.artifact or gettext("deleted: only the newest versions keep theirs")),
    ]


class ChangeServingMixin(PermissionCheckedMixin, WagtailAdminTemplateMixin):
    """Asks before it changes what visitors see; a view of this kind has a `change` that does it."""

    model = ModelVersion
    permission_required = "change"
    template_name = "personalization/editor/confirm.html"

    def get_breadcrumbs_items(self) -> list:
        versions = {"url": reverse(f"{NAMESPACE}:index"), "label": gettext("Model versions")}
        return [*self.breadcrumbs_items, versions, {"url": "", "label": self.get_page_title()}]

    def post(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        try:
            version = self.change()
        except (ArtifactError, NoOlderVersionError) as error:
            messages.error(request, gettext("Nothing was changed. %(error)s") % {"error": error})
        else:
            messages.success(request, gettext("%(version)s serves now.") % {"version": version})
        return redirect(f"{NAMESPACE}:index")


class PromoteView(ChangeServingMixin, BaseObjectMixin, TemplateView):
    page_title = _("Promote a version")

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(version=self.object, serving=ModelVersion.objects.promoted(), **kwargs)

    def change(self) -> ModelVersion:
        return promote(version=self.object, user=self.request.user)


class RollBackView(ChangeServingMixin, TemplateView):
    page_title = _("Roll back")

    def get_context_data(self, **kwargs) -> dict:
        serving = ModelVersion.objects.promoted()
        older = ModelVersion.objects.older_than(serving).first() if serving else None
        return super().get_context_data(version=older, serving=serving, **kwargs)

    def change(self) -> ModelVersion:
        return roll_back(user=self.request.user)


class ModelVersionViewSet(ReadOnlyViewSet):
    model = ModelVersion
    name = NAMESPACE
    url_prefix = "personalization/model-versions"
    icon = "cogs"
    menu_label = _("Model versions")
    index_view_class = VersionIndexView
    inspect_view_class = VersionInspectView
    actions = ("view", "change")
    list_filter = ["status"]
    ordering = "-created_at"
    list_display = [
        "__str__",
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda version: version.status == ModelVersion.Status.PROMOTED,
            sort_key="status",
        ),
        ndcg_column("version", _("NDCG@10")),
        ndcg_column("popularity", _("NDCG@10 of popularity")),
        Column("interactions", label=_("Interactions"), sort_key="interactions"),
        Column("verdict", label=_("Verdict")),
        DateColumn("created_at", label=_("Made"), sort_key="created_at"),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("<int:pk>/promote/", self.construct_view(PromoteView), name="promote"),
            path("roll-back/", self.construct_view(RollBackView), name="roll_back"),
        ]
