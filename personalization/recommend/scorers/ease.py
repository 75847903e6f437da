"""EASE: a linear item-to-item model with a closed form, hard to beat on implicit feedback."""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack
from scipy.sparse import csr_array, vstack

from personalization.recommend.data import Floats, Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import BLOCK, ItemToItem, strongest
from personalization.recommend.scorers.registry import register

LARGEST_SIDE = 20_000
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
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.

    Notes
    -----
    With ``P = (X'X + penalty I)^-1`` the weights are ``W[i, j] = -P[i, j] / P[j, j]`` and 0 on the diagonal.
    When there are fewer visitors than items the same ``P`` comes from the visitors' side by Woodbury's identity,
    ``P = (I - X' (XX' + penalty I)^-1 X) / penalty``, so only the smaller side is ever inverted.

    Memory: ``4 m^2`` bytes while fitting, m = min(visitors, items), at most 20,000 (1.6 GB); afterwards ``4 n^2``
    bytes for up to 2,000 items (16 MB), else about ``8 n * neighbours`` (16 MB for 10,000 items).

    References
    ----------
    H. Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = Ease(penalty=1.0).fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "ease"

    def __init__(self, *, penalty: float = 300.0, neighbours: int = 200, weighted: bool = False) -> None:
        check_positive(penalty=penalty, neighbours=neighbours)
        super().__init__(penalty=penalty, neighbours=neighbours, weighted=weighted)
        self.penalty, self.neighbours, self.weighted = penalty, neighbours, weighted

    def fit(self, interactions: Interactions, items: Items | None = None) -> Ease:
        """Learn the weights between items.

        Raises
        ------
        ValueError
            If both visitors and items exceed 20,000; the message says how many bytes would be needed.
        """
        matrix = self._training_matrix(interactions)
        side = min(matrix.shape)
        if side > LARGEST_SIDE:
            raise ValueError(
                f"EASE would need {4 * side**2:,} bytes for {side:,} visitors or items; its limit is "
                f"{4 * LARGEST_SIDE**2:,} bytes. Train on fewer visitors or use another scorer."
            )
        self._learn_ids(interactions)
        rows = self._rows_from_visitors(matrix) if matrix.shape[0] < matrix.shape[1] else self._rows_from_items(matrix)
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
