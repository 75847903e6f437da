"""What another policy would have earned, from the log of the one that served."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from personalization.stats.statistics import Doubles


@dataclass(frozen=True)
class Estimate:
    """A policy's value.

    Parameters
    ----------
    value : float
        Expected reward for each decision.
    interval : (float, float)
        By the central limit theorem; meant for an effective sample of some hundreds and more.
    effective_n : float
        ``sum(w)**2 / sum(w**2)``: how many decisions of its own the log is worth.
    """

    value: float
    interval: tuple[float, float]
    effective_n: float


def off_policy_value(
    rewards: ArrayLike,
    logged: ArrayLike,
    target: ArrayLike,
    *,
    method: Literal["ips", "snips", "doubly_robust"] = "snips",
    predicted: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    alpha: float = 0.05,
    cap: float = math.inf,
    clusters: ArrayLike | None = None,
) -> Estimate:
    """Estimate the value of a policy from decisions that another one took.

    Parameters
    ----------
    rewards : array, shape (n,)
        What each decision earned.
    logged : array, shape (n,)
        Probability with which the arm that was served had been chosen, above zero: the logged propensity.
    target : array, shape (n,)
        Probability with which the other policy would have chosen that same arm.
    method : {"ips", "snips", "doubly_robust"}
        Inverse propensity scores, unbiased; self-normalized ones, steadier; or both a model of the rewards and the
        scores, right if either is.
    predicted, expected : array, shape (n,), optional
        For ``doubly_robust``: the model's reward for the arm served, and its expectation under the other policy,
        ``sum over arms of target * prediction``. The model must not have seen the same decisions.
    alpha : float
        One minus the coverage of the interval.
    cap : float
        Greatest weight; a finite one trades variance for bias.
    clusters : array, shape (n,), optional
        Whose decision each was. Those of one visitor resemble each other; the interval then takes visitors, and not
        decisions, for independent.

    Returns
    -------
    Estimate
        With weights ``w = min(cap, target / logged)``: ``mean(w r)``; ``sum(w r) / sum(w)``, variance by the delta
        method; ``mean(expected + w (r - predicted))``.

    Raises
    ------
    ValueError
        If there are fewer than two decisions or clusters, shapes differ, probabilities are out of range, the policies
        share no arm, or a model's predictions are missing.

    References
    ----------
    D. G. Horvitz, D. J. Thompson, JASA 47, 1952. A. Swaminathan, T. Joachims, "The self-normalized estimator for
    counterfactual learning", NIPS 2015. M. Dudik, J. Langford, L. Li, "Doubly robust policy evaluation and learning",
    ICML 2011.

    Examples
    --------
    >>> served = [0, 1, 0, 1]  # by the toss of a coin; always 1 would have earned
    >>> off_policy_value([0.0, 1.0, 0.0, 0.5], [0.5] * 4, [float(arm == 1) for arm in served]).value
    0.75
    """
    reward, weights = _weighed(rewards, logged, target, cap)
    if not 0 < alpha < 1 or method not in ("ips", "snips", "doubly_robust"):
        raise ValueError('alpha must lie between 0 and 1, and the method be "ips", "snips" or "doubly_robust".')
    if method == "ips":
        terms = weights * reward
    elif method == "snips":
        value = float((weights * reward).sum() / weights.sum())
        terms = value + weights * (reward - value) / weights.mean()
    else:
        model, outlook = _model(predicted, reward), _model(expected, reward)
        terms = outlook + weights * (reward - model)
    value = float(terms.mean())
    reach = -float(ndtri(alpha / 2)) * _standard_error(terms - value, clusters)
    return Estimate(value, (value - reach, value + reach), float(weights.sum() ** 2 / (weights**2).sum()))


def _standard_error(residuals: Doubles, clusters: ArrayLike | None) -> float:
    """Return that of the mean of terms, from what each has above it; terms of one cluster may depend on each other."""
    sums = residuals
    if clusters is not None:
        if np.shape(clusters) != residuals.shape:
            raise ValueError("There must be a cluster for each decision.")
        sums = np.bincount(np.unique(clusters, return_inverse=True)[1], weights=residuals).astype(np.float64)
    if sums.size < 2:
        raise ValueError("There must be at least two clusters.")
    return math.sqrt(sums.size / (sums.size - 1) * float((sums**2).sum())) / residuals.size


def _weighed(rewards: ArrayLike, logged: ArrayLike, target: ArrayLike, cap: float) -> tuple[Doubles, Doubles]:
    reward, was, would = (np.asarray(values, np.float64) for values in (rewards, logged, target))
    if reward.ndim != 1 or reward.size < 2 or not reward.shape == was.shape == would.shape:
        raise ValueError("There must be at least two decisions, each with a reward and two probabilities.")
    if not (np.isfinite(reward).all() and ((was > 0) & (was <= 1)).all() and ((would >= 0) & (would <= 1)).all()):
        raise ValueError("Rewards must be finite, and probabilities in 0..1; a logged one is never zero.")
    weights = np.minimum(would / was, cap)
    if not weights.sum() > 0:
        raise ValueError("The other policy must choose some of what was served: else the log says nothing of it.")
    return reward, weights


def _model(values: ArrayLike | None, reward: Doubles) -> Doubles:
    if values is None or np.shape(values) != reward.shape:
        raise ValueError("There must be predictions for each decision: `predicted` and `expected`.")
    return np.asarray(values, np.float64)
