"""Everything about a request that decisions depend on: the one place that reads an HttpRequest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property, partial
from typing import Any

import numpy as np
import waffle
from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils import timezone, translation

from personalization.catalog.keys import key_of
from personalization.catalog.models import Epoch
from personalization.catalog.snapshot import EVERY_SITE
from personalization.events.tokens import DecisionToken
from personalization.experiments.assignment import Assignment, ServedExperiment
from personalization.recommend.data import Floats, History, Indexes, Mask
from personalization.slots import memory as process_memory
from personalization.slots import requests
from personalization.slots.decision import Decision
from personalization.slots.histories import (
    dismissed_rows,
    history_of,
    history_of_taste,
    own_mix,
    read_mask,
    shown_counts,
)
from personalization.slots.memory import Memory
from personalization.slots.policies import Ranking
from personalization.slots.pools import translations
from personalization.slots.requests import content_language
from personalization.visitors import identity
from personalization.visitors.matching import Facts, keys_of
from personalization.visitors.models import Consent, Profile, Visitor
from personalization.visitors.services import current_visitor, get_visitor

ATTRIBUTE = "personalization"
SWITCH = "personalization"


def _nobody() -> None:
    return None


def _no_name() -> str:
    return ""


def _no_circumstances(is_told: bool) -> Mapping[str, Any]:
    return {}


def _no_arm(experiment: ServedExperiment) -> str | None:
    return None


def _always(flag: str) -> bool:
    return True


@dataclass(eq=False, kw_only=True)
class ServingContext:
    """One request as slots see it, and what its page has shown so far. All slots of a page share one."""

    find_site: Callable[[Memory], int | None]
    find_visitor: Callable[[], Visitor | None] = _nobody
    find_first_name: Callable[[], str] = _no_name
    is_flag_active: Callable[[str], bool] = _always
    find_circumstances: Callable[[bool], Mapping[str, Any]] = _no_circumstances
    refuses: bool = False
    path: str = ""
    item_key: str | None = None
    is_item_claimed: bool = False
    locale: str = ""
    locale_id: int | None = None
    is_told: bool = False
    liked_tags: tuple[str, ...] = ()
    given_segments: tuple[str, ...] = ()
    model_version: int | None = None
    find_forced_arm: Callable[[ServedExperiment], str | None] = _no_arm
    is_tracked: bool = True
    now: datetime = field(default_factory=timezone.now)
    parent: ServingContext | None = None

    is_personal: bool = False
    varies: bool = False
    spent_ms: float = 0.0
    broken: set[str] = field(default_factory=set)
    decisions: list[Decision] = field(default_factory=list)
    tokens: list[DecisionToken] = field(default_factory=list)
    rankings: dict[Any, Ranking | None] = field(default_factory=dict)
    eligible: dict[str, Mask] = field(default_factory=dict)
    leaders: dict[Ranking, Indexes] = field(default_factory=dict)
    addends: dict[Ranking, Any] = field(default_factory=dict)
    phrases: dict[Any, str] = field(default_factory=dict)
    shown: set[int] = field(default_factory=set)
    shown_keys: set[str] = field(default_factory=set)
    assignments: dict[str, Assignment | None] = field(default_factory=dict)
    beside: dict[int, ServingContext] = field(default_factory=dict)

    @classmethod
    def from_request(
        cls, request: HttpRequest, *, url: str | None = None, item_key: str | None = None, locale: str | None = None
    ) -> ServingContext:
        """The context of a request: made at the first call, the same one at the next. What is given later counts.

        What is given is the client's word; a page that the site itself shows is given to `for_page`.
        """
        request = getattr(request, "_request", request)
        context = getattr(request, ATTRIBUTE, None)
        if context is None:
            context = _read(request)
            setattr(request, ATTRIBUTE, context)
        if url is not None or item_key or locale:
            context.is_item_claimed = context.is_item_claimed or bool(item_key)
            context.is_told = context.is_told or url is not None
            context.look_at(path=url, item_key=item_key, locale=locale)
        return context

    @classmethod
    def for_page(cls, request: HttpRequest, page: Any) -> ServingContext:
        """The context of a request that shows a page, or any other object of the catalog, or None."""
        context = cls.from_request(request)
        if getattr(page, "pk", None) and context.item_key is None:
            context.look_at(item_key=key_of(page))
            context.locale_id = getattr(page, "locale_id", None)
        return context

    @classmethod
    def for_preview(
        cls,
        *,
        visitor_key: str | None = None,
        tags: Sequence[str] = (),
        segments: Sequence[str] = (),
        item_key: str | None = None,
        locale: str | None = None,
        site_id: int | None = None,
        model_version: int | None = None,
    ) -> ServingContext:
        """The context of somebody else, of which nothing is logged: new, known, fond of tags, or of some segments."""
        return cls(
            find_site=lambda memory: site_id or memory.sites.default,
            find_visitor=partial(get_visitor, key=visitor_key) if visitor_key else _nobody,
            item_key=item_key,
            locale=content_language(locale),
            liked_tags=tuple(tags),
            given_segments=tuple(segments),
            model_version=model_version,
            is_tracked=False,
        )

    @cached_property
    def for_anybody(self) -> ServingContext:
        """The same page, whoever looks at it: what may stand in a page that is cached."""
        return ServingContext(
            parent=self,
            find_site=self.find_site,
            path=self.path,
            item_key=self.item_key,
            locale=self.locale,
            locale_id=self.locale_id,
            is_tracked=False,
            now=self.now,
            shown=self.shown,
        )

    def look_at(self, *, path: str | None = None, item_key: str | None = None, locale: str | None = None) -> None:
        """Say, or say more exactly, what is being viewed."""
        self.path = self.path if path is None else path
        self.item_key = item_key or self.item_key
        if locale:
            self.locale = content_language(locale)
        for name in ("item_row", "history", "facts", "segments"):
            self.__dict__.pop(name, None)

    @cached_property
    def memory(self) -> Memory:
        """What this process holds, brought up to date by one query."""
        if self.parent:
            return self.parent.memory
        return process_memory.current(self.epochs, self.model_version)

    @cached_property
    def epochs(self) -> Mapping[str, int]:
        """How often each thing that is held in memory has changed: the first query of a page."""
        return self.parent.epochs if self.parent else Epoch.objects.numbers()

    def by_version(self, version_id: int | None) -> ServingContext:
        """The same request, ranked by another model version; what the page has shown is shared."""
        if version_id is None or version_id == self.model_version:
            return self
        if version_id not in self.beside:
            memory = process_memory.current(self.epochs, version_id)
            beside = copy(self)
            vars(beside).update(
                memory=memory, model_version=version_id, rankings={}, leaders={}, addends={}, phrases={}
            )
            self.beside[version_id] = beside
        return self.beside[version_id]

    @cached_property
    def visitor(self) -> Visitor | None:
        """The visitor, with consent and profile, by one query at most."""
        return self.find_visitor()

    @cached_property
    def consent(self) -> Consent | None:
        """What the visitor allowed; None is nothing."""
        return getattr(self.visitor, "consent", None)

    @property
    def purposes(self) -> list[str]:
        """The purposes for which this visitor's events may be used now."""
        granted = {"analytics": self.consent and self.consent.analytics, "personalization": self.may_personalize}
        return [purpose for purpose, allowed in granted.items() if allowed]

    @cached_property
    def may_personalize(self) -> bool:
        """Whether the visitor agreed, and the browser does not object."""
        return not self.refuses and self.consent is not None and self.consent.personalization

    @cached_property
    def profile(self) -> Profile | None:
        """What was learned about the visitor, if it may be used."""
        return getattr(self.visitor, "profile", None) if self.may_personalize else None

    @cached_property
    def token_visitor(self) -> str:
        """The visitor whom a decision's token may name."""
        return self.visitor.key if self.purposes and not self.refuses else ""

    @cached_property
    def unit(self) -> str:
        """By what experiments know the visitor; empty for whom nothing may be counted."""
        counted = self.token_visitor and self.is_tracked and self.consent and self.consent.analytics
        return self.visitor.experiment_unit if counted else ""

    @cached_property
    def site_id(self) -> int | None:
        """The Wagtail site, found without a query."""
        return self.find_site(self.memory)

    @cached_property
    def item_row(self) -> int | None:
        """The row of the item being viewed, named by key or by path."""
        catalog = self.memory.catalog
        row = catalog.row_of.get(self.item_key)
        # A client's word opens no hidden page: what resembles it would tell what it is about.
        if row is not None and (catalog.live[row] or not self.is_item_claimed):
            return row
        rows = self.memory.row_of_address
        return rows.get((self.site_id, self.path), rows.get((EVERY_SITE, self.path)))

    @cached_property
    def history(self) -> History:
        """What scorers get to know: without consent, only the item being viewed."""
        if self.liked_tags:
            history = history_of_taste(self.liked_tags, self.memory, self.item_row)
        elif self.profile is None:
            history = History(context=self.item_row)
        else:
            history = history_of(self.profile, self.memory, self.item_row)
        return replace(history, segment=self.segment, now=self.now.timestamp())

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """Segments of visitor and request, in the editors' order; what stands for anybody knows of none."""
        memberships = self.memory.memberships
        if self.parent or not memberships:
            return ()
        admitted = {*self.given_segments, *keys_of(memberships, self.facts)}
        return tuple(membership.key for membership in memberships if membership.key in admitted)

    @property
    def segment(self) -> str:
        """One word for the kind of visitor, as training knows it: the first lasting segment, or the language."""
        lasting = {membership.key for membership in self.memory.memberships if membership.is_lasting}
        return next((key for key in self.segments if key in lasting), self.language)

    @cached_property
    def facts(self) -> Facts:
        """What rules about segments and experiments may look at."""
        return Facts(
            now=self.now,
            locale=self.language,
            site_id=self.site_id,
            is_flag_active=self.is_flag_active,
            may_personalize=self.may_personalize,
            profile=self.profile,
            **self.find_circumstances(self.is_told),
        )

    @cached_property
    def read_rows(self) -> Mask:
        """Which rows the visitor has read, in whatever language; none if that may not be used."""
        return read_mask(self.profile, self.memory) if self.profile else np.zeros(len(self.memory.items.ids), np.bool_)

    @cached_property
    def shown_counts(self) -> Floats:
        """How often each row was shown to the visitor without a click since; nothing if that may not be used."""
        if self.profile is None:
            return np.zeros(len(self.memory.items.ids), dtype=np.float32)
        return shown_counts(self.profile, self.memory)

    @cached_property
    def dismissed_rows(self) -> list[int]:
        """Rows in which the visitor is not interested, in whatever language."""
        return dismissed_rows(self.profile, self.memory) if self.profile else []

    @cached_property
    def own_mix(self) -> Mapping[str, float]:
        """The shares of tags in what the visitor reads, or is said to like; empty where nothing is known."""
        if self.liked_tags:
            return {tag.casefold(): 1.0 for tag in self.liked_tags}
        return own_mix(self.history, self.memory, self.now)

    @property
    def language(self) -> str:
        """The language of the page, else the active one."""
        return self.memory.languages.get(self.locale_id, self.locale)

    @property
    def default_locale(self) -> str:
        """The site's default language."""
        return content_language(settings.LANGUAGE_CODE)

    def taken_rows(self) -> list[int]:
        """Rows that may not be shown: the item being viewed, what the page has shown, what was dismissed."""
        rows = self.shown if self.item_row is None else self.shown | {self.item_row}
        keys = self.shown_keys.union(self.memory.items.ids[row] for row in rows)
        return [*self.dismissed_rows, *(row for key in keys for row in translations(self.memory.catalog, key))]

    def may_exist(self, slot_key: str) -> bool:
        """Whether a slot exists, as far as that can be known."""
        try:
            return slot_key in self.memory.definitions
        except Exception:  # the decision will say what is wrong
            return True

    def forget_visitor(self) -> None:
        """Go on as for a stranger: the visitor cannot be read."""
        vars(self).update(visitor=None, consent=None, may_personalize=False, profile=None)

    @cached_property
    def is_switched_on(self) -> bool:
        """Whether the app serves at all: the switch ``personalization`` counts as on until somebody makes one."""
        switch = waffle.get_waffle_switch_model().get(SWITCH)
        return switch.pk is None or switch.is_active()


def _read(request: HttpRequest) -> ServingContext:
    routed = getattr(request, "_wagtail_site", None)
    host, port = split_domain_port(request._get_raw_host())[0], int(request.get_port())
    return ServingContext(
        find_site=lambda memory: routed.pk if routed else memory.sites.find(host, port),
        find_visitor=partial(current_visitor, request=request),
        find_first_name=partial(requests.first_name, request),
        # Read only: a percentage would be drawn, and kept in a cookie that nobody has agreed to.
        is_flag_active=partial(waffle.flag_is_active, request, read_only=True),
        find_forced_arm=partial(requests.forced_arm, request),
        find_circumstances=partial(requests.circumstances, request),
        refuses=identity.refuses_personalization(request.headers),
        path=request.path,
        locale=content_language(translation.get_language()),
        is_tracked=not getattr(request, "is_preview", False),
    )
