"""Numbers as people read them, in their own language."""

from collections.abc import Iterable, Sequence

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization.experiments.choices import Method

SMALLEST = 0.0001  # of a p-value that is written out


def whole(number: int) -> str:
    """A number of visitors or events."""
    return number_format(number, force_grouping=True)


def plain(number: float) -> str:
    """A number as somebody would type it."""
    return number_format(f"{number:g}")


def visitors(number: int) -> str:
    """So many visitors."""
    return ngettext("%(number)s visitor", "%(number)s visitors", number) % {"number": whole(number)}


def percent(share: float, places: int = 0) -> str:
    """A part of a whole."""
    return _("%(number)s %%") % {"number": number_format(round(100 * share, places), places)}


def signed(effect: float) -> str:
    """A relative effect, its sign included."""
    rounded = round(100 * effect, 1) + 0.0  # what rounds to nothing has no sign
    sign = "+" if rounded >= 0 else "-"
    return _("%(sign)s%(number)s %%") % {"sign": sign, "number": number_format(abs(rounded), 1, force_grouping=True)}


def between(interval: tuple[float, float]) -> str:
    """An interval of relative effects."""
    return _("%(low)s to %(high)s") % {"low": signed(interval[0]), "high": signed(interval[1])}


def probability(p_value: float) -> str:
    """A p-value."""
    if p_value < SMALLEST:
        return _("p < %(number)s") % {"number": number_format(SMALLEST, 4)}
    return _("p = %(number)s") % {"number": number_format(round(p_value, 4), 4)}


def chance(share: float) -> str:
    """A chance to win, which is never certain."""
    return percent(min(max(share, 0.001), 0.999), 1)


def listed(words: Iterable[str]) -> str:
    """Names, one after the other."""
    return _(", ").join(f"“{word}”" for word in words)


def proportion(counts: Sequence[float]) -> str:
    """How visitors are divided."""
    return " : ".join(whole(round(count)) for count in counts)


def interval_name(method: str) -> str:
    """What an interval of these statistics is called."""
    names = {Method.SEQUENTIAL: _("sequential interval"), Method.BAYESIAN: _("credible interval")}
    return names.get(method) or _("confidence interval")
