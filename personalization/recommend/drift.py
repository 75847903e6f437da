"""Has the world changed since a model learned from it? Distributions kept as counts in bins, and how far two are apart.

A reference is kept as a `Summary`: counts, not values, so that it is small and tells nothing of any one visitor. What
is measured later is counted in the same bins. The population stability index (PSI) says how large a change is, a
significance test whether it may be chance: on a small site, large changes often are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from personalization.recommend.data import Doubles, Floats

FINE_BINS = 50
PSI_BINS = 10
MOST_NAMES = 30
FEWEST_EXPECTED = 5
OTHER = "other"
# What a change must surpass before it is believed: chance alone does so once in a thousand comparisons.
CONFIDENCE = 0.999
SMOOTHING = 0.5
COMPONENTS = 4


@dataclass(frozen=True)
class Summary:
    """A distribution as counts in bins.

    Parameters
    ----------
    counts : tuple of float, length b
        How many values lie in each bin; fractions are legal (see `tally`).
    edges : tuple of float, length b - 1
        For numbers: bin i holds values above ``edges[i - 1]`` up to and including ``edges[i]``.
    names : tuple of str, length b
        For categories: what each bin stands for.

    Raises
    ------
    ValueError
        If there are neither edges nor names in the right number.

    Examples
    --------
    >>> Summary.from_dict(Summary((3.0, 1.0), names=("en", "fr")).as_dict()).n
    4.0
    """

    counts: tuple[float, ...]
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.names or (*self.edges, None)) != len(self.counts):
            raise ValueError("A summary needs a name for each count, or one edge less than counts.")

    @property
    def n(self) -> float:
        """How many values were counted."""
        return float(sum(self.counts))

    def recount(self, values: ArrayLike) -> Summary:
        """Count other numbers in the same bins; what is not a number is left out."""
        return replace(self, counts=_counted(_finite(values), np.asarray(self.edges)))

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, fit for JSON."""
        return {"counts": list(self.counts), "edges": list(self.edges), "names": list(self.names)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Sequence[Any]]) -> Summary:
        """Read what `as_dict` gave."""
        return cls(tuple(plain["counts"]), tuple(plain["edges"]), tuple(plain["names"]))


@dataclass(frozen=True)
class Drift:
    """How far two distributions are apart.

    ``psi`` is the size of the change and ``noise`` what chance alone surpasses once in a thousand times; ``ks`` is the
    Kolmogorov-Smirnov distance with its ``p_value``, both None for categories; ``largest`` names the bins that changed
    most, with their share before and after.
    """

    psi: float
    noise: float
    ks: float | None
    p_value: float | None
    n_reference: float
    n_current: float
    largest: tuple[tuple[str, float, float], ...]

    @property
    def is_significant(self) -> bool:
        """Whether chance can be ruled out."""
        return self.psi > self.noise or (self.p_value is not None and self.p_value < 1 - CONFIDENCE)


def summarise(values: ArrayLike, bins: int = FINE_BINS) -> Summary:
    """Count numbers in bins that hold about equally many of them; values that occur often get a bin of their own.

    The first bin is empty: it is for smaller numbers than any of these.

    Parameters
    ----------
    values : array, shape (n,)
        What is not finite is left out.
    bins : int
        How many bins at most.

    Examples
    --------
    >>> summarise([1, 2, 3, 4], bins=2).counts
    (0.0, 2.0, 2.0)
    >>> summarise([7, 7, 7]).counts
    (0.0, 3.0, 0.0)
    """
    numbers = _finite(values)
    if not len(numbers):
        return Summary((0.0,))
    below = np.nextafter(numbers.min(), -np.inf)
    edges = np.unique([below, *np.quantile(numbers, np.arange(1, bins) / bins, method="inverted_cdf")])
    return Summary(_counted(numbers, edges), edges=tuple(edges.tolist()))


