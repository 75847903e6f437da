"""Tuning finds what is better on validation, keeps to its limits, and never sees what is held out."""

import sys

import numpy as np
import pytest

from personalization.recommend import tuning
from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import evaluate
from personalization.recommend.scorers import SCORERS, Content, Ease, Popular
from personalization.recommend.splits import last_k, random_per_visitor, temporal
from personalization.recommend.tuning import SPACES, Choice, Range, tune
from tests.recommend.worlds import DAY, two_tastes


@pytest.fixture
def spaces(monkeypatch):
    """A copy of the table of spaces, and of scorers, that a test may change."""
    monkeypatch.setattr(tuning, "SPACES", dict(SPACES))
    monkeypatch.setattr(tuning, "SCORERS", dict(SCORERS))
    return tuning.SPACES


def changed_tastes() -> Interactions:
    """Forty visitors read old items for twenty days; in the next two everybody reads new ones."""
    rng = np.random.default_rng(0)
    rows = []
    for visitor in range(40):
        old = rng.choice(6, 5, replace=False)
        rows += [(f"v{visitor:02}", f"old {item}", rng.uniform(0, 20) * DAY) for item in old]
        rows += [(f"v{visitor:02}", f"new {item}", rng.uniform(20, 22) * DAY) for item in range(3)]
    return Interactions.from_rows(*zip(*rows, strict=True))


@pytest.mark.parametrize("name", sorted(SPACES))
def test_a_space_names_parameters_of_its_scorer_and_holds_the_defaults(name):
    defaults = SCORERS[name]().params
    for word, choice in SPACES[name].items():
        assert choice.holds(defaults[word]), word


def test_what_fits_the_data_is_found():
    told = []
    tuned = tune(
        "popular",
        changed_tastes(),
        split=lambda rows: temporal(rows, 0.1),
        trials=20,
        k=1,
        progress=lambda done, best: told.append((done, best)),
    )
    assert tuned.params["half_life_days"] in (1, 3)
    assert tuned.value > tuned.default_value
    assert [done for done, _ in told] == list(range(1, tuned.trials + 1))
    assert told[-1][1] == tuned.value
    assert [best for _, best in told] == sorted(best for _, best in told)


def test_the_same_seed_finds_the_same():
    interactions, _ = two_tastes(n_visitors=60)
    first, second = (tune("ease", interactions, trials=6, seed=4) for _ in range(2))
    assert (first.params, first.value, first.trials) == (second.params, second.value, second.trials)
    assert tune("ease", interactions, trials=6, seed=5).params != first.params


def test_the_parameters_make_the_scorer_whose_value_was_told():
    interactions, _ = two_tastes(n_visitors=60)
    split = random_per_visitor(interactions, fraction=0.3, seed=1)
    tuned = tune("ease", interactions, split=lambda rows: split, trials=4)
    assert tuned.value == pytest.approx(value_of(Ease(**tuned.params), split))
    assert tuned.default_value == pytest.approx(value_of(Ease(), split))


def value_of(scorer, split):
    return evaluate({"it": scorer}, split.train, split, resamples=2).row("it").metrics["ndcg@10"]


def test_only_training_is_seen_and_the_hold_out_is_opened_once(spaces):
    interactions, _ = two_tastes(n_visitors=40)
    outer = last_k(interactions, k=2)
    seen = []

    class Spy(Popular):
        def fit(self, interactions, items=None):
            seen.append(("fit", pairs(interactions)))
            return super().fit(interactions, items)

        def score(self, histories):
            seen.append(("score", {(h.timestamps[i], h.items[i]) for h in histories for i in range(len(h))}))
            return super().score(histories)

    tuning.SCORERS["spy"], spaces["spy"] = Spy, SPACES["popular"]
    tune("spy", outer.train, split=lambda rows: last_k(rows, k=1), trials=3)
    held_out, inner = pairs(outer.test), last_k(outer.train, k=1)
    assert {word for word, _ in seen} == {"fit", "score"}
    for _, told in seen:
        assert told <= pairs(inner.train)
        assert not told & (held_out | pairs(inner.test))


def pairs(interactions):
    return set(zip(interactions.timestamps.tolist(), interactions.matrix.indices.tolist(), strict=True))


def test_no_trial_begins_when_time_is_up(spaces, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr(tuning, "monotonic", lambda: float(next(ticks)))
    tuned = tune("ease", two_tastes()[0], seconds=10.5)
    assert 1 <= tuned.trials <= 10
    assert tune("ease", two_tastes()[0], seconds=0).trials == 1


def test_a_trial_far_behind_the_others_is_given_up(spaces):
    interactions, items = two_tastes(n_visitors=60)
    fitted, scored = [], []

    class Fickle(Content):
        """Reads with one parameter, and turns its judgement round with the other."""

        def __init__(self, *, half_life_days=30.0, sign=1):
            super().__init__(half_life_days=half_life_days)
            self.params["sign"], self.sign = sign, sign

        def fit(self, interactions, items=None):
            fitted.append(self.sign)
            return super().fit(interactions, items)

        def score(self, histories):
            scored.append(self.sign)
            return super().score(histories) * self.sign

    tuning.SCORERS["fickle"] = Fickle
    spaces["fickle"] = {"half_life_days": Range(1, 99), "sign": Choice((1, -1))}
    tuned = tune("fickle", interactions, items=items, trials=25)
    assert tuned.params["sign"] == 1
    assert -1 in fitted
    assert scored.count(-1) < tuning.PARTS * fitted.count(-1)


def test_a_search_ends_when_everything_was_tried(spaces):
    spaces["popular"] = {"half_life_days": Choice((30.0, None))}
    tuned = tune("popular", two_tastes()[0], seconds=3_600, seed=1)
    assert tuned.trials < 60


def test_parameters_that_cannot_learn_are_passed_over(spaces):
    class Choosy(Popular):
        def fit(self, interactions, items=None):
            if self.half_life_days != 30:
                raise ValueError("only 30")
            return super().fit(interactions, items)

    tuning.SCORERS["choosy"], spaces["choosy"] = Choosy, SPACES["popular"]
    tuned = tune("choosy", two_tastes()[0], trials=8)
    assert tuned.params == {"half_life_days": 30}
    assert tuned.trials == 8


def test_a_scorer_that_cannot_learn_at_all_says_so():
    with pytest.raises(ValueError, match=r"'content' cannot learn from this data.*embeddings"):
        tune("content", two_tastes()[0], trials=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "recent", "trials": 2}, "'recent' has nothing to tune"),
        ({"name": "ease"}, "needs a limit"),
        ({"name": "ease", "trials": 2, "split": lambda rows: last_k(rows, k=99)}, "too few"),
    ],
)
def test_a_senseless_search_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tune(train=two_tastes()[0], **arguments)


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"wagtail-slots\[models\]"):
        tune("ease", two_tastes()[0], trials=1)
