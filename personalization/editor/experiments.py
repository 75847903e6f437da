"""Experiments as editors keep them: the list, and one page for each that says how it stands and what can be done."""

from datetime import timedelta

from django.urls import path
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.ui.tables import Column, StatusTagColumn, Table
from wagtail.admin.views import generic
from wagtail.admin.views.generic.history import HistoryView
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import registry as log_registry

from personalization.editor.experiment_facts import facts_of
from personalization.editor.experiment_life import ACTS, ActView, acts_for
from personalization.editor.experiment_looks import ArmLookView
from personalization.editor.experiment_panels import STEPS
from personalization.editor.experiment_plan import PlanView
from personalization.editor.experiment_results import ExperimentResultsView
from personalization.editor.experiment_steps import NAMESPACE, AddView, DeleteDraftView, StepView, address, way_of
from personalization.editor.read_only import ReadOnlyIndexView
from personalization.experiments.choices import Status
from personalization.experiments.models import Experiment
from personalization.experiments.results import read_results
from personalization.experiments.services import obstacles
from personalization.experiments.wording import percent, visitors, whole

READERS = ("view", "add", "change", "delete", "run")
MOST_ENTRIES = 20


def days_of(experiment: Experiment) -> str:
    """For how many days it has run, or ran."""
    if experiment.started_at is None:
        return "–"
    number = ((experiment.ended_at or timezone.now()) - experiment.started_at) // timedelta(days=1)
    return ngettext("%(n)d day", "%(n)d days", number) % {"n": number}


def progress_of(experiment: Experiment) -> str:
    """How many visitors are in, and of how many that were planned."""
    if experiment.results is None:
        return "–"
    progress = experiment.results.progress
    if progress.share is None:
        return visitors(progress.n)
    words = {"n": whole(progress.n), "planned": whole(progress.planned), "percent": percent(progress.share)}
    return gettext("%(n)s of %(planned)s visitors (%(percent)s)") % words


def health_of(experiment: Experiment) -> str:
    """The gravest thing that is wrong, in its own words."""
    if experiment.results is None:
        return "–"
    checks = sorted(experiment.results.checks, key=lambda check: ("danger", "warning", "ok").index(check.level))
    worst = next((check for check in checks if check.level != "ok"), None)
    if worst is None:
        return gettext("good")
    words = gettext("fault: %(title)s") if worst.blocks else gettext("to watch: %(title)s")
    return words % {"title": worst.title}


class ExperimentIndexView(ReadOnlyIndexView):
    any_permission_required = READERS
    empty_text = _(
        "No experiments yet: an experiment shows part of the visitors something else in a slot - another policy, other "
        "words, another model, or no personalization at all - and tells whether it is better. Add one: five short "
        "steps lead from what you expect to the start."
    )

    def get_table(self, object_list, **kwargs) -> Table:
        for experiment in object_list:
            experiment.results = read_results(experiment) if experiment.started_at else None
        return super().get_table(object_list, **kwargs)

    def get_base_queryset(self):
        return super().get_base_queryset().select_related("slot")

    def get_edit_url(self, instance: Experiment) -> str | None:
        return super().get_edit_url(instance) if instance.status == Status.DRAFT else None

    def get_delete_url(self, instance: Experiment) -> str | None:
        return super().get_delete_url(instance) if instance.status == Status.DRAFT else None

    def get_list_more_buttons(self, instance: Experiment) -> list:
        results = Button(gettext("Results"), url=address("results", instance), icon_name="view", priority=10)
        return [*super().get_list_more_buttons(instance), *([results] if instance.started_at else [])]


class ExperimentOverviewView(generic.InspectView):
    """How it stands: of a draft, what is still missing; of others, what can be done."""

    any_permission_required = READERS
    page_title = _("Overview")
    template_name = "personalization/editor/experiment_overview.html"

    def get_fields_context(self) -> list[dict]:
        return []

    @cached_property
    def may_run(self) -> bool:
        return self.user_has_permission("run")

    @cached_property
    def header_more_buttons(self) -> list:
        return super().header_more_buttons if self.object.status == Status.DRAFT else []

    @cached_property
    def header_buttons(self) -> list:
        results = HeaderButton(gettext("Results"), url=address("results", self.object), icon_name="view")
        return [results] if self.object.started_at else []

    def get_context_data(self, **kwargs) -> dict:
        experiment = self.object
        is_draft = experiment.status == Status.DRAFT
        is_waiting = experiment.status in (Status.DRAFT, Status.SCHEDULED)
        hindrances = obstacles(experiment) if is_waiting else []
        return super().get_context_data(
            experiment=experiment,
            is_waiting=is_waiting,
            may_run=self.may_run,
            way=way_of(experiment, "inspect") if is_draft and self.user_has_permission("change") else None,
            obstacles=hindrances,
            acts=[act for act in acts_for(experiment) if self.may_run and not (hindrances and act["name"] == "start")],
            facts=facts_of(experiment),
            is_over=bool(experiment.ends_at and experiment.ends_at < timezone.now() and not experiment.ended_at),
            history=log_registry.get_logs_for_instance(experiment).select_related("user")[:MOST_ENTRIES],
            history_url=address("history", experiment),
            **kwargs,
        )


class ExperimentHistoryView(HistoryView):
    any_permission_required = READERS


class ExperimentViewSet(ModelViewSet):
    model = Experiment
    name = NAMESPACE
    url_prefix = "personalization/experiments"
    icon = "clipboard-list"
    menu_label = _("Experiments")
    index_view_class = ExperimentIndexView
    add_view_class = AddView
    edit_view_class = StepView
    delete_view_class = DeleteDraftView
    history_view_class = ExperimentHistoryView
    inspect_view_enabled = True
    inspect_view_class = ExperimentOverviewView
    copy_view_enabled = False
    panels = []
    add_to_reference_index = False
    search_fields = ["key", "name", "hypothesis"]
    search_backend_name = None
    list_filter = ["status", "slot", "allocation"]
    ordering = "-created_at"
    list_display = [
        "__str__",
        StatusTagColumn(
            "status",
            label=_("Status"),
            accessor="get_status_display",
            primary=lambda experiment: experiment.status == Status.RUNNING,
            sort_key="status",
        ),
        Column("slot", label=_("Slot"), sort_key="slot"),
        Column("days", label=_("Time"), accessor=days_of, sort_key="started_at"),
        Column("progress", label=_("Progress"), accessor=progress_of),
        Column("health", label=_("Health"), accessor=health_of),
    ]

    def get_edit_view_kwargs(self, **kwargs) -> dict:
        """Each step brings its own form and template."""
        return kwargs

    get_add_view_kwargs = get_edit_view_kwargs

    def get_urlpatterns(self) -> list:
        results = {"template_name": ExperimentResultsView.template_name, "delete_url_name": None}
        return [
            *super().get_urlpatterns(),
            path("<int:pk>/results/", self.construct_view(ExperimentResultsView, **results), name="results"),
            path("<int:pk>/plan/", self.construct_view(PlanView), name="plan"),
            path("<int:pk>/look/<slug:arm>/", self.construct_view(ArmLookView), name="look"),
            *(
                path(f"<int:pk>/{step.name}/", self.construct_view(StepView, step=step), name=step.name)
                for step in STEPS
            ),
            *(
                path(f"<int:pk>/{act.name}/", self.construct_view(ActView, act=act), name=act.name)
                for act in ACTS.values()
            ),
        ]
