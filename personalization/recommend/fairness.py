"""Who is shown, and who is served well: exposure across groups of items, quality across segments of visitors.

An audit judges one ranking of a hold-out (as in `metrics`) from two sides. *Items*: does each group of items - an
author's, a topic's, a language's - get its part of the places? *Visitors*: do the rankings foretell the choices of
every segment equally well? Differences between groups are fairlearn's; it needs the extra ``wagtail-slots[audit]``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from personalization.recommend import metrics
from personalization.recommend.data import Doubles, Indexes, Interactions
from personalization.recommend.extras import optional

NO_GROUP = ""
# Smaller groups are listed, but too few observations stand behind them to say that they differ.
FEWEST = 20
LARGEST_FACTOR = 5.0


@dataclass(frozen=True)
class GroupRow:
    """One group of items: its shares of the catalog, of the choices made and of the exposure, each from 0 to 1.

    ``selected`` is the share of all (visitor, item) pairs of this group that were shown, ``found`` that of its
    held-out choices that were among the places; None where the group has too few.
    """

    group: str
    items: int
    catalog: float
    interest: float
    exposure: float
    selected: float
    found: float | None


@dataclass(frozen=True)
class SegmentRow:
    """One segment of visitors: how many were judged, and how well they were served.

    ``hit`` is the share of visitors with at least one hit, ``found`` that of their held-out choices among the places.
    """

    segment: str
    visitors: int
    ndcg: float
    recall: float
    hit: float
    found: float


@dataclass(frozen=True)
class Audit:
    """One ranking, judged from both sides.

    ``*_parity`` is the demographic-parity difference (of ``selected``, and of ``hit``), ``*_opportunity`` the
    equal-opportunity difference (of ``found``); 0 is equality, None means that there are not two groups of at least
    `FEWEST` observations.
    """

    ndcg: float
    recall: float
    visitors: int
    item_parity: float | None
    item_opportunity: float | None
    visitor_parity: float | None
    visitor_opportunity: float | None
    groups: tuple[GroupRow, ...]
    segments: tuple[SegmentRow, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers, fit for JSON."""
        return asdict(self)


def audit(
    ranked: ArrayLike,
    relevant: csr_array,
    groups: Sequence[Collection[str]],
    segments: Sequence[str],
    interest: ArrayLike,
    k: int = 10,
) -> Audit:
    """Judge one ranking.

    Parameters
    ----------
    ranked : array of int, shape (n_visitors, m)
        Item columns, best first; -1 where nothing was recommended.
    relevant : csr_array, shape (n_visitors, n_items)
        Non-zero where the visitor chose the held-out item.
    groups : sequence of collections of str, length n_items
        The groups of each item; an item of several counts in equal parts.
    segments : sequence of str, length n_visitors
        The segment of each visitor.
    interest : array, shape (n_items,)
        How often each item was chosen in training.
    k : int
        How many places count.

    Raises
    ------
    ValueError
        If lengths differ.
    ImportError
        If fairlearn is not installed.

    Examples
    --------
    >>> fair = audit([[0], [1]], csr_array([[1, 0], [0, 1]]), [("a",), ("b",)], ["x", "x"], [1, 1], k=1)
    >>> [(row.group, row.exposure, row.found) for row in fair.groups]
    [('a', 0.5, None), ('b', 0.5, None)]
    """
    order = np.asarray(ranked, dtype=np.int64)[:, :k]
    if not len(order) == len(segments) == relevant.shape[0] or len(groups) != relevant.shape[1]:
        raise ValueError("There must be a ranking and a segment for each visitor, and groups for each item.")
    item_rows, item_parity, item_opportunity = _items_side(order, relevant, groups, np.asarray(interest), k)
    visitor_rows, visitor_parity, visitor_opportunity = _visitors_side(order, relevant, segments, k)
    return Audit(
        ndcg=metrics.average(metrics.ndcg_at_k(order, relevant, k)),
        recall=metrics.average(metrics.recall_at_k(order, relevant, k)),
        visitors=int((metrics.n_relevant(relevant) > 0).sum()),
        item_parity=item_parity,
        item_opportunity=item_opportunity,
        visitor_parity=visitor_parity,
        visitor_opportunity=visitor_opportunity,
        groups=item_rows,
        segments=visitor_rows,
    )


