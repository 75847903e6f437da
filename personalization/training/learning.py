"""From a dataset to scorers with a verdict: blend, judge, then learn once more from everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from personalization import conf
from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import Report, evaluate
from personalization.recommend.scorers import SCORERS, Hybrid, Scorer, tune_weights
from personalization.training.dataset import Dataset, TooLittleError
from personalization.training.gate import BASELINE, CANDIDATE, SERVING, Verdict, judge
from personalization.training.lineage import code_version
from personalization.training.models import ModelVersion
from personalization.training.recipe import Holdout, Recipe, choose_members, hold_out, like, new_beside
from personalization.training.speed import measure_latency
from personalization.training.tuning import tune_members

Step = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Learned:
    """Scorers that have learned from everything, and how the same recipe did on what was kept back."""

    dataset: Dataset
    recipe: Recipe
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
        gate = [check.as_dict() for check in self.verdict.checks]
        return {
            "data_hash": self.dataset.digest,
            "data_from": self.dataset.since,
            "data_until": self.dataset.until,
            "interactions": interactions.matrix.nnz,
            "visitors": interactions.n_visitors,
            "items": interactions.n_items,
            "code_version": code_version(),
            "parameters": {
                "members": members,
                "weights": dict(self.weights),
                "event_weights": dict(self.dataset.event_weights),
            },
            "metrics": self.report.as_dict()
            | {"holdout": self.holdout.rule, "gate": gate, "data": self.dataset.checks.as_dict()},
            "verdict": self.verdict.reason,
        }


class Steps:
    """Counts what has been done, so that a progress bar and a heartbeat can tell it."""

    def __init__(self, tell: Step) -> None:
        self._tell, self._done, self._total = tell, 0, number_of_steps()

    def __call__(self, stage: str) -> None:
        """Begin the next step."""
        self._done = min(self._done + 1, self._total - 1)
        self.tell(stage)

    def tell(self, stage: str) -> None:
        """Say how the present step goes."""
        self._tell(stage, self._done, self._total)


def number_of_steps() -> int:
    """Read; learn each member for the blend, again for the judgement, again from everything; judge the blend; write."""
    return 3 * len(conf.get().training_members) + 4


def learn(dataset: Dataset, serving: ModelVersion | None, tell: Step) -> Learned:
    """Learn the blend, judge the recipe on a hold-out, then learn from everything; or raise TooLittleError."""
    settings, step = conf.get(), Steps(tell)
    recipe = choose_members(settings.training_members, dataset.items)
    try:
        holdout = hold_out(dataset.interactions, settings.training_holdout)
    except ValueError as error:
        raise TooLittleError(str(error)) from error
    recipe = _tune(holdout, recipe, dataset, step)
    weights = _learn_weights(holdout, recipe, dataset, step)
    report = _judge(holdout, recipe, weights, serving, dataset, step)
    hybrid = Hybrid(_fit(dataset.interactions, recipe, dataset, step, _("Learning from everything: %s")), weights)
    latency = measure_latency(hybrid, dataset.interactions)
    verdict = judge(report, latency, n_items=dataset.interactions.n_items, settings=settings)
    beside = new_beside(hybrid.members, dataset.items)
    for scorer in beside.values():
        scorer.fit(dataset.interactions, dataset.items)
    return Learned(dataset, recipe, {CANDIDATE: hybrid, **beside}, weights, report, holdout, verdict)


def _tune(holdout: Holdout, recipe: Recipe, dataset: Dataset, step: Steps) -> Recipe:
    """Find better parameters if there is time for it; like the weights, without a look at the hold-out."""
    settings = conf.get()
    if not settings.training_tuning_seconds:
        return recipe
    return tune_members(
        recipe,
        holdout.split.train,
        dataset.items,
        split=lambda train: hold_out(train, settings.training_holdout).split,
        seconds=settings.training_tuning_seconds,
        tell=step.tell,
    )


def _learn_weights(holdout: Holdout, recipe: Recipe, dataset: Dataset, step: Steps) -> dict[str, float]:
    """Find the blend on a validation part of the training part: the hold-out itself is not looked at."""
    try:
        inner = hold_out(holdout.split.train, conf.get().training_holdout).split
    except ValueError:
        return dict.fromkeys(recipe.members, 1 / len(recipe.members))
    members = _fit(inner.train, recipe, dataset, step, _("Learning the blend: %s"))
    return tune_weights(members, inner)


def _judge(
    holdout: Holdout,
    recipe: Recipe,
    weights: Mapping[str, float],
    serving: ModelVersion | None,
    dataset: Dataset,
    step: Steps,
) -> Report:
    split, items = holdout.split, dataset.items
    members = recipe.new_members()
    alone = members if BASELINE in members else {**members, BASELINE: SCORERS[BASELINE]()}
    report = evaluate(alone, split.train, split, items=items, progress=lambda name: step(_("Judging: %s") % name))
    step(_("Judging: %s") % CANDIDATE)
    blends = {CANDIDATE: Hybrid(members, weights)}
    if serving is not None and (earlier := like(serving.parameters, members, split, items)):
        blends[SERVING] = Hybrid(earlier, serving.parameters["weights"])
    judged = evaluate({}, split.train, split, items=items, fitted=blends)
    return replace(report, rows=report.rows + judged.rows)


def _fit(interactions: Interactions, recipe: Recipe, dataset: Dataset, step: Steps, stage: str) -> dict[str, Scorer]:
    members = recipe.new_members()
    for name, member in members.items():
        step(stage % name)
        member.fit(interactions, dataset.items)
    return members
