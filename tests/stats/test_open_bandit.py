"""On a real shop's logs, uniform chance tells what the shop's own Thompson sampling earned, as the manual says."""

import csv
import os
import re
from pathlib import Path

import numpy as np
import pytest

from personalization.stats.off_policy import off_policy_value

DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data")) / "open-bandit"
MANUAL = Path(__file__).parents[2] / "docs" / "explanation" / "statistics.md"
NAMES = {"ips": "inverse propensity scores", "snips": "self-normalized", "doubly_robust": "doubly robust"}


def read_log(policy):
    """Columns item, position, click and logged propensity."""
    if not DATA.exists():
        pytest.skip(f"the Open Bandit logs are not at {DATA}; set PERSONALIZATION_DATA")
    with (DATA / policy / "men.csv").open() as lines:
        columns = ("item_id", "position", "click", "propensity_score")
        return np.array([[float(row[name]) for name in columns] for row in csv.DictReader(lines)]).T


@pytest.fixture(scope="module")
def logs():
    return read_log("random"), read_log("bts")


def served_shares(item, position):
    """How often a policy served an item at a position: the propensity it would give, on average over visitors."""
    table = np.zeros((34, 4))
    np.add.at(table, (item.astype(int), position.astype(int)), 1)
    return table / np.maximum(table.sum(axis=0), 1)


def rewards_by_item(item, click, folds):
    """Each item's click rate in the other half, drawn to the mean as by a hundred decisions: shape (2, items)."""
    rates = []
    for fold in (0, 1):
        seen = folds != fold
        shown = np.bincount(item[seen].astype(int), minlength=34)
        clicked = np.bincount(item[seen].astype(int), weights=click[seen], minlength=34)
        rates.append((clicked + 100 * click[seen].mean()) / (shown + 100))
    return np.array(rates)


@pytest.fixture(scope="module")
def estimates(logs):
    (item, position, click, propensity), theirs = logs
    shares = served_shares(*theirs[:2])
    rows, places, folds = item.astype(int), position.astype(int), np.arange(len(item)) % 2
    rates = rewards_by_item(item, click, folds)
    model = {"predicted": rates[folds, rows], "expected": (rates[folds] * shares[:, places].T).sum(axis=1)}
    target = shares[rows, places]
    return {name: off_policy_value(click, propensity, target, method=name, **model) for name in NAMES}


def test_every_estimate_holds_what_thompson_sampling_earned_of_its_own(logs, estimates):
    earned = logs[1][2].mean()
    assert earned == pytest.approx(0.0069)
    for estimate in estimates.values():
        low, high = estimate.interval
        assert low <= earned <= high
        assert 0 < high - low < 0.01


def test_the_manual_tells_these_figures(estimates):
    told = dict(re.findall(r"^\| ([a-z -]+) \| (.+? %) \|$", MANUAL.read_text(encoding="utf-8"), re.MULTILINE))
    for name, estimate in estimates.items():
        low, high = estimate.interval
        figures = f"{100 * estimate.value:.2f} % | {100 * low:.2f} % to {100 * high:.2f} %"
        assert told[NAMES[name]] == figures
