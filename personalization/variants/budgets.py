"""What a day's generation may use: held back before each call, written down after it.

A budget counts what a call used as far as that is known, and what was held back for it as long as it is not: while the
call runs, when its worker was lost, and when the server did not say. The day is UTC's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from personalization import conf
from personalization.catalog.models import Epoch
from personalization.variants.asking import GenerationCall
from personalization.variants.choices import CallStatus, Purpose
from personalization.variants.generators.base import Answer, GeneratorError, Picture, Receipt, Usage
from personalization.variants.limits import Budget

# The counter whose row lets one worker at a time add up and hold back.
LOCK = "generation"
MILLION = 1_000_000
CENT = Decimal("0.000001")
MONEY = GenerationCall._meta.get_field("money")
MOST_TOKENS = 10**9
SETTLED = (
    *("status", "model", "request_id", "input_tokens", "output_tokens"),
    *("money", "latency_ms", "error", "finished_at"),
)
Told = TypeVar("Told", Answer, Picture)
# Answers by which a server says that it has not begun: they cost nothing.
TURNED_AWAY = (CallStatus.RATE_LIMITED, CallStatus.UNAUTHORIZED, CallStatus.BAD_REQUEST)


@dataclass(frozen=True)
class Amount:
    """So many tokens, and what they cost; None where no price is known."""

    tokens: int
    money: Decimal | None


@dataclass(frozen=True)
class Standing:
    """What today's calls, of all editors or of one, have used or hold back, beside what they may."""

    label: str
    used: Amount
    tokens: int | None
    money: Decimal | None
    renews_at: datetime


class BudgetError(Exception):
    """A call that would go beyond a budget; the text tells an editor which one, and when it renews."""


def reserve(
    *,
    part: Any,
    editor: Any,
    generator: str,
    model: str,
    estimate: Usage,
    purpose: Purpose = Purpose.WORDS,
    template_version: str = "",
) -> GenerationCall:
    """Hold back what a call will use at most, before it is made; raise BudgetError where that is more than is left.

    What is held back is committed when this returns, so that no other worker can spend it, too.
    """
    with transaction.atomic(durable=True):
        Epoch.objects.advance(LOCK)
        now = timezone.now()  # not before the lock is held: midnight may have passed meanwhile
        tokens = (estimate.input_tokens or 0) + (estimate.output_tokens or 0)
        needed = Amount(tokens, cost(estimate, model, purpose))
        for budget in budgets_for(editor):
            _refuse_beyond(budget, spent_today(budget, editor, now), needed, model)
        return GenerationCall.objects.create(
            part=part,
            editor=editor,
            purpose=purpose,
            generator=generator[:120],
            model=model[:120],
            template_version=template_version,
            reserved_tokens=needed.tokens,
            reserved_money=needed.money,
            started_at=now,
        )


def call_model(call: GenerationCall, ask: Callable[[], Told]) -> Told:
    """Ask, and write down how that ended, whatever happens."""
    try:
        told = ask()
    except GeneratorError as error:
        settle(call, error.receipt, error.status, str(error))
        raise
    except Exception as error:
        settle(call, Receipt(), CallStatus.LOST, type(error).__name__)
        raise
    settle(call, told.receipt)
    return told


def settle(call: GenerationCall, receipt: Receipt, status: CallStatus = CallStatus.OK, error: str = "") -> None:
    """Write down how a call ended and what it used. What the server did not say stays unknown."""
    usage = Usage(_counted(receipt.usage.input_tokens), _counted(receipt.usage.output_tokens))
    prices = (cost(usage, model, call.purpose) for model in (receipt.model, call.model))
    call.money = next((money for money in prices if money is not None), None)
    call.model = receipt.model[:120] or call.model
    call.request_id = receipt.request_id[:200]
    call.input_tokens, call.output_tokens = usage.input_tokens, usage.output_tokens
    call.latency_ms = receipt.latency_ms
    call.status, call.error, call.finished_at = status, error, timezone.now()
    call.save(update_fields=SETTLED)  # its part may be gone by now


def cost(usage: Usage, model: str, purpose: str = Purpose.WORDS) -> Decimal | None:
    """What so many tokens cost by the settings' prices, rounded up; None where a count or a price is not known."""
    prices = conf.get().generator_prices.get(model)
    if prices is None or usage.input_tokens is None or usage.output_tokens is None:
        return None
    written = "image" if purpose == Purpose.IMAGE else "output"
    if not {"input", written} <= prices.keys():
        return None
    exact = usage.input_tokens * _price(prices, "input") + usage.output_tokens * _price(prices, written)
    return (exact / MILLION).quantize(CENT, ROUND_UP)


