"""From a dataset to scorers with a verdict: blend, judge, then learn once more from everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from personalization import conf
from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import Report, evaluate
from personalization.recommend.scorers import Hybrid, Scorer, tune_weights
from personalization.training.dataset import Dataset, TooLittleError
from personalization.training.gate import CANDIDATE, SERVING, Verdict, judge
from personalization.training.models import ModelVersion
from personalization.training.recipe import BESIDE, BLENDED, Holdout, hold_out, like, new_scorers

Step = Callable[[str, int, int], None]

# Read; learn each member for the blend, again for the judgement, again from everything; judge the blend; write.
STEPS = 3 * len(BLENDED) + 4


@dataclass(frozen=True, eq=False)
class Learned:
    """Scorers that have learned from everything, and how the same recipe did on what was kept back."""

    dataset: Dataset
    scorers: Mapping[str, Scorer]
    weights: Mapping[str, float]
    report: Report
    holdout: Holdout
    verdict: Verdict

    def record(self) -> dict[str, Any]:
        """What a ModelVersion keeps of it."""
        hybrid = self.scorers[CANDIDATE]
        members = {name: member.params for name, member in hybrid.members.items()}
        interactions = self.dataset.interactions
        return {
            "data_hash": self.dataset.digest,
            "data_from": self.dataset.since,
            "data_until": self.dataset.until,
            "interactions": interactions.matrix.nnz,
            "visitors": interactions.n_visitors,
            "items": interactions.n_items,
            "parameters": {"members": members, "weights": dict(self.weights)},
            "metrics": self.report.as_dict() | {"holdout": self.holdout.rule},
            "verdict": self.verdict.reason,
        }


class Steps:
    """Counts what has been done, so that a progress bar and a heartbeat can tell it."""

    def __init__(self, tell: Step) -> None:
        self._tell, self._done = tell, 0

    def __call__(self, stage: str) -> None:
        self._done = min(self._done + 1, STEPS - 1)
        self._tell(stage, self._done, STEPS)


def learn(dataset: Dataset, serving: ModelVersion | None, tell: Step) -> Learned:
    """Learn the blend, judge the recipe on a hold-out, then learn from everything; or raise TooLittleError."""
    step = Steps(tell)
    try:
        holdout = hold_out(dataset.interactions, conf.get().training_holdout)
    except ValueError as error:
        raise TooLittleError(str(error)) from error
    weights = _learn_weights(holdout, dataset, step)
    report = _judge(holdout, weights, serving, dataset, step)
    verdict = judge(report, margin=conf.get().promotion_margin)
    members = _fit(dataset.interactions, dataset, step, _("Learning from everything: %s"))
    beside = new_scorers(BESIDE, dataset.interactions, dataset.items)
    for scorer in beside.values():
        scorer.fit(dataset.interactions, dataset.items)
    scorers = {CANDIDATE: Hybrid(members, weights), **beside}
    return Learned(dataset, scorers, weights, report, holdout, verdict)


def _learn_weights(holdout: Holdout, dataset: Dataset, step: Steps) -> dict[str, float]:
    """Find the blend on a validation part of the training part: the hold-out itself is not looked at."""
    train = holdout.split.train
    names = new_scorers(BLENDED, train, dataset.items)
    try:
        inner = hold_out(train, conf.get().training_holdout).split
    except ValueError:
        return dict.fromkeys(names, 1 / len(names))
    members = _fit(inner.train, dataset, step, _("Learning the blend: %s"))
    return tune_weights(members, inner)


def _judge(
    holdout: Holdout, weights: Mapping[str, float], serving: ModelVersion | None, dataset: Dataset, step: Steps
) -> Report:
    split, items = holdout.split, dataset.items
    members = new_scorers(BLENDED, split.train, items)
    report = evaluate(members, split.train, split, items=items, progress=lambda name: step(_("Judging: %s") % name))
    step(_("Judging: %s") % CANDIDATE)
    blends = {CANDIDATE: Hybrid(members, weights)}
    if serving is not None and (earlier := like(serving.parameters, members, split, items)):
        blends[SERVING] = Hybrid(earlier, serving.parameters["weights"])
    judged = evaluate({}, split.train, split, items=items, fitted=blends)
    return replace(report, rows=report.rows + judged.rows)


def _fit(interactions: Interactions, dataset: Dataset, step: Steps, stage: str) -> dict[str, Scorer]:
    members = new_scorers(BLENDED, interactions, dataset.items)
    for name, member in members.items():
        step(stage % name)
        member.fit(interactions, dataset.items)
    return members
