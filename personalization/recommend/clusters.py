"""Groups of visitors with like tastes, found in what they read, named by what sets them apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personalization.recommend.data import Doubles, Indexes

MOST_TAGS = 300
MOST_JUDGED = 2_000
WEAKEST_GAIN = 0.02
SMALLEST_PART = 0.02
STARTS = 10

Taste = Mapping[str, float]


@dataclass(frozen=True)
class Cluster:
    """Visitors of like taste.

    Parameters
    ----------
    tags : tuple of str
        What sets them apart from all others, strongest first.
    members : tuple of int
        Their places in the sequence that was given, nearest to the centre first.
    centroid : mapping of str to float
        Square roots of tag shares; small ones are left out.
    """

    tags: tuple[str, ...]
    members: tuple[int, ...]
    centroid: Mapping[str, float]


def shares_of(taste: Taste) -> dict[str, float]:
    """Return each tag's part of the whole; empty for who has no taste yet.

    Examples
    --------
    >>> shares_of({"moon": 3.0, "tea": 1.0})
    {'moon': 0.75, 'tea': 0.25}
    """
    positive = {tag: amount for tag, amount in taste.items() if amount > 0}
    total = sum(positive.values())
    return {tag: amount / total for tag, amount in positive.items()}


def discover(tastes: Sequence[Taste], *, smallest: int = 20, largest_number: int = 8, seed: int = 0) -> list[Cluster]:
    """Divide visitors into groups by the tags they read.

    Parameters
    ----------
    tastes : sequence of mappings of str to float
        For each visitor the amount of each tag.
    smallest : int
        A group of fewer members is no group: the number of groups is lowered until all have as many.
    largest_number : int
        The most groups to try.
    seed : int
        The same seed and tastes give the same groups.

    Returns
    -------
    list of Cluster
        The largest first; empty when the visitors do not fall into groups.

    Notes
    -----
    k-means on the square roots of tag shares, whose Euclidean distance is the Hellinger distance between tastes, so
    that one dominant tag does not drown the rest. The number of groups is that whose mean silhouette
    (P. Rousseeuw, "Silhouettes", J. Comput. Appl. Math. 1987) exceeds most that of the same tags dealt out anew
    among the visitors, where there are no groups (after R. Tibshirani et al., "Estimating the number of clusters via
    the gap statistic", JRSS B 2001). Without an excess of 0.02 there is no structure worth a name.

    Examples
    --------
    >>> found = discover([{"moon": 1.0}] * 20 + [{"tea": 2.0}] * 30)
    >>> [(cluster.tags, len(cluster.members)) for cluster in found]
    [(('tea',), 30), (('moon',), 20)]
    """
    known = [place for place, taste in enumerate(tastes) if shares_of(taste)]
    if len(known) < 2 * smallest:
        return []
    tags, points = _points([tastes[place] for place in known])
    labels = _divide(points, smallest, largest_number, seed)
    if labels is None:
        return []
    clusters = [_cluster(number, labels, points, tags, known) for number in range(int(labels.max()) + 1)]
    return sorted(clusters, key=lambda cluster: (-len(cluster.members), cluster.tags))


def nearest(taste: Taste, centroids: Sequence[Taste]) -> int | None:
    """Return the place of the centroid that a taste is nearest to; None for who has no taste yet.

    Examples
    --------
    >>> nearest({"moon": 5.0, "tea": 1.0}, [{"tea": 1.0}, {"moon": 1.0}])
    1
    """
    point = {tag: share**0.5 for tag, share in shares_of(taste).items()}
    if not point or not centroids:
        return None
    # The square of a distance, but for what is the same for all centroids.
    distances = [
        sum(part * part for part in centroid.values())
        - 2.0 * sum(part * point.get(tag, 0.0) for tag, part in centroid.items())
        for centroid in centroids
    ]
    return distances.index(min(distances))


def _points(tastes: Sequence[Taste]) -> tuple[list[str], Doubles]:
    shares = [shares_of(taste) for taste in tastes]
    totals: dict[str, float] = {}
    for share in shares:
        for tag, part in share.items():
            totals[tag] = totals.get(tag, 0.0) + part
    tags = sorted(sorted(totals, key=lambda tag: (-totals[tag], tag))[:MOST_TAGS])
    column = {tag: number for number, tag in enumerate(tags)}
    points = np.zeros((len(shares), len(tags)))
    for row, share in enumerate(shares):
        for tag, part in share.items():
            if tag in column:
                points[row, column[tag]] = part**0.5
    return tags, points


def _divide(points: Doubles, smallest: int, largest_number: int, seed: int) -> Indexes | None:
    """The labels of the number of groups that stand out most from chance."""
    best, best_gain = None, WEAKEST_GAIN
    chance = _dealt_anew(points, seed)
    different = min(len(np.unique(points, axis=0)), len(np.unique(chance, axis=0)))
    for number in range(2, min(largest_number, len(points) // smallest, different) + 1):
        labels = _labels(points, number, seed)
        if np.bincount(labels, minlength=number).min() < smallest:
            continue
        gain = _silhouette(points, labels, seed) - _silhouette(chance, _labels(chance, number, seed), seed)
        if gain > best_gain:
            best, best_gain = labels, gain
    return best


def _dealt_anew(points: Doubles, seed: int) -> Doubles:
    """Each tag as often as before, but with other visitors, whose tastes are thereby mixed."""
    random = np.random.default_rng(seed)
    mixed = np.column_stack([random.permutation(column) for column in points.T])
    lengths: Doubles = np.linalg.norm(mixed, axis=1, keepdims=True)
    chance: Doubles = mixed / np.where(lengths > 0, lengths, 1.0)
    return chance


def _labels(points: Doubles, number: int, seed: int) -> Indexes:
    # Imported here: a web process asks which group is nearest, and would load scikit-learn for nothing.
    from sklearn.cluster import KMeans

    labels: Indexes = KMeans(number, n_init=STARTS, random_state=seed).fit_predict(points).astype(np.int64)
    return labels


def _silhouette(points: Doubles, labels: Indexes, seed: int) -> float:
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points, labels, sample_size=min(MOST_JUDGED, len(points)), random_state=seed))


def _cluster(number: int, labels: Indexes, points: Doubles, tags: Sequence[str], known: Sequence[int]) -> Cluster:
    rows = np.flatnonzero(labels == number)
    centroid = points[rows].mean(axis=0)
    lead = (points[rows] ** 2).mean(axis=0) - (points**2).mean(axis=0)
    apart = [tags[column] for column in np.argsort(-lead, kind="stable")[:3] if lead[column] > SMALLEST_PART]
    distances = np.linalg.norm(points[rows] - centroid, axis=1)
    return Cluster(
        tags=tuple(apart),
        members=tuple(known[row] for row in rows[np.argsort(distances, kind="stable")]),
        centroid={tag: round(float(part), 4) for tag, part in zip(tags, centroid, strict=True) if part > SMALLEST_PART},
    )
