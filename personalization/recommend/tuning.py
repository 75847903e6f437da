"""Find a scorer's parameters on a validation part of the training data. The hold-out is not touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import numpy as np

from personalization.recommend import metrics
from personalization.recommend.data import Doubles, Indexes, Interactions, Items
from personalization.recommend.extras import optional
from personalization.recommend.judging import blocks
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers import SCORERS
from personalization.recommend.scorers.base import Scorer
from personalization.recommend.splits import Split, Splitter, random_per_visitor

# A trial that is behind the median of the others on the visitors so far is given up: judged in so many parts.
PARTS = 5
MOST_VISITORS = 2_000
# A search that suggests only what was tried already has run out of possibilities.
MOST_REPEATS = 20
TRIALS_BEFORE_PRUNING = 5


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`; on a logarithmic scale, or whole ones only."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Any, name: str) -> Any:
        """Let the search pick one."""
        pick = trial.suggest_int if self.whole else trial.suggest_float
        return pick(name, self.low, self.high, log=self.log)

    def holds(self, value: Any) -> bool:
        """Tell whether a value is one of them."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    options: tuple[Any, ...]

    def suggest(self, trial: Any, name: str) -> Any:
        """Let the search pick one."""
        return trial.suggest_categorical(name, self.options)

    def holds(self, value: Any) -> bool:
        """Tell whether a value is one of them."""
        return value in self.options


Space = Mapping[str, Range | Choice]

HALF_LIFE = Range(1, 2_000, log=True)
HALF_LIVES = Choice((None, 1_000.0, 365.0, 90.0, 30.0, 10.0, 3.0, 1.0))
NEIGHBOURS = Range(10, 500, log=True, whole=True)
FACTORS = Range(8, 256, log=True, whole=True)

SIMILARITY = Choice(("cosine", "tfidf", "bm25"))

SPACES: dict[str, Space] = {
    "popular": {"half_life_days": HALF_LIVES},
    "segment_popular": {"half_life_days": HALF_LIVES, "prior": Range(1, 1_000, log=True)},
    "trending": {"recent_days": Range(0.25, 60, log=True), "prior": Range(0.5, 50, log=True)},
    "content": {"half_life_days": HALF_LIFE},
    "interests": {
        "interests": Range(1, 8, whole=True),
        "half_life_days": HALF_LIFE,
        "gain": Range(0.01, 0.3, log=True),
        "power": Range(0, 1),
    },
    "cold": {"factors": FACTORS, "ridge": Range(1, 300, log=True), "trust": Range(0, 50)},
    "item_knn": {
        "neighbours": NEIGHBOURS,
        "similarity": SIMILARITY,
        "shrinkage": Range(0.1, 500, log=True),
        "balance": Range(0.3, 1),
    },
    "user_knn": {
        "neighbours": NEIGHBOURS,
        "similarity": SIMILARITY,
        "shrinkage": Range(0.1, 500, log=True),
        "power": Range(0.5, 4),
    },
    "rp3beta": {"alpha": Range(0.2, 2), "beta": Range(0, 1), "neighbours": NEIGHBOURS},
    "svd": {"factors": FACTORS},
    "als": {"factors": FACTORS, "penalty": Range(0.1, 100, log=True), "confidence": Range(0.05, 20, log=True)},
    "bpr": {
        "factors": FACTORS,
        "penalty": Range(1e-4, 0.1, log=True),
        "learning_rate": Range(0.002, 0.1, log=True),
        "iterations": Range(10, 200, log=True, whole=True),
    },
    "ease": {"penalty": Range(5, 5_000, log=True)},
    "markov": {"decay": Range(0.3, 0.99), "smoothing": Range(1, 300, log=True), "backward": Range(0, 1)},
    "engagement": {"kind": Choice(("logistic", "forest", "boosting"))},
}


@dataclass(frozen=True)
class Tuned:
    """The parameters that did best.

    Parameters
    ----------
    params : dict
        For ``SCORERS[name](**params)``; plain enough for JSON. What was not searched is left out: it keeps its default.
    value : float
        Their NDCG on the validation part, between 0 and 1.
    default_value : float
        The same of the scorer's defaults, which are always tried first: `value` is never below it.
    trials : int
        How many sets of parameters were tried, those given up early included.
    seconds : float
        How long it took.
    """

    params: dict[str, Any]
    value: float
    default_value: float
    trials: int
    seconds: float


