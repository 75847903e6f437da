"""Three steps through the graph of visitors and items: from an item to its visitors, and on to their other items."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from personalization.recommend.data import Interactions, Items
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.collaborative import ItemToItem
from personalization.recommend.scorers.neighbours import strongest_links
from personalization.recommend.scorers.registry import register


@register
class Rp3Beta(ItemToItem):
    """Chance that a random walk from a history ends at an item, discounted by the item's popularity.

    Parameters
    ----------
    alpha : float
        Power of the transition probabilities; below 1 the walk is less drawn to what has few edges.
    beta : float
        Power of the popularity by which the chance is divided; 0 leaves popular items their head start.
    neighbours : int
        From how many items each item can be reached.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 for every interaction.

    Notes
    -----
    ``W = A B D^-beta`` with ``A`` the probabilities from items to visitors, ``B`` those from visitors to items, both
    to the power ``alpha``, and ``D`` the number of visitors of each item. The first step, from the visitor to the items
    of the history, has the same chance for each of them and is left out: it changes no order. Computed in blocks of
    256 items: ``1 KB * n_items`` at a time.

    References
    ----------
    B. Paudel, F. Christoffel, C. Newell, A. Bernstein, "Updatable, accurate, diverse, and scalable recommendations for
    interactive applications", ACM TiiS 7(1), 2016.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyxyx"), range(5))
    >>> scores = Rp3Beta().fit(seen).score([seen.history(2)])
    >>> bool(scores[0, 1] > 0)
    True
    """

    name = "rp3beta"

    def __init__(self, *, alpha: float = 0.6, beta: float = 0.4, neighbours: int = 100, weighted: bool = False) -> None:
        check_positive(alpha=alpha, neighbours=neighbours)
        if not beta >= 0:
            raise ValueError(f"beta must not be negative, but is {beta}.")
        super().__init__(alpha=alpha, beta=beta, neighbours=neighbours, weighted=weighted)
        self.alpha, self.beta, self.neighbours, self.weighted = alpha, beta, neighbours, weighted

    def fit(self, interactions: Interactions, items: Items | None = None) -> Rp3Beta:
        """Learn where the walk leads from each item."""
        self._learn_ids(interactions)
        matrix = self._training_matrix(interactions)
        visitors = np.bincount(matrix.indices, minlength=matrix.shape[1])
        discount = np.maximum(visitors, 1).astype(np.float32) ** -np.float32(self.beta)
        forward = _chances(matrix, self.alpha)
        back = csr_array(diags_array(discount) @ forward.T)
        self._links = strongest_links(back, csr_array(_chances(csr_array(matrix.T), self.alpha).T), self.neighbours)
        return self


def _chances(matrix: csr_array, power: float) -> csr_array:
    """Return each row's shares of its sum, to some power."""
    sums = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), np.float32(1e-9))
    shares = (matrix.data / np.repeat(sums, np.diff(matrix.indptr))).astype(np.float32)
    return csr_array((shares ** np.float32(power), matrix.indices, matrix.indptr), shape=matrix.shape)
