"""Budgets hold before a call is made, and count what is known and what is not."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.asking import GenerationCall
from personalization.variants.budgets import (
    BudgetError,
    budgets_for,
    day_of,
    reserve,
    usage_today,
)
from personalization.variants.calls import cost, settle
from personalization.variants.choices import CallStatus, Purpose
from personalization.variants.generators.base import Receipt, Usage
from personalization.variants.limits import Budget
from tests.variants.world import person

PRICES = {"priced": {"input": 2.0, "output": "8", "image": 40}, "free": {"input": 0, "output": 0}}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def prices(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR_PRICES": PRICES}


@pytest.fixture
def ada():
    return person("ada", "generate_variant")


@pytest.fixture
def ben():
    return person("ben", "generate_variant")


def hold(editor, *, tokens: int = 100, model: str = "priced", **given) -> GenerationCall:
    usage = Usage(tokens - tokens // 4, tokens // 4)
    return reserve(part=None, editor=editor, generator="dummy", model=model, estimate=usage, **given)


def for_all(**limits) -> Budget:
    return Budget.objects.create(scope="site", **limits)


def for_each(**limits) -> Budget:
    return Budget.objects.create(scope="editor", **limits)


def test_without_budgets_everything_is_written_down_and_nothing_refused(ada):
    call = hold(ada, tokens=10_000_000, template_version="1.7")
    assert (call.status, call.reserved_tokens, call.template_version) == (CallStatus.RUNNING, 10_000_000, "1.7")
    assert call.reserved_money == Decimal("35")  # 7.5 million at 2, 2.5 million at 8
    assert (call.input_tokens, call.output_tokens, call.money) == (None, None, None)


def test_the_last_token_can_be_spent_and_not_one_more(ada, ben):
    for_all(tokens=200)
    hold(ada)
    hold(ben)
    with pytest.raises(BudgetError) as refused:
        hold(ben, tokens=1)
    for word in ("all editors together", "of 200 tokens, 200 are used", "up to 1.", "midnight UTC"):
        assert word in str(refused.value)
    assert GenerationCall.objects.count() == 2


def test_money_is_counted_to_its_last_digit(ada):
    for_all(money="0.0009")  # three times 75 at 2 and 25 at 8 the million are 0.00105
    hold(ada)
    hold(ada)
    with pytest.raises(BudgetError, match=r"of 0\.0009 USD, 0\.0007 are"):
        hold(ada)


def test_each_editor_has_a_budget_and_some_one_of_their_own(ada, ben):
    for_each(tokens=100)
    Budget.objects.create(scope="editor", editor=ada, tokens=300)
    for _call in range(3):
        hold(ada)
    hold(ben)
    for editor in (ada, ben):
        with pytest.raises(BudgetError, match="for you"):
            hold(editor, tokens=1)


def test_a_call_keeps_to_the_budget_of_all_and_to_the_editors(ada):
    for_all(tokens=150)
    for_each(tokens=1000)
    hold(ada)
    with pytest.raises(BudgetError, match="all editors"):
        hold(ada)


def test_an_empty_limit_is_none_and_zero_allows_nothing(ada):
    for_all()
    hold(ada)
    Budget.objects.update(tokens=0)
    with pytest.raises(BudgetError):
        hold(ada, tokens=1)


def test_the_calls_of_deleted_accounts_still_count_for_all(ada):
    for_all(tokens=100)
    for_each(tokens=1)
    hold(None)
    with pytest.raises(BudgetError, match="all editors"):
        hold(None)


def test_a_budget_in_money_needs_a_price(ada):
    for_each(money=5)
    with pytest.raises(BudgetError, match=r"no price is known of the model “unpriced”.*GENERATOR_PRICES"):
        hold(ada, model="unpriced")
    hold(ada, model="free")


def test_a_budget_in_tokens_needs_none(ada):
    for_each(tokens=500)
    assert hold(ada, model="unpriced").reserved_money is None


def test_what_a_call_used_takes_the_place_of_what_it_held_back(ada):
    for_all(tokens=150)
    settle(hold(ada), Receipt(model="priced", request_id="r1", latency_ms=7, usage=Usage(40, 10)))
    call = hold(ada)  # 50 used, 100 held back
    settle(call, Receipt(usage=Usage(60, 60)))  # more than was thought: told as it is
    assert [standing.used.tokens for standing in usage_today(ada)] == [170, 170]
    first = GenerationCall.objects.get(request_id="r1")
    assert (first.status, first.money, first.latency_ms) == (CallStatus.OK, Decimal("0.00016"), 7)


@pytest.mark.parametrize("usage", [Usage(), Usage(5, None), Usage(None, 5), Usage(-1, 5), Usage(10**30, 5)])
def test_an_unknown_usage_stays_unknown_and_counts_as_what_was_held_back(ada, usage):
    call = hold(ada)
    settle(call, Receipt(usage=usage), CallStatus.TIMEOUT, "No answer.")
    call.refresh_from_db()
    assert call.money is None
    assert None in (call.input_tokens, call.output_tokens)
    assert usage_today(ada)[0].used.tokens == 100
    assert usage_today(ada)[0].used.money == call.reserved_money


@pytest.mark.parametrize("status", CallStatus.values)
def test_only_calls_that_a_server_turned_away_cost_nothing(ada, status):
    settle(hold(ada), Receipt(), status)
    turned_away = status in ("rate_limited", "unauthorized", "bad_request")
    assert usage_today(ada)[0].used.tokens == (0 if turned_away else 100)


def test_the_model_that_answered_is_the_one_that_is_paid(ada):
    call = hold(ada, model="unpriced")
    settle(call, Receipt(model="priced", usage=Usage(1_000_000, 0)))
    assert (call.model, call.money) == ("priced", Decimal(2))
    call = hold(ada)
    settle(call, Receipt(model="priced-2026-01-01", usage=Usage(1_000_000, 0)))
    assert (call.model, call.money) == ("priced-2026-01-01", Decimal(2))


def test_an_image_has_a_price_of_its_own(ada):
    call = hold(ada, purpose=Purpose.IMAGE)
    assert call.reserved_money == Decimal("0.00115")
    for_all(money=1)
    with pytest.raises(BudgetError):
        hold(ada, model="free", purpose=Purpose.IMAGE)


def test_a_new_day_begins_at_midnight_utc_wherever_the_site_is(ada, settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    for_all(tokens=100)
    begin, _end = day_of(timezone.now())
    call = hold(ada)
    GenerationCall.objects.filter(pk=call.pk).update(started_at=begin - timedelta(microseconds=1))
    assert usage_today(ada)[0].used.tokens == 0
    call = hold(ada)
    GenerationCall.objects.filter(pk=call.pk).update(started_at=begin)
    with pytest.raises(BudgetError):
        hold(ada)


def test_an_editor_reads_what_today_has_used(ada, ben):
    for_all(tokens=1000, money=3)
    hold(ada)
    hold(ben)
    everybody, own = usage_today(ada)
    assert (everybody.used.tokens, everybody.tokens, everybody.money) == (200, 1000, Decimal(3))
    assert (own.used.tokens, own.tokens, own.money) == (100, None, None)
    assert everybody.renews_at == day_of(timezone.now())[1]


@given(st.datetimes(timezones=st.timezones()))
def test_a_day_holds_its_moments_and_is_utcs(moment):
    if not datetime(2, 1, 1, tzinfo=UTC) < moment.astimezone(UTC) < datetime(9998, 1, 1, tzinfo=UTC):
        return
    begin, end = day_of(moment)
    assert begin <= moment < end
    assert end - begin == timedelta(days=1)
    assert (begin.tzinfo, begin.hour) == (UTC, 0)
    assert day_of(end) == (end, end + timedelta(days=1))


@given(read=st.integers(0, 10**9), written=st.integers(0, 10**9))
def test_a_cost_is_exact_and_never_rounded_down(read, written):
    exact = (Decimal(read) * 2 + Decimal(written) * 8) / 1_000_000
    assert 0 <= cost(Usage(read, written), "priced") - exact < Decimal("0.000001")
    assert cost(Usage(read, written), "free") == 0
    assert cost(Usage(read, written), "unpriced") is None


def attempt(editor, tokens: int) -> tuple[GenerationCall | None, str]:
    try:
        return hold(editor, tokens=tokens), ""
    except BudgetError as error:
        return None, str(error)


class Ledger:
    """What the budgets should come to, counted by hand."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    @property
    def total(self) -> int:
        return sum(self.held.values())


