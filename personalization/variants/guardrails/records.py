"""What the rules are given, and what they find: frozen values, without a database."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from personalization.variants.guardrails.registry import BLOCK, RULES, Severity

FIELDS = ("headline", "summary", "call_to_action", "image_description")
# Lines may break in these only.
PARAGRAPHS = ("summary",)
LIMITS: Mapping[str, int] = {"headline": 120, "summary": 500, "call_to_action": 60, "image_description": 250}
# What can be kept at all; more than any limit allows, so that what was cut is found to be too long.
LARGEST: Mapping[str, int] = {"headline": 255, "summary": 1000, "call_to_action": 100, "image_description": 300}
LONGEST_EXCERPT = 80

Words = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What one language's drafts are held to. `version` names the state of the rules in records.

    `severities` holds what differs from the defaults. `hardest` is a LIX value, `least_similarity` a cosine.

    Examples
    --------
    >>> Rules(severities={"claims": "block", "markup": "off"}).severity("claims")
    'block'
    """

    version: str = ""
    language: str = "en"
    severities: Mapping[str, str] = dataclasses.field(default_factory=dict)
    limits: Mapping[str, int] = dataclasses.field(default_factory=lambda: dict(LIMITS))
    banned: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    allowed_domains: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    profanity: tuple[str, ...] = ()
    hardest: int | None = None
    least_similarity: float = 0.35

    def severity(self, rule: str) -> Severity:
        """How grave a rule's findings are; what the rule does not allow leaves its default in force.

        Examples
        --------
        >>> Rules(severities={"markup": "off"}).severity("markup")
        'redact'
        """
        known = RULES[rule]
        return next((one for one in known.severities if one == self.severities.get(rule)), known.default)


@dataclass(frozen=True)
class Draft:
    """The words of one variant, by field, as they came: neither their names nor their types have been looked at."""

    words: Mapping[Any, Any]


def _nobody_knows(address: str) -> bool | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a draft is compared with.

    `known` is what may be named besides the source, such as the site. `neighbours` are the words of other variants of
    the same source and segment. `placeholders` are the names that the source uses. `link_exists` says of an address
    whether it leads anywhere, or None where that cannot be known. `similarity` is the cosine of the meanings of draft
    and source, where it was measured. What has an image need say nothing.
    """

    title: str = ""
    summary: str = ""
    text: str = ""
    url: str = ""
    language: str = ""
    known: str = ""
    own_domains: frozenset[str] = frozenset()
    neighbours: tuple[Words, ...] = ()
    placeholders: frozenset[str] = frozenset()
    link_exists: Callable[[str], bool | None] = _nobody_knows
    similarity: float | None = None
    has_image: bool = False

    @property
    def source(self) -> str:
        """All words of the source."""
        return "\n".join(part for part in (self.title, self.summary, self.text) if part)


@dataclass(frozen=True)
class Finding:
    """What a rule found: where, and in which words. `start` and `end` count characters of the field as it now stands.

    They are None for what concerns all of a field, or has been taken out. `params` holds plain values only.

    Examples
    --------
    >>> finding = Finding("numbers", "block", "headline", "300", 4, 7)
    >>> Finding.from_dict(finding.as_dict()) == finding
    True
    """

    rule: str
    severity: Severity
    field: str = ""
    excerpt: str = ""
    start: int | None = None
    end: int | None = None
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        names = ("rule", "severity", "field", "excerpt", "start", "end")
        return {name: getattr(self, name) for name in names} | {"params": dict(self.params)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Finding":
        """Read back what `as_dict` wrote."""
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})

    @property
    def spot(self) -> tuple[str, int, int] | None:
        """Field, start and end, where it is about a part of a field."""
        return None if self.start is None or self.end is None else (self.field, self.start, self.end)

    def raised(self) -> "Finding":
        """The same, blocking."""
        return dataclasses.replace(self, severity=BLOCK)

    def placeless(self) -> "Finding":
        """The same, about words that no longer stand there."""
        return dataclasses.replace(self, start=None, end=None)


@dataclass(frozen=True)
class Checked:
    """The words as they may be kept, and what was found."""

    words: dict[str, str]
    findings: tuple[Finding, ...]

    @property
    def is_blocked(self) -> bool:
        """Whether anything found forbids to show the words."""
        return any(finding.severity == BLOCK for finding in self.findings)


@dataclass(frozen=True)
class Hit:
    """A rule's word for a finding, before anybody asks how grave it is."""

    rule: str
    field: str = ""
    excerpt: str = ""
    start: int | None = None
    end: int | None = None
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def quoting(self, text: str) -> "Hit":
        """The same, in the words of a text that has the same places."""
        return self if self.start is None else dataclasses.replace(self, excerpt=shortened(text[self.start : self.end]))


def hit(rule: str, name: str, text: str, start: int, end: int, **params: Any) -> Hit:
    """A hit at a place in a field's text.

    Examples
    --------
    >>> hit("numbers", "headline", "Over 300 films", 5, 8).excerpt
    '300'
    """
    return Hit(rule, name, shortened(text[start:end]), start, end, params)


def shortened(text: str) -> str:
    """At most as much of a text as a finding quotes."""
    return text if len(text) <= LONGEST_EXCERPT else text[: LONGEST_EXCERPT - 1] + "…"