def exposure_of_items(ranked: ArrayLike, n_items: int, k: int) -> Doubles:
    """Return each item's exposure over all rankings: ``sum of 1 / log2(rank + 1)`` of its places among the first `k`.

    (A. Singh, T. Joachims, "Fairness of exposure in rankings", KDD 2018.)

    Examples
    --------
    >>> exposure_of_items([[2, 0], [2, -1]], 3, k=2).round(2).tolist()
    [0.63, 0.0, 2.0]
    """
    head = np.asarray(ranked, dtype=np.int64)[:, :k]
    seen = np.broadcast_to(1 / np.log2(np.arange(2, head.shape[1] + 2)), head.shape)
    return np.bincount(head[head >= 0], weights=seen[head >= 0], minlength=n_items).astype(np.float64)


def reweight(
    interactions: Interactions, groups: Sequence[Collection[str]], largest: float = LARGEST_FACTOR
) -> Interactions:
    """Weigh interactions inversely to how frequent their item's groups are, so that every group weighs the same.

    Parameters
    ----------
    interactions : Interactions
    groups : sequence of collections of str, length n_items
    largest : float
        No weight grows or shrinks by more than this factor: what hardly anybody chose cannot be learned by shouting.

    Returns
    -------
    Interactions
        The same pairs; the sum of all weights stays what it was.

    References
    ----------
    F. Kamiran, T. Calders, "Data preprocessing techniques for classification without discrimination", Knowledge and
    Information Systems 33(1), 2012.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("abc") + ["a"], list("xxxy"), range(4))
    >>> reweight(seen, [("film",), ("book",)]).matrix.toarray().sum(axis=0).round(2).tolist()
    [2.0, 2.0]
    """
    if len(groups) != interactions.n_items:
        raise ValueError("There must be groups for each item.")
    _, shares = _membership(groups)
    matrix = interactions.matrix
    held = shares.T @ np.asarray(matrix.sum(axis=0)).ravel()
    wanted = held.sum() / max(np.count_nonzero(held), 1)
    factors = np.divide(wanted, held, out=np.ones_like(held), where=held > 0)
    of_item = np.clip(shares @ factors, 1 / largest, largest)
    data = matrix.data * of_item[matrix.indices]
    data *= matrix.data.sum() / data.sum() if len(data) else 1.0
    return replace(
        interactions, matrix=csr_array((data.astype(np.float32), matrix.indices, matrix.indptr), matrix.shape)
    )


def _items_side(
    order: Indexes, relevant: csr_array, groups: Sequence[Collection[str]], interest: Doubles, k: int
) -> tuple[tuple[GroupRow, ...], float | None, float | None]:
    names, shares = _membership(groups)
    n_visitors, n_items = relevant.shape
    shown = np.bincount(order[order >= 0], minlength=n_items)
    hit = _hit_items(order, relevant, k)
    pairs = n_visitors * shares.sum(axis=0)
    selected = shares.T @ shown
    chosen = shares.T @ np.bincount(csr_array(relevant).nonzero()[1], minlength=n_items)
    found = shares.T @ hit
    exposure = shares.T @ exposure_of_items(order, n_items, k)
    wanted = shares.T @ interest
    rows = tuple(
        GroupRow(
            group=name,
            items=int(np.count_nonzero(shares[:, [g]].toarray())),
            catalog=_share(shares.sum(axis=0)[g], n_items),
            interest=_share(wanted[g], wanted.sum()),
            exposure=_share(exposure[g], exposure.sum()),
            selected=_share(selected[g], pairs[g]),
            found=_share(found[g], chosen[g]) if chosen[g] >= FEWEST else None,
        )
        for g, name in enumerate(names)
    )
    lib = optional("fairlearn.metrics", "audit")
    parity = _difference(lib.demographic_parity_difference, names, selected, pairs)
    return rows, parity, _difference(lib.equal_opportunity_difference, names, found, chosen)


