"""manage.py off_policy: what a bandit's log says of policies that did not serve, held against what they do earn."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from personalization.experiments.learning import learn
from personalization.experiments.off_policy import NoAnswerError, ask_log
from tests.experiments.test_learning import TODAY, live_a_day, make_bandit
from tests.experiments.world import make_experiment

pytestmark = pytest.mark.django_db

RATES = {"control": 0.2, "b": 0.4}


def by_arm(arm, device):
    return RATES[arm]


def opposite(arm, device):
    return 0.45 if (arm == "b") == (device == "phone") else 0.1


def live(experiment, rates, *, days=2, visitors=400):
    """Days on which shares are uneven, as the weights are."""
    for day in range(-days, 0):
        live_a_day(experiment, day, rates, visitors=visitors)
    return {worth.target: worth.estimates for worth in ask_log(experiment=experiment).worths}


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments):
    out = StringIO()
    call_command("off_policy", *arguments, stdout=out, no_color=True)
    return out.getvalue()


def test_each_policy_is_worth_what_it_truly_earns_by_every_method():
    worths = live(make_bandit(weights=(3, 1)), by_arm)
    truth = {"arm:control": 0.2, "arm:b": 0.4, "uniform": 0.3}
    assert list(worths) == list(truth)
    for target, value in truth.items():
        for estimate in worths[target].values():
            low, high = estimate.interval
            assert low <= value <= high
            assert high - low < 0.2
    # Always serving one arm can be learned only from where it was served: about a quarter of the days for b.
    assert worths["arm:b"]["ips"].effective_n < worths["uniform"]["ips"].effective_n


def test_the_newest_shares_of_a_contextual_bandit_are_worth_more_than_any_one_arm():
    experiment = make_bandit(allocation="contextual", holdback=100)
    live(experiment, opposite)
    learn(experiment=experiment, today=TODAY)
    answer = ask_log(experiment=experiment, targets=["arm:b", "newest"])
    b, newest = (worth.estimates["doubly_robust"] for worth in answer.worths)
    assert newest.interval[0] > b.interval[1]
    assert newest.value == pytest.approx(0.95 * 0.45 + 0.05 * 0.1, abs=0.06)


def test_a_model_of_who_clicks_makes_the_answer_steadier():
    worths = live(make_bandit(holdback=100), lambda arm, device: 0.9 if device == "phone" else 0.1)
    widths = {method: e.interval[1] - e.interval[0] for method, e in worths["arm:b"].items()}
    assert widths["doubly_robust"] < 0.85 * widths["snips"]


def test_the_command_prints_a_line_for_each_policy():
    experiment = make_bandit(arms=("control", "b", "c"), weights=(1, 1, 0))
    live_a_day(experiment, -1, by_arm, visitors=60)
    out = run(experiment.key)
    assert "60 visitors' days on 1 days" in out
    assert re.search(r"arm:b .+ \d+\.\d+% \(-?\d+\.\d+% \.\. \d+\.\d+%\)", out)
    assert re.search(r"arm:c +│ +never served", out)
    assert "uniform" in out
    assert "arm:control" not in run(experiment.key, "--target", "uniform", "--target", "arm:b")


def test_what_cannot_be_answered_is_said():
    fixed = make_experiment(key="fixed")
    bandit = make_bandit(key="bandit")
    for arguments, words in {
        ("nothing",): "no experiment",
        (fixed.key,): "Only bandits",
        (bandit.key,): "Too few visitors",
        (bandit.key, "--target", "arm:z"): "There are: arm:control, arm:b, uniform",
    }.items():
        with pytest.raises(CommandError, match=words):
            run(*arguments)
    with pytest.raises(NoAnswerError, match="met within a day"):
        ask_log(experiment=make_bandit(key="v", metrics=["value"]))
