"""A blend of several scorers, each brought to the same scale for every visitor."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
from personalization.recommend.scorers.content import Content
from personalization.recommend.scorers.ease import Ease
from personalization.recommend.scorers.popular import Popular
from personalization.recommend.scorers.registry import load_scorer, register
from personalization.recommend.scorers.svd import Svd
from personalization.recommend.splits import Split, Splitter, random_per_visitor

CANDIDATES = 300
BLOCK = 128
MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.5, 2.0, 3.0)


@register
class Hybrid(BaseScorer):
    """Weighted sum of the members' scores, standardised for each visitor.

    Parameters
    ----------
    members : mapping of str to Scorer, optional
        Popularity, EASE, SVD and (where there are embeddings) content when left out. Members that are fitted already,
        on the same items, need no `fit`.
    weights : mapping of str to float, optional
        Not negative, one for each member. Learned while fitting when left out.
    validation : callable, optional
        Splits the training interactions once more to learn the weights, so that the hold-out is never looked at; a
        random tenth of each visitor's interactions when left out.
    floor : float
        Smallest learned weight of a member (all sum to 1): content must still speak for items that nobody has seen,
        popularity for visitors without a history.

    Notes
    -----
    ``score = sum over members m of w_m (s_m - mean(s_m)) / sd(s_m)``, mean and deviation over the items the member
    knows, for this visitor. An item a member does not know gets its average, 0; a member whose scores for this visitor
    are all the same says nothing and drops out.

    References
    ----------
    J. H. Lee, "Analyses of multiple evidence combination", SIGIR 1997.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> hybrid = Hybrid({"popular": Popular(), "ease": Ease()}, {"popular": 0.5, "ease": 0.5}).fit(seen)
    >>> hybrid.score([seen.history(2)]).shape
    (1, 2)
    """

    name = "hybrid"

    def __init__(
        self,
        members: Mapping[str, Scorer] | None = None,
        weights: Mapping[str, float] | None = None,
        *,
        validation: Splitter | None = None,
        floor: float = 0.05,
    ) -> None:
        super().__init__(floor=floor)
        if weights is not None and (members is None or weights.keys() != members.keys()):
            raise ValueError("Weights need one entry for each given member.")
        if weights is not None and not all(np.isfinite(w) and w >= 0 for w in weights.values()):
            raise ValueError("Weights must be finite and not negative.")
        self.members: dict[str, Scorer] = dict(members or {})
        self.weights: dict[str, float] = dict(weights or {})
        self.floor = floor
        self._given = members is not None, weights is not None
        self._validation = validation or partial(random_per_visitor, fraction=0.1, seed=0)
        if self.members and all(member.item_ids for member in self.members.values()):
            self._take_columns()

    def fit(self, interactions: Interactions, items: Items | None = None) -> Hybrid:
        """Learn the weights on a split of `interactions`, unless they were given; then fit every member on all."""
        has_members, has_weights = self._given
        if not has_members:
            self.members = _default_members(items)
        if not has_weights:
            self.weights = self._learn_weights(interactions, items)
        for member in self.members.values():
            member.fit(interactions, items)
        self._take_columns()
        return self

    def rebase(self, items: Items) -> Hybrid:
        """Return a hybrid of the rebased members."""
        rebased = copy.copy(self)
        rebased.members = {name: member.rebase(items) for name, member in self.members.items()}
        rebased._take_columns()
        return rebased

    def coverage_mask(self) -> Mask:
        """Return which columns any member knows, shape (n_items,)."""
        known: Mask = np.logical_or.reduce(list(self._masks.values()))
        return known

    def save(self, directory: Path) -> None:
        """Write the weights, and every member below ``members/``."""
        meta = {"scorer": self.name, "params": self.params, "weights": self.weights}
        artifacts.write(directory, {}, meta)
        for name, member in self.members.items():
            member.save(directory / "members" / name)

    @classmethod
    def load(cls, directory: Path, mmap: bool = True) -> Hybrid:
        """Read what `save` wrote."""
        meta = artifacts.read_meta(directory)
        try:
            weights, params = dict(meta["weights"]), dict(meta["params"])
            if not all(name.isidentifier() for name in weights):
                raise ValueError("a member's name is not an identifier")
            members = {name: load_scorer(directory / "members" / name, mmap) for name in weights}
            return cls(members, weights, **params)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"The artifact of the hybrid is incomplete: {error!r}") from error

    def _learn_weights(self, interactions: Interactions, items: Items | None) -> dict[str, float]:
        try:
            split = self._validation(interactions)
        except ValueError:
            return dict.fromkeys(self.members, 1 / len(self.members))
        for member in self.members.values():
            member.fit(split.train, items)
        return tune_weights(self.members, split, floor=self.floor)

    def _take_columns(self) -> None:
        columns = {member.item_ids for member in self.members.values()}
        if len(columns) != 1:
            raise ValueError("The members of a hybrid must be fitted on the same items.")
        self.item_ids = columns.pop()
        self._masks = {name: member.coverage_mask() for name, member in self.members.items()}
        self._unknown = {name: np.flatnonzero(~mask) for name, mask in self._masks.items()}

    def _score(self, histories: Sequence[History]) -> Floats:
        total = np.zeros((len(histories), self.n_items), dtype=np.float32)
        for start in range(0, len(histories), BLOCK):
            part = histories[start : start + BLOCK]
            for name, member in self.members.items():
                scores = _standardise(member.score(part), self._unknown[name])[0]
                scores *= np.float32(self.weights[name])
                total[start : start + BLOCK] += scores
        return total

    def _appraise(self, history: History) -> Appraisal:
        total = np.zeros(self.n_items, dtype=np.float32)
        parts = []
        for name, member in self.members.items():
            appraisal = member.appraise(history)
            standard, means, scales = _standardise(appraisal.scores[None, :], self._unknown[name])
            total += standard[0] * np.float32(self.weights[name])
            parts.append(
                _Part(name, appraisal, self._masks[name], float(scales[0]) * self.weights[name], float(means[0]))
            )
        return Appraisal(total, partial(_attribute, parts))


def _default_members(items: Items | None) -> dict[str, Scorer]:
    members: dict[str, Scorer] = {"popular": Popular(), "ease": Ease(), "svd": Svd()}
    return members | ({"content": Content()} if items is not None and items.embeddings is not None else {})


def _standardise(scores: Floats, unknown: Indexes) -> tuple[Floats, Doubles, Doubles]:
    """Return z-scores over the known columns (0 elsewhere, and where a row is constant), the means and the scales."""
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
class _Part:
    """One member's share in one history's scores: ``(its score - mean) * factor`` where `mask` is true, else 0."""

    name: str
    appraisal: Appraisal
    mask: Mask
    factor: float
    mean: float

    def attribute(self, items: Sequence[int]) -> Attribution:
        said = self.appraisal.attribute(items)
        own = [position for position, (_, item) in enumerate(said.sources) if item is not None]
        # What comes from no item of the history makes one sum with the mean that standardising took off.
        baseline = said.amounts.sum(axis=1) - said.amounts[:, own].sum(axis=1) - self.mean
        amounts = np.column_stack([said.amounts[:, own], baseline]) * self.factor
        amounts[~self.mask[np.asarray(items, dtype=np.int64)]] = 0
        sources = [(self.name, said.sources[position][1]) for position in own]
        return Attribution((*sources, (self.name, None)), amounts)


def _attribute(parts: Sequence[_Part], items: Sequence[int]) -> Attribution:
    said = [part.attribute(items) for part in parts]
    return Attribution(
        tuple(source for attribution in said for source in attribution.sources),
        np.concatenate([attribution.amounts for attribution in said], axis=1),
    )


def tune_weights(
    members: Mapping[str, Scorer],
    split: Split,
    *,
    k: int = 10,
    floor: float = 0.05,
    max_visitors: int = 1_000,
    rounds: int = 2,
    seed: int = 0,
) -> dict[str, float]:
    """Find the members' weights that give the best NDCG on a validation split.

    Parameters
    ----------
    members : mapping of str to Scorer
        Fitted on ``split.train`` (not on more: the validation part would leak).
    split : Split
        Validation; a part of the training data, never the hold-out.
    k : int
        Cut-off of the NDCG.
    floor : float
        Smallest weight of a member.
    max_visitors : int
        Visitors to look at, sampled with `seed` when there are more.
    rounds : int
        How often coordinate ascent goes through the members.

    Returns
    -------
    dict of str to float
        Weights that sum to 1.

    Notes
    -----
    Only each visitor's 300 items of the largest standardised score with any member are kept: a blend's first ten are
    practically always among them, and a step then costs milliseconds at any catalog size.
    """
    names = list(members)
    if len(names) * floor >= 1 or floor < 0:
        raise ValueError(f"{len(names)} members cannot each have a weight of at least {floor}.")
    rows = split.test_rows
    if len(rows) > max_visitors:
        rows = np.sort(np.random.default_rng(seed).choice(rows, max_visitors, replace=False))
    if not len(rows):
        return dict.fromkeys(names, 1 / len(names))
    blocks = [_candidates(members, split, rows[start : start + BLOCK]) for start in range(0, len(rows), BLOCK)]
    scores, gains = np.concatenate([b[0] for b in blocks], axis=1), np.concatenate([b[1] for b in blocks])
    objective = partial(_blend_ndcg, scores, gains, k)
    starts = [np.full(len(names), 1 / len(names)), *np.eye(len(names))]
    weights = max(starts, key=objective)
    for _ in range(rounds):
        for position in range(len(names)):
            weights = max([weights, *_moves(weights, position)], key=objective)
    weights = floor + (1 - floor * len(names)) * weights
    return dict(zip(names, weights.round(4).tolist(), strict=True))


def _moves(weights: Doubles, position: int) -> Iterator[Doubles]:
    """Yield the weights with one of them changed, on the scale where all sum to 1."""
    base = weights[position] if weights[position] > 0 else 1 / len(weights)
    for multiple in MULTIPLES:
        moved = weights.copy()
        moved[position] = base * multiple
        if moved.sum() > 0:
            yield moved / moved.sum()


def _candidates(members: Mapping[str, Scorer], split: Split, rows: np.ndarray) -> tuple[Floats, Floats]:
    """Return standardised scores (members, visitors, candidates) and the gains of these candidates.

    A visitor's gains are ``1 / ideal DCG`` at held-out candidates, so that discounting and summing gives the NDCG.
    """
    histories = split.train.histories(rows)
    scores = np.stack(
        [_standardise(m.score(histories), np.flatnonzero(~m.coverage_mask()))[0] for m in members.values()]
    )
    best = scores.max(axis=0)
    seen = split.train.matrix[rows].nonzero()
    best[seen] = -np.inf
    chosen = top_rows(best, min(CANDIDATES, best.shape[1]))
    usable = chosen >= 0
    chosen = np.maximum(chosen, 0)
    kept = np.take_along_axis(scores, np.broadcast_to(chosen, (len(scores), *chosen.shape)), axis=2)
    held_out = split.test.matrix[rows]
    relevant = np.zeros(best.shape, dtype=np.float32)
    relevant[held_out.nonzero()] = 1
    gains = np.take_along_axis(relevant, chosen, axis=1) * usable
    return np.where(usable, kept, np.float32(-1e6)), np.column_stack([gains, np.diff(held_out.indptr)])


def _blend_ndcg(scores: Floats, gains: Floats, k: int, weights: Doubles) -> float:
    blended = np.tensordot(weights.astype(np.float32), scores, axes=1)
    ranked = np.maximum(top_rows(blended, k), 0)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(gains[:, -1].astype(np.int64), k) - 1]
    found = np.take_along_axis(gains[:, :-1], ranked, axis=1)
    return float((found @ discounts / ideal).mean())
