"""Audit the promoted version for fairness: its recipe learned again from the past, and judged on what came after.

The version itself has learned from everything, so it cannot be judged by what it knows. Its recipe can: as it is, with
interactions weighed so that every group of items counts the same, and with the reranker that shares exposure out.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization import conf
from personalization.catalog import snapshot
from personalization.monitoring.groups import Groups, groups_of
from personalization.monitoring.models import FairnessAudit
from personalization.recommend.data import Indexes
from personalization.recommend.edge_cases import simulate
from personalization.recommend.fairness import audit, reweight
from personalization.recommend.rerankers import Exposure, discounts, fair_exposure, top_rows
from personalization.recommend.scorers import Hybrid, Scorer
from personalization.recommend.splits import Split
from personalization.training import serving
from personalization.training.dataset import Dataset, TooLittleError, read_dataset
from personalization.training.models import ModelVersion
from personalization.training.recipe import hold_out, like

logger = logging.getLogger(__name__)

PLACES = 10
# How far down the reranker may look for an item of a group that has had too little.
POOL = 100
TOLERANCE = 0.2
AT_ONCE = 256
LOST_AFTER = timedelta(hours=1)

Status = FairnessAudit.Status
Step = Callable[[str], None]


class AuditError(Exception):
    """There is nothing to audit; the message says what is missing."""


@dataclass(frozen=True, eq=False)
class Material:
    """What all sides of an audit share."""

    split: Split
    dataset: Dataset
    version: ModelVersion
    groups: Groups
    activity: list[str]
    segments: list[str]


def start_audit(*, grouping: str, user: Any = None) -> FairnessAudit:
    """The record of an audit that a worker is to carry out; one that was lost on the way is given up."""
    lost = FairnessAudit.objects.filter(status=Status.RUNNING, started_at__lt=timezone.now() - LOST_AFTER)
    lost.update(status=Status.FAILED, message=_("The worker was lost."), finished_at=timezone.now())
    return FairnessAudit.objects.create(grouping=grouping, asked_by=user, stage=_("Waiting for a worker"))


def carry_out(*, audit: FairnessAudit) -> FairnessAudit:
    """Do an audit; its record says how it went."""

    def step(stage: str) -> None:
        audit.stage = stage
        audit.save(update_fields=["stage"])

    try:
        _carry_out(audit, step)
        audit.status, audit.message = Status.DONE, ""
    except Exception as error:
        expected = isinstance(error, AuditError | TooLittleError | ImportError)
        logger.log(
            logging.INFO if expected else logging.ERROR, "Audit %s failed: %s", audit.pk, error, exc_info=not expected
        )
        audit.status = Status.FAILED
        audit.message = str(error) if expected else f"{type(error).__name__}: {error}"
    audit.finished_at = timezone.now()
    audit.save()
    return audit


def _carry_out(record: FairnessAudit, step: Step) -> None:
    version = ModelVersion.objects.promoted()
    if version is None:
        raise AuditError(_("No model version serves yet: train one first."))
    record.version = version
    step(_("Reading interactions"))
    material = _gather(record.grouping, version)
    record.results = {
        "places": PLACES,
        "sides": dict(_sides(material, step)),
        "edge_cases": _edge_cases(material, step),
    }


def _gather(grouping: str, version: ModelVersion) -> Material:
    dataset = read_dataset()
    try:
        split = hold_out(dataset.interactions, conf.get().training_holdout).split
    except ValueError as error:
        raise AuditError(str(error)) from error
    rows, counts = split.test_rows, np.diff(split.train.matrix.indptr)
    groups = groups_of(grouping, split.train.item_ids, snapshot.current())
    if not any(groups):
        raise AuditError(_("No item belongs to any group. Define item groups, or choose another property."))
    activity = [_activity(int(counts[row])) for row in rows]
    return Material(split, dataset, version, groups, activity, [split.train.segments[row] for row in rows])


def _activity(known: int) -> str:
    return next((word for word, most in (("1–2", 2), ("3–9", 9), ("10–29", 29)) if known <= most), "30+")


def _sides(material: Material, step: Step) -> Iterator[tuple[str, dict[str, Any]]]:
    step(_("Judging as it is"))
    split = material.split
    pools = _rank(_learned(material, split), split)
    yield "as it is", _judged(pools, material)
    step(_("Judging with reweighted interactions"))
    reweighted = Split(reweight(split.train, material.groups), split.test, split.left_out)
    yield "reweighted", _judged(_rank(_learned(material, reweighted, weighted=True), split), material)
    step(_("Judging with exposure shared out"))
    yield "shared out", _judged(_share_out(pools, material.groups), material)


def _learned(material: Material, split: Split, *, weighted: bool = False) -> Scorer:
    """The version's recipe, learned from the training part; `weighted` lets members heed weights that can."""
    parameters = material.version.parameters
    heeding = {
        name: params | ({"weighted": True} if weighted and "weighted" in params else {})
        for name, params in parameters["members"].items()
    }
    members = like(parameters | {"members": heeding}, {}, split, material.dataset.items)
    if not members:
        raise AuditError(_("The promoted version cannot be made again: train a new one."))
    return Hybrid(members, parameters["weights"])


