"""Daily sums: who is counted, what counts for them, and that no order of arrival makes a difference."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from threading import Event as Signal

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.events.models import Event
from personalization.events.privacy import erase_visitor
from personalization.events.services import NewEvent, log_exposures, record_events
from personalization.events.tokens import DecisionToken, issue
from personalization.experiments import sums
from personalization.experiments.models import DaySum, Experiment
from personalization.experiments.sums import rebuild_sums, refresh_sums
from personalization.stats import RegressionAdjusted
from personalization.tasks import sum_experiments
from tests.experiments.world import act, expose, make_experiment
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVERYTHING = (
    {"measure": "clicked"},
    {"measure": "click_rate"},
    {"measure": "converted", "scope": "site", "goal": "order"},
    {"measure": "value", "scope": "site"},
    {"measure": "dwell", "scope": "site", "cap": 90.0},
    {"measure": "returned", "scope": "site"},
)


def rows_of(experiment):
    """All that is kept, as the text that it is kept as."""
    names = ("phase__number", "day", "arm_key", "device", "locale", "segment", "is_holdback", "n", "sums")
    rows = DaySum.objects.filter(phase__experiment=experiment).order_by(*names[:-2]).values_list(*names)
    return json.dumps([[*map(str, row[:-1]), row[-1]] for row in rows], sort_keys=True)


def summed(experiment, measure="clicked", **fields):
    """The sums of one measure over rows of an arm, as the task leaves them, with the number of units."""
    sum_experiments()
    metric = str(experiment.metrics.get(measure=measure).pk)
    rows = DaySum.objects.filter(phase__experiment=experiment, **fields)
    total = {"n": sum(row.n for row in rows)}
    for row in rows:
        for name, number in row.sums[metric].items():
            total[name] = total.get(name, 0) + number
    return total


def did(experiment, measure="clicked", arm_key="control"):
    """The sum of what an arm's units did after their first exposure."""
    total = summed(experiment, measure, arm_key=arm_key)
    return total.get("post_total", total.get("numerator_total", 0))


@pytest.fixture
def experiment(db):
    return make_experiment(metrics=EVERYTHING)


def test_a_visitor_counts_on_the_day_of_the_first_exposure_with_what_was_noted_of_it(experiment):
    expose(experiment, "v", "b", at=NOON, device="mobile", locale="de", segment="fans")
    expose(experiment, "v", "b", at=NOON + DAY, device="desktop")
    act("v", at=NOON + HOUR)
    sum_experiments()
    row = DaySum.objects.get()
    assert (row.day, row.arm_key, row.n, row.is_holdback) == (NOON.date(), "b", 1, False)
    assert (row.device, row.locale, row.segment) == ("mobile", "de", "fans")


def test_what_the_front_doors_store_is_what_is_summed(experiment):
    make_item("page:1", words="bread")
    visitor = make_visitor()
    told = {"slot_key": "home-top", "arm_key": "test.1:b", "visitor_key": visitor.key, "item_keys": ("page:1",)}
    token = DecisionToken(decision_id=uuid.uuid4(), context={"device": "phone", "locale": "en", "segment": ""}, **told)
    log_exposures(visitor=visitor, tokens=[token])
    click = NewEvent(kind="click", token=issue(token), item_key="page:1")
    record_events(
        visitor=visitor, events=[click, NewEvent(kind="click", token=issue(token), item_key="page:1")], personalize=True
    )
    total = summed(experiment, arm_key="b", device="phone")
    # The token's time is told in whole seconds, the click's is now: it is not before the exposure.
    assert (total["n"], total["post_total"]) == (1, 1)


def test_values_and_seconds_are_sums_per_visitor_that_the_statistics_take(experiment):
    for visitor, prices, seconds in (("v", (9.99, 0.01), 1.5), ("w", (5.0,), 2.25), ("x", (), 0)):
        expose(experiment, visitor, at=NOON)
        act(visitor, "dwell", at=NOON - DAY, duration_ms=4000)
        for price in prices:
            act(visitor, "conversion", at=NOON + HOUR, goal="order", value=price, slot_key="")
        act(visitor, "dwell", at=NOON + HOUR, duration_ms=round(seconds * 1000))
    assert RegressionAdjusted(**summed(experiment, "value")) == RegressionAdjusted(3, 15.0, 125.0)
    dwell = RegressionAdjusted(**summed(make_experiment_like(experiment), "dwell"))
    assert dwell == RegressionAdjusted.from_values([1.5, 2.25, 0.0], [4.0, 4.0, 4.0])


