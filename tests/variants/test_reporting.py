"""The report on reviewing: its figures by hand, and what it says where there is nothing to divide."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from personalization.variants.choices import Act, CallStatus
from personalization.variants.models import ApprovalRecord, GenerationCall, PromptTemplate
from personalization.variants.reporting import Called, Decided, Tally, grouped, review_report
from tests.slots.world import make_items
from tests.variants.world import approved

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 13, 15, tzinfo=UTC)  # a Friday


def entry(key: str, act: str, hours_ago: float, **given) -> None:
    ApprovalRecord.objects.create(variant_key=key, act=act, at=NOW - timedelta(hours=hours_ago), **given)


def call(hours_ago: float, money: str | None, **given) -> None:
    given = {"model": "large", "status": CallStatus.OK} | given
    GenerationCall.objects.create(started_at=NOW - timedelta(hours=hours_ago), money=money, generator="x", **given)


@pytest.fixture
def template() -> PromptTemplate:
    return PromptTemplate.objects.create(name="House voice")


@pytest.fixture
def history(template) -> None:
    """Four variants, five decisions; six calls, of which one has no known cost, one was turned away, one runs."""
    made = {"model": "large", "template_version": f"{template.pk}.7"}
    for key, ages in (("1", (30, 28)), ("2", (30, 20)), ("3", (24 * 40, 1))):
        entry(key, Act.SUBMITTED, ages[0], **made)
        entry(key, Act.APPROVED if key != "2" else Act.CHANGES, ages[1], **made)
    entry("2", Act.SUBMITTED, 10, **made)
    entry("2", Act.REJECTED, 6, **made)
    entry("4", Act.APPROVED, 24 * 50)
    entry("4", Act.STALE, 5)
    entry("4", Act.APPROVED, 2)
    for money in ("0.10", "0.30", None):
        call(30, money, template_version=f"{template.pk}.7")
    call(30, None, status=CallStatus.RATE_LIMITED)
    call(30, None, status=CallStatus.RUNNING)
    call(24 * 40, "99")


def test_the_figures_are_those_of_the_history(history):
    report = review_report(days=28, until=NOW)
    assert (report.first, report.last) == (date(2026, 2, 14), date(2026, 3, 13))
    total = report.total
    assert total.counts == {Act.APPROVED: 3, Act.CHANGES: 1, Act.REJECTED: 1}
    assert total.acceptance == pytest.approx(0.6)
    assert total.median_hours == pytest.approx(4)
    assert total.p90_hours == pytest.approx(24 * 40 - 1)
    assert total.approved_variants == 2  # the fourth had been approved before
    assert (total.money, len(total.called), total.unknown_calls) == (Decimal("0.40"), 4, 1)
    assert total.cost_per_approved == Decimal("0.20")


def test_it_is_told_by_template_and_by_model(history):
    report = review_report(days=28, until=NOW)
    by_template = {tally.label: tally for tally in report.by_template}
    assert list(by_template) == ["House voice", "No template"]
    assert by_template["House voice"].cost_per_approved == Decimal("0.20")
    assert by_template["No template"].cost_per_approved is None
    by_model = {tally.label: tally for tally in report.by_model}
    assert list(by_model) == ["large", "Written by people"]
    assert by_model["Written by people"].median_hours == pytest.approx(3)


def test_a_template_that_is_gone_keeps_its_figures(history, template):
    template.delete()
    assert review_report(until=NOW).by_template[0].label.startswith("Deleted template")


def test_days_and_weeks_are_all_there(history):
    report = review_report(days=10, until=NOW)
    assert len(report.days) == 10
    assert [span.decided for span in report.days][-2:] == [2, 3]
    assert [(span.begins, span.decided) for span in report.weeks] == [(date(2026, 3, 2), 0), (date(2026, 3, 9), 5)]


def test_nothing_is_divided_by_nothing():
    total = review_report(until=NOW).total
    assert (total.acceptance, total.median_hours, total.p90_hours, total.cost_per_approved) == (None,) * 4
    assert total.money == 0
    out = StringIO()
    call_command("review_report", stdout=out)
    assert "–" in out.getvalue()
    assert "no known cost" not in out.getvalue()


def test_costs_of_which_none_is_known_are_not_zero(template):
    call(1, None)
    total = review_report(until=NOW).total
    assert (total.money, total.unknown_calls) == (None, 1)


def test_the_command_tells_people_and_programs(site):
    approved(make_items(1)[0], headline="Stars at hand")
    for money in (None, "0.5"):
        GenerationCall.objects.create(model="dummy", generator="x", status=CallStatus.OK, money=money)
    out = StringIO()
    call_command("review_report", "--days", "7", stdout=out)
    assert "1 of 2 calls have no known cost" in out.getvalue()
    assert "100 %" in out.getvalue()
    assert "0.5000" in out.getvalue()
    out = StringIO()
    call_command("review_report", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert (said["total"]["approved"], said["total"]["acceptance"]) == (1, 1.0)
    assert Decimal(said["total"]["cost_per_approved"]) == Decimal("0.5")
    assert len(said["days"]) == 28
    with pytest.raises(CommandError):
        call_command("review_report", "--days", "0")


def test_the_report_takes_few_queries(history, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        review_report(until=NOW)


DECIDED = st.builds(
    Decided,
    variant_key=st.sampled_from("123"),
    act=st.sampled_from((Act.APPROVED, Act.CHANGES, Act.REJECTED)),
    at=st.just(NOW),
    waited=st.none() | st.timedeltas(min_value=timedelta(), max_value=timedelta(days=99)),
    model=st.sampled_from(("", "small", "large")),
    template=st.just(""),
    is_first_approval=st.booleans(),
)
CALLED = st.builds(
    Called,
    model=st.sampled_from(("small", "large")),
    template=st.just(""),
    money=st.none() | st.decimals(0, 10, places=4),
)


@given(st.lists(DECIDED), st.lists(CALLED))
def test_groups_add_up_to_the_whole(decided, called):
    total, groups = Tally("all", decided, called), grouped(decided, called, lambda one: one.model)
    assert sum(sum(group.counts.values()) for group in groups) == sum(total.counts.values()) == len(decided)
    assert sum(group.approved_variants for group in groups) == total.approved_variants
    assert sum(group.unknown_calls for group in groups) == total.unknown_calls
    assert sum((group.money or 0 for group in groups), Decimal(0)) == (total.money or 0)
    if total.median_hours is not None:
        assert 0 <= total.median_hours <= total.p90_hours
    assert total.acceptance is None or 0 <= total.acceptance <= 1
