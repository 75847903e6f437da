"""An evaluation from files: what is held out, which scorers can run on it, and what is to be told of them."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from personalization.recommend.data import Interactions, Items
from personalization.recommend.evaluation import HISTORY_LENGTHS, Report, Row, evaluate
from personalization.recommend.files import Log, read_catalog, read_log
from personalization.recommend.scorers import SCORERS, Scorer
from personalization.recommend.scorers.blending import READING, Blend
from personalization.recommend.splits import (
    Split,
    Splitter,
    last_k,
    newest_of_each,
    random_per_visitor,
    temporal,
    temporal_rows,
)
from personalization.recommend.tables import FileError
from personalization.recommend.texts import EMBEDDERS
from personalization.recommend.tuning import SPACES, Tuned, tune

SPLITS = ("temporal", "last-k", "random")
LAST, MORE_THAN = 5, 6
VALIDATION_FRACTION = 0.1
FEWEST_JUDGES = 50
RESAMPLES = 1_000
WARM_UP = 200

DEFAULT = (
    "popular",
    "item_knn",
    "user_knn",
    "rp3beta",
    "svd",
    "als",
    "bpr",
    "ease",
    "markov",
    "hybrid",
    "stacked",
    "lambdamart",
)
WITH_SEGMENTS = ("segment_popular",)
WITH_TEXTS = ("content", "interests", "cold")
# The customary baseline counts all visits alike, however old.
PARAMS: Mapping[str, Mapping[str, Any]] = {"popular": {"half_life_days": None}}
BLENDS = {name: kind for name, kind in SCORERS.items() if issubclass(kind, Blend)}

Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Request:
    """What somebody wants to know."""

    interactions: Path
    items: Path | None = None
    split: str = "temporal"
    test_fraction: float = 0.2
    ks: tuple[int, ...] = (10,)
    scorers: tuple[str, ...] = ()
    tune_seconds: float | None = None
    embedder: str = "tfidf"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Task:
    """A request with its files read and its hold-out chosen."""

    request: Request
    split: Split
    items: Items | None
    names: tuple[str, ...]
    facts: Mapping[str, Any]


@dataclass(eq=False)
class Outcome:
    """Rows of the scorers that ran, what they ran with, and why the others did not."""

    rows: list[Row] = field(default_factory=list)
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    n_visitors: int = 0
    left_out: int = 0

    def report(self, request: Request) -> Report:
        """Return the rows as one report: they were judged on the same visitors and resamples."""
        return Report(tuple(self.rows), self.n_visitors, self.left_out, request.ks, request.seed)


def prepare(request: Request) -> Task:
    """Read the files and choose what is held out.

    Raises
    ------
    FileError
        If a file cannot be used, or holds too little for the split.
    ImportError
        If the embedder is not installed.
    """
    log = read_log(request.interactions)
    try:
        split = _divide(request, log)
    except ValueError as error:
        raise FileError(f"{request.interactions}: {error}") from error
    if not len(split.test_rows):
        raise FileError(
            f"{request.interactions}: no visitor has interactions on both sides of the {request.split} split. "
            "Another --split may suit this file."
        )
    facts = {"interactions": log.facts}
    items = None
    if request.items is not None:
        items, facts["items"] = _read_items(request.items, request, split.train)
    # Blends come last, so that they can be made of members whose parameters were searched.
    names = tuple(sorted(request.scorers or _default_names(items, log), key=BLENDS.__contains__))
    return Task(request, split, items, names, facts)


def run(task: Task, tell: Tell) -> Outcome:
    """Tune and judge one scorer after another; one that cannot run is skipped, with the reason.

    ``tell(name, stage)`` is called whenever something new begins.
    """
    outcome = Outcome()
    for name in task.names:
        try:
            _run_one(name, task, outcome, partial(tell, name))
        except Exception as error:  # whatever is wrong with one scorer, the others can still be judged
            outcome.skipped[name] = _reason(error)
    return outcome


def _divide(request: Request, log: Log) -> Split:
    if request.split == "temporal":
        return temporal_rows(
            log.visitors,
            log.items,
            log.timestamps,
            log.weights,
            fraction=request.test_fraction,
            item_ids=log.item_ids,
            segments=log.segments,
        )
    interactions = log.interactions()
    if request.split == "last-k":
        return last_k(interactions, LAST, MORE_THAN)
    return random_per_visitor(interactions, request.test_fraction, request.seed)


def _validation(request: Request) -> Splitter:
    """Return the split by which parameters are judged: of the kind of the outer one, where the training part allows."""
    shares = [partial(random_per_visitor, fraction=share, seed=request.seed) for share in (VALIDATION_FRACTION, 0.25)]
    kinds: dict[str, list[Splitter]] = {
        "temporal": [temporal],
        "last-k": [partial(last_k, k=LAST, more_than=MORE_THAN)],
        "random": [*shares],
    }

    def divide(train: Interactions) -> Split:
        for kind in kinds[request.split]:
            with contextlib.suppress(ValueError):
                split = kind(train)
                if len(split.test_rows) >= FEWEST_JUDGES:
                    return split
        return newest_of_each(train)

    return divide


def _read_items(path: Path, request: Request, train: Interactions) -> tuple[Items, dict[str, Any]]:
    catalog = read_catalog(path)
    known = len(set(catalog.ids) & set(train.item_ids))
    if not known:
        raise FileError(
            f"{path}: none of its {len(catalog.ids):,} items occurs in {request.interactions.name}; "
            f"ids there look like {train.item_ids[0]!r}, here like {catalog.ids[0]!r}."
        )
    vectors = EMBEDDERS[request.embedder](catalog.texts)
    items = Items.from_vectors(catalog.ids, vectors, tags=catalog.tags)
    return items, catalog.facts | {"embedder": request.embedder, "items_with_interactions": known}


def _default_names(items: Items | None, log: Log) -> tuple[str, ...]:
    candidates = (*DEFAULT, *(WITH_SEGMENTS if log.segments else ()), *(WITH_TEXTS if items is not None else ()))
    return tuple(name for name in candidates if name in SCORERS)


def _run_one(name: str, task: Task, outcome: Outcome, tell: Callable[[str], None]) -> None:
    params = dict(PARAMS.get(name, {}))
    seconds = _budget(name, task, outcome)
    if seconds is not None:
        tell("tuning")
        outcome.tuned[name] = tuned = tune(
            name,
            task.split.train,
            items=task.items,
            split=_validation(task.request),
            seconds=seconds,
            seed=task.request.seed,
            k=task.request.ks[0],
            progress=lambda done, best: tell(f"tuning, {done} tried, NDCG {best:.4f} on validation"),
        )
        params |= tuned.params
    scorer = _make(name, params, task, outcome)
    tell("learning")
    _warm_up(scorer, task)
    report = evaluate(
        {name: scorer},
        task.split.train,
        task.split,
        task.request.ks,
        items=task.items,
        seed=task.request.seed,
        resamples=RESAMPLES,
        history_lengths=HISTORY_LENGTHS,
        measure_memory=True,
    )
    outcome.rows.extend(report.rows)
    outcome.params[name] = dict(getattr(scorer, "params", params))
    outcome.n_visitors, outcome.left_out = report.n_visitors, report.left_out


def _make(name: str, params: Mapping[str, Any], task: Task, outcome: Outcome) -> Scorer:
    kind = SCORERS[name]
    request = task.request
    known = inspect.signature(kind).parameters
    given: dict[str, Any] = {"seed": request.seed, "validation": request.split}
    if outcome.tuned and name in BLENDS:
        members = (*BLENDS[name].default_members, *(READING if task.items is not None else ()))
        given["members"] = {m: outcome.tuned[m].params if m in outcome.tuned else {} for m in members}
    return kind(**{word: value for word, value in given.items() if word in known} | dict(params))


def _warm_up(scorer: Scorer, task: Task) -> None:
    """Have the libraries imported that a scorer needs, so that its seconds and its memory are those of learning."""
    train = task.split.train
    some = slice(None, None, max(1, train.matrix.nnz // WARM_UP))
    visitors = [train.visitor_ids[row] for row in train.rows[some].tolist()]
    items = [train.item_ids[column] for column in train.matrix.indices[some].tolist()]
    # What is really wrong shows when the scorer learns in earnest.
    with contextlib.suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        few = Interactions.from_rows(visitors, items, train.timestamps[some])
        type(scorer)(**getattr(scorer, "params", {})).fit(few, task.items)


def _is_tuned(name: str, task: Task) -> bool:
    return task.request.tune_seconds is not None and name in SPACES


def _budget(name: str, task: Task, outcome: Outcome) -> float | None:
    """Return how long a search may take: an equal share of what the searches before it left; None for no search."""
    if not _is_tuned(name, task):
        return None
    left = (task.request.tune_seconds or 0.0) - sum(tuned.seconds for tuned in outcome.tuned.values())
    waiting = sum(_is_tuned(other, task) for other in task.names[task.names.index(name) :])
    return max(left, 0.0) / waiting


def _reason(error: Exception) -> str:
    said = " ".join(str(error).split()) or type(error).__name__
    return said if isinstance(error, ImportError | ValueError) else f"{type(error).__name__}: {said}"
