"""EASE: a linear item-to-item model with a closed form, hard to beat on implicit feedback."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, lapack, solve_triangular
from scipy.sparse import csr_array, vstack

from personalization.recommend.data import SMALLEST_NORM, Floats, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import BLOCK, ItemToItem, strongest
from personalization.recommend.scorers.registry import register

DENSE_UP_TO = 2_000


@register
class Ease(ItemToItem):
    """Embarrassingly shallow autoencoder: predicts each item from all the others.

    Parameters
    ----------
    penalty : float
        L2 penalty, the paper's lambda. 200 to 500 suits a hundred thousand interactions; more data bears less.
    neighbours : int
        How many weights each target item keeps when the catalog has more than 2,000 items.
    exact_up_to : int
        Up to so many visitors or items, whichever are fewer, the weights are exact; beyond, `rank` directions stand
        for the rest.
    rank : int
        Number of these directions.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.
    seed : int
        Of the search for the directions.

    Notes
    -----
    With ``P = (X'X + penalty I)^-1`` the weights are ``W[i, j] = -P[i, j] / P[j, j]`` and 0 on the diagonal.
    When there are fewer visitors than items the same ``P`` comes from the visitors' side by Woodbury's identity,
    ``P = (I - X' (XX' + penalty I)^-1 X) / penalty``, so only the smaller side is ever inverted.

    Beyond `exact_up_to`, ``X'X`` is taken to be ``V S^2 V'`` of its first `rank` directions plus a diagonal that keeps
    every item's own count exact; the inverse of that is again Woodbury's. The penalty makes this a good approximation:
    directions with fewer squared visits than it hardly count.

    Memory while fitting: ``4 m^2`` bytes, m = min(visitors, items), so 1.6 GB at 20,000; beyond, about
    ``24 (visitors + n) * rank`` and three times the result (0.55 GB measured for 25,000 of each, in 25 seconds by one
    core). Afterwards ``4 n^2`` bytes for up to 2,000 items (16 MB), else about ``8 n * neighbours`` (16 MB for 10,000).

    References
    ----------
    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019; N. Halko, P. Martinsson, J. Tropp,
    "Finding structure with randomness", SIAM Review 53(2), 2011 (the directions).

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = Ease(penalty=1.0).fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "ease"

    def __init__(
        self,
        *,
        penalty: float = 300.0,
        neighbours: int = 200,
        exact_up_to: int = 20_000,
        rank: int = 400,
        weighted: bool = False,
        seed: int = 0,
    ) -> None:
        check_positive(penalty=penalty, neighbours=neighbours, exact_up_to=exact_up_to, rank=rank)
        limits = {"exact_up_to": exact_up_to, "rank": rank}
        super().__init__(penalty=penalty, neighbours=neighbours, **limits, weighted=weighted, seed=seed)
        self.penalty, self.neighbours, self.weighted = penalty, neighbours, weighted
        self.exact_up_to, self.rank, self.seed = exact_up_to, rank, seed

    def fit(self, interactions: Interactions, items: Items | None = None) -> Ease:
        """Learn the weights between items."""
        self._learn_ids(interactions)
        matrix = self._training_matrix(interactions)
        if min(matrix.shape) > self.exact_up_to:
            rows = self._rows_from_directions(matrix)
        elif matrix.shape[0] < matrix.shape[1]:
            rows = self._rows_from_visitors(matrix)
        else:
            rows = self._rows_from_items(matrix)
        targets = vstack(rows, format="csr") if isinstance(rows[0], csr_array) else np.concatenate(rows)
        self._links = csr_array(targets.T) if isinstance(targets, csr_array) else np.ascontiguousarray(targets.T)
        return self

    def _rows_from_items(self, matrix: csr_array) -> list[Floats | csr_array]:
        inverse = np.asfortranarray((matrix.T @ matrix).toarray(), dtype=np.float32)
        inverse[np.diag_indices_from(inverse)] += np.float32(self.penalty)
        # LAPACK in place: one square array is all the memory there is.
        inverse, _ = lapack.spotrf(inverse, overwrite_a=True)
        inverse, _ = lapack.spotri(inverse, overwrite_c=True)
        return [self._weights(_symmetric_rows(inverse, s), s) for s in range(0, len(inverse), BLOCK)]

    def _rows_from_visitors(self, matrix: csr_array) -> list[Floats | csr_array]:
        gram = (matrix @ matrix.T).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.penalty
        factor = cho_factor(gram, overwrite_a=True)
        by_item = csr_array(matrix.T)
        blocks = []
        for start in range(0, matrix.shape[1], BLOCK):
            part = by_item[start : start + BLOCK]
            solved = cho_solve(factor, part.toarray().T.astype(np.float64))
            rows = -(by_item @ solved.astype(np.float32)).T
            rows[np.arange(len(rows)), start + np.arange(len(rows))] += 1
            blocks.append(self._weights(rows / np.float32(self.penalty), start))
        return blocks

    def _rows_from_directions(self, matrix: csr_array) -> list[Floats | csr_array]:
        # Only training needs scikit-learn; a process that serves is spared its import.
        from sklearn.utils.extmath import randomized_svd

        _, singular, turned = randomized_svd(matrix, min(self.rank, *matrix.shape), n_iter=4, random_state=self.seed)
        counts = np.bincount(matrix.indices, weights=matrix.data**2, minlength=matrix.shape[1])
        diagonal = self.penalty + np.maximum(counts - np.square(turned * singular[:, None]).sum(axis=0), 0)
        scaled = turned.T / diagonal[:, None]
        system = np.diag(1 / np.maximum(singular, SMALLEST_NORM) ** 2) + turned @ scaled
        # P = D^-1 - half half', with half of the items' number of rows
        half = solve_triangular(cholesky(system, lower=True), scaled.T, lower=True).T.astype(np.float32)
        blocks = []
        for start in range(0, len(half), BLOCK):
            rows = -(half[start : start + BLOCK] @ half.T)
            own = (np.arange(len(rows)), start + np.arange(len(rows)))
            rows[own] += 1 / diagonal[own[1]]
            blocks.append(self._weights(rows, start))
        return blocks

    def _weights(self, rows: Floats, start: int) -> Floats | csr_array:
        """Turn rows of ``P`` (from item `start` on) into what each of these items takes from all the others."""
        own = (np.arange(len(rows)), start + np.arange(len(rows)))
        weights = -rows / rows[own][:, None]
        weights[own] = 0
        return weights if weights.shape[1] <= DENSE_UP_TO else strongest(weights, self.neighbours)


def _symmetric_rows(upper: Floats, start: int) -> Floats:
    """Return a block of rows of a symmetric matrix of which only the upper triangle is filled in."""
    stop = min(start + BLOCK, len(upper))
    square = np.triu(upper[start:stop, start:stop])
    square = square + np.triu(square, 1).T
    return np.concatenate([upper[:start, start:stop].T, square, upper[start:stop, stop:]], axis=1)
