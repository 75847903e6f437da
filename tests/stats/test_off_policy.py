"""What another policy would have earned is estimated without bias, on simulated and on real logs."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from personalization.stats.off_policy import off_policy_value

DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data")) / "open-bandit"
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
    ],
)
def test_logs_that_cannot_tell_are_refused(wrong):
    with pytest.raises(ValueError, match="must"):
        off_policy_value(**({"rewards": [1.0, 0.0], "logged": [0.5, 0.5], "target": [0.5, 0.5]} | wrong))


def read_log(policy):
    if not DATA.exists():
        pytest.skip(f"the Open Bandit logs are not at {DATA}")
    with (DATA / policy / "men.csv").open() as lines:
        columns = ("item_id", "position", "click", "propensity_score")
        return np.array([[float(row[name]) for name in columns] for row in csv.DictReader(lines)]).T


def served_shares(item, position, items, positions):
    """How often a policy served an item at a position: the propensity it would give, on average over visitors."""
    table = np.zeros((int(items.max()) + 1, int(positions.max()) + 1))
    np.add.at(table, (item.astype(int), position.astype(int)), 1)
    return table / np.maximum(table.sum(axis=0), 1)


def test_the_uniform_log_of_a_real_shop_tells_what_thompson_sampling_earned():
    item, position, click, propensity = read_log("random")
    theirs = read_log("bts")
    shares = served_shares(theirs[0], theirs[1], item, position)
    estimate = off_policy_value(click, propensity, shares[item.astype(int), position.astype(int)])
    low, high = estimate.interval
    assert low <= theirs[2].mean() <= high
    assert 0 < high - low < 0.01
