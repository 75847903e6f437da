"""What a draft's forms accept, and say of what they do not."""

from collections.abc import Iterable, Iterator

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from modelcluster.forms import BaseChildFormSet
from wagtail.admin.forms import WagtailAdminModelForm

from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.choices import Allocation, Role
from personalization.experiments.models import Arm, Experiment
from personalization.slots import policies
from personalization.slots.placeholders import validate_placeholders
from personalization.training.models import ModelVersion
from personalization.variants.choices import ORIGINAL
from personalization.variants.models import Variant
from personalization.visitors.rules import DEVICES, languages, validate_flag


def _ticked(name: str, choices) -> forms.MultipleChoiceField:
    field = Experiment._meta.get_field(name)
    return forms.MultipleChoiceField(
        label=field.verbose_name.capitalize(),
        help_text=field.help_text,
        choices=choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )


class VisitorsForm(WagtailAdminModelForm):
    """Who takes part."""

    locales = _ticked("locales", languages)
    devices = _ticked("devices", DEVICES)

    def clean_flag(self) -> str:
        if flag := self.cleaned_data["flag"]:
            validate_flag(flag)
        return flag

    def clean(self) -> dict:
        cleaned = super().clean()
        start, end = cleaned.get("starts_at"), cleaned.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", _("The end must come after the start."))
        return cleaned


class ArmsForm(WagtailAdminModelForm):
    """Which arms there are, and how visitors are divided."""

    def clean(self) -> dict:
        cleaned = super().clean()
        arms = len(kept(self.formsets["arms"]))
        if cleaned.get("allocation") != Allocation.FIXED and (cleaned.get("floor") or 0) * arms > 100:
            self.add_error("floor", _("The least shares of all arms add up to more than 100 percent."))
        return cleaned


class ArmForm(WagtailAdminModelForm):
    """One arm."""

    policy = forms.ChoiceField(
        label=gettext_lazy("Policy"),
        required=False,
        choices=lambda: [("", _("The slot’s own")), *policies.choices()],
    )
    model_version = forms.ModelChoiceField(
        ModelVersion.objects.exclude(artifact=""),
        label=gettext_lazy("Model version"),
        required=False,
        empty_label=gettext_lazy("Whichever serves"),
    )

    wording = forms.ChoiceField(
        label=gettext_lazy("Words"),
        required=False,
        choices=lambda: list(wordings()),
        help_text=gettext_lazy("Variants with a label are made or labelled under Variants; only approved ones show."),
    )

    def clean_key(self) -> str:
        if self.cleaned_data["key"] == HELD_OUT:
            raise ValidationError(_("This key names the visitors who are held out: choose another."))
        return self.cleaned_data["key"]

    def clean_heading(self) -> str:
        validate_placeholders(self.cleaned_data["heading"])
        return self.cleaned_data["heading"]

    def clean_levels(self) -> str:
        levels = [level.partition("=") for level in self.cleaned_data["levels"].split(",") if level.strip()]
        if not all(factor.strip() and level.strip() for factor, _equals, level in levels):
            raise ValidationError(_("Write each factor with its level, such as: ranking=similar, heading=short"))
        return self.cleaned_data["levels"]

    def clean(self) -> dict:
        cleaned = super().clean()
        if not cleaned.get("personalizes", True) and any(Arm(**_changes(cleaned)).changes.values()):
            self.add_error("personalizes", _("Without personalization nothing else of the arm can be seen: leave it."))
        return cleaned


class ArmFormSet(BaseChildFormSet):
    """All arms."""

    def clean(self) -> None:
        super().clean()
        arms = kept(self)
        if sum(bool(arm.get("is_control")) for arm in arms) != 1:
            raise ValidationError(_("Tick “control” of exactly one arm: the one that others are compared with."))
        if sum((arm.get("weight") or 0) > 0 for arm in arms) < 2:
            raise ValidationError(_("At least two arms need a weight above zero."))


class MetricFormSet(BaseChildFormSet):
    """All metrics."""

    def clean(self) -> None:
        super().clean()
        if not any(metric.get("role") == Role.GOAL for metric in kept(self)):
            raise ValidationError(_("At least one metric must be a goal: it decides."))


class NamespaceForm(WagtailAdminModelForm):
    """One part of a namespace."""

    def clean(self) -> dict:
        cleaned = super().clean()
        start, end = cleaned.get("start"), cleaned.get("end")
        if start is not None and end is not None and end <= start:
            self.add_error("end", _("This must be more than the number before."))
        return cleaned


def kept(formset: BaseChildFormSet) -> list[dict]:
    """What was filled in and is not to be deleted."""
    formset.is_valid()  # whoever asks first, the forms are read
    read: Iterable[dict] = (getattr(form, "cleaned_data", {}) for form in formset.forms)
    return [data for data in read if data and not data.get("DELETE")]


def _changes(cleaned: dict) -> dict:
    return {name: cleaned.get(name) for name in ("policy", "heading", "diversity", "freshness", "wording")}


def wordings() -> Iterator[tuple[str, str]]:
    """What an arm may ask for: whatever fits, the original, or the variants of one label."""
    yield "", _("The approved variants that fit a visitor")
    yield ORIGINAL, _("The original words only")
    of_variants = Variant.objects.order_by().values_list("label", flat=True).distinct()
    labels = {*of_variants, *Arm.objects.order_by().values_list("wording", flat=True).distinct()}
    for label in sorted(labels - {"", ORIGINAL}):
        yield label, _("Variants labelled “%(label)s”") % {"label": label}
