"""Several goals at once: p-values corrected for the number of chances to be lucky."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from personalization.stats.statistics import Doubles


def _checked(p_values: Sequence[float]) -> Doubles:
    array = np.asarray(p_values, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():
        raise ValueError("Every p-value must lie in 0..1; leave out goals that have none yet.")
    return array


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of *any* false discovery stays at alpha.

    Parameters
    ----------
    p_values : sequence of float
        One for each goal, in 0..1.

    Returns
    -------
    list of float
        In the order given: ``max over j <= i of min(1, (m - j + 1) p_(j))`` for the i-th smallest of m.

    Raises
    ------
    ValueError
        If one is not in 0..1.

    References
    ----------
    S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    array = _checked(p_values)
    order = np.argsort(array, kind="stable")
    steps = np.maximum.accumulate(array[order] * np.arange(array.size, 0, -1))
    return _restored(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the expected share of false ones among the discoveries stays at alpha.

    Parameters
    ----------
    p_values : sequence of float
        One for each goal, in 0..1.

    Returns
    -------
    list of float
        In the order given: ``min over j >= i of min(1, m p_(j) / j)`` for the i-th smallest of m.

    Raises
    ------
    ValueError
        If one is not in 0..1.

    References
    ----------
    Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B 57,
    1995.

    Examples
    --------
    >>> [round(p, 3) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
    [0.03, 0.04, 0.04]
    """
    array = _checked(p_values)
    order = np.argsort(array, kind="stable")
    steps = array[order] * array.size / np.arange(1, array.size + 1)
    return _restored(np.minimum.accumulate(steps[::-1])[::-1], order)


def _restored(steps: Doubles, order: np.ndarray) -> list[float]:
    adjusted = np.empty(steps.size)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(p) for p in adjusted]
