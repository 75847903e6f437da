"""The making of an experiment, step by step: each page is saved before the next, and can be come back to."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin import messages
from wagtail.admin.views import generic

from personalization.editor.experiment_panels import STEPS, Step
from personalization.experiments.choices import Status
from personalization.experiments.drafting import furnish
from personalization.experiments.models import Experiment
from personalization.experiments.services import StepRefusedError, hold_draft

NAMESPACE = "personalization_experiments"


def address(name: str, experiment: Experiment | None = None) -> str:
    return reverse(f"{NAMESPACE}:{name}", args=[experiment.pk] if experiment else [])


def way_of(experiment: Experiment | None, here: str) -> list[dict[str, Any]]:
    """The steps with their addresses, for the top of each page; a draft that is not saved yet has none."""
    steps = [(step.name, step.label) for step in STEPS] + [("inspect", _("Review and start"))]
    return [
        {"number": number, "label": label, "url": experiment and address(name, experiment), "is_here": name == here}
        for number, (name, label) in enumerate(steps, 1)
    ]


def after(step: Step) -> str:
    """The name of the page that follows."""
    names = [*(known.name for known in STEPS), "inspect"]
    return names[names.index(step.name) + 1]


class StepMixin:
    """One page of the way; what it saves leads to the next."""

    step = STEPS[0]
    template_name = "personalization/editor/experiment_step.html"
    submit_button_label = _("Save and go on")
    success_message = None

    def get_panel(self) -> Any:
        return self.step.panel.bind_to_model(self.model)

    def get_success_url(self) -> str:
        return address(after(self.step), self.object)


class AddView(StepMixin, generic.CreateView):
    """The first step: with it there is a draft, with arms and a goal to begin with."""

    page_title = _("New")

    def save_instance(self) -> Experiment:
        experiment = super().save_instance()
        furnish(experiment=experiment)
        return experiment

    def get_context_data(self, **kwargs) -> dict:
        return super().get_context_data(way=way_of(None, self.step.name), **kwargs)


class DraftOnlyMixin:
    """What has left the drafts is shown, not changed: looked at before the form, and again when it is saved."""

    def get(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        experiment = self.get_object()
        if experiment.status != Status.DRAFT:
            messages.info(request, gettext("This is no draft any more; here is what can be done with it."))
            return redirect(address("inspect", experiment))
        return super().get(request, *args, **kwargs)

    def form_valid(self, form) -> HttpResponse:
        experiment = self.get_object()
        try:
            with transaction.atomic():
                hold_draft(experiment=experiment)
                return super().form_valid(form)
        except StepRefusedError as error:
            messages.error(self.request, str(error))
            return redirect(address("inspect", experiment))


class StepView(StepMixin, DraftOnlyMixin, generic.EditView):
    """A step of a draft."""

    def get_context_data(self, **kwargs) -> dict:
        context = super().get_context_data(way=way_of(self.object, self.step.name), **kwargs)
        # Each step is saved where it stands, and Wagtail would send it to the first.
        return context | {"action_url": self.request.path}


class DeleteDraftView(DraftOnlyMixin, generic.DeleteView):
    """Only a draft can be deleted: what was begun is kept, with what was decided."""
