"""What may be concluded, in sentences that claim no more than the numbers do."""

import math
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _

from personalization.experiments.choices import Role
from personalization.experiments.judging import conclude
from personalization.experiments.models import Experiment
from personalization.experiments.readings import ArmReading, Check, MetricReading, Progress, State
from personalization.experiments.wording import between, chance, interval_name, listed, percent, signed, visitors


def state_of(checks: Sequence[Check], metrics: Sequence[MetricReading]) -> State:
    """Faults come first, then whether there is enough to read, then what it says."""
    blocking = [check.level for check in checks if check.blocks]
    if "danger" in blocking:
        return "blocked"
    return "too early" if blocking else conclude(metrics)


def summarise(
    state: State, checks: Sequence[Check], metrics: Sequence[MetricReading], progress: Progress, experiment: Experiment
) -> str:
    """The sentences that a results page opens with."""
    if state == "blocked":
        faults = [check.title for check in checks if check.blocks and check.level == "danger"]
        return _("No verdict: nothing here can be believed until a fault is found (%(faults)s).") % {
            "faults": listed(faults)
        }
    if state == "too early":
        reason = next(check.text for check in checks if check.blocks)
        return _("No decision yet: %(progress)s. %(reason)s") % {"progress": progress_text(progress), "reason": reason}
    findings = list(_findings(metrics, experiment))
    if state == "none yet":
        findings = [_undecided(metrics, progress, experiment, is_open=bool(findings)), *findings]
    return " ".join([*findings, *_doubts(metrics, experiment)])


def progress_text(progress: Progress) -> str:
    """How far the test has come."""
    if progress.share is None:
        return _("%(visitors)s so far") % {"visitors": visitors(progress.n)}
    if progress.share >= 1:
        return _("all planned visitors are in")
    return _("%(share)s of the planned sample") % {"share": percent(math.floor(100 * progress.share) / 100)}


def _undecided(metrics: Sequence[MetricReading], progress: Progress, experiment: Experiment, *, is_open: bool) -> str:
    """Where nothing was found with everybody in, it says so: that is not the same as no effect."""
    is_over = (progress.share or 0) >= 1 and not is_open
    told = "; ".join([progress_text(progress), *_intervals(metrics, experiment)])
    if is_over:
        return _("No difference found: %(told)s. An effect anywhere in this range remains possible.") % {"told": told}
    return _("No decision yet: %(told)s.") % {"told": told}


def _intervals(metrics: Sequence[MetricReading], experiment: Experiment) -> Iterator[str]:
    """Of the first goal; with the arms' names where there are several."""
    goal = next((metric for metric in metrics if metric.role == Role.GOAL), None)
    arms = goal.treatments if goal else ()
    for arm in arms:
        told = _told(arm, experiment)
        yield told if len(arms) == 1 else _("“%(arm)s”: %(told)s") % {"arm": arm.name, "told": told}


def _told(arm: ArmReading, experiment: Experiment) -> str:
    comparison = arm.comparison
    if not all(map(math.isfinite, comparison.interval)):
        return _("nothing can be told of the effect")
    told = _("%(name)s %(range)s") % {"name": interval_name(experiment.method), "range": between(comparison.interval)}
    if comparison.chance_to_win is None:
        return told
    return _("%(told)s, chance to win %(chance)s") % {"told": told, "chance": chance(comparison.chance_to_win)}


def _findings(metrics: Sequence[MetricReading], experiment: Experiment) -> Iterator[str]:
    """A sentence for everything that is certain."""
    sentences = {
        "better": _("“%(arm)s” is better than “%(control)s” in “%(metric)s”: %(effect)s, %(told)s."),
        "worse": _("“%(arm)s” is worse than “%(control)s” in “%(metric)s”: %(effect)s, %(told)s."),
        "harmed": _("“%(arm)s” harms “%(metric)s”: %(effect)s, %(told)s."),
    }
    for metric in metrics:
        for arm in metric.treatments:
            if arm.outcome in sentences:
                values = {"arm": arm.name, "control": metric.control.name, "metric": metric.label}
                figures = {"effect": signed(arm.comparison.effect), "told": _told(arm, experiment)}
                yield sentences[arm.outcome] % (values | figures)


def _doubts(metrics: Sequence[MetricReading], experiment: Experiment) -> Iterator[str]:
    """What could still be harmed by an arm that is better."""
    winners = {arm.key for metric in metrics for arm in metric.treatments if arm.outcome == "better"}
    for metric in metrics:
        for arm in metric.treatments:
            if metric.role == Role.GUARDRAIL and arm.outcome == "unclear" and arm.key in winners:
                text = _("Whether “%(arm)s” harms “%(metric)s” is not certain: %(told)s.")
                yield text % {"arm": arm.name, "metric": metric.label, "told": _told(arm, experiment)}
