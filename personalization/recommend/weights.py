"""How much an event of each kind says about what a visitor will choose next, learned from the events themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.data import Doubles, Interactions, Mask
from personalization.recommend.metrics import ndcg_at_k
from personalization.recommend.rerankers import top_rows
from personalization.recommend.scorers.base import BaseScorer
from personalization.recommend.scorers.item_knn import ItemKnn

MULTIPLES = (0.0, 0.25, 0.5, 2.0, 4.0)
MOST_JUDGES = 500
# Beyond it a single step of the search would take minutes.
LARGEST_SIDE = 50_000


def learn_event_weights(
    parts: Mapping[str, Interactions],
    start: Mapping[str, float],
    *,
    make: Callable[[], BaseScorer] | None = None,
    fraction: float = 0.2,
    rounds: int = 2,
    margin: float = 0.002,
    seed: int = 0,
) -> dict[str, float]:
    """Find the weights of the kinds of event with which the next choices are predicted best.

    Parameters
    ----------
    parts : mapping of str to Interactions
        The events of each kind, over the same visitors and items; the matrices hold numbers of events (or, for dwells,
        shares of a full one).
    start : mapping of str to float
        The configured weights, from which the search sets out and which stay where nothing is clearly better.
    make : callable, optional
        Makes the scorer to judge by; it must read weights. Item neighbours when left out: fast, and sensitive to them.
    fraction : float
        Newest share of all pairs of visitor and item, which are to be predicted from the events before.
    rounds : int
        How often coordinate ascent goes through the kinds.
    margin : float
        By how much in NDCG@10 a step must be better to be taken.
    seed : int
        Draws the visitors to judge by, where there are more than 500.

    Returns
    -------
    dict of str to float
        For each kind in `start`; the largest is as large as before, for only ratios matter. A kind of which there are
        no events keeps its weight.

    Raises
    ------
    ValueError
        If the parts are not over the same visitors and items.

    Notes
    -----
    Each step multiplies one weight by 0, 1/4, 1/2, 2 or 4. Only what happened before the cut is learned from, so that
    the newest choices stay unknown; a hold-out kept back by the caller must not be among the parts.

    Examples
    --------
    >>> days = np.arange(40.0)
    >>> part = Interactions.from_rows([f"v{n % 4}" for n in range(40)], [f"i{n % 7}" for n in range(40)], days)
    >>> learn_event_weights({"view": part}, {"view": 1.0, "like": 3.0})
    {'view': 1.0, 'like': 3.0}
    """
    ids = {(part.visitor_ids, part.item_ids) for part in parts.values()}
    if len(ids) > 1:
        raise ValueError("The parts must be over the same visitors and items.")
    told = [kind for kind, part in parts.items() if part.matrix.nnz and start.get(kind, 0) > 0]
    if len(told) < 2 or max(parts[told[0]].matrix.shape) > LARGEST_SIDE:
        return dict(start)
    judge = _Judge({kind: parts[kind] for kind in told}, fraction, make or (lambda: ItemKnn(weighted=True)), seed)
    weights = {kind: float(start[kind]) for kind in told}
    best = judge(weights)
    for _ in range(rounds):
        for kind in told:
            tried = [weights | {kind: weights[kind] * multiple} for multiple in MULTIPLES]
            found = max((judge(candidate), -place) for place, candidate in enumerate(tried))
            if found[0] > best + margin:
                best, weights = found[0], tried[-found[1]]
    scale = max(start[kind] for kind in told) / max(weights.values())
    return dict(start) | {kind: round(weight * scale, 4) for kind, weight in weights.items()}


class _Judge:
    """Says how well the newest pairs are predicted from the earlier ones under some weights."""

    def __init__(
        self, parts: Mapping[str, Interactions], fraction: float, make: Callable[[], BaseScorer], seed: int
    ) -> None:
        self.make = make
        cut = float(np.quantile(np.concatenate([part.timestamps for part in parts.values()]), 1 - fraction))
        self.earlier = {kind: part.keep(part.timestamps <= cut) for kind, part in parts.items()}
        later = [_presence(part.keep(part.timestamps > cut).matrix) for part in parts.values()]
        seen = _presence(_sum([part.matrix for part in self.earlier.values()]))
        wanted = _presence(_sum(later))
        self.wanted = csr_array(wanted - wanted.multiply(seen))
        self.wanted.eliminate_zeros()
        judges: Mask = (np.diff(self.wanted.indptr) > 0) & (np.diff(seen.indptr) > 0)
        self.rows = np.flatnonzero(judges)
        if len(self.rows) > MOST_JUDGES:
            self.rows = np.sort(np.random.default_rng(seed).choice(self.rows, MOST_JUDGES, replace=False))
        self.seen = seen[self.rows]

    def __call__(self, weights: Mapping[str, float]) -> float:
        """Return the mean NDCG@10, or -inf where nothing is left to learn from."""
        matrix = _sum([part.matrix * np.float32(weights[kind]) for kind, part in self.earlier.items()])
        matrix.eliminate_zeros()
        matrix.sort_indices()
        if not matrix.nnz or not len(self.rows):
            return -np.inf
        first = next(iter(self.earlier.values()))
        mixed = Interactions(matrix, np.zeros(matrix.nnz), first.visitor_ids, first.item_ids)
        scores = self.make().fit(mixed).score(mixed.histories(self.rows.tolist()))
        scores[self.seen.nonzero()] = -np.inf
        found: Doubles = ndcg_at_k(top_rows(scores, 10), self.wanted[self.rows], 10)
        return float(np.nanmean(found))


def _sum(matrices: list[csr_array]) -> csr_array:
    total = matrices[0].copy()
    for matrix in matrices[1:]:
        total = total + matrix
    return csr_array(total, dtype=np.float32)


def _presence(matrix: csr_array) -> csr_array:
    present = csr_array(matrix, dtype=np.float32, copy=True)
    present.data[:] = 1
    return present
