"""What an experiment has shown so far, read from its daily sums."""

from personalization.experiments.models import Experiment, Phase
from personalization.experiments.readings import Progress, Results


def read_results(experiment: Experiment, phase: Phase | None = None) -> Results:
    """Read a phase, the newest unless another is named."""
    return Results(phase or experiment.phase, "too early", "", (), (), (), (), Progress(0))