def tally(amounts: Mapping[str, float], most: int = MOST_NAMES) -> Summary:
    """Count categories: the `most` frequent by name, the rest together.

    Amounts may be fractions: where a visitor's events are split over categories so that each visitor adds up to one,
    no busy visitor outweighs the others, and the visitors are the independent observations that tests ask for.

    Examples
    --------
    >>> tally({"en": 5.0, "fr": 2.5, "de": 0.5}, most=2)
    Summary(counts=(5.0, 2.5, 0.5), edges=(), names=('en', 'fr', 'other'))
    """
    ordered = sorted(((name, float(n)) for name, n in amounts.items() if n > 0), key=lambda pair: (-pair[1], pair[0]))
    kept = dict(ordered[:most])
    rest = sum(n for _, n in ordered[most:])
    if rest:
        kept[OTHER] = kept.get(OTHER, 0.0) + rest
    return Summary(tuple(kept.values()), names=tuple(kept)) if kept else Summary((0.0,), names=(OTHER,))


def compare(reference: Summary, current: Summary) -> Drift:
    """Measure how far `current` has moved away from `reference`.

    Parameters
    ----------
    reference, current : Summary
        Both of categories, or both of numbers with the same edges (see `Summary.recount`).

    Raises
    ------
    ValueError
        If the bins are not the same.

    Examples
    --------
    >>> drift = compare(tally({"desktop": 800, "phone": 200}), tally({"desktop": 200, "phone": 800}))
    >>> round(drift.psi, 2), drift.is_significant, drift.largest[0]
    (1.66, True, ('desktop', 0.8, 0.2))
    """
    if bool(reference.names) != bool(current.names) or reference.edges != current.edges:
        raise ValueError("Only distributions that were counted in the same bins can be compared.")
    if not reference.n or not current.n:
        return Drift(0.0, np.inf, None, None, reference.n, current.n, ())
    labels, before, after = _named(reference, current) if reference.names else _coarse(reference, current)
    ks, p_value = (None, None) if reference.names else ks_of_counts(reference.counts, current.counts)
    return Drift(
        psi=psi(before, after),
        noise=psi_critical(reference.n, current.n, len(before)),
        ks=ks,
        p_value=p_value,
        n_reference=reference.n,
        n_current=current.n,
        largest=_largest(*(_aligned(reference, current) if reference.names else (labels, before, after))),
    )


def psi(reference: ArrayLike, current: ArrayLike) -> float:
    """Population stability index of two sets of counts: ``sum over bins of (q - p) * ln(q / p)``.

    `p` and `q` are the shares of each bin before and after, with half a count added to every bin, so that an empty bin
    is a small number and not an infinite one. 0 is no change; below 0.1 is usually called stable, above 0.25 a shift.

    Parameters
    ----------
    reference, current : array, shape (b,)
        Counts, not negative.

    Raises
    ------
    ValueError
        If the shapes differ or a count is negative.

    References
    ----------
    N. Siddiqi, "Credit Risk Scorecards", Wiley 2006. It is the divergence of H. Jeffreys, Proc. R. Soc. A 186, 1946.

    Examples
    --------
    >>> psi([50, 50], [50, 50]), round(psi([500, 500], [250, 750]), 2)
    (0.0, 0.27)
    """
    before, after = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if before.shape != after.shape or (before < 0).any() or (after < 0).any():
        raise ValueError("PSI compares two sets of counts of one length, none of them negative.")
    p = (before + SMOOTHING) / (before + SMOOTHING).sum()
    q = (after + SMOOTHING) / (after + SMOOTHING).sum()
    return float(((q - p) * np.log(q / p)).sum())


def psi_critical(n_reference: float, n_current: float, bins: int, confidence: float = CONFIDENCE) -> float:
    """Return the PSI that chance alone surpasses in ``1 - confidence`` of comparisons of unchanged distributions.

    PSI is then distributed like ``(1 / n_reference + 1 / n_current)`` times chi-squared with ``bins - 1`` degrees of
    freedom. (B. Yurdakul, J. Naranjo, "Statistical properties of the population stability index", Journal of Risk Model
    Validation 14(4), 2020.)

    Examples
    --------
    >>> round(psi_critical(100, 100, 10), 2), round(psi_critical(10_000, 10_000, 10), 4)
    (0.56, 0.0056)
    """
    if bins < 2 or n_reference <= 0 or n_current <= 0:
        return float("inf")
    return float((1 / n_reference + 1 / n_current) * stats.chi2.ppf(confidence, bins - 1))


