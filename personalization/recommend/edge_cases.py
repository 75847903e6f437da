"""Synthetic visitors at the edges of what can happen, and what must hold for whatever they get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from personalization.recommend.data import Doubles, History, Indexes, Items
from personalization.recommend.rerankers import drop_seen, top
from personalization.recommend.scorers.base import SECONDS_PER_DAY, Scorer

LONGEST = 1_000
TOLERANCE = 1e-3


@dataclass(frozen=True)
class EdgeCase:
    """One synthetic visitor: what it did, what it gets, and whether all is as it must be.

    ``broken`` names the rules that do not hold: "finite" (every score is a number), "places" (as many different items
    as there are places, or as are left), "unseen" (nothing read already), "repeatable" (asked again, the same),
    "explained" (the reasons add up to the score).
    """

    name: str
    events: int
    items: tuple[str, ...]
    tags: tuple[tuple[str, int], ...]
    broken: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists, fit for JSON."""
        return asdict(self)


def simulate(scorer: Scorer, items: Items, k: int = 10, seed: int = 0) -> tuple[EdgeCase, ...]:
    """Let synthetic visitors ask a scorer, and check what they get.

    Parameters
    ----------
    scorer : Scorer
        Fitted; `items` are found among its columns by id or group.
    items : Items
        Tags and embeddings, to make visitors of one taste and of contradicting ones.
    k : int
        How many places.
    seed : int
        Of the items that the visitors have read.

    Returns
    -------
    tuple of EdgeCase
        Nobody; a single item; a single item over and over; one tag alone; two tastes that contradict one another; a
        very long history; everything but one item; no weight at all; an unknown segment; all at one moment.

    Examples
    --------
    >>> from personalization.recommend.data import Interactions
    >>> from personalization.recommend.scorers import Popular
    >>> seen = Interactions.from_rows(list("aabbc"), list("xyyzy"), range(5))
    >>> cases = simulate(Popular().fit(seen), Items(ids=("x", "y", "z")), k=2)
    >>> cases[0].name, cases[0].items, [case.name for case in cases if case.broken]
    ('nothing read', ('y', 'z'), [])
    """
    tags = _tags_of_columns(scorer.item_ids, items)
    rng = np.random.default_rng(seed)
    return tuple(_ask(name, history, scorer, tags, k) for name, history in _visitors(scorer, items, tags, rng))


def _visitors(
    scorer: Scorer, items: Items, tags: Sequence[tuple[str, ...]], rng: np.random.Generator
) -> list[tuple[str, History]]:
    known = np.flatnonzero(scorer.coverage_mask())
    columns = rng.permutation(known if len(known) else len(scorer.item_ids))
    first, second = _opposed(scorer.item_ids, items, tags, columns)
    one = columns[:1]
    return [
        ("nothing read", History()),
        ("one item", _read(one)),
        ("one item, over and over", replace(_read(one), weights=np.full(len(one), 1e4, dtype=np.float32))),
        ("one tag alone", _read(first)),
        ("two tastes that contradict", _read(np.concatenate([first, second]))),
        ("a very long history", _read(columns[: min(LONGEST, max(len(columns) // 2, 1))])),
        ("everything but one item", _read(np.delete(np.arange(len(scorer.item_ids)), columns[:1]))),
        ("interactions of hardly any weight", replace(_read(columns[:5]), weights=np.full(len(columns[:5]), 1e-9))),
        ("an unknown language", replace(_read(columns[:3]), segment="unheard-of")),
        ("everything at one moment", History(items=columns[:20])),
    ]


def _read(columns: Indexes) -> History:
    """A history of one item a day."""
    return History(items=columns, timestamps=SECONDS_PER_DAY * np.arange(len(columns), dtype=np.float64))


def _opposed(
    ids: Sequence[str], items: Items, tags: Sequence[tuple[str, ...]], columns: Indexes
) -> tuple[Indexes, Indexes]:
    """Up to five items of the most frequent tag, and five that have least to do with them."""
    counts = Counter(tag for column in columns.tolist() for tag in tags[column])
    tag = counts.most_common(1)[0][0] if counts else None
    of_tag = np.asarray([column for column in columns.tolist() if tag in tags[column]], dtype=np.int64)
    first = of_tag[:5] if len(of_tag) else columns[:5]
    others = columns[~np.isin(columns, of_tag if len(of_tag) else first)]
    vectors = items.aligned_to(ids)
    if vectors is not None:
        others = others[np.argsort(vectors[others] @ vectors[first].sum(axis=0), kind="stable")]
    return first, others[:5]


def _ask(name: str, history: History, scorer: Scorer, tags: Sequence[tuple[str, ...]], k: int) -> EdgeCase:
    scores = scorer.score([history])[0].astype(np.float64)
    chosen = _choose(scores, history, k)
    rules: dict[str, Callable[[], bool]] = {
        "finite": lambda: bool(np.isfinite(scores).all()),
        "places": lambda: len(set(chosen.tolist())) == min(k, len(scores) - len(set(history.items.tolist()))),
        "unseen": lambda: not np.isin(chosen, history.items).any(),
        "repeatable": lambda: np.array_equal(chosen, _choose(scorer.score([history])[0], history, k)),
        "explained": lambda: _adds_up(scorer, history, chosen, scores),
    }
    return EdgeCase(
        name=name,
        events=len(history),
        items=tuple(scorer.item_ids[column] for column in chosen.tolist()),
        tags=tuple(Counter(tag for column in chosen.tolist() for tag in tags[column]).most_common(3)),
        broken=tuple(rule for rule, holds in rules.items() if not holds()),
    )


def _choose(scores: Doubles, history: History, k: int) -> Indexes:
    return top(drop_seen(scores, history.items), None, k)


def _adds_up(scorer: Scorer, history: History, chosen: Indexes, scores: Doubles) -> bool:
    explained = scorer.explain_many(history, chosen.tolist())
    return all(
        abs(why.score - scores[column]) <= TOLERANCE * max(1.0, abs(scores[column]))
        for column, why in zip(chosen.tolist(), explained, strict=True)
    )


def _tags_of_columns(ids: Sequence[str], items: Items) -> list[tuple[str, ...]]:
    of_name: dict[str, tuple[str, ...]] = {}
    for row, tags in enumerate(items.tags):
        of_name.setdefault(items.groups[row], tags)
        of_name.setdefault(items.ids[row], tags)
    return [of_name.get(name, ()) for name in ids]
