"""EASE asked about what a visitor did last, more than about what came before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array

from personalization.recommend.data import Floats, History, Indexes
from personalization.recommend.scorers.base import check_positive
from personalization.recommend.scorers.ease import Ease
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.sequences import as_rows, newest_items

FORGOTTEN = 1e-3


@register
class RecentEase(Ease):
    """Weights between items as `Ease` learns them, applied to a history's newest items, the last counting most.

    Parameters
    ----------
    half_life : float
        After how many further items an item counts half.
    penalty : float
        L2 penalty, as for `Ease`.

    Notes
    -----
    ``score = sum over items of 0.5 ** (age / half_life) W[item]`` with age 0 for the newest, 1 for the one before it.
    A blend may hold it beside `Ease`: one for the taste of a lifetime, one for that of the day.

    Examples
    --------
    >>> from personalization.recommend.data import Interactions
    >>> seen = Interactions.from_rows(list("aabbccdd"), list("xyxyzwzw"), range(8))
    >>> scorer = RecentEase(penalty=1.0).fit(seen)
    >>> x, y, z, w = (seen.item_ids.index(name) for name in "xyzw")
    >>> scores = scorer.score([History([x, z])])[0]
    >>> bool(scores[w] > scores[y])
    True
    """

    name = "recent_ease"

    def __init__(self, *, half_life: float = 5.0, penalty: float = 300.0) -> None:
        check_positive(half_life=half_life)
        super().__init__(penalty=penalty)
        self.half_life = half_life
        self.params = {"half_life": half_life, "penalty": penalty}

    def _profile(self, history: History) -> tuple[Indexes, Indexes, Floats]:
        limit = int(np.ceil(-np.log2(FORGOTTEN) * self.half_life))
        columns, learned = newest_items(history, self._source, limit)
        return columns, learned, np.exp2(-np.arange(len(learned))[::-1] / self.half_life).astype(np.float32)

    def _stack(self, histories: Sequence[History]) -> csr_array:
        return as_rows([self._profile(history)[1:] for history in histories], len(self.learned_ids))