def ks_two_samples(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of two samples, ``max |F_reference - F_current|``, and its p-value.

    (J. L. Hodges, "The significance probability of the Smirnov two-sample test", Arkiv foer Matematik 3, 1958.)

    Examples
    --------
    >>> distance, p_value = ks_two_samples([1, 2, 3, 4], [3, 4, 5, 6])
    >>> distance, round(p_value, 2)
    (0.5, 0.77)
    """
    found = stats.ks_2samp(_finite(reference), _finite(current))
    return float(found.statistic), float(found.pvalue)


def ks_of_counts(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Return the same for two samples of which only counts in common bins are known.

    The distance is looked for at the bins' edges only, so it is never above that of the samples, and the p-value never
    promises more than they do: it is the asymptotic one of Kolmogorov's distribution.

    Examples
    --------
    >>> distance, p_value = ks_of_counts([100, 100], [150, 50])
    >>> distance, p_value < 0.001
    (0.25, True)
    """
    before, after = np.asarray(reference, dtype=np.float64), np.asarray(current, dtype=np.float64)
    n, m = before.sum(), after.sum()
    distance = float(np.abs(np.cumsum(before) / n - np.cumsum(after) / m).max())
    return distance, float(stats.kstwobign.sf(np.sqrt(n * m / (n + m)) * distance))


@dataclass(frozen=True, eq=False)
class VectorSummary:
    """Where a set of vectors lies: its mean, its main directions, and the distribution along each of them.

    Parameters
    ----------
    mean : array, shape (d,)
    directions : array, shape (c, d)
        Principal components, of unit length.
    spread : float
        Square root of the total variance.
    along : tuple of Summary, length c
        Distribution of the projections on each direction.
    """

    mean: Doubles
    directions: Doubles
    spread: float
    along: tuple[Summary, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, fit for JSON."""
        return {
            "mean": self.mean.round(6).tolist(),
            "directions": self.directions.round(6).tolist(),
            "spread": self.spread,
            "along": [summary.as_dict() for summary in self.along],
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> VectorSummary:
        """Read what `as_dict` gave."""
        along = tuple(Summary.from_dict(summary) for summary in plain["along"])
        return cls(np.asarray(plain["mean"]), np.asarray(plain["directions"]), plain["spread"], along)


@dataclass(frozen=True)
class VectorDrift:
    """How far a set of vectors has moved: the shift of its mean in spreads, and the drift along the worst direction."""

    shift: float
    worst: Drift


def summarise_vectors(vectors: Floats, components: int = COMPONENTS) -> VectorSummary:
    """Summarise vectors, shape (n, d) with n above 1; rows of zeros (no embedding) are left out.

    Raises
    ------
    ValueError
        If fewer than two vectors are left.

    Examples
    --------
    >>> around = np.random.default_rng(0).normal(size=(200, 8))
    >>> summary = summarise_vectors(around)
    >>> drift = vector_drift(summary, around + 1.0)
    >>> round(drift.shift, 1), drift.worst.is_significant
    (1.0, True)
    """
    present = _present(vectors)
    if len(present) < 2:
        raise ValueError("At least two vectors are needed.")
    mean = present.mean(axis=0)
    centred = present - mean
    directions = np.linalg.svd(centred, full_matrices=False)[2][:components].round(6)
    along = tuple(summarise(column) for column in (present @ directions.T).T)
    return VectorSummary(mean, directions, float(np.sqrt(centred.var(axis=0).sum())), along)


def vector_drift(reference: VectorSummary, vectors: Floats) -> VectorDrift:
    """Measure how far vectors, shape (n, d), have moved away from a reference of the same dimensions.

    As the worst of several directions is taken, its ``noise`` is that of so many comparisons (Bonferroni).

    Raises
    ------
    ValueError
        If the dimensions differ or there are no vectors.
    """
    present = _present(vectors)
    if not len(present) or present.shape[1] != len(reference.mean):
        raise ValueError("Vectors can be compared with a reference of the same dimensions, and there must be some.")
    projected = (present @ reference.directions.T).T
    drifts = [compare(old, old.recount(new)) for old, new in zip(reference.along, projected, strict=True)]
    worst = max(drifts, key=lambda drift: drift.psi)
    confidence = 1 - (1 - CONFIDENCE) / len(drifts)
    noise = psi_critical(worst.n_reference, worst.n_current, PSI_BINS, confidence)
    shift = float(np.linalg.norm(present.mean(axis=0) - reference.mean) / max(reference.spread, 1e-9))
    p_value = None if worst.p_value is None else min(1.0, worst.p_value * len(drifts))
    return VectorDrift(shift, replace(worst, noise=noise, p_value=p_value))


def _present(vectors: Floats) -> Doubles:
    table = np.asarray(vectors, dtype=np.float64)
    return table[table.any(axis=1)]


def _finite(values: ArrayLike) -> Doubles:
    numbers = np.asarray(values, dtype=np.float64).ravel()
    return numbers[np.isfinite(numbers)]


def _counted(numbers: Doubles, edges: Doubles) -> tuple[float, ...]:
    places = np.searchsorted(edges, numbers, side="left")
    return tuple(np.bincount(places, minlength=len(edges) + 1).astype(float).tolist())


def _aligned(reference: Summary, current: Summary) -> tuple[list[str], Doubles, Doubles]:
    """Every name that either side has, with its counts."""
    old, new = (dict(zip(side.names, side.counts, strict=True)) for side in (reference, current))
    names = list(dict.fromkeys((*old, *new)))
    counts = ([side.get(name, 0.0) for name in names] for side in (old, new))
    before, after = (np.asarray(column, dtype=np.float64) for column in counts)
    return names, before, after


def _named(reference: Summary, current: Summary) -> tuple[list[str], Doubles, Doubles]:
    """The same with names that are too rare for the approximation of `psi_critical` taken together."""
    names, before, after = _aligned(reference, current)
    fewest = FEWEST_EXPECTED * (reference.n + current.n) / min(reference.n, current.n)
    kept = (before + after >= fewest) & (np.asarray(names) != OTHER)
    if kept.all():
        return names, before, after
    labels = [name for name, is_kept in zip(names, kept.tolist(), strict=True) if is_kept]
    rest = before[~kept].sum(), after[~kept].sum()
    return [*labels, OTHER], np.append(before[kept], rest[0]), np.append(after[kept], rest[1])


def _coarse(reference: Summary, current: Summary) -> tuple[list[str], Doubles, Doubles]:
    """Neighbouring bins taken together until each holds a tenth of the reference.

    The empty first bin stays apart from a value that holds so much by itself: below it is news.
    """
    ends, held, least = [], 0.0, reference.n / PSI_BINS * 0.999
    for index, count in enumerate(reference.counts[:-1]):
        if index == 1 and not held and count >= least:
            ends.append(0)
        held += count
        if held >= least:
            ends.append(index)
            held = 0.0
    starts = np.asarray([0, *(end + 1 for end in ends)])
    edges = [reference.edges[end] for end in ends]
    labels = [_label(low, high) for low, high in zip((None, *edges), (*edges, None), strict=True)]
    return labels, np.add.reduceat(reference.counts, starts), np.add.reduceat(current.counts, starts)


def _label(low: float | None, high: float | None) -> str:
    """Words for a bin; where its ends are whole numbers, so are those between them, and the lower one is not in it."""
    if low is not None and high is not None and low.is_integer() and high.is_integer():
        return f"{high:.0f}" if high == low + 1 else f"{low + 1:.0f} – {high:.0f}"
    if low is None:
        return "" if high is None else f"≤ {high:.4g}"
    if high is None:
        return f"> {low:.4g}"
    ends = dict.fromkeys((f"{low:.4g}", f"{high:.4g}"))
    return " – ".join(ends)


def _largest(labels: Sequence[str], before: Doubles, after: Doubles) -> tuple[tuple[str, float, float], ...]:
    shares = zip((before / before.sum()).tolist(), (after / after.sum()).tolist(), strict=True)
    rows = [(name, round(p, 4), round(q, 4)) for name, (p, q) in zip(labels, shares, strict=True)]
    return tuple(sorted(rows, key=lambda row: -abs(row[2] - row[1]))[:3])
