"""The plots of an experiment's results: figures for experiment_plots.js to draw, and the table that says the same."""

import math
from collections.abc import Iterable, Sequence
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, ngettext
from wagtail.admin.ui.components import Component

from personalization.editor import result_words as words
from personalization.experiments.assignment import HELD_OUT
from personalization.experiments.models import Arm, Batch
from personalization.experiments.readings import ArmReading, MetricReading


class DrawnPlot(Component):
    """A plot that the browser draws. `rows` go to the script; `headings` and `cells` make the table."""

    template_name = "personalization/plots/drawn.html"

    def __init__(self, key: str, *, headings: Sequence[str], cells: Sequence[Sequence[str]], **data: object):
        self.table = {"headings": headings, "cells": cells}
        self.key, self.data = key, data | {"percent": gettext("%(number)s %%")}

    def get_context_data(self, parent_context: object = None) -> dict[str, object]:
        return {"key": self.key, "data": self.data, "title": self.data["title"], **self.table}


def effects_plot(metrics: Sequence[MetricReading], *, title: str) -> DrawnPlot | None:
    """Every arm's effect on some metrics, with its interval, against none."""
    found = [(metric, arm) for metric in metrics for arm in metric.treatments if _is_drawn(arm)]
    if not found:
        return None
    rows = [_effect_row(metric, arm) for metric, arm in found]
    apart = sum(row["low"] is not None and (row["low"] > 0 or row["high"] < 0) for row in rows)
    told = ngettext("%(count)d effect", "%(count)d effects", len(rows)) % {"count": len(rows)}
    description = gettext("%(told)s; of %(apart)d the interval does not contain zero.")
    return DrawnPlot(
        "plot-effects",
        kind="effects",
        title=title,
        description=description % {"told": told, "apart": apart},
        format="effect",
        unit=gettext("effect, compared with the control"),
        arms=_names(metrics),
        rows=rows,
        headings=[gettext("Metric"), gettext("Arm"), gettext("Effect"), gettext("Interval")],
        cells=[[row["metric"], row["arm"], row["label"], row["range"]] for row in rows],
    )


def _is_drawn(arm: ArmReading) -> bool:
    return arm.comparison is not None and arm.comparison.effect is not None


def _effect_row(metric: MetricReading, arm: ArmReading) -> dict[str, object]:
    comparison = arm.comparison
    label, range_ = words.effect(comparison), words.interval(comparison.interval)
    return {
        "metric": words.metric_title(metric),
        "arm": arm.name,
        "label": label,
        "range": range_,
        "told": f"{metric.label}, {arm.name}: {label} ({range_})",
        **_ends(comparison.effect, comparison.interval),
    }


def _ends(value: float | None, interval: tuple[float, float]) -> dict[str, float | None]:
    low, high = interval if all(map(math.isfinite, interval)) else (None, None)
    return {"value": value, "low": low, "high": high}


def band_plot(metric: MetricReading) -> DrawnPlot | None:
    """How the effect on a metric went from day to day, with the interval that may be read on any of them."""
    found = [(arm, point) for arm in metric.treatments for point in arm.series if point.effect is not None]
    if len({point.day for _arm, point in found}) < 2:
        return None
    told = {(arm.key, point.day): words.interval(point.interval) for arm, point in found}
    return DrawnPlot(
        f"plot-band-{metric.key}",
        kind="band",
        title=gettext("%(metric)s: the effect over time") % {"metric": metric.label},
        description=" ".join(_last_words(arm) for arm in metric.treatments if arm.series),
        format="effect",
        arms=_names([metric]),
        rows=[
            {"arm": arm.name, **_day(point.day), **_ends(point.effect, point.interval)}
            | {"told": f"{arm.name}, {day(point.day)}: {words.signed(point.effect)} ({told[arm.key, point.day]})"}
            for arm, point in found
        ],
        headings=[gettext("Arm"), gettext("Day"), gettext("Visitors"), gettext("Effect"), gettext("Interval")],
        cells=[
            [arm.name, day(point.day), number_format(point.n), words.signed(point.effect), told[arm.key, point.day]]
            for arm, point in found
        ],
    )


def _last_words(arm: ArmReading) -> str:
    last = arm.series[-1]
    return gettext("%(arm)s: %(effect)s on %(day)s, interval %(interval)s.") % {
        "arm": arm.name,
        "effect": words.signed(last.effect),
        "day": day(last.day),
        "interval": words.interval(last.interval),
    }


def visitors_plot(daily: Sequence[tuple[date, str, int]], arms: Sequence[Arm], *, title: str) -> DrawnPlot | None:
    """How many visitors each arm got each day."""
    names = {arm.key: arm.name for arm in _control_first(arms)} | {HELD_OUT: gettext("Held out")}
    points = [(name, when, n) for own, name in names.items() for when, key, n in daily if key == own]
    return _lines(
        "plot-visitors",
        [(name, when, n, number_format(n, force_grouping=True)) for name, when, n in points],
        title=title,
        format="number",
        top=None,
        curve="linear",
    )


def shares_plot(batches: Sequence[Batch], arms: Sequence[Arm]) -> DrawnPlot | None:
    """Which share of visitors a bandit gave each arm, from day to day."""
    given = [(arm, batch) for arm in _control_first(arms) for batch in batches if arm.key in batch.shares]
    points = [(arm.name, batch.day, batch.shares[arm.key]) for arm, batch in given]
    return _lines(
        "plot-shares",
        [(name, when, share, words.share(share)) for name, when, share in points],
        title=gettext("What the bandit gave each arm"),
        format="share",
        top=1,
        curve="step-after",
    )


def _control_first(arms: Sequence[Arm]) -> list[Arm]:
    return sorted(arms, key=lambda arm: not arm.is_control)


def _lines(key: str, points: Iterable[tuple[str, date, float, str]], **data) -> DrawnPlot | None:
    points = list(points)
    days = sorted({when for _name, when, _value, _told in points})
    if len(days) < 2:
        return None
    names = list(dict.fromkeys(name for name, *_rest in points))
    told = {(name, when): text for name, when, _value, text in points}
    return DrawnPlot(
        key,
        kind="lines",
        arms=names,
        rows=[
            {"arm": name, **_day(when), "value": value, "told": f"{name}, {day(when)}: {text}"}
            for name, when, value, text in points
        ],
        description=" ".join(_ends_of(name, points) for name in names),
        headings=[gettext("Day"), *names],
        cells=[[day(when), *(told.get((name, when), words.NOTHING) for name in names)] for when in days],
        **data,
    )


def _ends_of(name: str, points: Sequence[tuple[str, date, float, str]]) -> str:
    own = [(when, text) for other, when, _value, text in points if other == name]
    (first, before), (last, after) = min(own), max(own)
    return gettext("%(name)s: %(before)s on %(first)s, %(after)s on %(last)s.") % {
        "name": name,
        "before": before,
        "first": day(first),
        "after": after,
        "last": day(last),
    }


def _day(when: date) -> dict[str, str]:
    return {"day": when.isoformat(), "when": day(when)}


def day(when: date) -> str:
    """A day without its year, as plots name it."""
    return date_format(when, "j M")


def _names(metrics: Sequence[MetricReading]) -> list[str]:
    """All arms, so that each looks the same in every plot."""
    return list(dict.fromkeys(arm.name for metric in metrics for arm in metric.arms))
