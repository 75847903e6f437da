"""How reviewing goes: how much is decided, how often for approval, how fast, and what an approved variant costs."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import ceil
from statistics import median

from django.db.models import Min
from django.utils import timezone
from django.utils.translation import gettext as _

from personalization import conf
from personalization.variants.asking import GenerationCall, PromptTemplate
from personalization.variants.choices import Act, CallStatus
from personalization.variants.generators.failures import TURNED_AWAY
from personalization.variants.records import ApprovalRecord

DECISIONS = (Act.APPROVED, Act.CHANGES, Act.REJECTED)
ARRIVALS = (Act.SUBMITTED, Act.STALE)
CHUNK = 2000


@dataclass(frozen=True)
class Decided:
    """One decision of a person, and how long the variant had waited for it; None where nobody knows since when."""

    variant_key: str
    act: str
    at: datetime
    waited: timedelta | None
    model: str
    template: str
    is_first_approval: bool = False


@dataclass(frozen=True)
class Called:
    """One call of a model; what it cost is None where that is not known."""

    model: str
    template: str
    money: Decimal | None


@dataclass(frozen=True)
class Tally:
    """Decisions and calls of one model, of one prompt template, or of all. What cannot be divided is None."""

    label: str
    decided: Sequence[Decided] = field(repr=False)
    called: Sequence[Called] = field(repr=False)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many decisions of each kind."""
        found = Counter(one.act for one in self.decided)
        return {act: found[act] for act in DECISIONS}

    @property
    def acceptance(self) -> float | None:
        """The part of the decisions that were approvals, from 0 to 1."""
        return self.counts[Act.APPROVED] / len(self.decided) if self.decided else None

    @property
    def median_hours(self) -> float | None:
        """Half of the decisions came within this time."""
        return median(self._hours) if self._hours else None

    @property
    def p90_hours(self) -> float | None:
        """Nine in ten decisions came within this time."""
        return self._hours[ceil(0.9 * len(self._hours)) - 1] if self._hours else None

    @property
    def approved_variants(self) -> int:
        """How many variants were approved for the first time."""
        return sum(one.is_first_approval for one in self.decided)

    @property
    def unknown_calls(self) -> int:
        """How many of the calls have no known cost."""
        return sum(one.money is None for one in self.called)

    @property
    def money(self) -> Decimal | None:
        """What the calls of known cost took; None where no call's cost is known."""
        known = [one.money for one in self.called if one.money is not None]
        return sum(known, Decimal(0)) if known or not self.called else None

    @property
    def cost_per_approved(self) -> Decimal | None:
        """What was paid, for whatever came of it, for each variant that was approved for the first time."""
        if self.money is None or not self.approved_variants or not self.called:
            return None
        return self.money / self.approved_variants

    @property
    def _hours(self) -> list[float]:
        return sorted(one.waited.total_seconds() / 3600 for one in self.decided if one.waited is not None)


@dataclass(frozen=True)
class Span:
    """The decisions of a day, or of the week that begins on it."""

    begins: date
    counts: Mapping[str, int]

    @property
    def decided(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True)
class Report:
    """What happened from the first day to the last, both included; the days are UTC's."""

    first: date
    last: date
    currency: str
    total: Tally
    by_template: Sequence[Tally]
    by_model: Sequence[Tally]
    days: Sequence[Span]
    weeks: Sequence[Span]


def review_report(*, days: int = 28, until: datetime | None = None) -> Report:
    """What happened on these days, the last of which is today."""
    last = (until or timezone.now()).astimezone(UTC).date()
    first = last - timedelta(days=days - 1)
    decided, called = read_decisions(first, last), read_calls(first, last)
    names = _template_names({one.template for one in (*decided, *called)})
    return Report(
        first,
        last,
        conf.get().generator_currency,
        Tally(_("All"), decided, called),
        grouped(decided, called, lambda one: names[one.template]),
        grouped(decided, called, lambda one: one.model or _("Written by people")),
        spans(decided, _days(first, last), lambda day: day),
        spans(decided, _days(first, last), lambda day: day - timedelta(days=day.weekday())),
    )


def grouped(
    decided: Sequence[Decided], called: Sequence[Called], label_of: Callable[[Decided | Called], str]
) -> list[Tally]:
    """A tally for each label, that with the most decisions first."""
    decisions: dict[str, list[Decided]] = defaultdict(list)
    calls: dict[str, list[Called]] = defaultdict(list)
    for decision in decided:
        decisions[label_of(decision)].append(decision)
    for call in called:
        calls[label_of(call)].append(call)
    tallies = [Tally(label, decisions[label], calls[label]) for label in {**decisions, **calls}]
    return sorted(tallies, key=lambda tally: (-len(tally.decided), tally.label))


def spans(decided: Iterable[Decided], days: Iterable[date], begin_of: Callable[[date], date]) -> list[Span]:
    """How many decisions fell on each day, or into each week; none is left out because it saw none."""
    counts = {begin_of(day): Counter[str]() for day in days}
    for one in decided:
        counts[begin_of(one.at.astimezone(UTC).date())][one.act] += 1
    return [Span(begins, {act: found[act] for act in DECISIONS}) for begins, found in counts.items()]


def read_decisions(first: date, last: date) -> list[Decided]:
    """The decisions of these days, with when their variants had come into the queue, though it was earlier."""
    of_days = ApprovalRecord.objects.filter(act__in=DECISIONS, at__gte=_midnight(first), at__lt=_midnight(last, 1))
    approvals = ApprovalRecord.objects.filter(act=Act.APPROVED).order_by().values("variant_key")
    first_approval = dict(
        approvals.filter(variant_key__in=of_days.order_by().values("variant_key"))
        .annotate(first=Min("pk"))
        .values_list("variant_key", "first")
    )
    entries = ApprovalRecord.objects.filter(
        variant_key__in=of_days.order_by().values("variant_key"), at__lt=_midnight(last, 1)
    )
    found: list[Decided] = []
    arrived: dict[str, datetime] = {}
    names = ("pk", "variant_key", "act", "at", "model", "template_version")
    for pk, key, act, at, model, template in entries.order_by("pk").values_list(*names).iterator(chunk_size=CHUNK):
        if act in ARRIVALS:
            arrived[key] = at
        elif act in DECISIONS:
            since = arrived.pop(key, None)
            if at >= _midnight(first):
                is_first = first_approval.get(key) == pk
                found.append(Decided(key, act, at, since and at - since, model, template.partition(".")[0], is_first))
    return found


def read_calls(first: date, last: date) -> list[Called]:
    """The calls of these days that have ended. Whom a server turned away did not pay."""
    calls = GenerationCall.objects.filter(started_at__gte=_midnight(first), started_at__lt=_midnight(last, 1))
    rows = calls.exclude(status=CallStatus.RUNNING).order_by("pk")
    return [
        Called(model, template.partition(".")[0], Decimal(0) if money is None and status in TURNED_AWAY else money)
        for model, template, money, status in rows.values_list("model", "template_version", "money", "status")
    ]


def _template_names(keys: Iterable[str]) -> dict[str, str]:
    known = PromptTemplate.objects.in_bulk([int(key) for key in keys if key.isdecimal()])
    names = {key: _("Deleted template %(number)s") % {"number": key} for key in keys}
    return names | {"": _("No template")} | {str(pk): template.name for pk, template in known.items()}


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _midnight(day: date, later: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=later)
