"""The bootstrap over visitors: what would the figures have been with other visitors of the same kind?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from personalization.recommend.data import Doubles

Interval = tuple[float, float]

# Weights are made in blocks of resamples, so that a hundred thousand visitors do not need a gigabyte.
LARGEST_BLOCK = 4_000_000


def resample_weights(n: int, *, seed: int, resamples: int) -> Iterator[Doubles]:
    """Yield how often each of `n` visitors is drawn in each resample: blocks of shape (some resamples, n).

    The same seed draws the same visitors, so that two scorers are compared on equal terms: a paired bootstrap.

    References
    ----------
    B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6.

    Examples
    --------
    >>> [block.sum(axis=1).tolist() for block in resample_weights(3, seed=0, resamples=2)]
    [[3.0, 3.0]]
    """
    rng = np.random.default_rng(seed)
    size = max(1, LARGEST_BLOCK // max(n, 1))
    for start in range(0, resamples, size):
        shape = (min(size, resamples - start), n)
        drawn = rng.integers(0, n, shape) + n * np.arange(shape[0])[:, None]
        yield np.bincount(drawn.ravel(), minlength=shape[0] * n).reshape(shape).astype(np.float64)


def mean_draws(values: Doubles, *, seed: int, resamples: int = 1_000) -> Doubles:
    """Return the means of each column in each resample.

    Parameters
    ----------
    values : array of float64, shape (n_visitors, m)
        A figure is in each column; visitors for whom it is NaN do not count in it.
    seed, resamples : int

    Returns
    -------
    array of float64, shape (resamples, m)
        NaN in a resample with nobody who counts.

    Examples
    --------
    >>> mean_draws(np.array([[2.0], [np.nan]]), seed=0, resamples=4).round(1).ravel().tolist()
    [nan, 2.0, 2.0, 2.0]
    """
    counts = ~np.isnan(values)
    known = np.where(counts, values, 0.0)
    blocks = []
    for weights in resample_weights(len(values), seed=seed, resamples=resamples):
        sizes = weights @ counts
        blocks.append(np.divide(weights @ known, sizes, out=np.full(sizes.shape, np.nan), where=sizes > 0))
    return np.concatenate(blocks)


def recentred(draws: Doubles, estimate: float) -> Doubles:
    """Move draws so that their median is the estimate, keeping their spread.

    A resample holds fewer *different* visitors than there are, so that what depends on their variety - coverage,
    concentration, calibration error - is biased in it. How much it varies tells, not where it lies.

    Examples
    --------
    >>> recentred(np.array([1.0, 2.0, 5.0]), 4.0).tolist()
    [3.0, 4.0, 7.0]
    """
    known = draws[~np.isnan(draws)]
    return draws - np.median(known) + estimate if len(known) else draws


def percentile_interval(draws: Doubles, level: float = 0.95) -> Interval:
    """Return the middle part of draws; NaN when there are none.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0), level=0.5)
    (25.0, 75.0)
    """
    known = draws[~np.isnan(draws)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(values: Doubles, *, seed: int, level: float = 0.95, resamples: int = 1_000) -> Interval:
    """Return the percentile interval of a mean over visitors; the same seed draws the same visitors.

    Examples
    --------
    >>> bootstrap_interval(np.full(5, 2.0), seed=0)
    (2.0, 2.0)
    """
    return percentile_interval(mean_draws(values[:, None], seed=seed, resamples=resamples)[:, 0], level)
