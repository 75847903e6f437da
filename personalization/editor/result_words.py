"""How an experiment's figures are said to editors."""

import math

from django.utils.formats import number_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from personalization.editor.plots import figure
from personalization.experiments import wording
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

HEALTH = {
    "ok": (_("Yes: nothing wrong was found."), "check", "slot-checks--ok"),
    "warning": (_("With care: look at what was found."), "warning", "slot-checks--warning"),
    "danger": (_("No: something is wrong."), "cross", "slot-checks--danger"),
}

LEVELS = {
    "ok": (_("in order"), "check"),
    "warning": (_("warning"), "warning"),
    "danger": (_("fault"), "cross"),
}

STATES = {"blocked": "cross", "too early": "time", "none yet": "help", "better": "check", "worse": "warning"}

DIMENSIONS = {
    "segment": pgettext_lazy("what visitors are split by", "Segment"),
    "device": pgettext_lazy("what visitors are split by", "Device"),
    "locale": pgettext_lazy("what visitors are split by", "Language"),
}

PARTS = {
    "control": _("control"),
    "holdout": _("never personalized"),
    "served": _("arm"),
}


def effect(comparison: Comparison | None) -> str:
    """A relative effect, with its sign."""
    return signed(comparison.effect if comparison else None)


def signed(value: float | None) -> str:
    """A relative effect; one that is not known is a dash."""
    return NOTHING if value is None else wording.signed(value)


def interval(ends: tuple[float, float] | None) -> str:
    """From where to where an effect may lie; while that may be anywhere, words that say so."""
    if ends is None:
        return NOTHING
    return wording.between(ends) if all(map(math.isfinite, ends)) else gettext("cannot be told yet")


def share(value: float | None, places: int = 1) -> str:
    """A part of a whole; one that is not known is a dash."""
    return NOTHING if value is None else wording.percent(value, places)


def chance(value: float | None) -> str:
    """A chance to win, if there is one."""
    return NOTHING if value is None else wording.chance(value)


def p_value(value: float | None) -> str:
    """A p-value with as many places as matter."""
    if value is None:
        return NOTHING
    least = wording.SMALLEST
    return f"< {number_format(least, 4)}" if value < least else number_format(round(value, 4), 4)


def mean(metric: MetricReading, arm: ArmReading) -> str:
    """What an arm's visitors did on average, in the metric's unit."""
    if arm.mean is None:
        return NOTHING
    if metric.unit == "share":
        return share(arm.mean, 2)
    if metric.unit == "seconds":
        return gettext("%(number)s s") % {"number": figure(arm.mean)}
    return figure(arm.mean)


def metric_title(metric: MetricReading) -> str:
    """A metric's name, and whether less of it is better: else more is."""
    if metric.direction == "decrease":
        return gettext("%(metric)s (less is better)") % {"metric": metric.label}
    return metric.label