def make_experiment_like(experiment):
    """The same, without caps."""
    experiment.metrics.update(cap=None)
    return experiment


def test_clicks_per_impression_are_counted_in_the_slot_and_after_the_exposure(experiment):
    expose(experiment, "v", at=NOON)
    for _ in range(3):
        act("v", "impression", at=NOON)
    act("v", at=NOON)
    act("v", at=NOON - HOUR)
    act("v", at=NOON + HOUR, slot_key="footer")
    total = summed(experiment, "click_rate")
    assert (total["numerator_total"], total["denominator_total"], total["products"]) == (1, 3, 3)


@pytest.mark.parametrize(
    ("after", "counts"),
    [(-HOUR, 0), (timedelta(0), 1), (7 * DAY - timedelta(microseconds=1), 1), (7 * DAY, 0)],
)
def test_only_outcomes_after_the_exposure_and_within_the_window_count(experiment, after, counts):
    expose(experiment, "v", at=NOON - 10 * DAY)
    act("v", at=NOON - 10 * DAY + after)
    assert did(experiment) == counts


def test_what_was_before_is_kept_for_the_adjustment_for_fourteen_days(experiment):
    for visitor, before in (("v", 14 * DAY), ("w", 14 * DAY + HOUR)):
        expose(experiment, visitor, at=NOON)
        act(visitor, at=NOON - before)
    total = summed(experiment)
    assert (total["post_total"], total["pre_total"]) == (0, 1)


@pytest.mark.parametrize(("after", "counts"), [(11 * HOUR, 0), (12 * HOUR, 1), (7 * DAY, 0)])
def test_to_return_is_to_come_on_a_later_day(experiment, after, counts):
    expose(experiment, "v", at=NOON - 10 * DAY)
    act("v", "view", at=NOON - 10 * DAY + after, slot_key="")
    assert did(experiment, "returned") == counts


def test_goals_and_scopes_tell_conversions_apart():
    goals = [{"measure": "converted", "goal": "order"}, {"measure": "value", "scope": "site"}]
    experiment = make_experiment(metrics=goals)
    expose(experiment, "v", at=NOON)
    act("v", "conversion", at=NOON, goal="order", value=2.0, slot_key="")
    act("v", "conversion", at=NOON, goal="newsletter", value=1.0)
    assert (did(experiment, "converted"), did(experiment, "value")) == (0, 3.0)


def test_a_visitor_of_two_arms_counts_in_neither_but_is_counted(experiment):
    expose(experiment, "v", "control", at=NOON)
    expose(experiment, "v", "b", at=NOON + DAY)
    expose(experiment, "w", "b", at=NOON)
    sum_experiments()
    assert dict(DaySum.objects.values_list("arm_key", "n")) == {"": 1, "b": 1}


def test_who_is_held_out_is_counted_apart(experiment):
    expose(experiment, "v", "holdout", at=NOON)
    assert summed(experiment, arm_key="holdout")["n"] == 1


def test_arms_that_no_exposure_proves_change_nothing(experiment):
    expose(experiment, "v", "control", at=NOON)
    act("v", at=NOON + HOUR, arm_key="test.1:b")
    act("stranger", at=NOON + HOUR, arm_key="test.1:b")
    act("other", "exposure", at=NOON, arm_key="test.1:invented", context={})
    act("other", "exposure", at=NOON, arm_key="test.2:b", context={})
    sum_experiments()
    assert list(DaySum.objects.values_list("arm_key", "n")) == [("control", 1)]
    assert did(experiment) == 1


def test_what_is_in_quarantine_or_not_for_analytics_does_not_count(experiment):
    expose(experiment, "v", at=NOON)
    expose(experiment, "robot", at=NOON, verdict="robot")
    expose(experiment, "shy", at=NOON, for_analytics=False)
    act("v", at=NOON, verdict="burst")
    act("v", at=NOON, for_analytics=False)
    assert (did(experiment), summed(experiment)["n"]) == (0, 1)
    Event.objects.filter(kind="click").update(verdict="released", for_analytics=True)
    assert did(experiment) == 1


def test_extremes_are_cut_at_a_percentile_of_all_arms_together_who_have_any():
    experiment = make_experiment(metrics=[{"measure": "value", "cap": 50.0}])
    for visitor, arm, value in (("a", "control", 1.0), ("b", "control", 2.0), ("c", "b", 90.0), ("d", "b", 0.0)):
        expose(experiment, visitor, arm, at=NOON)
        act(visitor, "conversion", at=NOON, goal="order", value=value)
    assert (did(experiment, "value"), did(experiment, "value", "b")) == (3.0, 2.0)


