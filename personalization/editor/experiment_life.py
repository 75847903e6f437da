"""What can be done with an experiment, each act with a page that asks first and takes nothing but a POST."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import BaseObjectMixin, WagtailAdminTemplateMixin
from wagtail.admin.views.generic.permissions import PermissionCheckedMixin

from personalization.editor.experiment_acts import CoverageForm, EndForm, WeightsForm
from personalization.editor.experiment_steps import address
from personalization.experiments import services
from personalization.experiments.choices import Status
from personalization.experiments.models import Experiment
from personalization.experiments.services import StepRefusedError


@dataclass(frozen=True)
class Act:
    """One thing to do: when, what it is called, what it means, and which service does it."""

    name: str
    states: tuple[str, ...]
    label: Any
    meaning: Any
    done: Any
    take: Callable[..., Experiment]
    form: type[forms.Form] = forms.Form

    def is_open_to(self, experiment: Experiment) -> bool:
        """Whether it can be done now."""
        fits = self.name != "weights" or not experiment.is_bandit
        return experiment.status in self.states and fits and (self.name != "schedule" or bool(experiment.starts_at))


UNDER_WAY = (Status.RUNNING, Status.PAUSED)
ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            "start",
            (Status.DRAFT, Status.SCHEDULED),
            _("Start now"),
            _("From the next request on, visitors are divided among the arms. What is tested is frozen then."),
            _("“%s” runs."),
            services.start,
        ),
        Act(
            "schedule",
            (Status.DRAFT,),
            _("Schedule"),
            _("It starts by itself at the time you set, if nothing stands in its way then."),
            _("“%s” is scheduled."),
            services.schedule,
        ),
        Act(
            "unschedule",
            (Status.SCHEDULED,),
            _("Unschedule"),
            _("It does not start by itself, and can be changed again."),
            _("“%s” is a draft again."),
            services.unschedule,
        ),
        Act(
            "pause",
            (Status.RUNNING,),
            _("Pause"),
            _("Everybody sees the slot as it is, until you resume. Visitors keep their arms."),
            _("“%s” is paused."),
            services.pause,
        ),
        Act(
            "resume",
            (Status.PAUSED,),
            _("Resume"),
            _("Visitors get the same arms as before."),
            _("“%s” runs again."),
            services.resume,
        ),
        Act(
            "coverage",
            UNDER_WAY,
            _("Change how many take part"),
            _("Nobody changes arms by it: more visitors join, or some see the slot as it is again."),
            _("How many take part in “%s” was changed."),
            services.change_coverage,
            CoverageForm,
        ),
        Act(
            "weights",
            UNDER_WAY,
            _("Change weights"),
            _("A new phase begins: visitors are divided anew, and counted anew. What was found stays with its phase."),
            _("A new phase of “%s” begins."),
            services.change_weights,
            WeightsForm,
        ),
        Act(
            "end",
            UNDER_WAY,
            _("End"),
            _("The test stops for good, with a verdict."),
            _("“%s” has ended."),
            services.end,
            EndForm,
        ),
    )
}


def acts_for(experiment: Experiment) -> list[dict[str, Any]]:
    """What can be done now, and where."""
    return [
        {"name": act.name, "label": act.label, "url": address(act.name, experiment)}
        for act in ACTS.values()
        if act.is_open_to(experiment)
    ]


class ActView(PermissionCheckedMixin, WagtailAdminTemplateMixin, BaseObjectMixin, FormView):
    """Asks, and does it on POST; what the service refuses is told on the same page."""

    model = Experiment
    permission_required = "run"
    template_name = "personalization/editor/experiment_act.html"
    act: Act = None

    def get_page_title(self) -> str:
        return str(self.act.label)

    def get_page_subtitle(self) -> str:
        return str(self.object)

    def get_breadcrumbs_items(self) -> list:
        experiments = {"url": address("index"), "label": gettext("Experiments")}
        this = {"url": address("inspect", self.object), "label": str(self.object)}
        return [*self.breadcrumbs_items, experiments, this, {"url": "", "label": self.get_page_title()}]

    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not self.act.is_open_to(self.object):
            messages.error(request, gettext("This cannot be done now."))
            return redirect(address("inspect", self.object))
        return super().get(request, *args, **kwargs)

    def get_form_class(self) -> type[forms.Form]:
        return self.act.form

    def get_form_kwargs(self) -> dict:
        about = {"experiment": self.object} if self.act.form is not forms.Form else {}
        return super().get_form_kwargs() | about

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(act=self.act, back_url=address("inspect", self.object), **kwargs)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        try:
            self.act.take(experiment=self.object, user=self.request.user, **form.cleaned_data)
        except StepRefusedError as error:
            for reason in error.reasons:
                form.add_error(None, reason)
            return self.form_invalid(form)
        messages.success(self.request, self.act.done % self.object)
        return redirect(address("inspect", self.object))