@pytest.mark.parametrize("seed", range(20))
def test_no_order_of_calls_and_answers_goes_beyond_a_budget(ada, ben, seed):
    """As long as a call uses no more than it held back, neither limit is ever passed."""
    dice = random.Random(seed)
    for_all(tokens=1000, money="0.002")
    for_each(tokens=700)
    ledgers, running = {ada: Ledger(), ben: Ledger()}, []
    for _step in range(40):
        if running and dice.random() < 0.4:
            editor, call = running.pop(dice.randrange(len(running)))
            read = dice.randint(0, call.reserved_tokens - call.reserved_tokens // 4)
            written = dice.randint(0, call.reserved_tokens // 4)
            known = dice.random() < 0.8
            settle(call, Receipt(usage=Usage(read, written) if known else Usage()))
            ledgers[editor].held[call.pk] = read + written if known else call.reserved_tokens
            continue
        editor, tokens = dice.choice([ada, ben]), dice.randint(1, 300)
        fits = ledgers[editor].total + tokens <= 700 and sum(one.total for one in ledgers.values()) + tokens <= 1000
        call, refusal = attempt(editor, tokens)
        assert fits if call else (not fits or "0.002" in refusal)
        if call:
            ledgers[editor].held[call.pk] = tokens
            running.append((editor, call))
        everybody, own = usage_today(editor)
        assert (everybody.used.tokens, own.used.tokens) == (
            sum(one.total for one in ledgers.values()),
            ledgers[editor].total,
        )
        assert everybody.used.money <= Decimal("0.002")


def test_the_budget_of_an_editor_goes_before_that_of_each(ada, ben):
    own = Budget.objects.create(scope="editor", editor=ada, tokens=1)
    each, everybody = for_each(tokens=2), for_all(tokens=3)
    assert budgets_for(ada) == [everybody, own]
    assert budgets_for(ben) == [everybody, each]
    assert budgets_for(None) == [everybody]
