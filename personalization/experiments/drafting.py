"""What a new draft begins with: the slot as it is against something else, judged by clicks."""

from django.utils.translation import gettext as _

from personalization.experiments.choices import Measure
from personalization.experiments.models import Arm, Experiment, Metric


def furnish(*, experiment: Experiment) -> None:
    """Give a new draft two arms and a goal, for its author to change."""
    Arm.objects.create(experiment=experiment, key="control", name=_("As it is"), is_control=True, sort_order=0)
    Arm.objects.create(experiment=experiment, key="b", name=_("New"), sort_order=1)
    Metric.objects.create(experiment=experiment, measure=Measure.CLICKED, sort_order=0)
