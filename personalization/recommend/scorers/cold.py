"""Factors for items that nobody has seen, read off their texts."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import Floats, Interactions, Items, Mask
from personalization.recommend.scorers.als import Als
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.factors import Factors
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.svd import Svd

BASES = ("als", "svd")


@register
class Cold(Factors):
    """Learn factors from visitors, and from texts what factors an item will have: new items are ranked at once.

    Parameters
    ----------
    base : {"als", "svd"}
        Whose factors. "als" needs implicit, ``pip install "wagtail-slots[models]"``; "svd" needs nothing more.
    factors : int
        Numbers for each item.
    ridge : float
        L2 penalty of the regression from texts to factors; embeddings have unit length.
    trust : float
        How many visitors an item needs for its own factors to count as much as those read off its text. 0: the text
        speaks only for items that nobody has seen.
    seed : int
        Of the factors.

    Notes
    -----
    ``B = (E'E + ridge I)^-1 E' (Z - mean of Z)`` over the items with visitors and a text, ``E`` their centred
    embeddings and ``Z`` their factors; an item of ``n`` visitors gets ``(n z + trust (e B + mean)) / (n + trust)``.
    Visitors are folded in as in `Factors`, by the new items that they have read, too. Later embeddings must be centred
    on `mean`.

    Memory: ``4 (n_items + dimensions) * factors`` bytes.

    References
    ----------
    Z. Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010.

    Examples
    --------
    >>> from personalization.recommend.data import History
    >>> seen = Interactions.from_rows(list("aabbcc"), list("xyxyzw"), range(6))
    >>> items = Items(ids=tuple("wxyz"), embeddings=np.array([[0, 1], [1, 0], [1, 0], [0, 1]]))
    >>> scorer = Cold(base="svd", factors=2, ridge=0.1).fit(seen, items)
    >>> new = Items(ids=("x", "like x", "like z"), embeddings=np.array([[1, 0], [1, 0], [0, 1]]))
    >>> _, like_x, like_z = scorer.rebase(new).score([History([0])])[0]
    >>> bool(like_x > like_z)
    True
    """

    name = "cold"
    weighted = False
    mean: Floats | None = None

    def __init__(
        self, *, base: str = "als", factors: int = 64, ridge: float = 10.0, trust: float = 5.0, seed: int = 0
    ) -> None:
        check_positive(factors=factors, ridge=ridge)
        if base not in BASES or not trust >= 0:
            raise ValueError(f"base must be one of {', '.join(BASES)}, and trust must not be negative.")
        super().__init__(base=base, factors=factors, ridge=ridge, trust=trust, seed=seed)
        self.base, self.factors, self.ridge, self.trust, self.seed = base, factors, ridge, trust, seed

    def fit(self, interactions: Interactions, items: Items | None = None) -> Cold:
        """Learn the factors, then what the texts say about them.

        Raises
        ------
        ValueError
            If there are no embeddings.
        ImportError
            If the base is "als" and implicit is not installed.
        """
        texts = items.aligned_to(interactions.item_ids) if items is not None else None
        if items is None or texts is None:
            raise ValueError(f"The scorer {self.name!r} reads: fit it with items that have embeddings.")
        base = (Als if self.base == "als" else Svd)(factors=self.factors, seed=self.seed).fit(interactions)
        self._learn_ids(interactions)
        self._trained, self.mean = len(self.learned_ids), items.mean
        self.confidence = base.confidence if isinstance(base, Als) else 0.0
        self._learn_texts(base._vectors, texts, np.bincount(interactions.matrix.indices, minlength=len(texts)))
        return self

    def _learn_texts(self, own: Floats, texts: Floats, visitors: Array) -> None:
        readable: Mask = np.asarray(texts.any(axis=1))
        pairs = readable & (visitors > 0)
        E = texts[pairs].astype(np.float64)
        self._average: Floats = own[pairs].mean(axis=0) if pairs.any() else np.zeros(own.shape[1], np.float32)
        system = E.T @ E + self.ridge * np.eye(E.shape[1])
        self._reading = np.linalg.solve(system, E.T @ (own[pairs] - self._average)).astype(np.float32)
        share = (visitors / np.maximum(visitors + self.trust * readable, 1e-9)).astype(np.float32)[:, None]
        read = np.where(readable[:, None], self._read(texts), 0)
        self._vectors = np.ascontiguousarray(share * own + (1 - share) * read, dtype=np.float32)
        self._known = self._known | readable

    def _read(self, texts: Floats) -> Floats:
        factors: Floats = texts @ self._reading + self._average
        return factors

    def rebase(self, items: Items) -> Cold:
        """Return the same scorer for the columns of `items`; those without factors get them from their embeddings."""
        trained = copy.copy(self)
        trained.learned_ids = self.learned_ids[: self._trained]
        rebased = super(Cold, trained).rebase(items)
        rebased._vectors, rebased._known = self._vectors[: self._trained], self._known[: self._trained]
        if items.embeddings is None:
            return rebased
        new = np.flatnonzero(~rebased.coverage_mask() & items.embeddings.any(axis=1))
        rebased._source[new] = self._trained + np.arange(len(new))
        rebased.learned_ids = (*trained.learned_ids, *(items.ids[column] for column in new.tolist()))
        rebased._vectors = np.concatenate([rebased._vectors, self._read(items.embeddings[new])])
        rebased._known = np.concatenate([rebased._known, np.ones(len(new), dtype=np.bool_)])
        return rebased

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        mean = {} if self.mean is None else {"mean": self.mean}
        return {**super()._arrays(), "reading": self._reading, "average": self._average} | mean

    def _meta(self) -> dict[str, Any]:
        return {**super()._meta(), "trained": self._trained, "confidence": self.confidence}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._reading, self._average, self.mean = arrays["reading"], arrays["average"], arrays.get("mean")
        self._trained, self.confidence = int(meta["trained"]), float(meta["confidence"])
