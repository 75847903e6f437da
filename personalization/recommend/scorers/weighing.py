"""How a blend finds its members' weights: those under which what visitors chose is most likely."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from personalization.recommend.data import Doubles, Floats
from personalization.recommend.scorers.blending import Judged

# So many of a visitor's best candidates are compared: it is the first page that has to be right.
CANDIDATES = 50
PENALTY = 10.0


class Lesson(NamedTuple):
    """Candidates' features, shape (n_visitors, n_candidates, n_features), and each candidate's share of the choices."""

    features: Floats
    chosen: Floats


def chosen_shares(features: Floats, judged: Judged) -> Lesson:
    """Make a lesson of features, shape (n_features, n_visitors, n_candidates), and of what was held out.

    Each visitor counts once, whatever number of items was held out; one with none among the candidates not at all.
    """
    usable = judged.relevant.any(axis=1)
    relevant = judged.relevant[usable]
    # A place without a candidate is one that nobody would choose.
    present = np.where(judged.columns >= 0, features, np.float32(-1e3))[:, usable]
    return Lesson(np.ascontiguousarray(present.transpose(1, 2, 0)), relevant / relevant.sum(axis=1, keepdims=True))


def likeliest(lessons: Sequence[Lesson], start: Doubles, penalty: float = PENALTY) -> Doubles:
    """Find the weights, not negative, under which what was chosen is most likely.

    Parameters
    ----------
    lessons : sequence of Lesson
    start : array of float64, shape (n_features,)
        The weights to believe in without any lesson.
    penalty : float
        Of the squared distance from these, in visitors.

    Returns
    -------
    array of float64, shape (n_features,)

    Notes
    -----
    A conditional logit: ``P(j) = exp(w . x_j) / sum over candidates i of exp(w . x_i)``. Its likelihood is concave, so
    that the answer is the only one.

    Examples
    --------
    >>> features = np.array([[[2.0, 0.0], [0.0, 1.0]]] * 30, dtype=np.float32)
    >>> weights = likeliest([Lesson(features, np.array([[1.0, 0.0]] * 30))], np.full(2, 0.5))
    >>> bool(weights[0] > 0.5 > weights[1])
    True
    """

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        value, slope = penalty * float((weights - start) @ (weights - start)), 2 * penalty * (weights - start)
        for features, chosen in lessons:
            scores = features @ weights.astype(np.float32)
            chances = np.exp(scores - scores.max(axis=1, keepdims=True))
            chances /= chances.sum(axis=1, keepdims=True)
            value -= float((chosen * np.log(np.maximum(chances, 1e-30))).sum())
            slope -= np.einsum("vc,vcf->f", chosen - chances, features)
        return value, slope

    taught = [lesson for lesson in lessons if len(lesson.chosen)]
    if not taught:
        return start
    lessons = taught
    found: Doubles = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(start)).x
    return found


def best_weights(
    names: Sequence[str], judged: Sequence[Judged], *, floor: float = 0.02, penalty: float = PENALTY
) -> dict[str, float]:
    """Find weights for members' scores from one or more validation splits; equal ones where there is none.

    Parameters
    ----------
    names : sequence of str
        The members.
    judged : sequence of Judged
        Of all splits, with the members in this order.
    floor : float
        Smallest weight.
    penalty : float
        Of the squared distance from equal weights, in visitors.

    Returns
    -------
    dict of str to float
        Weights that sum to 1.

    Raises
    ------
    ValueError
        If the floor leaves the weights no room.

    Notes
    -----
    Likelihood, and not the NDCG itself: the best NDCG of many blends on a few hundred visitors owes much to chance, and
    does worse on others.
    """
    if len(names) * floor >= 1 or floor < 0:
        raise ValueError(f"{len(names)} members cannot each have a weight of at least {floor}.")
    equal = np.full(len(names), 1 / len(names))
    if not judged:
        return dict(zip(names, equal.tolist(), strict=True))
    weights = likeliest([chosen_shares(part.scores, part) for part in judged], equal, penalty)
    weights = weights / weights.sum() if weights.any() else equal
    return dict(zip(names, (floor + (1 - floor * len(names)) * weights).round(4).tolist(), strict=True))
