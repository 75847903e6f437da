"""Training as editors see it: what runs, what ran, and the button that starts a run."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView, View
from wagtail.admin import messages
from wagtail.admin.ui.tables import Column, DateColumn, StatusTagColumn
from wagtail.admin.views import generic
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin
from wagtail.permission_policies import ModelPermissionPolicy

from personalization import tasks
from personalization.editor.read_only import READERS, ReadOnlyIndexView, ReadOnlyViewSet
from personalization.editor.words import trigger_label
from personalization.training.models import ModelVersion, TrainingRun

PATIENCE_SECONDS = 30


def describe_training(request: HttpRequest) -> dict:
    """What the panel shows: the latest run, and whether one that was asked for has begun.

    `state` is "running", "waiting" (asked for, no worker has begun), "late" (and none does) or "idle".
    """
    run = TrainingRun.objects.select_related("version").first()
    asked = _asked_at(request)
    if run and run.status == TrainingRun.Status.RUNNING:
        state = "running"
    elif asked and (run is None or run.started_at < asked):
        state = "late" if (timezone.now() - asked).total_seconds() > PATIENCE_SECONDS else "waiting"
    else:
        state = "idle"
    return {"run": run, "state": state, "asked": request.GET.get("asked", ""), "is_active": state != "idle"}


def _asked_at(request: HttpRequest) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(request.GET["asked"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


class TrainingPanelMixin:
    """Puts the training panel above a list."""

    template_name = "personalization/editor/training_index.html"

    def get_context_data(self, *args, **kwargs) -> dict:
        may_train = ModelPermissionPolicy(TrainingRun).user_has_permission(self.request.user, "add")
        training = describe_training(self.request)
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
        return super().get_context_data(training=describe_training(self.request), **kwargs)


class StartView(PermissionCheckedMixin, View):
    """Ask a worker to train."""

    model = TrainingRun
    permission_required = "add"
    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        address = reverse("personalization_runs:index")
        if TrainingRun.objects.running().exists():
            messages.warning(request, gettext("A training run is already under way."))
            return redirect(address)
        asked = timezone.now().timestamp()
        tasks.enqueue(tasks.train, "editor")
        return redirect(f"{address}?{urlencode({'asked': asked})}")


class RunIndexView(TrainingPanelMixin, ReadOnlyIndexView):
    empty_text = _(
        "No training runs yet: a run learns from what visitors read, judges itself on interactions it has not seen, "
        "and serves only if it beats popularity. A worker starts one every night; “Train now” starts one at once."
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
        (gettext("Started by"), trigger_label(run.trigger)),
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
            accessor=lambda run: trigger_label(run.trigger),
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
