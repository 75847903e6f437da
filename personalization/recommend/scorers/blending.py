"""What scorers made of other scorers share: their members, one scale for all of them, and validation candidates."""

from __future__ import annotations

import copy
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from personalization.recommend import artifacts
from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import (
    Appraisal,
    Attribution,
    Doubles,
    Floats,
    History,
    Indexes,
    Interactions,
    Items,
    Mask,
)
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers.base import BaseScorer, Scorer
from personalization.recommend.scorers.registry import SCORERS, load_scorer
from personalization.recommend.splits import Split, Splitter, last_k, newest_of_each, random_per_visitor, temporal

logger = logging.getLogger(__name__)

BLOCK = 128
JUDGES = 1_000
FEWEST_JUDGES = 50
DEFAULT = ("popular", "ease", "als", "svd", "item_knn", "markov", "recent_ease")
READING = ("content",)

Members = Mapping[str, Scorer | Mapping[str, Any]] | Sequence[str]


class Blend(BaseScorer):
    """A scorer made of other scorers: chooses, fits, rebases, saves and loads them.

    ``members`` are names of scorers, or names with their parameters, or names with scorers. A member that cannot run
    here - its package is not installed, it has no texts to read, the data is too large for it - is left out, and
    ``left_out`` says why.
    """

    default_members: ClassVar[tuple[str, ...]] = DEFAULT

    def __init__(self, members: Members | None, validation: str | Splitter, folds: int, seed: int, **params: Any):
        if folds < 1:
            raise ValueError(f"folds must be at least 1, not {folds}.")
        if isinstance(validation, str) and validation not in VALIDATIONS:
            raise ValueError(f"validation must be one of {', '.join(VALIDATIONS)}, not {validation!r}.")
        plain = {"folds": folds, "seed": seed} | ({"validation": validation} if isinstance(validation, str) else {})
        super().__init__(**params, **plain, **_plain_members(members))
        self._asked, self._validation, self.folds, self.seed = members, validation, folds, seed
        self.members = _make_members(members) if members is not None else {}
        self.left_out: dict[str, str] = {}
        if self.members and all(member.item_ids for member in self.members.values()):
            self._take_columns()

    def rebase(self, items: Items) -> Self:
        """Return the same blend of the rebased members."""
        rebased = copy.copy(self)
        rebased.members = {name: member.rebase(items) for name, member in self.members.items()}
        rebased._take_columns()
        return rebased

    def coverage_mask(self) -> Mask:
        """Return which columns any member knows, shape (n_items,)."""
        known: Mask = np.logical_or.reduce(list(self._masks.values()))
        return known

    def save(self, directory: Path) -> None:
        """Write what was learned, and every member below ``members/``."""
        meta = {"scorer": self.name, "params": self.params, "members": list(self.members), "left_out": self.left_out}
        artifacts.write(directory, self._arrays(), meta | self._meta())
        for name, member in self.members.items():
            member.save(directory / "members" / name)

    @classmethod
    def load(cls, directory: Path, mmap: bool = True) -> Self:
        """Read what `save` wrote."""
        arrays, meta = artifacts.read(directory, mmap)
        if meta.get("scorer") != cls.name:
            raise ArtifactError(f"The artifact holds the scorer {meta.get('scorer')!r}, not {cls.name!r}.")
        try:
            names = list(meta["members"])
            if not names or not all(name.isidentifier() for name in names):
                raise ValueError("a member's name is not an identifier")
            blend = cls(**meta["params"])
            blend.members = {name: load_scorer(directory / "members" / name, mmap) for name in names}
            blend.left_out = dict(meta["left_out"])
            blend._restore(arrays, meta)
            blend._take_columns()
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"The artifact of {cls.name!r} is incomplete: {error!r}") from error
        return blend

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Take back what `_arrays` and `_meta` gave; the columns come with the members."""

    def _fit_members(self, interactions: Interactions, items: Items | None) -> None:
        """Fit the members, leaving out those that cannot run; ValueError if none can."""
        for name, member in list(self.members.items()):
            try:
                member.fit(interactions, items)
            except (ImportError, ValueError) as error:
                logger.warning("The %s does without %s: %s", self.name, name, error)
                self.left_out[name] = str(error)
                del self.members[name]
        if not self.members:
            raise ValueError(f"No member of the {self.name} can learn: " + " ".join(self.left_out.values()))

    def _start(self, items: Items | None) -> None:
        """Make the members anew, so that what was left out once may take part in another fit."""
        has_texts = items is not None and items.embeddings is not None
        usual = (*self.default_members, *(READING if has_texts else ()))
        self.members, self.left_out = _make_members(usual if self._asked is None else self._asked), {}

    def _validations(self, interactions: Interactions, items: Items | None) -> Iterator[Split]:
        """Fit the members on one validation split after another; none where there is too little to split."""
        for number in range(self.folds if self._validation == "random" else 1):
            split = _validation_split(self._validation, interactions, self.seed + number)
            if split is None:
                return
            self._fit_members(split.train, items)
            yield split

    def _take_columns(self) -> None:
        columns = {member.item_ids for member in self.members.values()}
        if len(columns) != 1:
            raise ValueError(f"The members of a {self.name} must be fitted on the same items.")
        self.item_ids = columns.pop()
        self._masks = {name: member.coverage_mask() for name, member in self.members.items()}
        self._unknown = {name: np.flatnonzero(~mask) for name, mask in self._masks.items()}

    def _score(self, histories: Sequence[History]) -> Floats:
        total = np.empty((len(histories), self.n_items), dtype=np.float32)
        for start in range(0, len(histories), BLOCK):
            total[start : start + BLOCK] = self._blend(histories[start : start + BLOCK])
        return total

    @abstractmethod
    def _blend(self, histories: Sequence[History]) -> Floats:
        """Return the scores of a block of histories, shape (n, n_items)."""

    def _standard_scores(self, histories: Sequence[History]) -> Iterator[tuple[str, Floats]]:
        """Yield each member's name and standardised scores, shape (n, n_items)."""
        for name, member in self.members.items():
            yield name, standardise(member.score(histories), self._unknown[name])[0]

    def _standard_appraisals(self, history: History) -> Iterator[tuple[Floats, Part]]:
        """Yield each member's standardised scores, shape (n_items,), and what they are made of."""
        for name, member in self.members.items():
            appraisal = member.appraise(history)
            standard, means, scales = standardise(appraisal.scores[None, :], self._unknown[name])
            yield standard[0], Part(name, appraisal, self._masks[name], float(scales[0]), float(means[0]))


