"""An audit's figures as tables and plots that people can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from personalization.editor.health_words import percent
from personalization.editor.plots import Bar, Plot, bar_plot

AS_IT_IS = "as it is"

SIDES = {
    AS_IT_IS: _("As it is"),
    "reweighted": _("With reweighted interactions"),
    "shared out": _("With exposure shared out"),
}

FIGURES = {
    "ndcg": _("NDCG@10"),
    "recall": _("Recall@10"),
    "item_parity": _("Items: being shown"),
    "item_opportunity": _("Items: being found"),
    "visitor_parity": _("Visitors: at least one hit"),
    "visitor_opportunity": _("Visitors: choices found"),
}

CASES = {
    "nothing read": _("Nothing read"),
    "one item": _("One item"),
    "one item, over and over": _("One item, over and over"),
    "one tag alone": _("One tag alone"),
    "two tastes that contradict": _("Two tastes that contradict"),
    "a very long history": _("A very long history"),
    "everything but one item": _("Everything but one item"),
    "interactions of hardly any weight": _("Interactions of hardly any weight"),
    "an unknown language": _("An unknown language"),
    "everything at one moment": _("Everything at one moment"),
}

RULES = {
    "finite": _("a score is no number"),
    "places": _("too few different items"),
    "unseen": _("something read already is shown"),
    "repeatable": _("asked again, it says something else"),
    "explained": _("the reasons do not add up"),
}


@dataclass(frozen=True)
class Row:
    """One line of a table: what it is about, and its cells."""

    label: str
    cells: Sequence[str]


def side_rows(results: Mapping[str, Any]) -> list[Row]:
    """The version and the two remedies, by quality and by differences."""
    return [
        Row(str(SIDES.get(name, name)), [_figure(side[figure]) for figure in FIGURES])
        for name, side in results["sides"].items()
    ]


def group_rows(results: Mapping[str, Any]) -> list[Row]:
    """Every group of items: its part of the catalog, of what is chosen, and of the exposure on each side."""
    by_side = [{row["group"]: row["exposure"] for row in side["groups"]} for side in results["sides"].values()]
    return [
        Row(
            group_name(row["group"]),
            [
                number_format(row["items"], force_grouping=True),
                percent(row["catalog"]),
                percent(row["interest"]),
                *(percent(exposures.get(row["group"])) for exposures in by_side),
            ],
        )
        for row in results["sides"][AS_IT_IS]["groups"]
    ]


def segment_rows(results: Mapping[str, Any], *, by_segment: bool = False) -> list[Row]:
    """Every segment of visitors: how many, and how well it is served as it is."""
    side = results["sides"][AS_IT_IS]
    rows = side["by_segment"].get("segments", []) if by_segment else side["segments"]
    return [
        Row(
            row["segment"] or gettext("none"),
            [
                number_format(row["visitors"], force_grouping=True),
                _figure(row["ndcg"]),
                _figure(row["recall"]),
                percent(row["hit"]),
                percent(row["found"]),
            ],
        )
        for row in rows
    ]


def case_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every synthetic visitor: what it gets, of which tags, and what is wrong with it."""
    return [
        {
            "label": CASES.get(case["name"], case["name"]),
            "events": case["events"],
            "items": ", ".join(case["items"][:3]) + (" …" if len(case["items"]) > 3 else ""),
            "tags": ", ".join(f"{tag} ({number})" for tag, number in case["tags"]),
            "broken": "; ".join(str(RULES.get(rule, rule)) for rule in case["broken"]),
        }
        for case in results["edge_cases"]
    ]


def exposure_plot(results: Mapping[str, Any]) -> Plot:
    """Each group's part of the exposure beside its part of the catalog."""
    bars = []
    for row in results["sides"][AS_IT_IS]["groups"]:
        name = group_name(row["group"])
        bars += [
            Bar(name, row["catalog"], series=gettext("Part of the catalog")),
            Bar(name, row["exposure"], series=gettext("Part of the exposure")),
        ]
    return bar_plot(bars, title=gettext("Who is shown"), x_label=gettext("share"))


def segment_plot(results: Mapping[str, Any]) -> Plot:
    """How well visitors are served, by how much is known of them."""
    rows = results["sides"][AS_IT_IS]["segments"]
    bars = [Bar(row["segment"], row["ndcg"]) for row in rows]
    return bar_plot(bars, title=gettext("Who is served well, by items read before"), x_label=gettext("NDCG@10"))


def group_name(name: str) -> str:
    return name or gettext("no group")


def _figure(value: float | None) -> str:
    return "–" if value is None else number_format(round(value, 4), 4)
