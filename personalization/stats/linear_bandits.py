"""Serving by who asks: one linear model of the reward for each arm, kept as sums that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from personalization.stats.bandits import with_floor
from personalization.stats.statistics import Doubles


@dataclass(frozen=True, eq=False)
class LinearArms:
    """For each arm, sums of a ridge regression of the reward on the visitor's features.

    Parameters
    ----------
    grams : array, shape (n_arms, d, d)
        Sums over visitors of ``x x'``, without the ridge.
    products : array, shape (n_arms, d)
        Sums of ``x`` times the reward.
    ridge : float
        Precision of the prior, above zero: how little is expected of a feature nobody has seen.

    Raises
    ------
    ValueError
        If shapes do not fit or the ridge is not above zero.

    References
    ----------
    L. Li, W. Chu, J. Langford, R. E. Schapire, "A contextual-bandit approach to personalized news article
    recommendation", WWW 2010 (LinUCB). S. Agrawal, N. Goyal, "Thompson sampling for contextual bandits with linear
    payoffs", ICML 2013.

    Examples
    --------
    >>> arms = LinearArms.empty(2, 2).updated([[1, 0], [1, 0], [1, 1]], [0, 1, 1], [1.0, 0.0, 1.0])
    >>> arms.upper_bounds([1.0, 1.0]).round(2).tolist()
    [1.72, 1.37]
    >>> sorted(arms.sums())
    ['grams', 'products']
    """

    grams: Doubles
    products: Doubles
    ridge: float = 1.0

    def __post_init__(self) -> None:
        if self.products.ndim != 2 or self.grams.shape != (*self.products.shape, self.products.shape[1]):
            raise ValueError("There must be a square matrix and a row of products for each arm.")
        if not self.ridge > 0:
            raise ValueError("The ridge must be above zero.")

    @classmethod
    def empty(cls, n_arms: int, n_features: int, ridge: float = 1.0) -> LinearArms:
        """Return arms of which nothing is known."""
        return cls(np.zeros((n_arms, n_features, n_features)), np.zeros((n_arms, n_features)), ridge)

    def __add__(self, other: LinearArms) -> LinearArms:
        if self.ridge != other.ridge or self.products.shape != other.products.shape:
            raise ValueError("Only arms of the same features and ridge add up.")
        return LinearArms(self.grams + other.grams, self.products + other.products, self.ridge)

    def updated(self, features: ArrayLike, arms: ArrayLike, rewards: ArrayLike, decay: float = 1.0) -> LinearArms:
        """Fade what is known and add a batch.

        Parameters
        ----------
        features : array, shape (n, d)
            Of the visitors served; best with a constant 1 among them, and none far beyond 1.
        arms : array of int, shape (n,)
            What each was served.
        rewards : array, shape (n,)
            What came of it.
        decay : float
            Share of the old sums that is kept, above 0 and at most 1.

        Returns
        -------
        LinearArms

        Raises
        ------
        ValueError
            If the decay is out of range.
        """
        if not 0 < decay <= 1:
            raise ValueError("The decay must lie above 0 and be at most 1.")
        x, served, reward = np.asarray(features, np.float64), np.asarray(arms), np.asarray(rewards, np.float64)
        grams, products = self.grams * decay, self.products * decay
        for arm in range(len(products)):
            rows = x[served == arm]
            grams[arm] += rows.T @ rows
            products[arm] += rows.T @ reward[served == arm]
        return LinearArms(grams, products, self.ridge)

    def sums(self) -> dict[str, list[object]]:
        """Return the sums as lists, for a JSON column or an npz file; never a pickle."""
        return {"grams": self.grams.tolist(), "products": self.products.tolist()}

    def coefficients(self) -> Doubles:
        """Return each arm's ridge regression, shape (n_arms, d): times features it gives expected rewards."""
        precision = self.grams + self.ridge * np.eye(self.products.shape[1])
        return np.asarray(np.linalg.solve(precision, self.products[..., None])[..., 0], np.float64)

    def predict(self, features: ArrayLike) -> tuple[Doubles, Doubles]:
        """Return each arm's expected reward for one visitor, and its standard error for unit noise, both (n_arms,)."""
        x = np.asarray(features, np.float64)
        precision = self.grams + self.ridge * np.eye(x.size)
        solved = np.linalg.solve(precision, np.broadcast_to(x, self.products.shape)[..., None])[..., 0]
        return (solved * self.products).sum(axis=1), np.sqrt(solved @ x)

    def upper_bounds(self, features: ArrayLike, width: float = 1.0) -> Doubles:
        """Return LinUCB's optimistic rewards, shape (n_arms,): the expected one and `width` standard errors more."""
        mean, error = self.predict(features)
        return mean + width * error

    def propensities(
        self, features: ArrayLike, *, noise: float = 0.5, floor: float = 0.0, draws: int = 1000, seed: int = 0
    ) -> Doubles:
        """Return the probability with which linear Thompson sampling serves each arm to one visitor.

        Parameters
        ----------
        features : array, shape (d,)
            The visitor's.
        noise : float
            Standard deviation of a reward; that of a click is at most 0.5.
        floor : float
            Least share of an arm.
        draws, seed : int
            Of the Monte Carlo count; the same seed gives the same propensities, which therefore are exactly those to
            log when the arm is drawn from them.

        Returns
        -------
        array, shape (n_arms,)
            Sums to 1. Arms are independent, so only their rewards are drawn, not their coefficients.
        """
        mean, error = self.predict(features)
        drawn = mean + noise * error * np.random.default_rng(seed).standard_normal((draws, mean.size))
        return with_floor(np.bincount(drawn.argmax(axis=1), minlength=mean.size) / draws, floor)
