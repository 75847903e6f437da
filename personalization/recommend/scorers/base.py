"""What every scorer is and does, and the parts that most of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend import artifacts
from personalization.recommend.artifacts import Array, ArtifactError
from personalization.recommend.data import (
    Appraisal,
    Doubles,
    Explanation,
    Floats,
    History,
    Interactions,
    Items,
    Mask,
)

SECONDS_PER_DAY = 86_400.0


@runtime_checkable
class Scorer(Protocol):
    """Anything that gives every item a number for every visitor, and can say why.

    Attributes
    ----------
    name : str
        The scorer's word in settings, reports and explanations.
    item_ids : tuple of str
        After `fit`: the columns of `score` and the meaning of a history's indexes.
    """

    name: ClassVar[str]
    item_ids: tuple[str, ...]

    def fit(self, interactions: Interactions, items: Items | None = None) -> Scorer:
        """Learn; the columns become those of `interactions`. `items` is matched by group."""
        ...

    def score(self, histories: Sequence[History]) -> Floats:
        """Return scores, shape (n_histories, n_items); 0 where nothing is known."""
        ...

    def explain(self, history: History, item: int) -> Explanation:
        """Say why one item got its score: the contributions add up to it."""
        ...

    def explain_many(self, history: History, items: Sequence[int]) -> list[Explanation]:
        """Explain several items of one history, sharing the work."""
        ...

    def appraise(self, history: History) -> Appraisal:
        """Score one history and keep what is needed to explain any of its items cheaply: for serving a page."""
        ...

    def coverage_mask(self) -> Mask:
        """Return which columns the scorer can say anything about, shape (n_items,)."""
        ...

    def rebase(self, items: Items) -> Scorer:
        """Return a scorer with the same learned parameters whose columns (and histories) follow `items`."""
        ...

    def save(self, directory: Path) -> None:
        """Write everything that `load` needs."""
        ...


class BaseScorer(ABC):
    """Parameters, saving and loading; a scorer adds its arrays."""

    name: ClassVar[str]
    item_ids: tuple[str, ...] = ()

    def __init__(self, **params: Any) -> None:
        self.params = params

    @property
    def n_items(self) -> int:
        """Number of columns."""
        return len(self.item_ids)

    def score(self, histories: Sequence[History]) -> Floats:
        """Return scores, shape (n_histories, n_items); 0 where nothing is known."""
        self._check(histories)
        if not histories:
            return np.zeros((0, self.n_items), dtype=np.float32)
        return self._score(histories)

    def explain(self, history: History, item: int) -> Explanation:
        """Say why one item got its score: the contributions add up to it."""
        return self.explain_many(history, [item])[0]

    def explain_many(self, history: History, items: Sequence[int]) -> list[Explanation]:
        """Explain several items of one history, sharing the work."""
        self._check([history])
        if any(not 0 <= item < self.n_items for item in items):
            raise ValueError(f"An item to explain must be a column from 0 to {self.n_items - 1}.")
        return self._appraise(history).attribute(items).explanations()

    def appraise(self, history: History) -> Appraisal:
        """Score one history and keep what is needed to explain any of its items cheaply: for serving a page."""
        self._check([history])
        return self._appraise(history)

    def save(self, directory: Path) -> None:
        """Write parameters, ids and arrays below a directory."""
        meta = {"scorer": self.name, "params": self.params, "item_ids": list(self.item_ids)}
        artifacts.write(directory, self._arrays(), meta | self._meta())

    @classmethod
    def load(cls, directory: Path, mmap: bool = True) -> Self:
        """Read what `save` wrote."""
        arrays, meta = artifacts.read(directory, mmap)
        if meta.get("scorer") != cls.name:
            raise ArtifactError(f"The artifact holds the scorer {meta.get('scorer')!r}, not {cls.name!r}.")
        try:
            scorer = cls(**meta["params"])
            scorer._restore(arrays, meta)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"The artifact of {cls.name!r} is incomplete: {error!r}") from error
        return scorer

    def _check(self, histories: Sequence[History]) -> None:
        if not self.item_ids:
            raise ValueError(f"The scorer {self.name!r} has no items: call fit or load first.")
        for history in histories:
            highest = max(history.items.max() if len(history) else -1, history.context or 0)
            if highest >= self.n_items:
                raise ValueError(f"A history names column {highest}; the scorer has {self.n_items} items.")

    @abstractmethod
    def fit(self, interactions: Interactions, items: Items | None = None) -> Self:
        """Learn; the columns become those of `interactions`. `items` is matched by group."""

    @abstractmethod
    def rebase(self, items: Items) -> Self:
        """Return a scorer with the same learned parameters whose columns (and histories) follow `items`."""

    @abstractmethod
    def coverage_mask(self) -> Mask:
        """Return which columns the scorer can say anything about, shape (n_items,)."""

    @abstractmethod
    def _score(self, histories: Sequence[History]) -> Floats: ...

    @abstractmethod
    def _appraise(self, history: History) -> Appraisal: ...

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {}

    def _meta(self) -> dict[str, Any]:
        return {}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        """Take back what `_arrays` and `_meta` gave."""
        self.item_ids = tuple(meta["item_ids"])


def product(matrix: Floats, vector: Floats) -> Floats:
    """Return ``matrix @ vector`` by one core.

    BLAS wakes every core for half a millisecond's work, and on a busy server waits for each of them.
    """
    result: Floats = np.einsum("ij,j->i", matrix, vector)
    return result


def recency(history: History, half_life_days: float) -> Doubles:
    """Return the weight of each item of a history, halved for every `half_life_days` before its newest one."""
    ages = history.timestamps.max(initial=-np.inf) - history.timestamps
    decayed: Doubles = history.weights * np.exp2(-ages / (half_life_days * SECONDS_PER_DAY))
    return decayed


def check_positive(**numbers: float | None) -> None:
    """Refuse parameters that must be above zero and are not."""
    for name, number in numbers.items():
        if number is not None and not number > 0:
            raise ValueError(f"{name} must be above zero, not {number}.")
