"""The slot as one arm has it, through a visitor's eyes: before the start as well as later."""

from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.admin.widgets.button import HeaderButton

from personalization.editor.experiment_steps import address
from personalization.editor.preview import LookView, look
from personalization.experiments.models import Arm, Experiment
from personalization.experiments.shipping import alter
from personalization.slots.models import Slot


class ArmLookView(LookView):
    """The published slot with an arm's changes, of which nothing is saved."""

    model = Experiment
    any_permission_required = ("view", "add", "change", "delete", "run")
    page_title = _("The slot as an arm has it")

    @cached_property
    def arm(self) -> Arm:
        arms = Arm.objects.select_related("experiment__slot", "model_version")
        return get_object_or_404(arms, experiment__pk=self.pk, key=self.kwargs["arm"])

    def get_object(self) -> Slot:
        slot = self.arm.experiment.slot
        alter(slot, self.arm)
        return slot

    def get_page_subtitle(self) -> str:
        return str(self.arm)

    def get_breadcrumbs_items(self) -> list:
        experiment = self.arm.experiment
        experiments = {"url": address("index"), "label": gettext("Experiments")}
        this = {"url": address("inspect", experiment), "label": str(experiment)}
        here = {"url": "", "label": self.get_page_title(), "sublabel": self.get_page_subtitle()}
        return [*self.breadcrumbs_items, experiments, this, here]

    @cached_property
    def header_buttons(self) -> list:
        url = address("inspect", self.arm.experiment)
        return [HeaderButton(gettext("Back to the experiment"), url=url, icon_name="arrow-left")]

    def look(self) -> dict:
        return look(self.object, self.request, self.arm.model_version_id)
