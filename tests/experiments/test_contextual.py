"""A contextual bandit: two kinds of visitors with opposite tastes get different arms."""

from datetime import timedelta

import numpy as np
import pytest

from personalization.experiments.assignment import assign
from personalization.experiments.contextual import FEATURES, features_of, learned_from
from personalization.experiments.learning import learn
from personalization.experiments.models import Batch
from personalization.experiments.observations import observe
from personalization.experiments.serving import serving_experiments
from personalization.visitors.matching import Facts
from tests.experiments.test_learning import TODAY, device_of, live_a_day, live_and_learn, make_bandit, noon
from tests.experiments.world import act, expose

pytestmark = pytest.mark.django_db


def opposite(arm, device):
    return 0.45 if (arm == "b") == (device == "phone") else 0.1


def make_contextual(**fields):
    return make_bandit(allocation="contextual", **fields)


def test_opposite_tastes_get_opposite_arms_and_each_arm_keeps_its_floor():
    experiment = make_contextual()
    lived = live_and_learn(experiment, opposite, range(-3, 0))
    drawn = [(device_of(n), found) for n, found in enumerate(lived[-1]) if not found.is_holdback]
    for device, liked in (("phone", "b"), ("desktop", "control")):
        arms = [found.arm.key for kind, found in drawn if kind == device]
        assert arms.count(liked) / len(arms) > 0.85
    assert min(found.propensity for _kind, found in drawn) >= 0.05
    means = experiment.phase.batches.latest("day").shares
    assert means == {"control": pytest.approx(0.5, abs=0.06), "b": pytest.approx(0.5, abs=0.06)}


def test_those_held_back_note_their_features_and_teach():
    experiment = make_contextual(holdback=100)
    live_a_day(experiment, -1, opposite)
    seen = observe(experiment=experiment, phase=experiment.phase, day=noon(-1).date())
    assert seen.features.shape == (300, len(FEATURES))
    assert set(seen.propensities) == {0.5}
    state = learn(experiment=experiment, today=TODAY).state
    learned = learned_from(state, ["control", "b"])
    assert learned.shares(features_of(Facts(now=noon(-1), device="phone")), 0.05)[1] > 0.9


def test_an_arm_without_weight_gets_no_share():
    experiment = make_contextual(arms=("control", "b", "c"), weights=(1, 0, 1))
    live_a_day(experiment, -1, lambda arm, device: 0.3)
    batch = learn(experiment=experiment, today=TODAY)
    assert set(batch.shares) == {"control", "c"}
    (held,) = serving_experiments()[experiment.slot_id]
    arms = {assign([held], unit=f"v{n}", facts=Facts(now=noon(0)), segments=tuple).arm.key for n in range(200)}
    assert arms == {"control", "c"}


def test_models_of_other_features_give_way_to_the_mean_shares():
    experiment = make_contextual(holdback=0)
    state = {"arms": ["control", "b"], "features": ["constant"], "grams": [], "products": []}
    Batch.objects.create(phase=experiment.phase, day=TODAY, shares={"control": 0.0, "b": 1.0}, state=state)
    (held,) = serving_experiments()[experiment.slot_id]
    assert assign([held], unit="v", facts=Facts(now=noon(0)), segments=tuple).propensity == 1


def test_an_observation_is_a_visitors_day_in_one_arm_and_counts_what_follows():
    experiment, noted = make_contextual(), {"propensity": 0.5, "holdback": False, "features": [1.0] * len(FEATURES)}
    for visitor, arms in {"before": ["b"], "after": ["b"], "other slot": ["b"], "both": ["control", "b"]}.items():
        for number, arm in enumerate(arms):
            expose(experiment, visitor, arm, at=noon(-1) + timedelta(minutes=number), noted=noted)
    expose(experiment, "old code", "b", at=noon(-1), noted=noted | {"features": [1.0]})
    act("before", at=noon(-1) - timedelta(minutes=1))
    act("after", at=noon(-1))
    act("after", at=noon(0))
    act("other slot", at=noon(-1), slot_key="elsewhere")
    act("both", at=noon(-1) + timedelta(minutes=5))
    seen = observe(experiment=experiment, phase=experiment.phase, day=noon(-1).date())
    assert dict(zip(seen.visitors, seen.rewards, strict=True)) == {"before": 0, "after": 1, "other slot": 0}
    assert np.array_equal(seen.arms, [1, 1, 1])
