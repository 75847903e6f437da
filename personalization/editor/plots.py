"""Plots for the admin: SVG drawn on the server, with title, description and the same figures as a table.

A plot is a component: ``{% load wagtailadmin_tags %}{% component plot %}``, and its page loads ``editor.css``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from django.utils.formats import number_format
from django.utils.translation import gettext, ngettext
from wagtail.admin.ui.components import Component

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 32, 28
BAR_LEFT, BAR_RIGHT, BAR_STEP = 200, 72, 28
COLOURS = 6
MOST_X_LABELS = 8
MOST_DOTS = 60


@dataclass(frozen=True)
class Series:
    """One line: its name, and for each place of the x axis its label and the value there (None leaves a gap)."""

    name: str
    points: Sequence[tuple[str, float | None]]


@dataclass(frozen=True)
class Bar:
    """One bar; None is drawn as nothing known. Bars of one `series` share a colour."""

    label: str
    value: float | None
    interval: tuple[float, float] | None = None
    series: str = ""


@dataclass(frozen=True)
class Scale:
    """From values to coordinates, along round numbers that contain them all."""

    ticks: tuple[float, ...]
    start: float
    end: float

    def at(self, value: float) -> str:
        """The coordinate of a value, as SVG wants it in every language."""
        low, high = self.ticks[0], self.ticks[-1]
        return f"{self.start + (value - low) / (high - low) * (self.end - self.start):.1f}"

    def marks(self) -> list[dict[str, str]]:
        """Where the round numbers stand, and how they are written."""
        step = self.ticks[1] - self.ticks[0]
        places = max(0, -math.floor(math.log10(step) + 1e-9))
        places += round(step * 10**places, 6) % 1 > 0
        return [{"at": self.at(tick), "text": _number(tick, places)} for tick in self.ticks]


class Plot(Component):
    """What a template draws: shapes, words, and the table that says the same."""

    def __init__(self, template_name: str, *, title: str, description: str, **context: object) -> None:
        self.template_name = template_name
        self.title, self.description, self.context = title, description, context

    def get_context_data(self, parent_context: object = None) -> dict[str, object]:
        words = {"title": self.title, "description": self.description, "key": f"plot-{crc32(self.title.encode()):x}"}
        return words | self.context


def line_plot(
    series: Sequence[Series], *, title: str, y_label: str, threshold: float | None = None, description: str = ""
) -> Plot:
    """Draw lines over one x axis, which is the first series' labels; a threshold is drawn across."""
    labels = [label for label, _value in series[0].points] if series else []
    values = [value for line in series for _label, value in line.points if value is not None]
    scale = scale_of([*values, *([] if threshold is None else [threshold])], HEIGHT - BOTTOM, TOP)
    xs = _places(len(labels))
    every = max(1, math.ceil(len(labels) / MOST_X_LABELS))
    return Plot(
        "personalization/plots/lines.html",
        title=title,
        description=description or _extremes(values),
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=HEIGHT - BOTTOM,
        y_label=y_label,
        y_marks=scale.marks() if values else [],
        x_marks=[_x_mark(n, label, xs) for n, label in enumerate(labels) if n % every == 0],
        threshold=None if threshold is None else {"at": scale.at(threshold), "text": figure(threshold)},
        lines=[_line(line, number, xs, scale) for number, line in enumerate(series)] if values else [],
        headings=[line.name for line in series],
        rows=[(label, [figure(line.points[n][1]) for line in series]) for n, label in enumerate(labels)],
        has_values=bool(values),
    )


def bar_plot(
    bars: Sequence[Bar], *, title: str, x_label: str, threshold: float | None = None, description: str = ""
) -> Plot:
    """Draw horizontal bars from zero, with whiskers where there are intervals; a threshold is drawn across."""
    values = [bar.value for bar in bars if bar.value is not None]
    ends = [end for bar in bars for end in bar.interval or ()]
    scale = scale_of([0.0, *values, *ends, *([] if threshold is None else [threshold])], BAR_LEFT, WIDTH - BAR_RIGHT)
    kinds = list(dict.fromkeys(bar.series for bar in bars))
    bottom = TOP + BAR_STEP * len(bars)
    return Plot(
        "personalization/plots/bars.html",
        title=title,
        description=description or _extremes(values),
        width=WIDTH,
        height=bottom + 46,
        top=TOP,
        bottom=bottom,
        label_end=BAR_LEFT - 8,
        x_label=x_label,
        x_marks=scale.marks() if values else [],
        threshold=None if threshold is None else {"at": scale.at(threshold), "text": figure(threshold)},
        bars=[_bar(bar, number, kinds, scale) for number, bar in enumerate(bars)],
        kinds=[{"name": kind, "colour": number % COLOURS + 1} for number, kind in enumerate(kinds) if kind],
        has_intervals=bool(ends),
        has_values=bool(values),
    )


