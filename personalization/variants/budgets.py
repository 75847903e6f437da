"""What a day's generation may use: held back before each call, written down after it.

A budget counts what a call used as far as that is known, and what was held back for it as long as it is not: while the
call runs, when its worker was lost, and when the server did not say. The day is UTC's.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Q, QuerySet, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from personalization import conf
from personalization.catalog.models import Epoch
from personalization.variants.asking import GenerationCall
from personalization.variants.calls import SMALLEST, cost
from personalization.variants.choices import Purpose
from personalization.variants.generators.base import Usage
from personalization.variants.generators.failures import TURNED_AWAY
from personalization.variants.limits import Budget

# The counter whose row lets one worker at a time add up and hold back.
LOCK = "generation"
MONEY = GenerationCall._meta.get_field("money")


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
    return Amount(sums["tokens"] or 0, (sums["money"] or Decimal(0)).quantize(SMALLEST))


def _refuse_beyond(budget: Budget, used: Amount, needed: Amount, model: str) -> None:
    if budget.tokens is not None and used.tokens + needed.tokens > budget.tokens:
        limit = ngettext("%s token", "%s tokens", budget.tokens) % number_format(budget.tokens)
        raise BudgetError(_used_up(budget, limit, *map(number_format, (used.tokens, needed.tokens))))
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
        limit = f"{_plain(budget.money)} {conf.get().generator_currency}"
        raise BudgetError(_used_up(budget, limit, *map(_plain, (used.money, needed.money))))


def _used_up(budget: Budget, limit: str, used: str, needed: str) -> str:
    whose = _("for all editors together") if budget.scope == Budget.Scope.SITE else _("for you")
    return _(
        "Today's budget %(whose)s does not suffice: of %(limit)s, %(used)s are used or held back for calls that still "
        "run, and this may take up to %(needed)s. It renews at midnight UTC: resume then, or ask an administrator for "
        "a larger one."
    ) % {"whose": whose, "limit": limit, "used": used, "needed": needed}


def _plain(money: Decimal | None) -> str:
    """An amount without the zeros behind it."""
    return f"{(money or Decimal(0)).normalize():f}"


def _limits(budget: Budget | None) -> tuple[int | None, Decimal | None]:
    return (budget.tokens, budget.money) if budget else (None, None)
