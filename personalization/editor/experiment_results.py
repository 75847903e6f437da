"""What an experiment has shown: one page that says first whether it can be believed, and its figures as files."""

from collections.abc import Sequence
from datetime import date

from django.db.models import Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.admin_url_finder import AdminURLFinder
from wagtail.admin.views import generic
from wagtail.admin.widgets.button import Button, HeaderButton
from wagtail.log_actions import registry as log_registry

from personalization.editor import result_files as files
from personalization.editor import result_plots as plots
from personalization.editor import result_tables as tables
from personalization.editor.experiment_life import acts_for
from personalization.editor.experiment_steps import address
from personalization.editor.result_words import STATES
from personalization.experiments.choices import Role, Verdict
from personalization.experiments.models import DaySum, Experiment, Phase
from personalization.experiments.readings import Results
from personalization.experiments.results import read_results

MOST_ENTRIES = 100
DECISIVE = {"pause": "time", "resume": "rotate", "end": "check"}  # with their icons


class ExperimentResultsView(generic.InspectView):
    """Reads the daily sums that a task has made; no event is counted for a page."""

    any_permission_required = ("view", "add", "change", "delete", "run")
    page_title = _("Results")
    template_name = "personalization/editor/experiment_results.html"

    def get_object(self, queryset=None) -> Experiment:
        return get_object_or_404(Experiment.objects.select_related("slot"), pk=self.pk)

    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        match request.GET.get("export"):
            case "results":
                name = f"{self.object.key}.{self.phase.number if self.phase else 0}-results"
                return files.csv_response(name, files.result_rows(self.results))
            case "days":
                return files.csv_response(f"{self.object.key}-days", files.day_rows(self.object))
        return super().get(request, *args, **kwargs)

    @cached_property
    def phases(self) -> list[Phase]:
        return list(self.object.phases.all())

    @cached_property
    def phase(self) -> Phase | None:
        """The phase that the address names, else the newest."""
        asked = self.request.GET.get("phase")
        return next((phase for phase in self.phases[::-1] if asked in (None, str(phase.number))), None) or (
            self.phases[-1] if self.phases else None
        )

    @cached_property
    def results(self) -> Results:
        return read_results(self.object, self.phase)

    def get_breadcrumbs_items(self) -> list[dict]:
        experiments = {"url": address("index"), "label": gettext("Experiments")}
        this = {"url": address("inspect", self.object), "label": str(self.object)}
        here = {"url": "", "label": self.get_page_title(), "sublabel": str(self.object)}
        return [*self.breadcrumbs_items, experiments, this, here]

    @cached_property
    def header_buttons(self) -> list[HeaderButton]:
        acts = acts_for(self.object) if self.user_has_permission("run") else []
        return [
            HeaderButton(act["label"], url=act["url"], icon_name=DECISIVE[act["name"]], priority=priority)
            for priority, act in enumerate(acts)
            if act["name"] in DECISIVE
        ]

    @cached_property
    def header_more_buttons(self) -> list[Button]:
        named = [("results", gettext("Results as CSV")), ("days", gettext("Daily sums as CSV"))] if self.phase else []
        return [
            Button(label, url=f"?export={name}&phase={self.phase.number}", icon_name="download", priority=priority)
            for priority, (name, label) in enumerate(named)
        ]

    def get_fields_context(self) -> list[dict]:
        return []

    def get_context_data(self, **kwargs) -> dict:
        experiment = self.object
        context = {
            "experiment": experiment,
            "slot_url": AdminURLFinder(self.request.user).get_edit_url(experiment.slot),
            "phases": self.phases,
            "phase": self.phase,
            "timeline": timeline(experiment),
            "verdict": experiment.verdict and verdict_words(experiment),
        }
        return super().get_context_data(**context, **(self.findings() if self.phase else {}), **kwargs)

    def findings(self) -> dict:
        """What the sums of the phase say, in tables and plots."""
        experiment, results = self.object, self.results
        arms = list(experiment.arms.all())
        batches = list(self.phase.batches.all()) if experiment.is_bandit else []
        judged = [metric for metric in results.metrics if metric.role != Role.SECONDARY]
        return {
            "results": results,
            "health": tables.health_box(results.checks),
            "state_icon": STATES[results.verdict_state],
            "progress": tables.progress_bar(results),
            "groups": list(tables.metric_groups(experiment, results)),
            "effects": plots.effects_plot(judged, title=gettext("Effects of the goals and guardrails")),
            "visitors": plots.visitors_plot(daily_visitors(self.phase), arms, title=visitors_title(experiment)),
            "shares": plots.shares_plot(batches, arms),
            "slices": tables.slice_groups(results.slices),
            "factors": tables.factor_groups(results),
        }


def visitors_title(experiment: Experiment) -> str:
    """Whom a day counts: a bandit draws everybody anew each day."""
    return gettext("Visitors of each day") if experiment.is_bandit else gettext("Visitors who came for the first time")


def daily_visitors(phase: Phase) -> Sequence[tuple[date, str, int]]:
    """Visitors by the day of their first exposure and by arm; those seen in several arms count in none."""
    sums = DaySum.objects.filter(phase=phase).exclude(arm_key="").order_by("day", "arm_key")
    return list(sums.values("day", "arm_key").annotate(total=Sum("n")).values_list("day", "arm_key", "total"))


def verdict_words(experiment: Experiment) -> str:
    """What was decided, in the words of whoever decided it."""
    if experiment.verdict != Verdict.SHIP:
        return experiment.get_verdict_display()
    names = {arm.key: arm.name for arm in experiment.arms.all()}
    arm = names.get(experiment.shipped_arm, experiment.shipped_arm)
    return gettext("“%(arm)s” was shipped: the slot has taken it over.") % {"arm": arm}


def timeline(experiment: Experiment) -> list:
    """What was done to the experiment, the newest first."""
    return list(log_registry.get_logs_for_instance(experiment).select_related("user")[:MOST_ENTRIES])