def scale_of(values: Sequence[float], start: float, end: float, *, ticks: int = 4) -> Scale:
    """The scale with about so many steps of 1, 2, 2.5 or 5 times a power of ten around these values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    span = (high - low) or abs(high) or 1.0
    power = 10.0 ** math.floor(math.log10(span / ticks))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power * ticks >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return Scale(tuple(n * step for n in range(first, max(last, first + 1) + 1)), start, end)


def figure(value: float | None) -> str:
    """A number with three figures that matter, in the reader's language."""
    if value is None:
        return "–"
    places = 0 if not value else max(0, 2 - math.floor(math.log10(abs(value))))
    return _number(value, min(places, 6))


def _number(value: float, places: int) -> str:
    # Django's own formatting cuts digits off, where people round.
    return number_format(round(value, places), places, force_grouping=True)


def _places(number: int) -> list[str]:
    width = WIDTH - LEFT - RIGHT
    return [f"{LEFT + width * (n / (number - 1) if number > 1 else 0.5):.1f}" for n in range(number)]


def _x_mark(number: int, label: str, xs: Sequence[str]) -> dict[str, str]:
    """A label below its place; at the edges beside it, so that it is not cut off."""
    edge = "first" if number == 0 else "last" if number == len(xs) - 1 else ""
    return {"at": xs[number], "text": label, "edge": edge if len(xs) > 1 else ""}


def _line(line: Series, number: int, xs: Sequence[str], scale: Scale) -> dict[str, object]:
    """Stretches without a gap, and the dots that a mouse can ask."""
    stretches: list[list[str]] = [[]]
    dots = []
    for x, (label, value) in zip(xs, line.points, strict=True):
        if value is None:
            stretches.append([])
            continue
        y = scale.at(value)
        stretches[-1].append(f"{x},{y}")
        dots.append({"x": x, "y": y, "text": f"{line.name}, {label}: {figure(value)}"})
    paths = [" ".join(stretch) for stretch in stretches if len(stretch) > 1]
    shown = dots if len(xs) <= MOST_DOTS else []
    return {"name": line.name, "colour": number % COLOURS + 1, "paths": paths, "dots": shown}


def _bar(bar: Bar, number: int, kinds: Sequence[str], scale: Scale) -> dict[str, object]:
    value = bar.value or 0.0
    begin, end = sorted((float(scale.at(0.0)), float(scale.at(value))))
    low, high = bar.interval or (value, value)
    return {
        "label": bar.label,
        "series": bar.series,
        "colour": kinds.index(bar.series) % COLOURS + 1,
        "y": TOP + BAR_STEP * number + 5,
        "middle": TOP + BAR_STEP * number + 14,
        "x": f"{begin:.1f}",
        "width": f"{max(end - begin, 1.0):.1f}" if bar.value is not None else "0",
        "low": scale.at(low) if bar.interval else "",
        "high": scale.at(high) if bar.interval else "",
        "told_at": f"{max(end, float(scale.at(max(value, high)))) + 6:.1f}",
        "told": figure(bar.value),
        "interval": f"{figure(low)} – {figure(high)}" if bar.interval else "–",
    }


def _extremes(values: Sequence[float]) -> str:
    """What a plot shows, for those who do not see it: the table has the rest."""
    if not values:
        return gettext("No figures yet.")
    return ngettext("%(count)d figure, %(low)s.", "%(count)d figures between %(low)s and %(high)s.", len(values)) % {
        "count": len(values),
        "low": figure(min(values)),
        "high": figure(max(values)),
    }
