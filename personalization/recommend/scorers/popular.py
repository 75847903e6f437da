"""What many visitors choose (popular), also among those of one kind, and what more choose than usual (trending)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.artifacts import Array
from personalization.recommend.data import (
    SMALLEST_NORM,
    Appraisal,
    Attribution,
    Doubles,
    Floats,
    History,
    Interactions,
    Items,
)
from personalization.recommend.scorers.base import SECONDS_PER_DAY, check_positive
from personalization.recommend.scorers.collaborative import Learned
from personalization.recommend.scorers.registry import register


class SameForAll(Learned):
    """A scorer that has one number for each item, whoever asks."""

    _totals: Floats

    def _score(self, histories: Sequence[History]) -> Floats:
        return np.repeat(self._show(self._totals[None, :]), len(histories), axis=0)

    def _appraise(self, history: History) -> Appraisal:
        scores = self._score([history])[0]
        return Appraisal(scores, partial(_to_no_item, self.name, scores))

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "totals": self._totals}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._totals = arrays["totals"]


@register
class Popular(SameForAll):
    """Number of distinct visitors of an item, older visits counting less.

    Parameters
    ----------
    half_life_days : float or None
        After how many days a visit counts half; None: never.

    Notes
    -----
    ``score = log(1 + sum over visitors of 0.5 ** (age / half life))``, ages from the newest interaction known.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("abc"), list("xxy"), [0.0, 0.0, 0.0])
    >>> [round(float(score), 3) for score in Popular().fit(seen).score([History()])[0]]
    [1.099, 0.693]
    """

    name = "popular"

    def __init__(self, *, half_life_days: float | None = 30.0) -> None:
        check_positive(half_life_days=half_life_days)
        super().__init__(half_life_days=half_life_days)
        self.half_life_days = half_life_days

    def fit(self, interactions: Interactions, items: Items | None = None) -> Popular:
        """Count the visitors of every item."""
        self._learn_ids(interactions)
        self._totals = np.log1p(_count(interactions, _freshness(interactions, self.half_life_days))).astype(np.float32)
        return self


@register
class SegmentPopular(Learned):
    """Popularity among the visitors of the same segment or locale, leaning on everybody's where that is little known.

    Parameters
    ----------
    half_life_days : float or None
        After how many days a visit counts half; None: never.
    prior : float
        How many visits of everybody's taste are mixed into each segment: a segment of far fewer says what all say.

    Notes
    -----
    ``score = log(1 + N (n_sj + prior * p_j) / (n_s + prior))`` with ``n_sj`` the decayed visitors of item ``j`` in
    segment ``s``, ``n_s`` their sum, ``N`` that of all segments and ``p_j`` the item's share of it: the posterior mean
    of the segment's shares under a Dirichlet prior about everybody's. A visitor of an unknown segment gets the scores
    of `Popular`. Memory: ``4 n_items`` bytes for each segment.

    References
    ----------
    C. Zhai, J. Lafferty, "A study of smoothing methods for language models applied to information retrieval", ACM TOIS
    22(2), 2004 (Dirichlet prior).

    Examples
    --------
    >>> seen = Interactions.from_rows(list("abc"), list("xxy"), [0.0] * 3, segments={"a": "en", "b": "en", "c": "fr"})
    >>> scorer = SegmentPopular(prior=1).fit(seen)
    >>> english, french, anybody = scorer.score([History(segment="en"), History(segment="fr"), History()])
    >>> bool(english[0] > anybody[0] > french[0])
    True
    """

    name = "segment_popular"

    def __init__(self, *, half_life_days: float | None = 30.0, prior: float = 100.0) -> None:
        check_positive(half_life_days=half_life_days, prior=prior)
        super().__init__(half_life_days=half_life_days, prior=prior)
        self.half_life_days, self.prior = half_life_days, prior

    def fit(self, interactions: Interactions, items: Items | None = None) -> SegmentPopular:
        """Count the visitors of every item in every segment."""
        self._learn_ids(interactions)
        fresh = _freshness(interactions, self.half_life_days)
        everybody = _count(interactions, fresh)
        total = max(float(everybody.sum()), SMALLEST_NORM)
        rows = [everybody]
        self._segments = tuple(sorted(set(interactions.segments) - {""}))
        of_visitor = np.asarray(interactions.segments)[interactions.rows]
        for segment in self._segments:
            own = _count(interactions, fresh * (of_visitor == segment))
            rows.append(total * (own + self.prior * everybody / total) / (own.sum() + self.prior))
        self._totals: Floats = np.log1p(np.stack(rows)).astype(np.float32)
        return self

    def _score(self, histories: Sequence[History]) -> Floats:
        number = {segment: position for position, segment in enumerate(self._segments, start=1)}
        asked, place = np.unique([number.get(history.segment, 0) for history in histories], return_inverse=True)
        scores: Floats = self._show(self._totals[asked])[place]
        return scores

    def _appraise(self, history: History) -> Appraisal:
        scores = self._score([history])[0]
        return Appraisal(scores, partial(_to_no_item, self.name, scores))

    def _arrays(self) -> Mapping[str, Array | csr_array]:
        return {**super()._arrays(), "totals": self._totals}

    def _meta(self) -> dict[str, Any]:
        return {**super()._meta(), "segments": list(self._segments)}

    def _restore(self, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
        super()._restore(arrays, meta)
        self._totals, self._segments = arrays["totals"], tuple(meta["segments"])


@register
class Trending(SameForAll):
    """Visitors of the recent days against what the item's own longer past would lead one to expect.

    Parameters
    ----------
    recent_days : float
        Length of the recent window.
    past_days : float
        Length of the past before it.
    prior : float
        Visitors added to both sides: a jump from 0 to 2 means little, from 20 to 60 much.

    Notes
    -----
    ``score = log((recent + prior) / (expected + prior))`` with ``expected`` the recent visits of all items shared out
    as in the past, so a busier site alone makes nothing trend. Negative: the item cools down. Without any past it
    orders by recent visitors.

    Examples
    --------
    >>> day = 86_400.0
    >>> seen = Interactions.from_rows(list("abcdef"), list("xxyxyy"), [0, day, 2 * day, 60 * day, 60 * day, 60 * day])
    >>> scores = Trending(recent_days=2, past_days=90).fit(seen).score([History()])[0]
    >>> bool(scores[1] > 0 > scores[0])
    True
    """

    name = "trending"

    def __init__(self, *, recent_days: float = 3.0, past_days: float = 30.0, prior: float = 5.0) -> None:
        check_positive(recent_days=recent_days, past_days=past_days, prior=prior)
        super().__init__(recent_days=recent_days, past_days=past_days, prior=prior)
        self.recent_days, self.past_days, self.prior = recent_days, past_days, prior

    def fit(self, interactions: Interactions, items: Items | None = None) -> Trending:
        """Compare the recent window with the past before it."""
        self._learn_ids(interactions)
        ages = (interactions.timestamps.max(initial=0) - interactions.timestamps) / SECONDS_PER_DAY
        is_recent = ages <= self.recent_days
        recent = _count(interactions, is_recent)
        past = _count(interactions, ~is_recent & (ages <= self.recent_days + self.past_days))
        expected = past * (recent.sum() / past.sum()) if past.any() else past
        self._totals = np.log((recent + self.prior) / (expected + self.prior)).astype(np.float32)
        return self


def _to_no_item(name: str, scores: Floats, items: Sequence[int]) -> Attribution:
    picked = scores[np.asarray(items, dtype=np.int64)].astype(np.float64)
    return Attribution(((name, None),), picked[:, None])


def _freshness(interactions: Interactions, half_life_days: float | None) -> Doubles:
    ages = (interactions.timestamps.max(initial=0) - interactions.timestamps) / SECONDS_PER_DAY
    fresh: Doubles = np.exp2(-ages / half_life_days) if half_life_days else np.ones_like(ages)
    return fresh


def _count(interactions: Interactions, weights: Any) -> Doubles:
    counts = np.bincount(interactions.matrix.indices, weights=weights, minlength=interactions.n_items)
    return counts.astype(np.float64)
