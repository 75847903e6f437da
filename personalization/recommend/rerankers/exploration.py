"""Showing now and then what is not thought best, to learn: by a share of the places, or by what is uncertain."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from personalization.recommend.data import Doubles, Indexes, Mask
from personalization.recommend.rerankers.choosing import top
from personalization.recommend.rerankers.scales import doubles


def generator(*words: str) -> np.random.Generator:
    """Return a random generator that is the same for the same words, such as a visitor, a slot and an hour.

    Examples
    --------
    >>> generator("ann", "home").random() == generator("ann", "home").random()
    True
    """
    digest = hashlib.blake2b("\x1f".join(words).encode(), digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


class Explored(NamedTuple):
    """A list, which of its items come from the tail, and with what probability each was put at its place."""

    ranked: Indexes
    explored: Mask
    propensities: Doubles


def explore_epsilon(ranked: ArrayLike, k: int, epsilon: float, random: np.random.Generator) -> Explored:
    """Give each of the first `k` places, with probability `epsilon`, to an item that would not be listed.

    Parameters
    ----------
    ranked : array of int, shape (m,)
        Indexes, best first: the first `k` are the list, those after it the tail.
    k : int
        How many at most.
    epsilon : float
        Share of places to explore with, in 0..1.
    random : numpy.random.Generator
        As from `generator`: seeded, so that the page stays the same when it is loaded again.

    Returns
    -------
    Explored
        Three arrays of shape (min(k, m),). A propensity is the probability of the item at its place, given the places
        before it: ``epsilon / number of tail items left`` if it was drawn, ``1 - epsilon`` if not, 1 where no tail is
        left. Their product is the probability of the whole list; they are what off-policy estimates divide by.

    Raises
    ------
    ValueError
        If `epsilon` is not in 0..1.

    References
    ----------
    L. Li, W. Chu, J. Langford, X. Wang, "Unbiased offline evaluation of contextual-bandit-based news article
    recommendation algorithms", WSDM 2011.

    Examples
    --------
    >>> shown = explore_epsilon([5, 6, 7, 8], k=2, epsilon=1.0, random=generator("ann"))
    >>> sorted(shown.ranked.tolist()), shown.explored.tolist(), shown.propensities.tolist()
    ([7, 8], [True, True], [0.5, 1.0])
    """
    if not 0 <= epsilon <= 1:
        raise ValueError("The share of places to explore with must lie in 0..1.")
    order = np.asarray(ranked, dtype=np.int64).tolist()
    head, tail = iter(order[:k]), order[k:]
    chosen: list[int] = []
    explored: list[bool] = []
    propensities: list[float] = []
    for _ in order[: max(k, 0)]:
        is_drawn = bool(tail) and random.random() < epsilon
        propensities.append((epsilon / len(tail) if is_drawn else 1 - epsilon) if tail else 1.0)
        chosen.append(tail.pop(int(random.integers(len(tail)))) if is_drawn else next(head))
        explored.append(is_drawn)
    return Explored(np.asarray(chosen, np.int64), np.asarray(explored, np.bool_), np.asarray(propensities, np.float64))


class Sampler(Protocol):
    """A belief about how well each item does, from which one draws: what Thompson sampling needs of a model."""

    def sample(self, random: np.random.Generator) -> Doubles:
        """Draw one plausible value for each item, shape (n_items,)."""
        ...


@dataclass(frozen=True, eq=False)
class BetaPosterior:
    """What clicks and impressions say about each item's click rate.

    Parameters
    ----------
    clicks, impressions : array, shape (n_items,)
        Counts; never more clicks than impressions.
    prior_clicks, prior_misses : float
        What is believed beforehand, as counts; above zero.

    Raises
    ------
    ValueError
        If counts do not fit or a prior is not above zero.

    References
    ----------
    O. Chapelle, L. Li, "An empirical evaluation of Thompson sampling", NIPS 2011.

    Examples
    --------
    >>> belief = BetaPosterior(clicks=[8, 0], impressions=[98, 0])
    >>> belief.mean.tolist(), belief.sample(generator("ann")).shape
    ([0.09, 0.5], (2,))
    """

    clicks: ArrayLike
    impressions: ArrayLike
    prior_clicks: float = 1.0
    prior_misses: float = 1.0

    def __post_init__(self) -> None:
        clicks, impressions = doubles(self.clicks), doubles(self.impressions)
        if clicks.shape != impressions.shape or not ((clicks >= 0) & (clicks <= impressions)).all():
            raise ValueError("There must be impressions for each item, and never more clicks than those.")
        if not self.prior_clicks > 0 or not self.prior_misses > 0:
            raise ValueError("The prior counts must be above zero.")

    @property
    def mean(self) -> Doubles:
        """The expected click rate of each item."""
        hits, misses = self._counts
        return hits / (hits + misses)

    def sample(self, random: np.random.Generator) -> Doubles:
        """Draw one plausible click rate for each item."""
        hits, misses = self._counts
        return doubles(random.beta(hits, misses))

    @property
    def _counts(self) -> tuple[Doubles, Doubles]:
        clicks = doubles(self.clicks)
        return clicks + self.prior_clicks, doubles(self.impressions) - clicks + self.prior_misses


def explore_posterior(candidates: ArrayLike, sampler: Sampler, k: int, random: np.random.Generator) -> Indexes:
    """Rank candidates by one draw of a belief about them: Thompson sampling.

    Parameters
    ----------
    candidates : array of int, shape (m,)
        Indexes into what the sampler knows.
    sampler : Sampler
        Such as a `BetaPosterior`.
    k : int
        How many at most.
    random : numpy.random.Generator
        As from `generator`.

    Returns
    -------
    array of int64, shape (min(k, m),)
        Best draw first. What is certain to be good stands high, what is unknown has its chance.

    Examples
    --------
    >>> belief = BetaPosterior(clicks=[0, 900, 0], impressions=[1000, 1000, 1000])
    >>> explore_posterior([0, 1], belief, k=1, random=generator("ann")).tolist()
    [1]
    """
    pool = np.asarray(candidates, dtype=np.int64)
    return pool[top(sampler.sample(random)[pool], None, k)]
