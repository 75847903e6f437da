"""How an experiment's figures are said to editors."""

import math

from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from personalization.editor.plots import figure
from personalization.experiments.readings import ArmReading, MetricReading
from personalization.stats import Comparison

NOTHING = "–"

ROLES = {
    "goal": (_("Goals"), _("They decide.")),
    "secondary": (_("Secondary metrics"), _("They explain the goals, and decide nothing.")),
    "guardrail": (_("Guardrails"), _("They must not get worse than tolerated.")),
}

OUTCOMES = {
    "better": (_("better"), "check", "slot-outcome--good"),
    "worse": (_("worse"), "cross", "slot-outcome--bad"),
    "unclear": (_("not decided"), "help", ""),
    "harmed": (_("harmed"), "cross", "slot-outcome--bad"),
    "safe": (_("not harmed"), "check", "slot-outcome--good"),
}

LEVELS = {
    "ok": (_("Healthy"), "check", "slot-checks--ok"),
    "warning": (_("Look at this"), "warning", "slot-checks--warning"),
    "danger": (_("Something is wrong"), "cross", "slot-checks--danger"),
}

STATES = {"blocked": "cross", "too early": "time", "none yet": "help", "better": "check", "worse": "warning"}

DIMENSIONS = {
    "segment": pgettext_lazy("what visitors are split by", "Segment"),
    "device": pgettext_lazy("what visitors are split by", "Device"),
    "locale": pgettext_lazy("what visitors are split by", "Language"),
}

PARTS = {
    "control": _("control"),
    "holdout": _("held out"),
    "served": _("one of the bandit’s arms"),
}


def percent(value: float | None, *, places: int = 1, signed: bool = False) -> str:
    """A part of one in percent, as the reader's language writes numbers; what is not known is a dash."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(value * 100, places) + 0.0
    sign = "+" if signed and rounded > 0 else ""
    number = sign + number_format(rounded, places, force_grouping=True)
    return gettext("%(number)s %%") % {"number": number}


def effect(comparison: Comparison | None) -> str:
    """A relative effect, with its sign."""
    return percent(comparison.effect, signed=True) if comparison else NOTHING


def interval(ends: tuple[float, float] | None) -> str:
    """From where to where an effect may lie; while that may be anywhere, words that say so."""
    if ends is None:
        return NOTHING
    if not all(map(math.isfinite, ends)):
        return gettext("cannot be told yet")
    return gettext("%(low)s to %(high)s") % {
        "low": percent(ends[0], signed=True),
        "high": percent(ends[1], signed=True),
    }


def p_value(value: float | None) -> str:
    """A p-value; tiny ones as less than what can be seen."""
    if value is None:
        return NOTHING
    return f"< {number_format(0.001, 3)}" if value < 0.001 else number_format(round(value, 3), 3)


def mean(metric: MetricReading, arm: ArmReading) -> str:
    """What an arm's visitors did on average, in the metric's unit."""
    if arm.mean is None:
        return NOTHING
    if metric.unit == "share":
        return percent(arm.mean, places=2)
    if metric.unit == "seconds":
        return gettext("%(number)s s") % {"number": figure(arm.mean)}
    return figure(arm.mean)


def metric_title(metric: MetricReading) -> str:
    """A metric's name, and whether less of it is better: else more is."""
    if metric.direction == "decrease":
        return gettext("%(metric)s (less is better)") % {"metric": metric.label}
    return metric.label
