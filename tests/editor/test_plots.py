"""Plots as a reader of the page gets them, seeing or not."""

import re

import pytest
from django.utils import translation

from personalization.editor.plots import Bar, Plot, Series, bar_plot, figure, line_plot, scale_of


def html(plot: Plot) -> str:
    return " ".join(str(plot.render_html()).split())


def test_a_line_is_drawn_from_left_to_right_with_higher_values_higher_up():
    drawn = html(line_plot([Series("PSI", [("Mon", 0.0), ("Tue", 0.2)])], title="Drift", y_label="PSI"))
    points = re.search(r'points="([^"]+)"', drawn)[1].split()
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in points)
    assert x1 < x2
    assert y1 > y2


def test_a_gap_in_the_figures_is_a_gap_in_the_line():
    points = [("1", 1.0), ("2", 2.0), ("3", None), ("4", 2.0), ("5", 1.0)]
    drawn = html(line_plot([Series("a", points)], title="t", y_label="y"))
    assert drawn.count("<polyline") == 2
    assert drawn.count("<circle") == 4
    assert '<th scope="row">3</th><td class="slot-number">–</td>' in drawn


def test_a_plot_has_a_name_a_description_and_its_figures_as_a_table():
    drawn = html(line_plot([Series("a", [("1", 1.0), ("2", 3.0)])], title="How it went", y_label="y"))
    named = re.search(r'aria-labelledby="(\S+) (\S+)"', drawn)
    assert f'<title id="{named[1]}">How it went</title>' in drawn
    assert f'<desc id="{named[2]}">2 figures between 1.00 and 3.00.</desc>' in drawn
    assert '<th scope="row">2</th><td class="slot-number">3.00</td>' in drawn


def test_several_lines_have_a_legend_and_one_has_none():
    both = [Series("new", [("1", 1.0)]), Series("old", [("1", 2.0)])]
    assert "slot-plot__legend" in html(line_plot(both, title="t", y_label="y"))
    assert "slot-plot__legend" not in html(line_plot(both[:1], title="t", y_label="y"))


def test_a_threshold_beyond_all_values_is_within_the_drawing():
    drawn = html(line_plot([Series("a", [("1", 0.1), ("2", 0.1)])], title="t", y_label="y", threshold=0.25))
    line = re.search(r'slot-plot__threshold"[^>]*y1="([\d.]+)"', drawn)
    assert 0 <= float(line[1]) <= 260
    assert "threshold 0.250" in drawn


@pytest.mark.parametrize("series", [[], [Series("a", [])], [Series("a", [("1", None)])]])
def test_without_figures_a_plot_says_so(series):
    drawn = html(line_plot(series, title="t", y_label="y"))
    assert "No figures yet." in drawn
    assert "<svg" not in drawn
    assert "No figures yet." in html(bar_plot([], title="t", x_label="x"))


def test_bars_begin_at_zero_and_have_whiskers_where_there_are_intervals():
    bars = [Bar("up", 2.0, (1.5, 2.5)), Bar("down", -1.0), Bar("unknown", None)]
    drawn = html(bar_plot(bars, title="Differences", x_label="NDCG@10"))
    (x_up, width_up), (x_down, width_down), (_x, width_none) = (
        map(float, found)
        for found in re.findall(r'<rect class="slot-plot__bar" x="([\d.]+)"[^>]*width="([\d.]+)"', drawn)
    )
    assert x_up == pytest.approx(x_down + width_down, abs=0.2)
    assert width_up == pytest.approx(2 * width_down, abs=0.2)
    assert width_none == 0
    assert drawn.count("slot-plot__whisker") == 1
    assert '<td class="slot-number">1.50 – 2.50</td>' in drawn


def test_words_are_escaped():
    assert "<script>" not in html(bar_plot([Bar("<script>", 1.0)], title="<script>", x_label="x"))


def test_coordinates_stay_numbers_where_the_comma_divides():
    with translation.override("fr"):
        drawn = html(line_plot([Series("a", [("1", 0.5), ("2", 1.25)])], title="t", y_label="y"))
    assert "1,25" in drawn
    for attribute in re.findall(r' (?:x|y|cx|cy|x1|y1|x2|y2)="([^"]+)"', drawn):
        float(attribute)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [([0.0, 1.0], (0.0, 0.25, 0.5, 0.75, 1.0)), ([3.0, 3.0], (3.0, 4.0)), ([], (0.0, 0.25, 0.5, 0.75, 1.0))],
)
def test_axes_have_round_numbers_around_the_values(values, ticks):
    assert scale_of(values, 0, 100).ticks == pytest.approx(ticks)


@pytest.mark.parametrize(("value", "told"), [(None, "–"), (0, "0"), (0.0123, "0.0123"), (12345.6, "12,346")])
def test_figures_are_told_with_what_matters(value, told):
    assert figure(value) == told
