"""Factors by Bayesian personalised ranking, trained by implicit."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from personalization.recommend.data import Interactions, Items
from personalization.recommend.extras import optional
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.factors import Factors
from personalization.recommend.scorers.registry import register


@register
class Bpr(Factors):
    """Factors that put what a visitor chose before what the visitor did not, pair by pair.

    Parameters
    ----------
    factors : int
        Numbers for each item; one more is learned, for its popularity.
    penalty : float
        L2 penalty of the pairwise descent.
    learning_rate : float
        Of the same.
    iterations : int
        How often it passes over the interactions.
    ridge : float
        Penalty of the regression that folds a history in, in units of the mean of the factors' squared lengths.
    seed : int
        Of the first factors and of the pairs.

    Notes
    -----
    Only the items' factors are kept, and every visitor is folded in by a ridge regression on the history (see
    `Factors`). That is exact and explains itself, and ranks better than the visitors' factors that the descent leaves
    behind. Trained by one thread: several would race, and no two runs would be the same. Memory as `Als`. Needs
    implicit: ``pip install "wagtail-slots[models]"``.

    References
    ----------
    S. Rendle, C. Freudenthaler, Z. Gantner, L. Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit
    Feedback", UAI 2009.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aabbccdd"), list("xyxyzwzw"), range(8))
    >>> scores = Bpr(factors=4, learning_rate=0.1).fit(seen).score([seen.history(0)])
    >>> scores.shape
    (1, 4)
    """

    name = "bpr"
    # Pairs know no degrees: an interaction happened, or it did not.
    weighted = False
    confidence = 0.0

    def __init__(
        self,
        *,
        factors: int = 64,
        penalty: float = 0.001,
        learning_rate: float = 0.01,
        iterations: int = 50,
        ridge: float = 1.0,
        seed: int = 0,
    ) -> None:
        positive = {"factors": factors, "penalty": penalty, "learning_rate": learning_rate}
        positive |= {"iterations": iterations, "ridge": ridge}
        check_positive(**positive)
        super().__init__(**positive, seed=seed)
        self.factors, self.penalty, self.learning_rate = factors, penalty, learning_rate
        self.iterations, self.ridge, self.seed = iterations, ridge, seed

    def fit(self, interactions: Interactions, items: Items | None = None) -> Bpr:
        """Learn the items' factors.

        Raises
        ------
        ImportError
            If implicit is not installed.
        """
        library = optional("implicit.cpu.bpr", "models")
        self._learn_ids(interactions)
        matrix = interactions.matrix
        model = library.BayesianPersonalizedRanking(
            factors=self.factors,
            regularization=self.penalty,
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            random_state=self.seed,
            num_threads=1,
        )
        model.fit(csr_matrix((matrix.data, matrix.indices, matrix.indptr), matrix.shape), show_progress=False)
        self._take(model.item_factors, self.ridge * float(np.square(model.item_factors).sum(axis=0).mean()))
        return self