def _validation_split(validation: str | Splitter, interactions: Interactions, seed: int) -> Split | None:
    """Split by a rule, or by the next one where that leaves too few visitors to learn from; None if all do."""
    if not isinstance(validation, str):
        return _split(validation, interactions)
    found = None
    for rule in VALIDATIONS[validation]:
        found = _split(partial(rule, seed=seed), interactions) or found
        if found is not None and len(found.test_rows) >= FEWEST_JUDGES:
            break
    return found


def _split(rule: Splitter, interactions: Interactions) -> Split | None:
    try:
        split = rule(interactions)
    except ValueError:
        return None
    return split if len(split.test_rows) else None


def _seedless(rule: Splitter) -> Callable[..., Split]:
    return lambda interactions, seed: rule(interactions)


# A short history has no tenth, and few visitors come back after a cut: then more of each is held out.
VALIDATIONS: Mapping[str, Sequence[Callable[..., Split]]] = {
    "random": (partial(random_per_visitor, fraction=0.1), partial(random_per_visitor, fraction=0.25)),
    "last-k": (_seedless(last_k), _seedless(newest_of_each)),
    "temporal": (_seedless(temporal), _seedless(newest_of_each)),
}


def _plain_members(members: Members | None) -> dict[str, Any]:
    """Return members as JSON can hold them; nothing when they are scorers, which are saved themselves."""
    if members is None or not isinstance(members, Mapping):
        return {} if members is None else {"members": list(members)}
    plain = {name: dict(member) for name, member in members.items() if isinstance(member, Mapping)}
    return {"members": plain} if len(plain) == len(members) else {}


def _make_members(members: Members) -> dict[str, Scorer]:
    if not isinstance(members, Mapping):
        members = {name: {} for name in members}
    made: dict[str, Scorer] = {}
    for name, member in members.items():
        if not isinstance(member, Mapping):
            made[name] = member
        elif name in SCORERS:
            made[name] = SCORERS[name](**member)
        else:
            raise ValueError(f"There is no scorer {name!r}; known are {', '.join(sorted(SCORERS))}.")
    return made


