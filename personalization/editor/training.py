"""Training as editors see it: what runs, what ran, and the button that asks for a run."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.permission_policies import ModelPermissionPolicy

from personalization.editor.read_only import READERS, ReadOnlyIndexView, ReadOnlyViewSet
from personalization.editor.words import trigger_label
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import request_training

PATIENCE = timedelta(seconds=30)


def describe_training() -> dict:
    """What the panel shows: the run under way, else the one that waits, else the latest.

    `state` is "running", "waiting" (asked for, no worker has begun), "late" (and none does) or "idle".
    """
    runs = TrainingRun.objects.select_related("version")
    run = runs.running().first() or runs.queued().first() or runs.first()
    state = "idle"
    if run and run.status == TrainingRun.Status.RUNNING:
        state = "running"
    elif run and run.status == TrainingRun.Status.QUEUED:
        state = "late" if timezone.now() - run.started_at > PATIENCE else "waiting"
    return {"run": run, "state": state, "is_active": state != "idle", "trigger": run and cause_of(run)}


def cause_of(run: TrainingRun) -> str:
    """Who or what asked for a run, and why, as far as that is known."""
    asked_by = str(run.asked_by) if run.asked_by else trigger_label(run.trigger)
    return f"{asked_by}: {run.reason}" if run.reason else asked_by


class TrainingPanelMixin:
    """Puts the training panel above a list."""

    template_name = "personalization/editor/training_index.html"

    def get_context_data(self, *args, **kwargs) -> dict:
        may_train = ModelPermissionPolicy(TrainingRun).user_has_permission(self.request.user, "add")
        training = describe_training()
        return super().get_context_data(*args, may_train=may_train, training=training, **kwargs)


class ProgressView(PermissionCheckedMixin, TemplateView):
    """The inside of the training panel, asked for again while a run goes on."""

    model = TrainingRun
    any_permission_required = READERS
    template_name = "personalization/editor/training_state.html"

    def dispatch(self, request, *args, **kwargs) -> HttpResponse:
        versions = ModelPermissionPolicy(ModelVersion)
        if versions.user_has_any_permission(request.user, READERS):
            self.any_permission_required = None
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(training=describe_training(), **kwargs)


class StartView(PermissionCheckedMixin, View):
    """Ask a worker to train."""

    model = TrainingRun
    permission_required = "add"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        if request_training(trigger="editor", user=request.user) is None:
            messages.warning(request, gettext("A training run is already under way, or waits for a worker."))
        return redirect("personalization_runs:index")


class RunIndexView(TrainingPanelMixin, ReadOnlyIndexView):
    def get_base_queryset(self):
        return super().get_base_queryset().select_related("asked_by")

    empty_text = _(
        "No training runs yet: a run learns from what visitors read, judges itself on interactions it has not seen, "
        "and serves only if it beats popularity. A worker starts one every night, and when much has happened; “Train "
        "now” starts one at once."
    )


class RunInspectView(generic.InspectView):
    page_title = _("Training run")

    def get_fields_context(self) -> list[dict]:
        return [{"label": label, "value": value, "component": None} for label, value in facts_of(self.object)]


def facts_of(run: TrainingRun) -> list[tuple[str, object]]:
    version = ModelVersion.objects.filter(run=run).first()
    return [
        (gettext("Status"), run.get_status_display()),
        (gettext("Started"), run.started_at),
        (gettext("Finished"), run.finished_at or gettext("not yet")),
        (gettext("Started by"), cause_of(run)),
        (gettext("Stage"), run.stage or "–"),
        (gettext("Outcome"), run.message or "–"),
        (gettext("Version"), version or gettext("none")),
    ]


class TrainingRunViewSet(ReadOnlyViewSet):
    model = TrainingRun
    name = "personalization_runs"
    url_prefix = "personalization/training-runs"
    icon = "history"
    menu_label = _("Training runs")
    index_view_class = RunIndexView
    inspect_view_class = RunInspectView
    actions = ("view", "add")
    list_filter = ["status", "trigger"]
    ordering = "-started_at"
    list_display = [
        DateColumn("started_at", label=_("Started"), sort_key="started_at"),
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda run: run.status == TrainingRun.Status.SUCCEEDED,
            sort_key="status",
        ),
        Column(
            "trigger",
            label=_("Started by"),
            accessor=cause_of,
            sort_key="trigger",
        ),
        Column("message", label=_("Outcome"), accessor=lambda run: run.message or run.stage),
    ]

    def get_urlpatterns(self) -> list:
        return [
            *super().get_urlpatterns(),
            path("start/", self.construct_view(StartView), name="start"),
            path("progress/", self.construct_view(ProgressView), name="progress"),
        ]