def budgets_for(editor: Any) -> list[Budget]:
    """The budgets that a call for this editor has to keep to: that of all, and the editor's own or everybody's."""
    whose = Q(editor=None) | Q(editor=editor) if editor else Q(editor=None, scope=Budget.Scope.SITE)
    found = {(budget.scope, budget.editor_id): budget for budget in Budget.objects.filter(whose)}
    mine = (Budget.Scope.EDITOR, editor and editor.pk), (Budget.Scope.EDITOR, None)
    chosen = found.get((Budget.Scope.SITE, None)), next((found[key] for key in mine if key in found), None)
    return [budget for budget in chosen if budget]


def spent_today(budget: Budget, editor: Any, now: datetime) -> Amount:
    """What counts against a budget so far."""
    return _sum(_calls_of(now, editor if budget.scope == Budget.Scope.EDITOR else None))


def usage_today(editor: Any) -> list[Standing]:
    """Today's use by all editors together and by one, with the limits that hold for them, if any."""
    now = timezone.now()
    limits = {budget.scope: budget for budget in budgets_for(editor)}
    shown = [(Budget.Scope.SITE, None, _("All editors together")), (Budget.Scope.EDITOR, editor, _("You"))]
    return [
        Standing(label, _sum(_calls_of(now, whose)), *_limits(limits.get(scope)), renews_at=day_of(now)[1])
        for scope, whose, label in shown
    ]


def day_of(moment: datetime) -> tuple[datetime, datetime]:
    """The first moment of a moment's day in UTC, and that of the next."""
    begin = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return begin, begin + timedelta(days=1)


def _calls_of(now: datetime, editor: Any) -> QuerySet[GenerationCall]:
    begin, end = day_of(now)
    calls = GenerationCall.objects.filter(started_at__gte=begin, started_at__lt=end)
    return calls.filter(editor=editor) if editor else calls


def _sum(calls: QuerySet[GenerationCall]) -> Amount:
    nothing = When(status__in=TURNED_AWAY, input_tokens=None, then=0)
    known = When(input_tokens__isnull=False, output_tokens__isnull=False, then=F("input_tokens") + F("output_tokens"))
    tokens = Case(nothing, known, default=F("reserved_tokens"), output_field=BigIntegerField())
    money = Case(nothing, default=Coalesce("money", "reserved_money"), output_field=MONEY)
    sums = calls.order_by().aggregate(tokens=Sum(tokens), money=Sum(money))
    # SQLite adds in binary: what is left of that is cut off.
    return Amount(sums["tokens"] or 0, (sums["money"] or Decimal(0)).quantize(CENT))


def _refuse_beyond(budget: Budget, used: Amount, needed: Amount, model: str) -> None:
    if budget.tokens is not None and used.tokens + needed.tokens > budget.tokens:
        told = [_("%s tokens") % number_format(n) for n in (used.tokens, budget.tokens, needed.tokens)]
        raise BudgetError(_used_up(budget, *told))
    if budget.money is None:
        return
    if needed.money is None:
        raise BudgetError(
            _(
                "There is a budget in money, and no price is known of the model “%s”: nothing can be asked of it. An "
                "administrator states its price in the site's settings, under GENERATOR_PRICES."
            )
            % model
        )
    if (used.money or 0) + needed.money > budget.money:
        raise BudgetError(_used_up(budget, *(f"{n.normalize():f}" for n in (used.money, budget.money, needed.money))))


def _used_up(budget: Budget, used: str, limit: str, needed: str) -> str:
    whose = _("for all editors together") if budget.scope == Budget.Scope.SITE else _("for you")
    return _(
        "Today's budget %(whose)s does not suffice: of %(limit)s, %(used)s are used or held back for calls that still "
        "run, and this may take up to %(needed)s. It renews at midnight UTC: resume then, or ask an administrator for "
        "a larger one."
    ) % {"whose": whose, "limit": limit, "used": used, "needed": needed}


def _limits(budget: Budget | None) -> tuple[int | None, Decimal | None]:
    return (budget.tokens, budget.money) if budget else (None, None)


def _price(prices: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(str(prices[name]))


def _counted(tokens: int | None) -> int | None:
    """A count that can be true; nobody is charged for what a server makes up."""
    return tokens if tokens is not None and 0 <= tokens <= MOST_TOKENS else None
