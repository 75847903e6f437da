"""Which scorers a version consists of, how its blend is learned, and on what it is judged."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from personalization.recommend.data import Interactions, Items
from personalization.recommend.scorers import SCORERS, Scorer
from personalization.recommend.splits import Split, newest_of_each, temporal

logger = logging.getLogger(__name__)

# What policies ask for besides the blend, each by itself.
BESIDE = ("popular", "trending", "similar", "recent")
READING = frozenset({"content", "similar", "interests", "cold"})
FEWEST_JUDGES = 50
MOST_JUDGES = 5_000


@dataclass(frozen=True, eq=False)
class Holdout:
    """The interactions kept back, and which rule chose them."""

    split: Split
    rule: str


@dataclass(frozen=True)
class Recipe:
    """The blend's members with their parameters, and in words what was left out and why."""

    members: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...] = ()

    def new_members(self) -> dict[str, Scorer]:
        """Make the members, unfitted."""
        return {name: SCORERS[name](**params) for name, params in self.members.items()}


def choose_members(names: Sequence[str], items: Items) -> Recipe:
    """Take those of the scorers that can run here: known, their package installed, and fed by this data."""
    obstacles = {name: _obstacle(name, items) for name in dict.fromkeys(names)}
    notes = tuple(
        _("%(scorer)s was left out: %(reason)s") % {"scorer": name, "reason": reason}
        for name, reason in obstacles.items()
        if reason
    )
    return Recipe({name: {} for name, reason in obstacles.items() if not reason}, notes)


def new_beside(members: Mapping[str, Scorer], items: Items) -> dict[str, Scorer]:
    """Make the scorers that policies ask for and the blend does not hold."""
    return {
        name: SCORERS[name]() for name in BESIDE if name not in members and (name not in READING or _has_texts(items))
    }


def _obstacle(name: str, items: Items) -> str:
    """Why a scorer cannot be a member; empty if it can."""
    if name not in SCORERS:
        return _("there is no scorer of this name.")
    if name in READING and not _has_texts(items):
        return _("no item has an embedding yet.")
    try:
        SCORERS[name]().fit(_few_rows())
    except ImportError as error:
        return str(error)
    except ValueError:
        return ""  # it wants more than a few rows, and so could be asked
    return ""


def _few_rows() -> Interactions:
    return Interactions.from_rows(list("aabbcc"), list("xyyzzx"), [float(n) for n in range(6)])


def _has_texts(items: Items) -> bool:
    return items.embeddings is not None and bool(items.embeddings.any())


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
