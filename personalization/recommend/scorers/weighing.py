"""How a blend finds its members' weights: by likelihood, then by NDCG where that is clearly better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from personalization.recommend.data import Doubles, Floats
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers.blending import Judged

MULTIPLES = (0.0, 0.25, 0.5, 0.75, 1.5, 2.0, 3.0)
PENALTY = 10.0
ABSENT = np.float32(-1e6)


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
    names: Sequence[str], judged: Sequence[Judged], *, k: int = 10, floor: float = 0.02, rounds: int = 2
) -> dict[str, float]:
    """Find weights for members' scores from one or more validation splits; equal ones where there is none.

    Parameters
    ----------
    names : sequence of str
        The members.
    judged : sequence of Judged
        Of all splits, with the members in this order.
    k : int
        Cut-off of the NDCG.
    floor : float
        Smallest weight.
    rounds : int
        How often coordinate ascent goes through the members.

    Returns
    -------
    dict of str to float
        Weights that sum to 1.

    Notes
    -----
    The likeliest weights are taken as a start. One after the other is then changed where that raises the NDCG by more
    than one standard error over the visitors: the best of many blends on a few hundred visitors owes much to chance.
    """
    check_floor(len(names), floor)
    equal = np.full(len(names), 1 / len(names))
    if not judged:
        return dict(zip(names, equal.tolist(), strict=True))
    weights = likeliest([chosen_shares(part.scores, part) for part in judged], equal)
    weights = _ascend(weights / weights.sum() if weights.any() else equal, judged, k, rounds)
    weights = floor + (1 - floor * len(names)) * weights / weights.sum()
    return dict(zip(names, weights.round(4).tolist(), strict=True))


def check_floor(n_members: int, floor: float) -> None:
    """Refuse a floor that leaves the weights no room."""
    if n_members * floor >= 1 or floor < 0:
        raise ValueError(f"{n_members} members cannot each have a weight of at least {floor}.")


def _ascend(weights: Doubles, judged: Sequence[Judged], k: int, rounds: int) -> Doubles:
    best = _ndcg(judged, k, weights)
    for _ in range(rounds):
        for position in range(len(weights)):
            for moved in list(_moves(weights, position)):
                values = _ndcg(judged, k, moved)
                gain = values - best
                if gain.mean() > gain.std() / np.sqrt(len(gain)):
                    weights, best = moved, values
    return weights


def _moves(weights: Doubles, position: int) -> Iterator[Doubles]:
    """Yield the weights with one of them changed, on the scale where all sum to 1."""
    base = weights[position] if weights[position] > 0 else 1 / len(weights)
    for multiple in MULTIPLES:
        moved = weights.copy()
        moved[position] = base * multiple
        if moved.sum() > 0:
            yield moved / moved.sum()


def _ndcg(judged: Sequence[Judged], k: int, weights: Doubles) -> Doubles:
    """Return the NDCG of a blend for each visitor of each split."""
    return np.concatenate([_ndcg_of(part, k, weights) for part in judged])


def _ndcg_of(judged: Judged, k: int, weights: Doubles) -> Doubles:
    blended = np.tensordot(weights.astype(np.float32), judged.scores, axes=1)
    blended[judged.columns < 0] = ABSENT
    ranked = np.maximum(top_rows(blended, k), 0)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discounts)[np.minimum(judged.held_out, k) - 1]
    found = np.take_along_axis(judged.relevant, ranked, axis=1)
    values: Doubles = found @ discounts[: found.shape[1]] / ideal
    return values
