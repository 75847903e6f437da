"""How a slot ranks: a ladder of rankings, of which the first that knows something about this visitor is taken.

A policy of a site's own is a `Policy` named by dotted path in the setting POLICIES; its rungs are plain functions.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Protocol

import numpy as np
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from personalization import conf
from personalization.recommend.data import Attribution, Floats, History, Items, Mask
from personalization.recommend.scorers.base import Scorer

NEWEST_HALF_LIFE_DAYS = 30.0
WARM = MappingProxyType({"content": 0.8, "popular": 0.2})
COLD = MappingProxyType({"similar": 0.5, "popular": 0.3, "trending": 0.2})


class Scorers(Protocol):
    """The scorers at hand, their columns in the order of the catalog's items."""

    def scorer(self, name: str) -> Scorer | None:
        """One scorer; None when it was not trained or cannot serve this catalog."""
        ...

    def blend(self, weights: Mapping[str, float]) -> Scorer | None:
        """A hybrid of those that are at hand."""
        ...


@dataclass(frozen=True, eq=False)
class Situation:
    """What a policy may look at. Without consent the history is empty, except for the item being viewed."""

    items: Items
    scorers: Scorers
    history: History
    now: float
    listed: tuple[int, ...] = ()

    @property
    def knows_visitor(self) -> bool:
        """Whether anything was learned about the visitor."""
        return len(self.history) > 0 or self.history.interest is not None


@dataclass(frozen=True, eq=False)
class Ranking:
    """A number for every item of the catalog, what it is made of on demand, and which items may be shown at all."""

    rung: str
    scores: Floats
    attribute: Callable[[Sequence[int]], Attribution]
    only: Mask | None = None


Rung = Callable[[Situation], Ranking | None]


@dataclass(frozen=True)
class Policy:
    """A named ladder.

    `fixed_order`: diversity and what was read do not reorder it; `per_slot`: it looks at the items a slot lists.
    """

    name: str
    label: str
    ladder: tuple[Rung, ...]
    fixed_order: bool = False
    per_slot: bool = False

    def rank(self, situation: Situation) -> Ranking | None:
        """Take the first rung that has something to say."""
        return next(filter(None, (rung(situation) for rung in self.ladder)), None)


class UnknownPolicyError(Exception):
    """No policy of this name is built in or named in settings."""


def _scored(rung: str, scorer: Scorer | None, situation: Situation) -> Ranking | None:
    if scorer is None:
        return None
    appraisal = scorer.appraise(situation.history)
    return Ranking(rung, appraisal.scores, appraisal.attribute) if appraisal.scores.any() else None


def by_hybrid(situation: Situation) -> Ranking | None:
    """The trained blend, for a visitor of whom something is known."""
    return _scored("hybrid", situation.scorers.scorer("hybrid"), situation) if situation.knows_visitor else None


def by_content(situation: Situation) -> Ranking | None:
    """The visitor's interest against every text, with some popularity if it is known."""
    return _scored("content", situation.scorers.blend(WARM), situation) if situation.knows_visitor else None


def by_context(situation: Situation) -> Ranking | None:
    """What resembles the page and what many choose, for a visitor of whom nothing is known."""
    if situation.history.context is None:
        return None
    return _scored("context", situation.scorers.blend(COLD), situation)


def by_similar(situation: Situation) -> Ranking | None:
    """The texts nearest to the item being viewed, or else to the visitor's last one."""
    return _scored("similar", situation.scorers.scorer("similar"), situation)


def by_popular(situation: Situation) -> Ranking | None:
    """What many visitors chose lately."""
    return _scored("popular", situation.scorers.scorer("popular"), situation)


def by_trending(situation: Situation) -> Ranking | None:
    """What more visitors choose than usual."""
    return _scored("trending", situation.scorers.scorer("trending"), situation)


def by_recent(situation: Situation) -> Ranking | None:
    """The visitor's own trail, and nothing else."""
    ranking = _scored("recent", situation.scorers.scorer("recent"), situation)
    return ranking and replace(ranking, only=ranking.scores > 0)


def by_newest(situation: Situation) -> Ranking:
    """The newest first; what has no date comes last."""
    ages = np.maximum(situation.now - situation.items.published, 0) / conf.DAY
    scores = np.nan_to_num(np.exp2(-ages / NEWEST_HALF_LIFE_DAYS)).astype(np.float64)
    return Ranking("newest", scores, partial(_attribute, {"newest": scores}))


def by_editors(situation: Situation) -> Ranking:
    """The slot's listed items in the editor's order, then the newest."""
    listed = list(dict.fromkeys(situation.listed))
    newest = by_newest(situation).scores
    lift = np.zeros(len(newest))
    lift[listed] = 1.0 + np.arange(len(listed), 0, -1)
    return Ranking("editorial", newest + lift, partial(_attribute, {"newest": newest, "editors": lift}))


def _attribute(addends: Mapping[str, Floats], rows: Sequence[int]) -> Attribution:
    """What scores are made of that are sums of parts, none of which comes from the visitor's history."""
    amounts = np.column_stack([scores[list(rows)] for scores in addends.values()])
    return Attribution(tuple((name, None) for name in addends), amounts)


BUILT_IN = {
    policy.name: policy
    for policy in (
        Policy("for-you", _("For you"), (by_hybrid, by_content, by_context, by_popular, by_trending, by_newest)),
        Policy("similar", _("Similar to the page"), (by_similar, by_popular, by_newest)),
        Policy("popular", _("Popular"), (by_popular, by_newest)),
        Policy("trending", _("Trending"), (by_trending, by_popular, by_newest)),
        Policy("recently-viewed", _("Recently viewed"), (by_recent,), fixed_order=True),
        Policy("newest", _("Newest"), (by_newest,), fixed_order=True),
        Policy("editorial", _("In the editor's order"), (by_editors,), fixed_order=True, per_slot=True),
    )
}


def find(name: str) -> Policy:
    """The policy of a name; raise UnknownPolicyError if there is none."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    try:
        policy = import_string(conf.get().policies[name])
    except (KeyError, ImportError, AttributeError, TypeError) as error:
        raise UnknownPolicyError(f"There is no policy {name!r}: see the setting POLICIES.") from error
    if not isinstance(policy, Policy):
        raise UnknownPolicyError(f"POLICIES[{name!r}] leads to no policy.")
    return policy


def choices() -> list[tuple[str, str]]:
    """Names and labels, for the editor."""
    named = []
    for name in (*BUILT_IN, *conf.get().policies):
        # Django's check of the field asks first: a wrong path is for our own check to tell.
        with suppress(UnknownPolicyError):
            named.append((name, find(name).label))
    return named
