"""Factors by alternating least squares, trained by implicit."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, csr_matrix

from personalization.recommend.data import Interactions, Items
from personalization.recommend.extras import optional
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.factors import Factors
from personalization.recommend.scorers.registry import register

# The heaviest penalty, in units of what chance alone would give; tuned penalties on both MovieLens sets are about this.
MOST = 0.6


@register
class Als(Factors):
    """Implicit alternating least squares: a few dozen tastes, each visitor and item a mixture of them.

    Parameters
    ----------
    factors : int
        Numbers for each item.
    penalty : float
        L2 penalty. Far heavier than libraries' defaults: 10 to 30 suits a hundred thousand interactions. Where there is
        less to learn from, no more than 0.6 of the noise is taken, see below.
    confidence : float
        The paper's alpha: an interaction of value ``r`` counts ``1 + confidence * r``, everything not seen counts 1.
    iterations : int
        How often visitors' and items' factors are solved for in turn.
    weighted : bool
        Use ``log(1 + weight)`` instead of 1 as the value of an interaction.
    seed : int
        Of the first factors.

    Notes
    -----
    A penalty above every singular value of the matrix would wipe out all factors. The largest one that chance alone
    gives a matrix of squared sum ``q`` is about ``sqrt(q / n_visitors) + sqrt(q / n_items)`` (V. Marchenko, L. Pastur,
    1967), a good yardstick for a penalty, so that a young site needs no other than a large one.

    Memory: ``4 (n_visitors + n_items) * factors`` bytes while fitting, ``4 n_items * factors`` afterwards: visitors are
    folded in when they are scored, trained on or not. Needs implicit: ``pip install "wagtail-slots[models]"``.

    References
    ----------
    Y. Hu, Y. Koren, C. Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; S. Rendle et al.,
    "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022 (on the penalty).

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbcdd"), list("xyxyxzw"), range(7))
    >>> scores = Als(factors=2, penalty=0.1).fit(seen).score([seen.history(2)])
    >>> bool(scores[0, seen.item_ids.index("y")] > scores[0, seen.item_ids.index("z")])
    True
    """

    name = "als"

    def __init__(
        self,
        *,
        factors: int = 32,
        penalty: float = 13.0,
        confidence: float = 0.5,
        iterations: int = 18,
        weighted: bool = False,
        seed: int = 0,
    ) -> None:
        check_positive(factors=factors, penalty=penalty, iterations=iterations)
        if not confidence >= 0:
            raise ValueError(f"confidence must not be negative, but is {confidence}.")
        params = {"factors": factors, "penalty": penalty, "confidence": confidence, "iterations": iterations}
        super().__init__(**params, weighted=weighted, seed=seed)
        self.factors, self.penalty, self.confidence = factors, penalty, confidence
        self.iterations, self.weighted, self.seed = iterations, weighted, seed

    def fit(self, interactions: Interactions, items: Items | None = None) -> Als:
        """Learn the items' factors.

        Raises
        ------
        ImportError
            If implicit is not installed.
        """
        library = optional("implicit.cpu.als", "models")
        self._learn_ids(interactions)
        matrix = self._training_matrix(interactions)
        confidences = 1 + np.float32(self.confidence) * matrix.data
        penalty = min(self.penalty, MOST * _noise(float(np.square(confidences).sum()), matrix))
        # Implicit has threads of its own; those of the linear algebra would only wait for one another.
        with optional("threadpoolctl", "models").threadpool_limits(1, "blas"):
            model = library.AlternatingLeastSquares(
                factors=self.factors,
                regularization=penalty,
                iterations=self.iterations,
                random_state=self.seed,
            )
            model.fit(csr_matrix((confidences, matrix.indices, matrix.indptr), matrix.shape), show_progress=False)
        self._take(model.item_factors, penalty)
        return self


def _noise(squares: float, matrix: csr_array) -> float:
    """Return about the largest singular value of a matrix as full as this one, but random."""
    visitors = np.count_nonzero(np.diff(matrix.indptr))
    items = np.count_nonzero(np.bincount(matrix.indices))
    return float(np.sqrt(squares / visitors) + np.sqrt(squares / items))
