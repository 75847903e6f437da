"""Several interests of one visitor, each read off texts: mixed tastes are not averaged away."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from personalization.recommend.data import SMALLEST_NORM, Appraisal, Attribution, Floats, History, Indexes
from personalization.recommend.scorers.base import check_positive, recency
from personalization.recommend.scorers.content import Reader
from personalization.recommend.scorers.registry import register

# Interests are sought among so many of the newest items: older ones hardly count, and likenesses are pairwise.
NEWEST = 100


class Taste(NamedTuple):
    """A visitor's interests: directions (m, d) as long as they count, and their making from columns, (m, n)."""

    directions: Floats
    columns: Indexes
    making: Floats


@register
class Interests(Reader):
    """Cosine between each text and the nearest of the visitor's interests, the larger ones counting more.

    Parameters
    ----------
    interests : int
        The most that a visitor can have.
    half_life_days : float
        After how many days before the newest one an interaction counts half.
    gain : float
        How much of the history, from 0 to 1, another interest must explain that the others do not.
    power : float
        Of an interest's share of the history, by which its cosines are multiplied. 0: all count the same.

    Notes
    -----
    Medoids are chosen greedily from the history, each the item that adds most to ``sum over items of weight * cosine
    to the nearest medoid``; every item then belongs to its nearest one. An interest is the recency-weighted mean of its
    items, scaled to unit length, and ``score = max over interests of share ** power * cosine``. Where `Content` takes
    the middle between two tastes, which may be neither, this serves both. The newest 100 items are looked at. An
    interest that a history brings is used if none of its items can be read.

    References
    ----------
    A. Pal et al., "PinnerSage: Multi-Modal User Embedding Framework for Recommendations at Pinterest", KDD 2020; G.
    Nemhauser, L. Wolsey, M. Fisher, "An analysis of approximations for maximizing submodular set functions",
    Mathematical Programming 14, 1978 (the greedy choice).

    Examples
    --------
    >>> from personalization.recommend.data import Interactions, Items
    >>> seen = Interactions.from_rows(list("abc"), list("xyz"), [0.0, 0.0, 0.0])
    >>> items = Items(ids=tuple("xyz"), embeddings=np.array([[1.0, 0.0], [0.0, 1.0], [0.7, 0.7]]))
    >>> x, y, between = Interests().fit(seen, items).score([History([0, 1])])[0]
    >>> bool(x == y > between)
    True
    """

    name = "interests"

    def __init__(
        self, *, interests: int = 4, half_life_days: float = 180.0, gain: float = 0.1, power: float = 0.5
    ) -> None:
        check_positive(interests=interests, half_life_days=half_life_days)
        if not 0 <= gain <= 1 or not power >= 0:
            raise ValueError("gain must be from 0 to 1, and power must not be negative.")
        super().__init__(interests=interests, half_life_days=half_life_days, gain=gain, power=power)
        self.interests, self.half_life_days, self.gain, self.power = interests, half_life_days, gain, power

    def _score(self, histories: Sequence[History]) -> Floats:
        tastes = [self._taste(history) for history in histories]
        starts = np.cumsum([0, *(len(taste.directions) for taste in tastes[:-1])])
        said = np.concatenate([taste.directions for taste in tastes]) @ self._embeddings.T
        scores: Floats = np.maximum.reduceat(said, starts, axis=0)
        return scores

    def _appraise(self, history: History) -> Appraisal:
        taste = self._taste(history)
        return Appraisal((taste.directions @ self._embeddings.T).max(axis=0), partial(self._attribute, taste))

    def _attribute(self, taste: Taste, items: Sequence[int]) -> Attribution:
        targets = self._embeddings[np.asarray(items, dtype=np.int64)]
        said = targets @ taste.directions.T
        if not len(taste.columns):
            return Attribution(((self.name, None),), said.max(axis=1, keepdims=True).astype(np.float64))
        amounts = (targets @ self._embeddings[taste.columns].T) * taste.making[said.argmax(axis=1)]
        return Attribution(tuple((self.name, column) for column in taste.columns.tolist()), amounts.astype(np.float64))

    def _taste(self, history: History) -> Taste:
        newest = slice(-NEWEST, None)
        columns, weights = history.items[newest], recency(history, self.half_life_days).astype(np.float32)[newest]
        readable = self._present[columns] & (weights > 0)
        columns, weights = columns[readable], weights[readable]
        if not len(columns):
            return Taste(self._brought(history), columns, np.zeros((1, 0), dtype=np.float32))
        read = self._embeddings[columns]
        cosines = read @ read.T
        nearest = cosines[:, _medoids(cosines, weights, self.interests, self.gain)].argmax(axis=1)
        making = np.where(nearest == np.unique(nearest)[:, None], weights, 0)
        share = making.sum(axis=1, keepdims=True) / weights.sum()
        lengths = np.linalg.norm(making @ read, axis=1, keepdims=True)
        making = making * share**self.power / np.maximum(lengths, SMALLEST_NORM)
        return Taste((making @ read).astype(np.float32), columns, making.astype(np.float32))

    def _brought(self, history: History) -> Floats:
        size = self._embeddings.shape[1]
        if history.interest is None:
            return np.zeros((1, size), dtype=np.float32)
        if len(history.interest) != size:
            raise ValueError(f"The interest has {len(history.interest)} dimensions, the items {size}.")
        direction: Floats = history.interest / np.maximum(np.linalg.norm(history.interest), SMALLEST_NORM)
        return direction[None, :]


def _medoids(cosines: Floats, weights: Floats, most: int, gain: float) -> list[int]:
    """Choose items, each the one that brings the weighted rest nearest, while that gains enough."""
    chosen: list[int] = []
    nearest = np.zeros(len(weights), dtype=np.float32)
    while len(chosen) < most:
        gains = weights @ np.maximum(cosines - nearest[:, None], 0)
        best = int(gains.argmax())
        if chosen and gains[best] < gain * weights.sum():
            break
        chosen.append(best)
        nearest = np.maximum(nearest, cosines[:, best])
    return chosen
