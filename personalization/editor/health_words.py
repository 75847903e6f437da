"""How readings are said to people: values with their unit, and what the machine calls places, hours and days."""

from collections.abc import Mapping
from datetime import date, timedelta

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from wagtail.models import Site

from personalization.monitoring.measures import Unit
from personalization.monitoring.models import Reading

MONDAY = date(2024, 1, 1)

NAMES = {
    "other": _("everything else"),
    "older": _("older than a year"),
    "unknown": _("unknown"),
    "every": _("all of them"),
    "a day": _("less than a day"),
    "a week": _("less than a week"),
    "a month": _("less than a month"),
    "a quarter": _("less than a quarter"),
    "a year": _("less than a year"),
}

EXPLANATIONS = {
    Unit.PSI: _(
        "The population stability index says how far the last seven days are from the last week that the version "
        "learned from: 0 is no change, from 0.1 on it is worth watching, from 0.25 on it is another world. Every "
        "visitor counts once, and what chance alone may do is never called a change."
    ),
    Unit.SHARE: _("A share from 0 to 1; less is better."),
    Unit.DROP: _(
        "By which part of itself the figure has fallen since the last week that the version learned from. A fall that "
        "may be chance is not called one."
    ),
}


def value_of(reading: Reading) -> str:
    """A reading's value with its unit; drops and shares as percentages."""
    if reading.measure.unit == Unit.PSI:
        return number_format(round(reading.value, 3), 3)
    return percent(reading.value)


def limit_of(reading: Reading, value: float | None) -> str:
    """A threshold, written as the values it is compared with."""
    if value is None:
        return "–"
    return number_format(value, 2) if reading.measure.unit == Unit.PSI else percent(value)


def percent(share: float | None) -> str:
    return "–" if share is None else gettext("%(number)s %%") % {"number": number_format(round(100 * share, 1), 1)}


def change_of(reading: Reading) -> str:
    """What changed most, in a few words."""
    told = _change(reading)
    may_be_chance = reading.status == reading.Status.OK and reading.warn is not None and reading.value >= reading.warn
    return gettext("May be chance: %s") % told if may_be_chance and told else told


def _change(reading: Reading) -> str:
    detail = reading.detail
    if "shift" in detail:
        return gettext("the mean moved by %s spreads") % number_format(round(detail["shift"], 2), 2)
    if "largest" in detail:
        changes = [change for change in detail["largest"] if abs(change[2] - change[1]) >= 0.005][:2]
        return "; ".join(_told(name_of(reading.metric, word), *shares) for word, *shares in changes)
    if "level" in detail:
        return _arrow(figure_of(reading.metric, detail["reference"]), figure_of(reading.metric, detail["level"]))
    if detail.get("stated") is not None:
        shares = {name: percent(detail[name]) for name in ("stated", "happened")}
        return gettext("%(stated)s were expected to be clicked, %(happened)s were") % shares
    if detail.get("auc") is not None:
        auc = number_format(round(detail["auc"], 2), 2)
        return gettext("a click scored higher than what was passed over in %(auc)s of pairs") % {"auc": auc}
    return ""


def figure_of(metric: str, level: float | None) -> str:
    """A mean: clicks per impression as a percentage, the mean reciprocal rank as a number."""
    if metric == "click_rank":
        return "–" if level is None else number_format(round(level, 3), 3)
    return percent(level)


def name_of(metric: str, word: str) -> str:
    """What one value of a mix is called."""
    if metric == "hour" and word.isdecimal():
        return f"{word}:00"
    if metric == "weekday" and word.isdecimal():
        return date_format(MONDAY + timedelta(days=int(word) - 1), "l")
    if metric == "site" and word.isdecimal():
        return _sites().get(int(word), word)
    return str(NAMES.get(word, word)) or gettext("all of them")


def slice_name(slice: str) -> str:
    """A part of a measure, such as one place of a slot."""
    kind, _space, number = slice.partition(" ")
    words = {"place": gettext("Place %s"), "decile": gettext("Tenth %s by score")}
    return words[kind] % number if kind in words else slice


def _sites() -> Mapping[int, str]:
    return {site.pk: str(site) for site in Site.objects.all()}


def _told(name: str, before: float, after: float) -> str:
    return f"{name} {_arrow(percent(before), percent(after))}"


def _arrow(before: str, after: str) -> str:
    return f"{before} → {after}"
