"""A bandit over many days: visitors are assigned, some click, the night's learning moves the shares."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from personalization import tasks
from personalization.catalog.models import Epoch
from personalization.events.models import Event
from personalization.experiments.assignment import assign
from personalization.experiments.learning import learn
from personalization.experiments.models import Batch, DaySum
from personalization.experiments.observations import find_bandit_flaws
from personalization.experiments.serving import serving_experiments
from personalization.experiments.sums import refresh_sums
from personalization.visitors.matching import Facts
from tests.experiments.world import act, expose, make_experiment
from tests.factories import make_slot

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).date()


def noon(days):
    """Noon of a day, UTC, so many days from today."""
    return datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC) + timedelta(days=days)


def make_bandit(**fields):
    started = {"started_at": noon(-10) - timedelta(hours=12)}
    return make_experiment(**({"allocation": "thompson", "holdback": 20, "floor": 5} | started | fields))


def device_of(number):
    return "phone" if number % 2 else "desktop"


def live_a_day(experiment, days, rates, *, visitors=300, seed=0):
    """Let visitors come, be assigned as serving assigns them, and click as their arm and device make them."""
    random, at = np.random.default_rng([seed, days + 100]), noon(days)
    (held,) = serving_experiments()[experiment.slot_id]
    assigned = []
    for number in range(visitors):
        unit, device = f"{number:032x}", device_of(number)
        found = assign([held], unit=unit, facts=Facts(now=at, device=device), segments=tuple)
        expose(experiment, unit, found.arm.key, at=at, device=device, noted=found.noted)
        if random.random() < rates(found.arm.key, device):
            act(unit, at=at + timedelta(minutes=1))
        assigned.append(found)
    return assigned


def live_and_learn(experiment, rates, days):
    """Day after day, each beginning with what was learned from those before; return the days' assignments."""
    lived = []
    for day in days:
        refresh_sums(experiment=experiment, now=noon(day))
        learn(experiment=experiment, today=noon(day).date())
        lived.append(live_a_day(experiment, day, rates))
    return lived


def b_is_better(arm, device):
    return 0.4 if arm == "b" else 0.15


def share_of_b(assigned):
    drawn = [found for found in assigned if not found.is_holdback]
    return sum(found.arm.key == "b" for found in drawn) / len(drawn)


def test_visitors_get_more_and_more_of_what_works():
    experiment = make_bandit()
    lived = live_and_learn(experiment, b_is_better, range(-3, 0))
    assert share_of_b(lived[0]) == pytest.approx(0.5, abs=0.1)
    assert share_of_b(lived[-1]) > 0.85
    batch = experiment.phase.batches.latest("day")
    assert batch.shares["b"] == pytest.approx(0.95, abs=0.01)
    assert batch.shares["control"] >= 0.05
    assert sum(batch.shares.values()) == pytest.approx(1)


def test_propensities_in_the_log_are_those_by_which_arms_were_drawn():
    experiment = make_bandit()
    lived = live_and_learn(experiment, b_is_better, (-2, -1))
    shares = experiment.phase.batches.get(day=noon(-1).date()).shares
    rows = Event.objects.filter(kind="exposure", occurred_at__date=noon(-1).date())
    logged = {row.visitor_key: (row.arm_key.rpartition(":")[2], row.context) for row in rows}
    assert len(logged) == len(lived[-1]) == 300
    for arm, context in logged.values():
        assert context["propensity"] == pytest.approx(0.5 if context["holdback"] else shares[arm])
    drawn = [arm for arm, context in logged.values() if not context["holdback"]]
    assert drawn.count("b") / len(drawn) == pytest.approx(shares["b"], abs=0.06)


def test_those_held_back_stay_evenly_divided_and_are_learned_from():
    experiment = make_bandit(holdback=100)
    lived = live_and_learn(experiment, b_is_better, range(-3, 0))
    assert len({tuple(found.arm.key for found in day) for day in lived}) == 1
    assert sum(found.arm.key == "b" for found in lived[0]) / 300 == pytest.approx(0.5, abs=0.1)
    assert experiment.phase.batches.latest("day").shares["b"] > 0.9


