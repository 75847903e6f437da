"""The signed token of a decision: proof of what was shown, where, when, and to whom."""

import hmac
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.signing import BadSignature, Signer
from django.utils import timezone
from django.utils.crypto import salted_hmac

from personalization import conf

LONGEST_TOKEN = 8192
CLOCK_DRIFT = timedelta(minutes=1)


class TokenError(Exception):
    """A token that cannot be believed; `code` is "bad_token" or "stale_token"."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, kw_only=True)
class DecisionToken:
    """What was decided. On its way through the browser it names the visitor only as `owner`, which nobody can reverse.

    So a script on the page cannot follow a person by the token, which differs in every decision. `variant_keys` tells
    in which variant's words each item was shown and, last of all, the slot itself. `context` is what the exposure of an
    experiment's arm notes besides; it stays on the server.
    """

    decision_id: uuid.UUID
    slot_key: str
    arm_key: str = ""
    visitor_key: str = ""
    item_keys: tuple[str, ...] = ()
    propensities: tuple[float, ...] = ()
    variant_keys: tuple[str, ...] = ()
    placement: str = ""
    issued_at: datetime = field(default_factory=timezone.now)
    owner: str = ""
    context: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.visitor_key:
            object.__setattr__(self, "owner", _owner(self.decision_id, self.visitor_key))

    def propensity_of(self, item_key: str) -> float | None:
        """The probability with which an item was put at its place; None where nothing was left to chance."""
        return self.propensities[self.item_keys.index(item_key)] if item_key and self.propensities else None

    def variant_of(self, item_key: str) -> str:
        """Whose words an item was shown in, or, of no item, the slot itself; empty for the original's."""
        if not self.variant_keys:
            return ""
        return self.variant_keys[self.item_keys.index(item_key) if item_key else -1]

    @property
    def propensity(self) -> float | None:
        """The probability of all the items at their places together."""
        return math.prod(self.propensities) if self.propensities else None

    def belongs_to(self, visitor_key: str) -> bool:
        """Whether this visitor may speak about the decision: it was made for them, or for nobody in particular."""
        return not self.owner or hmac.compare_digest(self.owner, _owner(self.decision_id, visitor_key))


def issue(token: DecisionToken) -> str:
    """The token as the browser carries it."""
    issued_at = round(token.issued_at.timestamp())
    parts = [token.decision_id.hex, token.slot_key, token.arm_key, token.owner, token.item_keys, token.placement]
    # What most slots leave out is left out of their tokens, too.
    extras = [token.propensities, token.variant_keys] if token.variant_keys else [token.propensities]
    return _signer().sign_object([*parts, issued_at, *(extras if any(extras) else [])])


def read(raw: str, *, now: datetime) -> DecisionToken:
    """The token that `issue` wrote; raise TokenError if it was not this site's, or is older than ``token_hours``."""
    if len(raw) > LONGEST_TOKEN or not raw.isascii():
        raise TokenError("bad_token", "The token is not one of this site's.")
    try:
        decision_id, slot_key, arm_key, owner, item_keys, placement, seconds, *extras = _signer().unsign_object(raw)
    except (BadSignature, ValueError) as error:
        raise TokenError("bad_token", "The token is not one of this site's.") from error
    issued_at = datetime.fromtimestamp(seconds, UTC)
    if not -CLOCK_DRIFT <= now - issued_at <= timedelta(hours=conf.get().token_hours):
        raise TokenError("stale_token", "The token has expired: ask for a new decision.")
    return DecisionToken(
        decision_id=uuid.UUID(decision_id),
        slot_key=slot_key,
        arm_key=arm_key,
        item_keys=tuple(item_keys),
        propensities=tuple(extras[0]) if extras else (),
        variant_keys=tuple(extras[1]) if len(extras) > 1 else (),
        placement=placement,
        issued_at=issued_at,
        owner=owner,
    )


def _signer() -> Signer:
    return Signer(salt="personalization.decision.1")


def _owner(decision_id: uuid.UUID, visitor_key: str) -> str:
    digest = salted_hmac("personalization.decision.owner", f"{decision_id.hex}{visitor_key}", algorithm="sha256")
    return digest.hexdigest()[:32]
