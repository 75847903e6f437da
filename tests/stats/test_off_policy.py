"""What another policy would have earned is estimated without bias, on simulated logs."""

import numpy as np
import pytest

from personalization.stats.off_policy import off_policy_value

RATES = np.array([0.1, 0.3, 0.5])
LOGGING, TARGET = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.3, 0.6])
TRUTH = float(RATES @ TARGET)


def log(random, n=2_000):
    served = random.choice(3, n, p=LOGGING)
    return served, (random.random(n) < RATES[served]).astype(float)


@pytest.mark.parametrize("method", ["ips", "snips", "doubly_robust"])
@pytest.mark.parametrize("model", [[0.1, 0.3, 0.5], [0.4, 0.4, 0.4]])
def test_the_truth_is_met_on_average_and_in_nearly_all_intervals(method, model):
    random, model = np.random.default_rng(0), np.array(model)
    found = []
    for _ in range(400):
        served, rewards = log(random)
        predictions = {"predicted": model[served], "expected": np.full(len(served), model @ TARGET)}
        found.append(off_policy_value(rewards, LOGGING[served], TARGET[served], method=method, **predictions))
    assert np.mean([estimate.value for estimate in found]) == pytest.approx(TRUTH, abs=0.005)
    assert 0.92 <= np.mean([low <= TRUTH <= high for low, high in (e.interval for e in found)]) <= 0.98


def test_a_good_model_makes_the_estimate_steadier():
    served, rewards = log(np.random.default_rng(1))
    target = LOGGING[served], TARGET[served]
    model = {"predicted": RATES[served], "expected": np.full(len(served), TRUTH)}
    plain = off_policy_value(rewards, *target, method="ips").interval
    both = off_policy_value(rewards, *target, method="doubly_robust", **model).interval
    assert np.diff(both) < np.diff(plain)


def test_the_policy_that_served_is_worth_what_it_earned():
    served, rewards = log(np.random.default_rng(2))
    for method in ("ips", "snips"):
        estimate = off_policy_value(rewards, LOGGING[served], LOGGING[served], method=method)
        assert estimate.value == pytest.approx(rewards.mean())
        assert estimate.effective_n == pytest.approx(len(rewards))


def test_a_cap_holds_the_weights():
    served, rewards = log(np.random.default_rng(3))
    free, capped = (off_policy_value(rewards, LOGGING[served], TARGET[served], cap=c) for c in (np.inf, 2.0))
    assert capped.effective_n > free.effective_n


def test_decisions_of_one_visitor_are_not_taken_for_independent():
    random, found = np.random.default_rng(4), []
    for _ in range(300):
        taste = np.repeat(random.random(200) < 0.3, 10)  # ten decisions of each visitor, all alike
        served = np.repeat(random.choice(3, 200, p=LOGGING), 10)
        visitors = np.repeat(np.arange(200), 10)
        policies = LOGGING[served], TARGET[served]
        found.append([off_policy_value(taste, *policies, method="ips", clusters=by) for by in (None, visitors)])
    naive, by_visitor = np.array([[low <= 0.3 <= high for low, high in (e.interval for e in pair)] for pair in found]).T
    assert naive.mean() < 0.7
    assert 0.91 <= by_visitor.mean() <= 0.98


def test_visitors_of_one_decision_each_are_as_independent_as_decisions():
    served, rewards = log(np.random.default_rng(5), n=300)
    policies = LOGGING[served], TARGET[served]
    alone = off_policy_value(rewards, *policies, clusters=np.arange(300)[::-1])
    assert alone.interval == pytest.approx(off_policy_value(rewards, *policies).interval)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rewards": [1.0]},
        {"logged": [0.0, 0.5]},
        {"target": [0.0, 0.0]},
        {"target": [1.5, 0.0]},
        {"method": "magic"},
        {"method": "doubly_robust"},
        {"alpha": 1.0},
        {"clusters": [1]},
        {"clusters": [1, 1]},
    ],
)
def test_logs_that_cannot_tell_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        off_policy_value(**({"rewards": [1.0, 0.0], "logged": [0.5, 0.5], "target": [0.5, 0.5]} | wrong))