def make_day(experiment, days, **rates):
    """The sums of a day on which a thousand visitors saw each arm."""
    metric = str(experiment.metrics.get().pk)
    for arm, rate in rates.items():
        sums = {metric: {"post_total": 1000 * rate}}
        DaySum.objects.create(phase=experiment.phase, day=noon(days).date(), arm_key=arm, n=1000, sums=sums)


def test_what_was_learned_fades():
    remembers, forgets = (make_bandit(key=key, half_life_days=days) for key, days in (("r", 90), ("f", 2)))
    for experiment in (remembers, forgets):
        for day in range(-10, -2):
            make_day(experiment, day, control=0.10, b=0.20)
        for day in (-2, -1):
            make_day(experiment, day, control=0.20, b=0.10)
    assert learn(experiment=remembers, today=TODAY).shares["b"] == pytest.approx(0.95)
    assert learn(experiment=forgets, today=TODAY).shares["b"] < 0.5


def test_an_arm_without_weight_and_days_to_come_are_left_out():
    experiment = make_bandit(arms=("control", "b", "c"), weights=(1, 1, 0))
    make_day(experiment, -1, control=0.2, b=0.1, c=0.9)
    make_day(experiment, 0, control=0.1, b=0.9)
    shares = learn(experiment=experiment, today=TODAY).shares
    assert shares == {"control": pytest.approx(0.95, abs=0.01), "b": pytest.approx(0.05, abs=0.01)}
    (held,) = serving_experiments()[experiment.slot_id]
    assert held.shares(TODAY, ())[2] == 0


def test_where_less_is_better_the_arm_with_less_is_served():
    experiment = make_bandit(metrics=[{"measure": "clicked", "direction": "decrease"}])
    make_day(experiment, -1, control=0.1, b=0.2)
    assert learn(experiment=experiment, today=TODAY).shares["control"] > 0.9


def test_floors_that_do_not_fit_leave_even_shares():
    experiment = make_bandit(floor=80)
    make_day(experiment, -1, control=0.1, b=0.2)
    assert learn(experiment=experiment, today=TODAY).shares == {"control": 0.5, "b": 0.5}


def test_the_second_run_of_a_day_changes_nothing_that_serves():
    experiment = make_bandit()
    make_day(experiment, -1, control=0.1, b=0.2)
    first, epoch = learn(experiment=experiment, today=TODAY), Epoch.objects.numbers()
    make_day(experiment, -2, control=0.9, b=0.1)
    assert learn(experiment=experiment, today=TODAY) == first
    assert Batch.objects.get().shares == first.shares
    assert Epoch.objects.numbers() == epoch


def test_what_is_learned_reaches_every_process():
    experiment = make_bandit()
    make_day(experiment, -1, control=0.1, b=0.2)
    before = Epoch.objects.numbers()["slots"]
    learn(experiment=experiment, today=TODAY)
    assert Epoch.objects.numbers()["slots"] > before


@pytest.mark.parametrize("fields", [{"allocation": "fixed"}, {"status": "paused"}, {"metrics": ["returned"]}, {}])
def test_where_nothing_can_be_learned_nothing_changes(fields):
    experiment = make_bandit(**fields)
    if fields:
        make_day(experiment, -1, control=0.1, b=0.2)
    assert learn(experiment=experiment, today=TODAY) is None
    assert not Batch.objects.exists()


@pytest.mark.parametrize(("measure", "is_fit"), [("clicked", True), ("converted", True), ("value", False)])
def test_a_goal_that_no_single_day_can_tell_is_refused_in_words(measure, is_fit):
    flaws = list(find_bandit_flaws(make_bandit(metrics=[measure])))
    assert bool(flaws) is not is_fit
    assert list(find_bandit_flaws(make_experiment(key="fixed", metrics=["value"]))) == []


def test_the_task_sums_the_day_and_lets_every_bandit_learn_whatever_becomes_of_others(caplog):
    broken = make_bandit(key="broken", slot=make_slot("elsewhere"), half_life_days=0)
    expose(broken, "somebody", "b", at=noon(-1), noted={"propensity": 0.5, "holdback": False})
    experiment = make_bandit(key="sound")
    live_a_day(experiment, -1, b_is_better)
    assert tasks.learn_bandits() == 1
    assert experiment.phase.batches.get().day == timezone.now().astimezone(UTC).date()
    assert "broken could not learn" in caplog.text
