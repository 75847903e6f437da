"""The forms of what can be done with a running experiment."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.experiments.choices import Verdict
from personalization.experiments.models import Experiment


class CoverageForm(forms.Form):
    """How many take part."""

    coverage = forms.FloatField(label=_("Visitors who take part, in percent"), min_value=0, max_value=100)

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["coverage"] = experiment.coverage


class WeightsForm(forms.Form):
    """A weight for each arm."""

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arms = list(experiment.arms.all())
        for arm in self.arms:
            label = gettext("Weight of “%(arm)s”") % {"arm": arm}
            self.fields[f"weight_{arm.key}"] = forms.FloatField(label=label, min_value=0, initial=arm.weight)

    def clean(self) -> dict:
        read = super().clean()
        return {"weights": {arm.key: read[f"weight_{arm.key}"] for arm in self.arms if f"weight_{arm.key}" in read}}


class EndForm(forms.Form):
    """A verdict, and why."""

    verdict = forms.ChoiceField(label=_("Verdict"), choices=Verdict, widget=forms.RadioSelect)
    arm = forms.ChoiceField(label=_("Arm to ship"), required=False, help_text=_("Only if an arm is shipped."))
    decision = forms.CharField(
        label=_("Decision"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What was decided and why, for those who ask in a year."),
    )

    def __init__(self, *args: Any, experiment: Experiment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        arms = [(arm.key, str(arm)) for arm in experiment.arms.all() if not arm.is_control]
        self.fields["arm"].choices = [("", "–"), *arms]
        if len(arms) == 1:
            self.initial["arm"] = arms[0][0]
