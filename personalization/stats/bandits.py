"""Serving while learning: Thompson sampling over a few arms, with a floor for each and the propensities to log."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from personalization.stats.statistics import Doubles

NODES = 512  # of the quadrature; errors stay below 1e-6 for posteriors as narrow as 1e5 observations give

ROUNDING = 1e-9  # a floor of one over the number of arms may come out above it


@dataclass(frozen=True, eq=False)
class BetaArms:
    """What is believed of each arm's rate: counts that add, fade, and give probabilities to be best.

    Parameters
    ----------
    successes, failures : array, shape (n_arms,)
        Counts, not negative; fractions once they have faded.
    prior_successes, prior_failures : float
        What is believed beforehand, as counts above zero.

    Raises
    ------
    ValueError
        If counts or priors are out of range.

    References
    ----------
    W. R. Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of two
    samples", Biometrika 25, 1933. O. Chapelle, L. Li, "An empirical evaluation of Thompson sampling", NIPS 2011.

    Examples
    --------
    >>> arms = BetaArms([10, 20], [90, 80])
    >>> arms.propensities(floor=0.1).round(2).tolist()
    [0.12, 0.88]
    """

    successes: ArrayLike
    failures: ArrayLike
    prior_successes: float = 1.0
    prior_failures: float = 1.0

    def __post_init__(self) -> None:
        hits, misses = (np.asarray(counts, np.float64) for counts in (self.successes, self.failures))
        if hits.ndim != 1 or hits.shape != misses.shape or not hits.size:
            raise ValueError("There must be successes and failures for each arm.")
        if not (np.isfinite([hits, misses]).all() and (hits >= 0).all() and (misses >= 0).all()):
            raise ValueError("Counts must be finite and not negative.")
        if not (self.prior_successes > 0 and self.prior_failures > 0):
            raise ValueError("The prior counts must be above zero.")

    def updated(self, successes: ArrayLike, failures: ArrayLike, decay: float = 1.0) -> BetaArms:
        """Fade what is known and add a batch, so that the belief follows a drifting rate.

        Parameters
        ----------
        successes, failures : array, shape (n_arms,)
            Of the batch.
        decay : float
            Share of the old counts that is kept, above 0 and at most 1; with one batch a day, 0.9 remembers about ten
            days.

        Returns
        -------
        BetaArms

        Raises
        ------
        ValueError
            If the decay is out of range.
        """
        if not 0 < decay <= 1:
            raise ValueError("The decay must lie above 0 and be at most 1.")
        hits = np.asarray(self.successes, np.float64) * decay + np.asarray(successes, np.float64)
        misses = np.asarray(self.failures, np.float64) * decay + np.asarray(failures, np.float64)
        return BetaArms(hits, misses, self.prior_successes, self.prior_failures)

    def chances(self) -> Doubles:
        """Return each arm's probability to be the best, shape (n_arms,), by numerical integration.

        Notes
        -----
        ``P(i) = integral of f_i(x) prod over j != i of F_j(x) dx``, over the quantiles where anything happens.
        """
        a = np.asarray(self.successes, np.float64) + self.prior_successes
        b = np.asarray(self.failures, np.float64) + self.prior_failures
        x, dx = _grid(a, b)
        below = betainc(a[:, None], b[:, None], x)
        density = np.exp((a[:, None] - 1) * np.log(x) + (b[:, None] - 1) * np.log1p(-x) - betaln(a, b)[:, None])
        best = np.array([_product_without(below, arm) for arm in range(a.size)])
        chances: Doubles = (density * best * dx).sum(axis=1)
        chances /= chances.sum()
        return chances

    def propensities(self, floor: float = 0.0) -> Doubles:
        """Return the probability with which to serve each arm: Thompson's, mixed with an even share.

        Parameters
        ----------
        floor : float
            Least share of an arm, at most one over their number. It keeps every arm measurable, off policy too.

        Returns
        -------
        array, shape (n_arms,)
            ``floor + (1 - n_arms floor) * chance``; sums to 1. Log the served arm's with its exposure.

        Raises
        ------
        ValueError
            If the floors do not fit.
        """
        chances = self.chances()
        return with_floor(chances, floor)


def with_floor(chances: ArrayLike, floor: float) -> Doubles:
    """Mix probabilities with an even share, so that none is below the floor.

    Examples
    --------
    >>> with_floor([1.0, 0.0], 0.1).tolist()
    [0.9, 0.1]
    """
    array = np.asarray(chances, np.float64)
    shared = floor * array.size
    if not 0 <= shared <= 1 + ROUNDING:
        raise ValueError("The floor must not be negative, and the floors of all arms not exceed 1.")
    mixed: Doubles = floor + max(0.0, 1 - shared) * array
    return mixed


def _product_without(rows: Doubles, left_out: int) -> Doubles:
    product: Doubles = np.delete(rows, left_out, axis=0).prod(axis=0)
    return product


def _grid(a: Doubles, b: Doubles) -> tuple[Doubles, Doubles]:
    """Place nodes in every arm's bulk: Gauss-Legendre on the pieces between their ends, on a stretched line.

    On ``x = sin(t)**2`` the density stays bounded for all counts of half a visitor and more.
    """
    mean, total = a / (a + b), a + b
    sd = np.sqrt(mean * (1 - mean) / (total + 1))
    steps = np.array([-40, -12, -7, -4, -2, 0, 2, 4, 7, 12, 40], np.float64)
    cuts = np.arcsin(np.sqrt(np.clip(mean[:, None] + steps * sd[:, None], 0, 1)))
    ends = np.unique(np.concatenate([[0, math.pi / 2], cuts.ravel()]))
    nodes, weights = np.polynomial.legendre.leggauss(max(8, NODES // ends.size))
    half = np.diff(ends)[:, None] / 2
    t = (ends[:-1, None] + half * (nodes + 1)).ravel()
    return np.sin(t) ** 2, (half * weights).ravel() * np.sin(2 * t)


def draw(propensities: Sequence[float] | Doubles, place: float) -> int:
    """Return the arm at a place on the line [0, 1), such as a `bucket`: a visitor keeps it while the belief stands.

    Examples
    --------
    >>> draw([0.2, 0.8], 0.5)
    1
    """
    ends = np.cumsum(propensities)
    return int(min(np.searchsorted(ends, place * ends[-1], side="right"), len(ends) - 1))
