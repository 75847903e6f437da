"""A decision with everything that was considered, in words and bars for an editor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from personalization.editor.judgements import Judgeable
from personalization.editor.words import OUTCOMES, reason_text, scorer_label
from personalization.slots.decision import Candidate, DecidedItem, Decision, Why

MOST_LOSERS = 20
MOST_SHUT_OUT = 10
SMALLEST_TOLD = 0.0005
ACTS = {
    "pinned": _("Pinned to their places"),
    "excluded": _("Shut out by an exclusion"),
    "cap": _("Held back by a cap on tags or sections"),
    "frequency_cap": _("Held back: shown often without a click"),
    "varied": _("Shown for variety"),
    "calibrated": _("Shown to keep the visitor’s own mix"),
    "fair": _("Shown to share attention fairly"),
    "explored": _("Tried out"),
    "gave_way": _("Gave way to those"),
    "dismissed": _("Dismissed by the visitor"),
}


@dataclass(frozen=True)
class Addend:
    """One contribution; `width` is its share of the page's largest, in percent."""

    label: str
    text: str
    amount: float
    width: int

    @property
    def is_negative(self) -> bool:
        return self.amount < 0


@dataclass(frozen=True)
class ShownItem:
    """A card, its score and what the score is made of; `judged` is what the editor thinks of it, if that is asked."""

    position: int
    item: DecidedItem
    outcome: str
    addends: tuple[Addend, ...]
    judged: Judgeable | None = None


@dataclass(frozen=True)
class OtherItem:
    """A candidate that is not shown, and why."""

    title: str
    type: str
    score: float | None
    outcome: str
    addends: tuple[Addend, ...]


@dataclass(frozen=True)
class Act:
    """What one kind of rule did, and to whom."""

    label: str
    titles: tuple[str, ...]


@dataclass(frozen=True)
class Presentation:
    """What the preview page shows."""

    decision: Decision
    reason: str
    shown: tuple[ShownItem, ...]
    others: tuple[OtherItem, ...]
    acts: tuple[Act, ...]


def present(decision: Decision, judgeable: Mapping[str, Judgeable] | None = None) -> Presentation:
    """Put a previewed decision into words; `judgeable` are the forms beside its cards."""
    outcomes = {candidate.key: candidate.outcome for candidate in decision.candidates}
    rest = [candidate for candidate in decision.candidates if candidate.position is None]
    # What a rule shut out has no score; an editor wants to see it before the hundredth by score.
    shut_out = [candidate for candidate in rest if candidate.score is None][:MOST_SHUT_OUT]
    losers = [candidate for candidate in rest if candidate.score is not None][:MOST_LOSERS] + shut_out
    largest = _largest([*decision.items, *losers])
    shown = tuple(
        ShownItem(
            place,
            item,
            _outcome(outcomes.get(item.key, "")),
            _addends(item.why, largest),
            (judgeable or {}).get(item.key),
        )
        for place, item in enumerate(decision.items, start=1)
    )
    others = tuple(
        OtherItem(loser.title, loser.type, loser.score, _outcome(loser.outcome), _addends(loser.why, largest))
        for loser in losers
    )
    return Presentation(decision, reason_text(decision.reason), shown, others, _acts(decision))


def _largest(weighed: Sequence[DecidedItem | Candidate]) -> float:
    return max((abs(why.contribution) for entry in weighed for why in entry.why), default=0.0) or 1.0


def _addends(whys: Sequence[Why], largest: float) -> tuple[Addend, ...]:
    return tuple(
        Addend(scorer_label(why.scorer), why.text, why.contribution, round(100 * abs(why.contribution) / largest))
        for why in whys
        if abs(why.contribution) >= SMALLEST_TOLD
    )


def _outcome(code: str) -> str:
    return str(OUTCOMES.get(code, code))


def _acts(decision: Decision) -> tuple[Act, ...]:
    """Rules that made a difference, in the order of `ACTS`, boosts last."""
    told = [
        Act(str(label), tuple(entry.title for entry in decision.candidates if entry.outcome == outcome))
        for outcome, label in ACTS.items()
    ]
    boosted = tuple(
        entry.title
        for entry in decision.candidates
        if any(why.scorer == "boost" and why.contribution for why in entry.why)
    )
    return tuple(act for act in (*told, Act(str(_("Moved by a boost")), boosted)) if act.titles)
