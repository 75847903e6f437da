"""What serving holds of bandits: midnight comes without a reading, and tomorrow's shares wait for tomorrow."""

from datetime import UTC, datetime, timedelta

import pytest

from personalization.experiments.assignment import assign
from personalization.experiments.models import Batch
from personalization.experiments.serving import serving_experiments
from personalization.visitors.matching import Facts
from tests.experiments.world import make_experiment

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).replace(hour=12)


def served(experiment):
    return serving_experiments()[experiment.slot_id][0]


def shares_of(experiment, *, at=TODAY, units=400):
    """Each arm's share of so many visitors, as they are assigned at a time."""
    facts, held = Facts(now=at), (served(experiment),)
    arms = [assign(held, unit=f"v{n}", facts=facts, segments=tuple).arm.key for n in range(units)]
    return {key: arms.count(key) / units for key in ("control", "b")}


def make_batch(experiment, days, **shares):
    day = TODAY.date() + timedelta(days=days)
    return Batch.objects.create(phase=experiment.phase, day=day, shares=shares, state={})


@pytest.fixture
def bandit():
    return make_experiment(allocation="thompson", holdback=0)


def test_until_something_is_learned_the_weights_decide(bandit):
    assert shares_of(bandit)["b"] == pytest.approx(0.5, abs=0.08)


def test_the_newest_shares_decide_on_their_day_and_not_before(bandit):
    make_batch(bandit, -5, control=1.0, b=0.0)
    make_batch(bandit, -1, control=0.2, b=0.8)
    make_batch(bandit, 1, control=0.0, b=1.0)
    assert shares_of(bandit)["b"] == pytest.approx(0.8, abs=0.07)
    assert shares_of(bandit, at=TODAY + timedelta(days=1))["b"] == 1


def test_midnight_is_noticed_without_a_new_reading(bandit):
    make_batch(bandit, 0, control=1.0, b=0.0)
    make_batch(bandit, 1, control=0.0, b=1.0)
    held = (served(bandit),)
    late = TODAY.replace(hour=23, minute=59)
    arms = [
        assign(held, unit="v", facts=Facts(now=at), segments=tuple).arm.key
        for at in (late, late + timedelta(minutes=2))
    ]
    assert arms == ["control", "b"]


def test_what_decides_no_more_is_not_read(bandit, django_assert_max_num_queries):
    for days in range(-9, 1):
        make_batch(bandit, days, control=0.5, b=0.5)
    with django_assert_max_num_queries(7):
        assert [batch.day for batch in served(bandit).batches] == [TODAY.date()]


def test_those_held_back_get_every_arm_alike_and_keep_it():
    bandit = make_experiment(allocation="thompson", holdback=100)
    make_batch(bandit, 0, control=0.0, b=1.0)
    assert shares_of(bandit)["b"] == pytest.approx(0.5, abs=0.08)
    held = (served(bandit),)
    days = [TODAY + timedelta(days=number) for number in range(14)]
    for unit in ("one", "two", "three"):
        found = [assign(held, unit=unit, facts=Facts(now=day), segments=tuple) for day in days]
        assert len({assignment.arm.key for assignment in found}) == 1
        assert {(a.is_holdback, a.propensity) for a in found} == {(True, 0.5)}


def test_everybody_else_is_drawn_anew_each_day(bandit):
    held = (served(bandit),)
    days = [TODAY + timedelta(days=number) for number in range(14)]
    arms = {assign(held, unit="one", facts=Facts(now=day), segments=tuple).arm.key for day in days}
    assert arms == {"control", "b"}


def test_an_ended_bandit_with_people_held_out_is_read_without_its_arms():
    bandit = make_experiment(allocation="contextual", status="ended", holdout=10)
    make_batch(bandit, 0, control=0.0, b=1.0)
    assert served(bandit).arms == ()
