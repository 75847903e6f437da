"""Which scorers a version consists of, how its blend is learned, and on what it is judged."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from personalization.recommend.data import Interactions, Items
from personalization.recommend.scorers import SCORERS, Scorer
from personalization.recommend.scorers.ease import LARGEST_SIDE
from personalization.recommend.splits import Split, newest_of_each, temporal

logger = logging.getLogger(__name__)

BLENDED = ("popular", "content", "ease", "svd", "item_knn")
BESIDE = ("trending", "similar", "recent")
READING = frozenset({"content", "similar"})
FEWEST_JUDGES = 50
MOST_JUDGES = 5_000


@dataclass(frozen=True, eq=False)
class Holdout:
    """The interactions kept back, and which rule chose them."""

    split: Split
    rule: str


def new_scorers(names: tuple[str, ...], interactions: Interactions, items: Items) -> dict[str, Scorer]:
    """Make the scorers that this data can feed: no readers without texts, no EASE beyond its memory limit."""
    has_texts = items.embeddings is not None and bool(items.embeddings.any())
    too_large = min(interactions.matrix.shape) > LARGEST_SIDE
    return {
        name: SCORERS[name]()
        for name in names
        if (has_texts or name not in READING) and not (too_large and name == "ease")
    }


def like(parameters: Mapping[str, Any], fitted: Mapping[str, Scorer], split: Split, items: Items) -> dict[str, Scorer]:
    """Make the members of an earlier version again, learned from the same training part; reuse what is the same.

    Its own artifact must not be judged on this hold-out: it has learned from it. Empty when the version was made of
    scorers, parameters or texts that are no more.
    """
    members = {}
    try:
        for name, params in parameters["members"].items():
            same = name in fitted and fitted[name].params == params
            members[name] = fitted[name] if same else SCORERS[name](**params).fit(split.train, items)
    except (KeyError, TypeError, ValueError) as error:
        logger.warning("The version now serving cannot be made again to be compared with: %r", error)
        return {}
    return members


def hold_out(interactions: Interactions, fraction: float) -> Holdout:
    """Keep back the newest interactions of all - or of each visitor, while too few visitors have come back to judge by.

    On a site whose visitors come in one sitting, the newest fifth of everything belongs to newcomers, of whom nothing
    was known before: a handful of visitors would decide.
    """
    for rule, divide in (("newest", temporal), ("newest of each visitor", newest_of_each)):
        split = _split(partial(divide, fraction=fraction), interactions)
        if split is not None and (len(split.test_rows) >= FEWEST_JUDGES or divide is newest_of_each):
            return Holdout(_with_fewer_judges(split), rule)
    raise ValueError("Every visitor has a single interaction: there is nothing to hold out.")


def _split(divide: partial[Split], interactions: Interactions) -> Split | None:
    try:
        split = divide(interactions)
    except ValueError:
        return None
    return split if len(split.test_rows) else None


def _with_fewer_judges(split: Split) -> Split:
    """Judge by a seeded sample where there are very many visitors: figures barely change, minutes are saved."""
    if len(split.test_rows) <= MOST_JUDGES:
        return split
    judges = np.zeros(split.test.n_visitors, dtype=np.bool_)
    judges[np.random.default_rng(0).choice(split.test_rows, MOST_JUDGES, replace=False)] = True
    return Split(split.train, split.test.keep(judges[split.test.rows]), split.left_out)