def test_huge_values_are_summed_exactly(experiment):
    expose(experiment, "v", at=NOON)
    for _ in range(1000):
        act("v", "conversion", at=NOON, value=1e12, goal="order")
    act("v", "conversion", at=NOON, value=-0.25, goal="order")
    assert did(experiment, "value") == 1e15 - 0.25


def test_a_late_event_opens_its_day_again(experiment):
    past = NOON - 20 * DAY
    expose(experiment, "v", at=past)
    assert did(experiment) == 0
    act("v", at=past + HOUR, received_at=datetime.now(UTC))
    assert did(experiment) == 1


def test_a_late_exposure_moves_a_visitor_to_its_day(experiment):
    past = NOON - 20 * DAY
    expose(experiment, "v", at=past)
    sum_experiments()
    expose(experiment, "v", at=past - 3 * DAY, received_at=datetime.now(UTC))
    sum_experiments()
    assert list(DaySum.objects.values_list("day", "n")) == [((past - 3 * DAY).date(), 1)]


def test_another_arm_seen_long_afterwards_takes_a_visitor_out(experiment):
    expose(experiment, "v", at=NOON - 20 * DAY)
    assert summed(experiment)["n"] == 1
    expose(experiment, "v", "b", at=datetime.now(UTC))
    assert summed(experiment, arm_key="control")["n"] == 0
    assert summed(experiment, arm_key="")["n"] == 1


def test_a_paused_experiment_still_learns_what_its_visitors_do(experiment):
    expose(experiment, "v", at=NOON)
    Experiment.objects.update(status="paused")
    act("v", at=NOON + HOUR)
    assert did(experiment) == 1


def test_an_ended_one_does_until_the_last_window_closes_and_takes_nobody_new(experiment):
    expose(experiment, "v", at=NOON - 2 * HOUR)
    Experiment.objects.update(status="ended", ended_at=NOON)
    experiment.phases.update(ended_at=NOON)
    expose(experiment, "w", at=NOON + HOUR)
    act("v", at=NOON + HOUR)
    assert summed(experiment) == {
        "n": 1,
        "post_total": 1,
        "post_squares": 1,
        "pre_total": 0,
        "pre_squares": 0,
        "products": 0,
    }
    Experiment.objects.update(ended_at=NOON - 100 * DAY)
    assert not Experiment.objects.measured().exists()


def test_of_a_bandit_each_day_of_a_visitor_is_a_unit_that_ends_with_it():
    experiment = make_experiment(metrics=EVERYTHING[:1], allocation="thompson")
    for days, arm, is_holdback in ((0, "control", False), (1, "b", False), (2, "b", True)):
        expose(experiment, "v", arm, at=NOON - days * DAY, noted={"holdback": is_holdback, "propensity": 0.5})
        act("v", at=NOON - days * DAY + 11 * HOUR)
        act("v", at=NOON - days * DAY + 12 * HOUR)
    sum_experiments()
    key = str(experiment.metrics.get().pk)
    found = [
        (row.day, row.arm_key, row.is_holdback, row.sums[key]["post_total"]) for row in DaySum.objects.order_by("day")
    ]
    days = [(NOON - number * DAY).date() for number in (2, 1, 0)]
    assert found == [(days[0], "b", True, 1), (days[1], "b", False, 1), (days[2], "control", False, 1)]


def test_phases_are_counted_for_themselves(experiment):
    experiment.phases.create(number=2, weights={"control": 1, "b": 3})
    expose(experiment, "v", "control", at=NOON)
    expose(experiment, "v", "b", at=NOON + DAY, phase=2)
    sum_experiments()
    found = DaySum.objects.order_by("phase__number").values_list("phase__number", "arm_key", "n")
    assert list(found) == [(1, "control", 1), (2, "b", 1)]


def test_a_visitor_who_was_erased_is_gone_when_the_sums_are_rebuilt(experiment):
    past = NOON - 20 * DAY
    for visitor in ("v", "w"):
        expose(experiment, visitor, at=past)
        act(visitor, at=past)
    assert summed(experiment)["n"] == 2
    erase_visitor(key="v")
    rebuild_sums(experiment=experiment)
    assert (did(experiment), summed(experiment)["n"]) == (1, 1)


def test_what_was_summed_of_days_whose_events_are_gone_stays(experiment, settings):
    expose(experiment, "v", at=NOON - 60 * DAY)
    sum_experiments()
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"RETENTION_DAYS": 30}
    Event.objects.all().delete()
    rebuild_sums(experiment=experiment)
    assert DaySum.objects.get().n == 1