def tune(
    name: str,
    train: Interactions,
    *,
    items: Items | None = None,
    split: Splitter | None = None,
    seconds: float | None = None,
    trials: int | None = None,
    seed: int = 0,
    k: int = 10,
    progress: Callable[[int, float], None] | None = None,
) -> Tuned:
    """Search a scorer's parameters for the best NDCG on a validation part of the training interactions.

    Parameters
    ----------
    name : str
        A scorer with an entry in `SPACES`.
    train : Interactions
        The training part, and nothing else: what will be held out in the end must not be in it.
    items : Items, optional
        For the scorers that read.
    split : callable, optional
        Makes training and validation of `train`; best of the kind by which `train` itself was made. A random tenth of
        each visitor's interactions when left out.
    seconds : float, optional
        Time budget. No trial begins after it, and between parts of a judgement the last one is given up; a fit that has
        begun is finished. The defaults are tried in any case.
    trials : int, optional
        Most sets of parameters to try. One of `seconds` and `trials` is needed; without `seconds` the same seed finds
        the same parameters.
    seed : int
        Of the search and of the sample of visitors.
    k : int
        Cut-off of the NDCG.
    progress : callable, optional
        Called after each trial with the number of trials so far and the best value.

    Returns
    -------
    Tuned

    Raises
    ------
    ImportError
        If optuna is not installed.
    ValueError
        If the scorer has nothing to tune or cannot learn from this data, no limit was given, or nothing can be held
        out.

    Notes
    -----
    Tree-structured Parzen estimator with median pruning: a trial is judged on a fifth of the validation visitors after
    another, and given up when it falls behind the median of the trials before it.

    References
    ----------
    T. Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD 2019.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> seen = Interactions.from_rows(
    ...     rng.integers(0, 30, 300).astype(str), rng.integers(0, 20, 300).astype(str), np.arange(300.0)
    ... )
    >>> tuned = tune("ease", seen, trials=3)
    >>> sorted(tuned.params), tuned.trials, tuned.value >= tuned.default_value
    (['penalty'], 3, True)
    """
    optuna = optional("optuna", "models")
    if name not in SPACES:
        raise ValueError(f"The scorer {name!r} has nothing to tune; those that have are {', '.join(sorted(SPACES))}.")
    if seconds is None and trials is None:
        raise ValueError("A search needs a limit: seconds or trials.")
    divide = split or partial(random_per_visitor, fraction=0.1, seed=seed)
    search = _Search(optuna, name, divide(train), items, k, seed, seconds)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE_PRUNING, n_warmup_steps=0),
    )
    study.enqueue_trial(_defaults(name))
    study.optimize(search.run, n_trials=trials, callbacks=[partial(search.after, progress)])
    return search.outcome(study)


class _Search:
    """One search under way: its validation split, its clock and what it has tried."""

    def __init__(
        self,
        optuna: Any,
        name: str,
        split: Split,
        items: Items | None,
        k: int,
        seed: int,
        seconds: float | None,
    ) -> None:
        self._optuna, self._name, self._split, self._items, self._k = optuna, name, split, items, k
        self._started = monotonic()
        self._deadline = None if seconds is None else self._started + seconds
        self._tried: dict[str, float] = {}
        self._repeats = 0
        self._parts = _parts(split, seed)

    def run(self, trial: Any) -> float:
        """Return the value of one set of parameters: what the study maximizes."""
        params = {word: choice.suggest(trial, word) for word, choice in SPACES[self._name].items()}
        if (known := self._tried.get(repr(params))) is not None:
            self._repeats += 1
            return known
        try:
            scorer = SCORERS[self._name](**params).fit(self._split.train, self._items)
        except (ValueError, MemoryError) as error:
            if trial.number == 0:
                raise ValueError(f"The scorer {self._name!r} cannot learn from this data: {error}") from error
            raise self._optuna.TrialPruned(str(error)) from error
        value = self._judge(trial, scorer)
        self._tried[repr(params)] = value
        return value

    def after(self, progress: Callable[[int, float], None] | None, study: Any, trial: Any) -> None:
        """Tell how far the search is, and end it when time or possibilities have run out."""
        if progress is not None:
            progress(trial.number + 1, float(study.best_value))
        if self._is_late() or self._repeats >= MOST_REPEATS:
            study.stop()

    def outcome(self, study: Any) -> Tuned:
        """Return the best of all trials."""
        return Tuned(
            params=dict(study.best_params),
            value=float(study.best_value),
            default_value=float(study.trials[0].value),
            trials=len(study.trials),
            seconds=monotonic() - self._started,
        )

    def _judge(self, trial: Any, scorer: Scorer) -> float:
        found = np.empty(0)
        for step, rows in enumerate(self._parts):
            found = np.concatenate([found, _ndcg(scorer, self._split, rows, self._k)])
            value = float(found.mean())
            trial.report(value, step)
            if trial.number and step + 1 < len(self._parts) and (trial.should_prune() or self._is_late()):
                raise self._optuna.TrialPruned
        return value

    def _is_late(self) -> bool:
        return self._deadline is not None and monotonic() >= self._deadline


def _defaults(name: str) -> dict[str, Any]:
    """Return the scorer's own values of the parameters that are searched."""
    params = SCORERS[name]().params
    return {word: params[word] for word in SPACES[name]}


def _parts(split: Split, seed: int) -> list[Indexes]:
    """Deal the validation visitors, or a sample of very many, to parts."""
    rows = split.test_rows
    if not len(rows):
        raise ValueError("No visitor has interactions in both training and validation: there is nothing to tune by.")
    shuffled = np.random.default_rng(seed).permutation(rows)[:MOST_VISITORS]
    return [np.sort(part) for part in np.array_split(shuffled, min(PARTS, len(shuffled)))]


def _ndcg(scorer: Scorer, split: Split, rows: Indexes, k: int) -> Doubles:
    found = []
    for block in blocks(rows, split.train.n_items):
        scores = scorer.score(split.train.histories(block))
        scores[split.train.matrix[block].nonzero()] = -np.inf
        found.append(metrics.ndcg_at_k(top_rows(scores, k), split.test.matrix[block], k))
    return np.concatenate(found)
