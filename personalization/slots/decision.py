"""Everything chosen for one slot on one request, frozen, with the reason for each item."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any


class Reason(StrEnum):
    """Why a decision looks as it does: stable codes, in the API, the log and the metrics.

    The first group names the rung of the policy's ladder that ranked the items; a policy of one's own may add names.
    In the second the ranking was not used: the editor's fallback items are shown, else the newest of the pool.
    In the third nothing is shown.
    """

    HYBRID = "hybrid"
    CONTENT = "content"
    CONTEXT = "context"
    SIMILAR = "similar"
    POPULAR = "popular"
    TRENDING = "trending"
    RECENT = "recent"
    NEWEST = "newest"
    EDITORIAL = "editorial"

    SWITCHED_OFF = "switched_off"
    FLAG_OFF = "flag_off"
    OTHER_SEGMENT = "other_segment"
    HELD_OUT = "held_out"
    NOT_PERSONALIZED = "not_personalized"
    FLAG_FAILED = "flag_failed"
    VISITOR_FAILED = "visitor_failed"
    EXPERIMENT_FAILED = "experiment_failed"
    CANDIDATES_FAILED = "candidates_failed"
    POLICY_FAILED = "policy_failed"
    RANKING_FAILED = "ranking_failed"
    EXPLAIN_FAILED = "explain_failed"
    TOKEN_FAILED = "token_failed"  # noqa: S105
    LATE = "late"
    NO_CANDIDATES = "no_candidates"
    PLACEHOLDER = "placeholder"

    NOT_LIVE = "not_live"
    UNKNOWN_SLOT = "unknown_slot"
    MEMORY_FAILED = "memory_failed"
    FALLBACK_FAILED = "fallback_failed"


class Origin(StrEnum):
    """How an item came onto the list: stable codes, in the API and in the preview."""

    RANKED = "ranked"
    PINNED = "pinned"
    VARIED = "varied"
    CALIBRATED = "calibrated"
    FAIR = "fair"
    EXPLORED = "explored"
    FALLBACK = "fallback"


@dataclass(frozen=True)
class Why:
    """One addend of an item's score, in the visitor's words."""

    scorer: str
    contribution: float
    text: str


@dataclass(frozen=True)
class DecidedItem:
    """One card. The contributions in `why` add up to `score`.

    `variant` names whose words these are, None for the item's own, and `why_words` says why they are shown; `ai_label`
    is what the visitor is to be told where a language model wrote them. `propensity` is the probability of the item at
    its place, given the places before it, in slots that explore.
    """

    key: str
    type: str
    title: str
    url: str
    summary: str
    image: str
    variant: str | None
    score: float
    call_to_action: str = ""
    image_description: str = ""
    ai_label: str = ""
    why_words: str = ""
    why: tuple[Why, ...] = ()
    origin: Origin = Origin.RANKED
    propensity: float | None = None

    @cached_property
    def reasons(self) -> list[str]:
        """What is worth telling the visitor: the texts that spoke for the item, strongest first, each once."""
        spoken = sorted(
            (why for why in self.why if why.text and why.contribution >= 0), key=lambda why: -why.contribution
        )
        return list(dict.fromkeys(why.text for why in spoken))[:3]


@dataclass(frozen=True)
class Candidate:
    """One item that was considered in a preview: what it scored, and why it is shown or not."""

    key: str
    type: str
    title: str
    score: float | None
    position: int | None
    outcome: str
    why: tuple[Why, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What one slot shows on one request."""

    slot: str
    decision_id: str
    token: str
    policy: str
    model_version: str | None
    fallback: bool
    reason: str
    heading: str = ""
    text: str = ""
    variant: str | None = None
    ai_label: str = ""
    why_words: str = ""
    items: tuple[DecidedItem, ...] = ()
    dismissible: bool = False
    template: str = ""
    candidates: tuple[Candidate, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """The shape of the decisions API."""
        whole = asdict(self)
        del whole["candidates"], whole["template"]
        return whole