def test_of_two_that_sum_at_once_one_writes(experiment, monkeypatch):
    expose(experiment, "v", at=NOON)
    read = sums.measure

    def read_while_another_sums(phase, days):
        found = list(read(phase, days))
        if not other_has_summed.is_set():
            other_has_summed.set()
            act("v", at=NOON + HOUR)
            assert refresh_sums(experiment=experiment) == 1
        return found

    other_has_summed = Signal()
    monkeypatch.setattr(sums, "measure", read_while_another_sums)
    assert refresh_sums(experiment=experiment) == 0
    assert (did(experiment), DaySum.objects.count()) == (1, 1)


def test_one_that_dies_leaves_the_old_sums_whole(experiment, monkeypatch):
    expose(experiment, "v", at=NOON)
    sum_experiments()
    before = rows_of(experiment), Experiment.objects.get().summed_at
    act("v", at=NOON)

    def die(rows, **kwargs):
        raise MemoryError

    monkeypatch.setattr(DaySum.objects, "bulk_create", die)
    with pytest.raises(MemoryError):
        refresh_sums(experiment=experiment)
    assert (rows_of(experiment), Experiment.objects.get().summed_at) == before


def test_one_that_fails_does_not_keep_others_from_being_summed(experiment, monkeypatch):
    other = make_experiment("other")
    expose(other, "v", at=NOON)
    refresh = sums.refresh_sums

    def refuse(*, experiment):
        if experiment.key == "test":
            raise RuntimeError("broken")
        return refresh(experiment=experiment)

    monkeypatch.setattr(sums, "refresh_sums", refuse)
    assert sum_experiments() == 1


def test_the_command_sums_one_experiment_or_all_and_names_those_there_are(experiment, capsys):
    expose(experiment, "v", at=NOON)
    call_command("sum_experiments")
    assert "1 experiments summed, 1 rows written." in capsys.readouterr().out
    Event.objects.all().delete()
    call_command("sum_experiments", "--experiment", "test", "--rebuild")
    assert not DaySum.objects.exists()
    with pytest.raises(CommandError, match="There are: test"):
        call_command("sum_experiments", "--experiment", "tset")


ARRIVALS = st.lists(
    st.fixed_dictionaries(
        {
            "visitor": st.sampled_from("vwxyz"),
            "kind": st.sampled_from(["exposure"] * 4 + ["impression", "click", "view", "dwell", "conversion"]),
            "arm": st.sampled_from(["control", "control", "b", "holdout"]),
            "hours": st.integers(-30 * 24, 0) | st.just(-48),
            "late": st.integers(0, 20 * 24),
            "value": st.floats(-1e12, 1e12, allow_nan=False) | st.sampled_from([0.1, 0.2, 1e12, 0.00005]),
            "duration_ms": st.integers(0, 86_400_000),
            "device": st.sampled_from(["desktop", "mobile"]),
        }
    ),
    max_size=25,
)


@pytest.mark.parametrize("allocation", ["fixed", "thompson"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arrivals=ARRIVALS, batches=st.integers(1, 4))
def test_any_order_and_batching_of_arrivals_gives_the_same_as_a_rebuild_to_the_bit(allocation, arrivals, batches):
    Event.objects.all().delete()
    Experiment.objects.all().delete()
    experiment = make_experiment(metrics=EVERYTHING, allocation=allocation)
    now = datetime.now(UTC)
    order = sorted(arrivals, key=lambda one: one["hours"] + one["late"])
    size = len(order) // batches + 1
    for start in range(0, len(order), size):
        received = now - (batches - start // size) * DAY
        for one in order[start : start + size]:
            arrive(experiment, one, at=now + one["hours"] * HOUR, received=received)
        refresh_sums(experiment=experiment, now=received + HOUR)
    refresh_sums(experiment=experiment, now=now)
    in_steps = rows_of(experiment)
    Event.objects.all().delete()
    for one in reversed(order):
        arrive(experiment, one, at=now + one["hours"] * HOUR, received=now)
    rebuild_sums(experiment=experiment)
    assert rows_of(experiment) == in_steps
    assert sum(DaySum.objects.values_list("n", flat=True)) >= len(
        {one["visitor"] for one in order if one["kind"] == "exposure"}
    )


def arrive(experiment, one, *, at, received):
    if one["kind"] == "exposure":
        expose(experiment, one["visitor"], one["arm"], at=at, received_at=received, device=one["device"])
    else:
        amounts = {name: one[name] for name in ("value", "duration_ms")}
        act(one["visitor"], one["kind"], at=at, received_at=received, goal="order", **amounts)
