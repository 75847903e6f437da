"""What went wrong, in words for an editor: without the prompt, the key, and whatever the server said."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from personalization.variants.choices import CallStatus
from personalization.variants.generators.base import GeneratorError, Receipt

# When a server does not say how long to leave it alone, and for how long we believe one that does.
RETRY_SECONDS = 30.0
LONGEST_RETRY_SECONDS = 86_400.0
# Asking again later may help after these, and after these alone.
PASSING = frozenset(
    {CallStatus.TIMEOUT, CallStatus.RATE_LIMITED, CallStatus.UNREACHABLE, CallStatus.SERVER_ERROR, CallStatus.LOST}
)
# By these a server says that it has not begun: they cost nothing.
TURNED_AWAY = (CallStatus.RATE_LIMITED, CallStatus.UNAUTHORIZED, CallStatus.BAD_REQUEST)

MESSAGES = {
    CallStatus.TIMEOUT: _(
        "The language model did not answer in time. Try again later; if that happens often, ask for fewer alternatives."
    ),
    CallStatus.RATE_LIMITED: _("The language model has been asked too often of late. Try again in a while."),
    CallStatus.UNREACHABLE: _(
        "The language model cannot be reached. Try again later; if it stays so, tell whoever runs this site."
    ),
    CallStatus.SERVER_ERROR: _(
        "The language model's server has a fault. Try again later; if it stays so, tell whoever runs this site."
    ),
    CallStatus.BAD_REQUEST: _(
        "The language model's server refuses the question as it is put. Tell whoever runs this site: the log has more."
    ),
    CallStatus.UNAUTHORIZED: _(
        "The language model's server refuses this site's key. Tell whoever runs this site: the key has to be replaced."
    ),
    CallStatus.REFUSED: _(
        "The language model declines to write about this. Change the note or the template, or write the words yourself."
    ),
    CallStatus.CUT_OFF: _(
        "The answer was cut off because it became too long. Ask for fewer alternatives, or for shorter fields."
    ),
    CallStatus.MALFORMED: _(
        "The answer is not of the form that was asked for, so nothing of it was kept. Try again; if it stays so, "
        "another model is needed."
    ),
    CallStatus.TOO_LARGE: _(
        "The answer was much too large, so nothing of it was kept. Tell whoever runs this site which model did that."
    ),
    CallStatus.CANCELLED: _("Stopped before the answer came. What the model had read by then may still be charged."),
}
NO_CREDIT = _(
    "The account with the language model's provider has no credit left. Tell whoever runs this site: until it has, "
    "nothing can be written."
)
NOT_FOUND = _(
    "The language model's server knows neither such a model nor such an address. Tell whoever runs this site: the "
    "settings name another one than the server has."
)
ELSEWHERE = _(
    "The language model's address has moved, and the key is not sent after it. Tell whoever runs this site: the "
    "settings have to name the new address."
)
REFUSALS = frozenset({"content_filter", "content_policy_violation", "moderation_blocked"})


class NoEndpointError(GeneratorError):
    """The server has no such address: another one of its protocol may be there."""


def failure(
    status: CallStatus, *, receipt: Receipt | None = None, retry_after: float | None = None, message: Any = None
) -> GeneratorError:
    """An error as editors read it; without a time of its own, one that may pass is worth another try in a while."""
    if retry_after is None and message is None and status in PASSING:
        retry_after = RETRY_SECONDS
    return GeneratorError(status, str(message or MESSAGES[status]), retry_after=retry_after, receipt=receipt)


def failure_of_status(code: int, *, headers: Mapping[str, str], error: str, receipt: Receipt) -> GeneratorError:
    """What an HTTP status other than success means; `error` is the server's own code for it."""
    if error in REFUSALS:
        return failure(CallStatus.REFUSED, receipt=receipt)
    if error == "insufficient_quota":
        return failure(CallStatus.RATE_LIMITED, receipt=receipt, message=NO_CREDIT)
    if code in (404, 405, 501):
        kind = GeneratorError if error == "model_not_found" else NoEndpointError
        return kind(CallStatus.BAD_REQUEST, str(NOT_FOUND), receipt=receipt)
    if code < 400:
        return failure(CallStatus.UNREACHABLE, receipt=receipt, message=ELSEWHERE)
    status = _status_of(code)
    return failure(status, receipt=receipt, retry_after=retry_after(headers) if status in PASSING else None)


def _status_of(code: int) -> CallStatus:
    if code in (401, 403):
        return CallStatus.UNAUTHORIZED
    if code == 429:
        return CallStatus.RATE_LIMITED
    if code in (408, 504):
        return CallStatus.TIMEOUT
    # A conflict, or a request too early, passes like a fault of the server.
    return CallStatus.SERVER_ERROR if code in (409, 425) or code >= 500 else CallStatus.BAD_REQUEST


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds a Retry-After header asks for, given as a number or as a date; None if it says nothing."""
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,20}(\.\d{0,20})?", said):
        seconds = float(said)
    else:
        try:
            when = parsedate_to_datetime(said)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(seconds, 1.0), LONGEST_RETRY_SECONDS)