def _visitors_side(
    order: Indexes, relevant: csr_array, segments: Sequence[str], k: int
) -> tuple[tuple[SegmentRow, ...], float | None, float | None]:
    judged = metrics.n_relevant(relevant) > 0
    words = np.asarray(segments, dtype=object)[judged]
    if not len(words):
        return (), None, None
    lib = optional("fairlearn.metrics", "audit")
    chosen = metrics.n_relevant(relevant)[judged].astype(np.float64)
    values = {
        "ndcg": metrics.ndcg_at_k(order, relevant, k)[judged],
        "recall": metrics.recall_at_k(order, relevant, k)[judged],
        "hit": metrics.hit_rate_at_k(order, relevant, k)[judged],
    }
    frames = {
        name: lib.MetricFrame(
            metrics=lib.mean_prediction, y_true=np.ones(len(words)), y_pred=figures, sensitive_features=words
        ).by_group
        for name, figures in values.items()
    }
    names = sorted(set(words.tolist()))
    member = np.asarray([words == name for name in names], dtype=np.float64)
    visitors, hits = member.sum(axis=1), member @ values["hit"]
    found, held_out = member @ (values["recall"] * chosen), member @ chosen
    rows = tuple(
        SegmentRow(
            segment=name,
            visitors=int(visitors[n]),
            found=_share(found[n], held_out[n]),
            **{figure: float(frames[figure][name]) for figure in values},
        )
        for n, name in enumerate(names)
    )
    enough = visitors >= FEWEST
    parity = _difference(lib.demographic_parity_difference, names, hits, visitors, enough)
    return rows, parity, _difference(lib.equal_opportunity_difference, names, found, held_out, enough)


def _difference(
    measure: Callable[..., float],
    names: Sequence[str],
    positive: Doubles,
    total: Doubles,
    counted: Iterable[bool] | None = None,
) -> float | None:
    """Ask fairlearn for the largest difference of ``positive / total`` between groups.

    Observations of a group differ in nothing but their prediction, so two weighted rows stand for all of them.
    """
    enough = [bool(n >= FEWEST) for n in total] if counted is None else list(counted)
    kept = [n for n, is_counted in enumerate(enough) if is_counted]
    if len(kept) < 2:
        return None
    groups = np.repeat(np.asarray(names, dtype=object)[kept], 2)
    predictions = np.tile([1, 0], len(kept))
    weights = np.ravel([(positive[n], total[n] - positive[n]) for n in kept])
    sensitive = {"sensitive_features": groups, "sample_weight": weights}
    return round(float(measure(np.ones(len(groups), dtype=np.int64), predictions, **sensitive)), 6)


def _membership(groups: Sequence[Collection[str]]) -> tuple[list[str], csr_array]:
    """Return the groups' names, and how much of each item belongs to each: every row adds up to one."""
    several = [tuple(dict.fromkeys(own)) or (NO_GROUP,) for own in groups]
    names = sorted({name for own in several for name in own})
    column: Mapping[str, int] = {name: n for n, name in enumerate(names)}
    rows = np.repeat(np.arange(len(several)), [len(own) for own in several])
    columns = [column[name] for own in several for name in own]
    parts = [1 / len(own) for own in several for _ in own]
    return names, csr_array((parts, (rows, columns)), shape=(len(several), len(names)))


def _hit_items(order: Indexes, relevant: csr_array, k: int) -> Doubles:
    """Count for each item how often it was chosen and among the places."""
    hits = metrics.hits(order, relevant, k)[:, : order.shape[1]]
    return np.bincount(order[hits], minlength=relevant.shape[1]).astype(np.float64)


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 6) if whole else 0.0
