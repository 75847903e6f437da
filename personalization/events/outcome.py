"""What became of a batch of events, said to the sender and counted for the operator."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from personalization.events import metrics
from personalization.events.validation import DETAILS


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event of a batch was not counted."""

    index: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many events of a batch were stored, and what became of the others."""

    accepted: int
    rejected: tuple[Rejection, ...] = ()


def outcome_of(kinds: Sequence[str], *, refused: dict[int, str]) -> Outcome:
    """The outcome of a batch of events of these kinds, of which some indexes were refused with a code."""
    stored = Counter(kind for index, kind in enumerate(kinds) if index not in refused)
    for kind, number in stored.items():
        metrics.ACCEPTED.labels(kind=kind).inc(number)
    for code, number in Counter(refused.values()).items():
        metrics.REJECTED.labels(code=code).inc(number)
    rejected = tuple(Rejection(index, code, str(DETAILS[code])) for index, code in sorted(refused.items()))
    return Outcome(accepted=stored.total(), rejected=rejected)
