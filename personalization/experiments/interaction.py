"""Other experiments that the same visitors take part in: effects should add up, and mostly do."""

from collections.abc import Sequence
from itertools import product

from django.utils.translation import gettext as _

from personalization.experiments.models import Metric, Overlap, Phase
from personalization.experiments.pooling import Row, grouped, statistic
from personalization.experiments.readings import Check
from personalization.experiments.wording import listed, probability, whole
from personalization.stats import holm, interaction_p_value

WARNING, DANGER = 0.05, 0.001


def check_overlaps(phase: Phase, goal: Metric | None) -> Check:
    """Which experiments share visitors with this one, and whether their arms change what its arms do."""
    title = _("Other experiments")
    overlaps = list(phase.overlaps.filter(visitors__gt=0).select_related("other__experiment").order_by("-visitors"))
    if not overlaps or goal is None:
        return Check("overlap", "ok", title, _("No visitor takes part in another experiment as well."))
    text = _("Visitors take part in %(others)s as well (%(number)s at most).")
    names = [str(overlap.other.experiment) for overlap in overlaps]
    told = text % {"others": listed(names), "number": whole(overlaps[0].visitors)}
    p_values = [interaction_of(overlap, goal) for overlap in overlaps]
    known = [number for number, p_value in enumerate(p_values) if p_value is not None]
    if not known:
        return Check("overlap", "ok", title, told)
    corrected = holm([p_values[number] for number in known])
    p_value, number = min(zip(corrected, known, strict=True))
    if p_value >= WARNING:
        return Check("overlap", "ok", title, f"{told} {_('The effects add up, as far as can be told.')}")
    more = _(
        "What the arms do depends on the arm of %(other)s (%(p)s): judge the pairs of arms, or repeat the tests one "
        "after the other."
    )
    told = f"{told} {more % {'other': listed([names[number]]), 'p': probability(p_value)}}"
    is_certain = p_value < DANGER
    return Check("overlap", "danger" if is_certain else "warning", title, told, blocks=is_certain)


def interaction_of(overlap: Overlap, goal: Metric) -> float | None:
    """The p-value of the hypothesis that the effects of the two experiments only add up; None while nobody can tell."""
    cells = grouped(_rows(overlap), lambda row: (row.arm_key, row.segment))
    levels = [sorted(set(column)) for column in zip(*cells, strict=True)]
    if len(levels) < 2 or min(map(len, levels)) < 2:
        return None
    return interaction_p_value({cell: statistic(cells.get(cell, ()), goal) for cell in product(*levels)})


def _rows(overlap: Overlap) -> Sequence[Row]:
    day = overlap.measured_at.date()
    return [Row(day, arm_key, "", "", other, False, n, sums) for arm_key, other, n, sums in overlap.cells]
