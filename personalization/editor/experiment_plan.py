"""The power calculator: how many visitors a draft needs and how long that takes, reckoned anew while it is typed."""

from dataclasses import dataclass

from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.generic import View
from wagtail.admin.panels import HelpPanel
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin

from personalization.experiments.choices import Measure, Role
from personalization.experiments.models import Experiment
from personalization.experiments.planning import Plan, read_plans
from personalization.experiments.wording import percent, plain, visitors, whole

FRAGMENT = "personalization/editor/experiment/plan.html"
AMOUNTS = (Measure.VALUE, Measure.DWELL)
PlanForm = modelform_factory(Experiment, fields=("coverage", "holdout", "minimum_effect", "power"))


@dataclass(frozen=True)
class Row:
    """What one goal needs, in words."""

    goal: str
    baseline: str
    needed: str
    days: str
    least: str


def plan_of(experiment: Experiment) -> dict:
    """Everything the calculator says of a draft as it stands, saved or not."""
    goals = [metric for metric in experiment.metrics.all() if metric.role == Role.GOAL]
    plans = read_plans(experiment)
    sizes = [plan.sample_size for plan in plans]
    needed = max(sizes) if sizes and all(sizes) else None
    return {
        "rows": [_row(plan, goal.measure in AMOUNTS) for plan, goal in zip(plans, goals, strict=False)],
        "daily": whole(round(plans[0].daily_visitors)) if plans else "",
        "needed": needed,
        "needed_words": visitors(needed) if needed else "",
        "effect": plain(experiment.minimum_effect),
        "power": percent(experiment.power),
    }


def _row(plan: Plan, is_amount: bool) -> Row:
    unknown = _("cannot be told yet")
    baseline = plan.baseline
    return Row(
        goal=plan.metric,
        baseline=unknown if baseline is None else plain(round(baseline, 2)) if is_amount else percent(baseline, 2),
        needed=whole(plan.sample_size) if plan.sample_size else unknown,
        days=ngettext("%(n)s day", "%(n)s days", plan.days) % {"n": whole(plan.days)} if plan.days else unknown,
        least=percent(plan.minimum_detectable_effect, 1) if plan.minimum_detectable_effect else unknown,
    )


class PlanPanel(HelpPanel):
    """The calculator's answer for the draft as it was saved; a script asks again when the form changes."""

    class BoundPanel(HelpPanel.BoundPanel):
        def __init__(self, **kwargs) -> None:
            super().__init__(**kwargs)
            self.template_name = "personalization/editor/experiment/plan_panel.html"

        def get_context_data(self, parent_context=None) -> dict:
            return super().get_context_data(parent_context) | {"plan": plan_of(self.instance)}


class PlanView(PermissionCheckedMixin, View):
    """The answer for what stands in the form; nothing is saved."""

    model = Experiment
    permission_required = "change"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        experiment = get_object_or_404(Experiment, pk=pk)
        form = PlanForm(request.GET, instance=experiment)
        return TemplateResponse(request, FRAGMENT, {"plan": plan_of(form.instance) if form.is_valid() else None})
