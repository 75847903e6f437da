"""One form for the thresholds of all measures; what is left empty has the default."""

from collections.abc import Iterator

from django import forms
from django.db import transaction
from django.forms import BoundField
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.monitoring.measures import FAMILIES, MEASURES, UNITS, Measure
from personalization.monitoring.models import Threshold


class ThresholdsForm(forms.Form):
    """Fields `warn_…` and `alert_…` for each measure; switching a measure off is a threshold it cannot reach."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        own = {row.metric: row for row in Threshold.objects.all()}
        for name, measure in MEASURES.items():
            for level, label in (("warn", _("watch from")), ("alert", _("alert from"))):
                self.fields[f"{level}_{name}"] = _field(measure, label, getattr(measure, level))
                self.initial[f"{level}_{name}"] = getattr(own.get(name), level, None)

    def families(self) -> Iterator[tuple[str, list[tuple[Measure, str, BoundField, BoundField]]]]:
        """Headings with the measures below them, their units, and their two fields."""
        for family, heading in FAMILIES.items():
            yield (
                str(heading),
                [
                    (measure, str(UNITS[measure.unit]), self[f"warn_{name}"], self[f"alert_{name}"])
                    for name, measure in MEASURES.items()
                    if measure.family == family
                ],
            )

    def clean(self) -> dict:
        cleaned = super().clean()
        for name, measure in MEASURES.items():
            warn, alert = (_or_default(cleaned, measure, level) for level in ("warn", "alert"))
            if warn is not None and alert is not None and warn > alert:
                self.add_error(f"warn_{name}", gettext("To watch must not begin above the alert."))
        return cleaned

    @transaction.atomic
    def save(self) -> None:
        """Keep what differs from the defaults."""
        for name, measure in MEASURES.items():
            values = {level: _or_default(self.cleaned_data, measure, level) for level in ("warn", "alert")}
            if values == {"warn": measure.warn, "alert": measure.alert}:
                Threshold.objects.filter(metric=name).delete()
            else:
                Threshold.objects.update_or_create(metric=name, defaults=values)


def _or_default(values: dict, measure: Measure, level: str) -> float | None:
    given = values.get(f"{level}_{measure.name}")
    return getattr(measure, level) if given is None else given


def _field(measure: Measure, label: str, default: float | None) -> forms.FloatField:
    placeholder = gettext("none") if default is None else number_format(default)
    attributes = {"placeholder": placeholder, "step": "any", "aria-label": f"{measure.label}: {label}"}
    return forms.FloatField(label=label, required=False, min_value=0, widget=forms.NumberInput(attrs=attributes))
