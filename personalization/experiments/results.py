"""What an experiment has shown so far, read from its daily sums: no event is counted for it but those left out."""

from dataclasses import replace

from django.utils.translation import gettext as _

from personalization.experiments.arms import Arms
from personalization.experiments.breakdown import read_slices
from personalization.experiments.choices import Role
from personalization.experiments.comparing import read_metric
from personalization.experiments.factors import read_factors
from personalization.experiments.health import read_health
from personalization.experiments.judging import with_corrections, with_outcomes
from personalization.experiments.models import Experiment, Phase
from personalization.experiments.pooling import condensed, read_rows
from personalization.experiments.progress import read_progress
from personalization.experiments.readings import Progress, Results
from personalization.experiments.series import with_series
from personalization.experiments.summary import state_of, summarise

ROLES = (Role.GOAL, Role.SECONDARY, Role.GUARDRAIL)


def read_results(experiment: Experiment, phase: Phase | None = None) -> Results:
    """Read a phase, the newest unless another is named."""
    phase = phase or experiment.phase
    if phase is None:
        return Results(None, "too early", _("No decision yet: the test has not begun."), (), (), (), (), Progress(0))
    whole = Arms.of(experiment, read_rows(phase))
    arms = replace(whole, rows=condensed(whole.rows, by_segment=experiment.stratifies))
    metrics = sorted(experiment.metrics.all(), key=lambda metric: ROLES.index(metric.role))
    goals = [metric for metric in metrics if metric.role == Role.GOAL]
    checks = read_health(experiment, phase, whole.rows)
    readings = [with_series(read_metric(metric, arms), metric, arms) for metric in metrics]
    readings = with_corrections(readings, experiment)
    if not any(check.blocks for check in checks):
        readings = with_outcomes(readings, experiment)
    state, progress = state_of(checks, readings), read_progress(phase, arms)
    return Results(
        phase=phase,
        verdict_state=state,
        summary=summarise(state, checks, readings, progress, experiment),
        checks=checks,
        metrics=readings,
        slices=tuple(read_slices(goals, whole)),
        factors=read_factors(goals, arms),
        progress=progress,
    )
