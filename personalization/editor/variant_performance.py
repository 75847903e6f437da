"""What a variant has done for clicks, in words, a plot and a table; and what the dashboard says of those that lose."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext
from wagtail.admin.ui.components import Component

from personalization.editor.plots import Bar, Plot, bar_plot
from personalization.experiments.retiring import proposed
from personalization.experiments.variant_results import LEAST_CLICKS, LEAST_VISITORS, Side, VariantResults, read_results
from personalization.experiments.wording import between, listed, percent, signed, whole
from personalization.variants.four_eyes import APPROVE
from personalization.variants.models import Variant


@dataclass(frozen=True)
class Performance:
    """One variant's results for its page."""

    results: VariantResults

    @cached_property
    def rows(self) -> list[tuple[str, ...]]:
        """Each wording: its name, showings, visitors, those who clicked, their share, its interval."""
        return [(name, *_figures(side)) for name, side in self._sides]

    @cached_property
    def plot(self) -> Plot:
        return bar_plot(
            [Bar(name, _hundredfold(side.rate), interval=_percents(side)) for name, side in self._sides],
            title=gettext("Visitors who clicked"),
            x_label=gettext("percent"),
        )

    @property
    def until(self) -> datetime:
        """A moment of the last day that is counted."""
        return self.results.until - timedelta(seconds=1)

    @cached_property
    def verdict(self) -> str:
        """What may be concluded, and no more."""
        verdict = self.results.verdict
        if verdict == "early":
            return gettext(
                "Too few visitors for a conclusion: each wording needs %(visitors)s, both together %(clicks)s clicks."
            ) % {"visitors": whole(LEAST_VISITORS), "clicks": whole(LEAST_CLICKS)}
        comparison = self.results.comparison
        if comparison.effect is None or not all(map(math.isfinite, comparison.interval)):
            return gettext("No difference can be told yet.")
        difference = {"effect": signed(comparison.effect), "interval": between(comparison.interval)}
        if verdict == "unclear":
            return gettext("No difference can be told yet: %(effect)s (%(interval)s).") % difference
        if verdict == "better":
            return gettext("More click than on the original: %(effect)s (%(interval)s).") % difference
        return gettext("Fewer click than on the original: %(effect)s (%(interval)s).") % difference

    @cached_property
    def basis(self) -> str:
        """How the two came to be shown: by chance, or to different people."""
        names = self.results.experiments
        if names:
            return gettext("Chance chose the words, in: %(experiments)s.") % {"experiments": listed(names)}
        return gettext(
            "Not a test: the two were shown to different people, who may differ in more than the words they read. An "
            "experiment with an arm of the original words would tell."
        )

    @property
    def _sides(self) -> list[tuple[str, Side]]:
        return [(gettext("This variant"), self.results.variant), (gettext("The original"), self.results.original)]


def performance_of(variant: Variant) -> Performance | None:
    """A variant's performance; None as long as nobody who allows analytics has seen its words."""
    results = read_results(variant)
    return Performance(results) if results else None


def _figures(side: Side) -> tuple[str, ...]:
    counts = (whole(side.showings), whole(side.visitors.n), whole(int(side.visitors.successes)))
    if side.rate is None or side.interval is None:
        return (*counts, "–", "–")
    low, high = side.interval
    interval = gettext("%(low)s to %(high)s") % {"low": percent(low, 1), "high": percent(high, 1)}
    return (*counts, percent(side.rate, 1), interval)


def _hundredfold(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _percents(side: Side) -> tuple[float, float] | None:
    return side.interval and (100 * side.interval[0], 100 * side.interval[1])


class LosingPanel(Component):
    """Tells on the dashboard who may retire variants which ones a test has shown to do worse; nothing for others."""

    name = "losing_variants"
    template_name = "personalization/editor/variant/losing_panel.html"
    order = 61
    most = 5

    def get_context_data(self, parent_context: dict[str, Any]) -> dict[str, Any]:
        if not parent_context["request"].user.has_perm(APPROVE):
            return {"number": 0}
        losing = proposed().select_related("item", "slot")
        return {"variants": losing[: self.most], "number": losing.count()}