def standardise(scores: Floats, unknown: Indexes) -> tuple[Floats, Doubles, Doubles]:
    """Bring scores to mean 0 and deviation 1 for each visitor.

    Parameters
    ----------
    scores : array of float32, shape (n, n_items)
    unknown : array of int64
        Columns that do not count and become 0.

    Returns
    -------
    standard : array of float32, shape (n, n_items)
        Zeros in a row whose scores are all the same: it says nothing.
    means, scales : array of float64, shape (n,)
        ``standard = (scores - mean) * scale`` in the known columns.

    Examples
    --------
    >>> standardise(np.array([[1, 3, 9], [2, 2, 9]], dtype=np.float32), np.array([2]))[0].tolist()
    [[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    standard = scores.copy()
    n_known = max(scores.shape[1] - len(unknown), 1)
    standard[:, unknown] = 0
    means = standard.sum(axis=1, dtype=np.float64) / n_known
    standard -= means[:, None].astype(np.float32)
    standard[:, unknown] = 0
    deviations = np.sqrt(np.einsum("ij,ij->i", standard, standard) / n_known)
    # Rounding gives equal numbers a tiny deviation; blowing it up to 1 would make noise of a member with no opinion.
    speaks = deviations > 1e-6 * np.abs(means)
    scales = np.divide(1.0, deviations, out=np.zeros(len(scores)), where=speaks)
    standard *= scales[:, None].astype(np.float32)
    return standard, means, scales


@dataclass(frozen=True, eq=False)
class Part:
    """One member's share in one history's scores: ``(its score - mean) * factor`` where `mask` is true, else 0."""

    name: str
    appraisal: Appraisal
    mask: Mask
    factor: float
    mean: float

    def times(self, weight: float) -> Part:
        """Return the same share, `weight` times as large."""
        return replace(self, factor=self.factor * weight)

    def attribute(self, items: Sequence[int]) -> Attribution:
        """Say what the share in some items' scores is made of."""
        said = self.appraisal.attribute(items)
        own = [position for position, (_, item) in enumerate(said.sources) if item is not None]
        # What comes from no item of the history makes one sum with the mean that standardising took off.
        baseline = said.amounts.sum(axis=1) - said.amounts[:, own].sum(axis=1) - self.mean
        amounts = np.column_stack([said.amounts[:, own], baseline]) * self.factor
        amounts[~self.mask[np.asarray(items, dtype=np.int64)]] = 0
        sources = [(self.name, said.sources[position][1]) for position in own]
        return Attribution((*sources, (self.name, None)), amounts)


def attribute_all(parts: Sequence[Part], items: Sequence[int]) -> Attribution:
    """Say what the sum of some parts is made of."""
    said = [part.attribute(items) for part in parts]
    return Attribution(
        tuple(source for attribution in said for source in attribution.sources),
        np.concatenate([attribution.amounts for attribution in said], axis=1),
    )


@dataclass(frozen=True, eq=False)
class Judged:
    """Some visitors' candidates with every member's opinion of them, and which of them were held out.

    ``columns`` and ``relevant`` have the shape (n_visitors, n_candidates), ``scores`` (n_members, n_visitors,
    n_candidates); best candidates first, and -1 for a place without one.
    """

    histories: Sequence[History]
    columns: Indexes
    scores: Floats
    relevant: Floats

    def best(self, count: int) -> Judged:
        """Return the same with fewer candidates, the best by the members' mean."""
        return Judged(self.histories, self.columns[:, :count], self.scores[:, :, :count], self.relevant[:, :count])


def judge(
    members: Mapping[str, Scorer],
    split: Split,
    n_candidates: int,
    *,
    n_visitors: int = JUDGES,
    seed: int = 0,
) -> Judged:
    """Score the candidates of a validation split's visitors, a sample of them where there are very many.

    Parameters
    ----------
    members : mapping of str to Scorer
        Fitted on ``split.train`` alone.
    n_candidates : int
        How many of the items that a visitor has not seen: those with the highest mean of the standardised scores.
    """
    rows = split.test_rows
    if len(rows) > n_visitors:
        rows = np.sort(np.random.default_rng(seed).choice(rows, n_visitors, replace=False))
    unknown = {name: np.flatnonzero(~member.coverage_mask()) for name, member in members.items()}
    blocks = [
        _judge_block(members, unknown, split, rows[start : start + BLOCK], n_candidates)
        for start in range(0, len(rows), BLOCK)
    ]
    return Judged(
        split.train.histories(rows),
        np.concatenate([columns for columns, _, _ in blocks]),
        np.concatenate([scores for _, scores, _ in blocks], axis=1),
        np.concatenate([relevant for _, _, relevant in blocks]),
    )


def _judge_block(
    members: Mapping[str, Scorer],
    unknown: Mapping[str, Indexes],
    split: Split,
    rows: Indexes,
    n_candidates: int,
) -> tuple[Indexes, Floats, Floats]:
    histories = split.train.histories(rows)
    scores = np.stack([standardise(m.score(histories), unknown[name])[0] for name, m in members.items()])
    order = scores.mean(axis=0)
    order[split.train.matrix[rows].nonzero()] = -np.inf
    columns = top_rows(order, min(n_candidates, order.shape[1]))
    at = np.maximum(columns, 0)
    held_out = np.zeros(order.shape, dtype=np.float32)
    held_out[split.test.matrix[rows].nonzero()] = 1
    relevant = np.take_along_axis(held_out, at, axis=1) * (columns >= 0)
    return columns, np.take_along_axis(scores, np.broadcast_to(at, (len(scores), *at.shape)), axis=2), relevant