def _rank(scorer: Scorer, split: Split) -> Indexes:
    """The best POOL items that each judged visitor has not seen in training."""
    blocks = []
    for start in range(0, len(split.test_rows), AT_ONCE):
        rows = split.test_rows[start : start + AT_ONCE]
        scores = scorer.score(split.train.histories(rows))
        scores[split.train.matrix[rows].nonzero()] = -np.inf
        blocks.append(top_rows(scores, POOL))
    return np.concatenate(blocks)


def _share_out(pools: Indexes, groups: Groups) -> Indexes:
    """One visitor after the other, so that over all of them each group gets about its part of the catalog."""
    first = [own[0] if own else "" for own in groups]
    shares = {name: float(first.count(name)) for name in set(first)}
    weights, exposure = discounts(PLACES), Exposure()
    shared = np.full((len(pools), PLACES), -1, dtype=np.int64)
    for row, pool in enumerate(pools):
        ranked = pool[pool >= 0]
        fair = fair_exposure(ranked, [first[item] for item in ranked], shares, weights, exposure, tolerance=TOLERANCE)
        exposure = fair.exposure
        shared[row, : len(fair.ranked)] = fair.ranked
    return shared


def _judged(pools: Indexes, material: Material) -> dict[str, Any]:
    """Both sides' figures: visitors by how much was known of them, and by their segments where they have any."""
    split = material.split
    relevant = split.test.matrix[split.test_rows]
    interest = np.asarray(split.train.matrix.astype(bool).sum(axis=0)).ravel()

    def judge(segments: Sequence[str]) -> dict[str, Any]:
        return audit(pools, relevant, material.groups, segments, interest, PLACES).as_dict()

    by_segment = judge(material.segments) if len(set(material.segments)) > 1 else {}
    kept = ("segments", "visitor_parity", "visitor_opportunity")
    return judge(material.activity) | {"by_segment": {name: by_segment[name] for name in kept if by_segment}}


def _edge_cases(material: Material, step: Step) -> list[dict[str, Any]]:
    """What synthetic visitors get of the version that serves."""
    step(_("Asking as synthetic visitors"))
    bundle = serving.promoted()
    if bundle is None or bundle.version_id != material.version.pk:
        return []
    titles = _titles(material.dataset)
    cases = (asdict(case) for case in simulate(bundle.scorers["hybrid"], material.dataset.items, PLACES))
    return [case | {"items": [titles.get(name, name) for name in case["items"]]} for case in cases]


def _titles(dataset: Dataset) -> dict[str, str]:
    cards = snapshot.current().cards
    return {group: cards[row].title for row, group in reversed(list(enumerate(dataset.items.groups)))}
