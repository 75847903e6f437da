"""An experiment's figures as rows that a template can print."""

import math
from collections.abc import Iterable, Iterator, Sequence

from django.utils.formats import number_format

from personalization.editor import result_words as words
from personalization.editor.result_plots import band_plot
from personalization.experiments.choices import Method, Role
from personalization.experiments.models import Experiment
from personalization.experiments.readings import ArmReading, Check, MetricReading, Results, Slice
from personalization.stats import Comparison

WORST_FIRST = ("danger", "warning", "ok")


def health_box(checks: Sequence[Check]) -> dict[str, object]:
    """What must be looked at, the worst first, and what was found in order."""
    level = next((level for level in WORST_FIRST if any(check.level == level for check in checks)), "ok")
    named = [(check, words.LEVELS[check.level]) for check in checks]
    faults = [_check(check, word) for check, word in named if check.level != "ok"]
    return {
        "level": words.HEALTH[level],
        "faults": sorted(faults, key=lambda fault: WORST_FIRST.index(fault["check"].level)),
        "passed": [_check(check, word) for check, word in named if check.level == "ok"],
    }


def _check(check: Check, word: tuple) -> dict[str, object]:
    return {"check": check, "word": word[0], "icon": word[1]}


def metric_groups(experiment: Experiment, results: Results) -> Iterator[dict[str, object]]:
    """The metrics by role, each with its rows."""
    for role, (heading, note) in words.ROLES.items():
        metrics = [metric for metric in results.metrics if metric.role == role]
        if metrics:
            tables = [metric_table(experiment, metric, is_judged=not results.is_blocked) for metric in metrics]
            yield {"role": role, "heading": heading, "note": note, "tables": tables}


def metric_table(experiment: Experiment, metric: MetricReading, *, is_judged: bool) -> dict[str, object]:
    """One metric: a row for each arm, and which columns the experiment's statistics fill."""
    is_bayesian = experiment.method == Method.BAYESIAN
    return {
        "key": metric.key,
        "band": band_plot(metric) if metric.role == Role.GOAL else None,
        "title": words.metric_title(metric),
        "margin": words.share(metric.margin) if metric.role == "guardrail" else "",
        "is_bayesian": is_bayesian,
        "is_corrected": any(arm.corrected_p_value is not None for arm in metric.arms),
        "is_judged": is_judged and any(arm.outcome for arm in metric.arms),
        "rows": [arm_row(metric, arm) for arm in metric.arms],
    }


def arm_row(metric: MetricReading, arm: ArmReading) -> dict[str, object]:
    """One arm's figures, in words."""
    comparison = arm.comparison
    return {
        "name": arm.name,
        "part": words.PARTS.get(arm.part, ""),
        "is_judged": arm.part == "treatment",
        "n": number_format(arm.n, force_grouping=True),
        "mean": words.mean(metric, arm),
        "outcome": words.OUTCOMES.get(arm.outcome),
        **_compared(comparison),
        "corrected": words.p_value(arm.corrected_p_value),
    }


def _compared(comparison: Comparison | None) -> dict[str, str]:
    risk = comparison.risk if comparison else None
    return {
        "effect": words.effect(comparison),
        "interval": words.interval(comparison.interval if comparison else None),
        "p_value": words.p_value(comparison.p_value if comparison else None),
        "chance": words.chance(comparison.chance_to_win if comparison else None),
        "loss": words.share(risk[1] if risk else None, 2),
    }


def slice_groups(slices: Iterable[Slice]) -> list[dict[str, object]]:
    """What may differ between visitors: a table for each goal and each way to split them."""
    groups: dict[tuple[str, str], dict[str, object]] = {}
    for part in slices:
        given = {"dimension": words.DIMENSIONS[part.dimension], "label": part.label, "rows": []}
        group = groups.setdefault((part.dimension, part.metric), given)
        name = part.value or words.NOTHING
        arms = [arm for arm in part.arms if arm.part == "treatment"]
        group["rows"] += [
            {"value": name, "arm": arm.name, "n": _n(part, arm), **_compared(arm.comparison)} for arm in arms
        ]
    return [group for group in groups.values() if group["rows"]]


def _n(part: Slice, arm: ArmReading) -> str:
    control = next((other.n for other in part.arms if other.part == "control"), 0)
    return number_format(arm.n + control, force_grouping=True)


def factor_groups(results: Results) -> list[dict[str, object]]:
    """What each factor does to each goal, and what factors do to each other."""
    groups: dict[str, dict[str, object]] = {}
    for found in results.factors:
        group = groups.setdefault(found.metric, {"label": found.label, "rows": []})
        named = " × ".join(f"{factor} = {level}" for factor, level in zip(found.factors, found.levels, strict=True))
        corrected = words.p_value(found.corrected_p_value)
        is_interaction = len(found.factors) > 1
        row = {"name": named, "is_interaction": is_interaction, "corrected": corrected, **_compared(found.comparison)}
        group["rows"].append(row)
    return list(groups.values())


def progress_bar(results: Results) -> dict[str, object]:
    """How much of the planned sample is in, and when the rest will be."""
    progress = results.progress
    planned = progress.planned or 0
    return {
        "n": number_format(progress.n, force_grouping=True),
        "planned": number_format(planned, force_grouping=True) if planned else "",
        "share": words.share(progress.share and math.floor(100 * progress.share) / 100, 0),
        "days_left": progress.days_left,
        "ends_on": progress.ends_on,
        "count": progress.n,
        "value": min(progress.n, planned),
        "most": planned,
    }
