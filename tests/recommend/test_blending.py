"""Scorers made of scorers: hybrid, stacked and LambdaMART."""

import json
import sys

import numpy as np
import pytest

from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import History, Interactions, Items
from personalization.recommend.scorers import SCORERS, Ease, Hybrid, LambdaMart, Popular, Stacked, Svd, load_scorer
from personalization.recommend.scorers.blending import Judged, _validation_split
from personalization.recommend.scorers.lambdamart import arrivals, features
from personalization.recommend.scorers.stacking import _lesson, known_of
from personalization.recommend.scorers.weighing import best_weights, chosen_shares, likeliest
from personalization.recommend.splits import random_per_visitor
from tests.recommend.worlds import DAY, checkerboard, two_tastes

BLENDS = [Hybrid, Stacked, LambdaMart]
LIGHT = ["popular", "ease", "svd"]


def crowd(n_visitors=120, n_items=60, seed=0):
    """Three tastes, each with a long tail of its own: enough to learn a blend from."""
    rng = np.random.default_rng(seed)
    tail = 1 / np.arange(1, n_items // 3 + 1)
    visitors, items = [], []
    for visitor in range(n_visitors):
        chosen = rng.choice(n_items // 3, size=8, replace=False, p=tail / tail.sum()) * 3 + visitor % 3
        visitors += [f"{visitor:03}"] * 8
        items += [f"{item:02}" for item in chosen]
    return Interactions.from_rows(visitors, items, rng.uniform(1, 60 * DAY, len(items)))


@pytest.fixture(scope="module", params=BLENDS, ids=lambda kind: kind.name)
def blend(request):
    return request.param(LIGHT, folds=2).fit(crowd())


@pytest.mark.parametrize("kind", BLENDS)
def test_members_are_named_with_or_without_parameters_and_json_can_hold_it(kind):
    for members in (["popular", "ease"], {"popular": {}, "ease": {"penalty": 50.0}}):
        blend = kind(members, folds=1)
        again = kind(**json.loads(json.dumps(blend.params))).fit(checkerboard())
        assert list(again.members) == ["popular", "ease"]
        assert again.params == blend.params
    assert again.members["ease"].penalty == 50.0


@pytest.mark.parametrize("kind", BLENDS)
def test_an_unknown_name_is_refused(kind):
    with pytest.raises(ValueError, match="no scorer 'eas'; known are"):
        kind(["eas"])
    with pytest.raises(ValueError, match="random, last-k, temporal"):
        kind(validation="tomorrow")
    with pytest.raises(ValueError, match="folds must be at least 1"):
        kind(folds=0)


@pytest.mark.parametrize("kind", BLENDS)
def test_a_member_without_its_package_or_its_texts_is_left_out(kind, monkeypatch, caplog):
    for module in ("implicit", "implicit.cpu", "implicit.cpu.als"):
        monkeypatch.setitem(sys.modules, module, None)
    board = checkerboard()
    blend = kind(["ease", "als", "content"], folds=1).fit(board)
    assert list(blend.members) == ["ease"]
    assert "wagtail-slots[models]" in blend.left_out["als"]
    assert "embeddings" in blend.left_out["content"]
    assert "does without als" in caplog.text
    assert np.isfinite(blend.score(board.histories())).all()


def test_what_was_left_out_is_remembered_and_may_come_back(monkeypatch, tmp_path):
    interactions, items = two_tastes()
    hybrid = Hybrid(["ease", "content"], {"ease": 0.7, "content": 0.3}).fit(interactions)
    hybrid.save(tmp_path)
    assert load_scorer(tmp_path).left_out == hybrid.left_out
    assert hybrid.fit(interactions, items).weights == {"ease": 0.7, "content": 0.3}
    assert hybrid.left_out == {}


@pytest.mark.parametrize("kind", BLENDS)
def test_without_any_member_there_is_no_blend(kind):
    with pytest.raises(ValueError, match=r"No member of the .* can learn: .*embeddings"):
        kind(["content"], folds=1).fit(checkerboard())


class LearnsOnce(Popular):
    """Popularity that is full after the first part."""

    def fit(self, interactions, items=None):
        if self.item_ids:
            raise ValueError("full")
        return super().fit(interactions, items)


@pytest.mark.parametrize("kind", BLENDS)
def test_a_member_that_cannot_learn_from_all_drops_out_in_the_end(kind):
    blend = kind({"once": LearnsOnce(), "ease": Ease(), "svd": Svd()}, folds=1).fit(crowd())
    assert list(blend.members) == ["ease", "svd"]
    assert blend.left_out == {"once": "full"}
    history = crowd().history(0)
    assert blend.explain(history, 3).score == pytest.approx(float(blend.score([history])[0, 3]), abs=1e-4)


def test_lambdamart_without_lightgbm_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(ImportError, match=r"wagtail-slots\[models\]"):
        LambdaMart().fit(checkerboard())


def test_a_blend_ranks_held_out_items_better_than_popularity(blend):
    split = random_per_visitor(crowd(), fraction=0.25, seed=3)
    learned = type(blend)(LIGHT, folds=2).fit(split.train)
    popular = Popular().fit(split.train)
    assert hits(learned, split) > 1.5 * hits(popular, split)


def hits(scorer, split, k=5):
    scores = scorer.score(split.train.histories())
    scores[split.train.matrix.nonzero()] = -np.inf
    best = np.argsort(-scores, axis=1)[:, :k]
    return sum(split.test.matrix[[row], :].toarray()[0, columns].sum() for row, columns in enumerate(best))


def test_a_newcomer_gets_what_is_popular(blend):
    counts = np.bincount(crowd().matrix.indices)
    favourites = np.argsort(-blend.score([History()])[0])[:3]
    assert counts[favourites].min() >= np.sort(counts)[-12]


@pytest.mark.parametrize("kind", [Hybrid, Stacked])
def test_members_that_know_nothing_of_a_newcomer_have_no_part_in_it(kind):
    parts = kind(LIGHT, folds=2).fit(crowd()).explain(History(), 0).contributions
    assert {part.scorer for part in parts} == {"popular"}


def test_learning_is_repeatable(blend):
    again = type(blend)(LIGHT, folds=2).fit(crowd())
    np.testing.assert_array_equal(again.score(crowd().histories()), blend.score(crowd().histories()))


def test_the_validation_is_made_of_the_given_interactions_alone():
    interactions = crowd()
    for kind in BLENDS:
        asked = []

        def spy(given, asked=asked):
            asked.append(given)
            return random_per_visitor(given, fraction=0.1)

        kind(["popular", "svd"], validation=spy).fit(interactions)
        assert asked == [interactions]


@pytest.mark.parametrize("validation", ["last-k", "temporal"])
def test_a_blend_for_what_comes_next_learns_from_what_came_last(validation):
    hybrid = Hybrid(["popular", "markov"], validation=validation, floor=0).fit(cycles())
    assert hybrid.weights["markov"] > 0.7
    assert hybrid.params["validation"] == validation


@pytest.mark.parametrize("validation", ["random", "last-k", "temporal"])
def test_short_histories_teach_a_blend_too(validation):
    visitors = [f"{n:02}" for n in range(60) for _ in range(2)]
    items = [f"{(n % 6) * 2 + step}" for n in range(60) for step in range(2)]
    seen = Interactions.from_rows(visitors, items, np.arange(120.0))
    split = _validation_split(validation, seen, seed=0)
    assert len(split.test_rows) == 60
    assert split.train.matrix.nnz == 60


def cycles(n_visitors=40, n_items=12):
    """Everybody goes round the same circle, from anywhere; what comes next is certain, and nothing is popular."""
    rows = [(f"{v:02}", f"{(v + step) % n_items:02}", step * DAY) for v in range(n_visitors) for step in range(9)]
    visitors, items, times = zip(*rows, strict=True)
    return Interactions.from_rows(visitors, items, times)


def opinions(right, wrong, n_visitors=30, seed=0, length=5):
    """One member that ranks the chosen item first, one that guesses."""
    rng = np.random.default_rng(seed)
    scores = np.stack([np.tile(np.linspace(right, 0, 10), (n_visitors, 1)), wrong * rng.normal(size=(n_visitors, 10))])
    relevant = np.zeros((n_visitors, 10), dtype=np.float32)
    relevant[:, 0] = 1
    histories = [History(list(range(length)))] * n_visitors
    columns = np.tile(np.arange(10), (n_visitors, 1))
    return Judged(histories, columns, scores.astype(np.float32), relevant)


def swap(judged):
    judged.scores[:] = judged.scores[::-1].copy()
    return judged


def test_the_best_weights_are_those_of_all_validation_splits_together():
    names = ["right", "wrong"]
    good, swapped = opinions(2, 1), swap(opinions(2, 1, seed=1))
    assert best_weights(names, [good], floor=0)["right"] > 0.75
    assert best_weights(names, [swapped], floor=0)["wrong"] > 0.75
    assert best_weights(names, [swapped, good, good], floor=0)["right"] > 0.5
    assert best_weights(names, []) == {"right": 0.5, "wrong": 0.5}


def test_members_of_one_opinion_share_its_weight():
    names = ["right", "also right"]
    same = opinions(2, 1)
    same.scores[1] = same.scores[0]
    assert best_weights(names, [same], floor=0) == {"right": 0.5, "also right": 0.5}


def test_stacked_weights_follow_how_much_is_known():
    lesson, lesson_of_newcomers = opinions(2, 1, length=100), swap(opinions(2, 1, length=0))
    found = likeliest([_lesson(lesson), _lesson(lesson_of_newcomers)], np.full(4, 0.5), penalty=0.1)
    (little_right, little_wrong), (much_right, much_wrong) = found.reshape(2, 2)
    assert much_right > 2 * much_wrong
    assert little_wrong > 2 * little_right


def test_a_penalty_holds_weights_near_their_start():
    lesson = opinions(2, 1)
    taught = [chosen_shares(lesson.scores, lesson)]
    free, held = (likeliest(taught, np.full(2, 0.5), penalty=penalty) for penalty in (0.1, 1e6))
    assert np.ptp(free) > 0.5
    np.testing.assert_allclose(held, 0.5, atol=1e-3)
    assert (likeliest([], np.full(2, 0.5)) == 0.5).all()


def test_no_stacked_weight_is_negative_nor_silent():
    stacked = Stacked(LIGHT, folds=2, floor=0.05).fit(crowd())
    weights = stacked.weights([History(), History([1, 2, 3]), History(list(range(40)))])
    assert weights.shape == (3, 3)
    assert (weights >= 0.04 * weights.sum(axis=0)).all()


def test_what_is_known_grows_up_to_a_hundred_items():
    known = known_of([History(list(range(n))) for n in (0, 1, 10, 100, 500)])
    assert (np.diff(known) >= 0).all()
    assert known[0] == 0
    assert known[3:].tolist() == [1, 1]


def test_trees_order_candidates_and_all_others_follow_in_the_stacked_order():
    interactions = crowd()
    blend = LambdaMart(LIGHT, folds=2, candidates=10).fit(interactions)
    history = interactions.history(4)
    scores = blend.score([history])[0]
    opinions = np.stack([scores for _, scores in blend._standard_scores([history])])
    stacked = blend._stack(opinions, [history])[0]
    best = np.argsort(-stacked, kind="stable")[:10]
    others = np.setdiff1d(np.arange(60), best)
    assert scores[best].min() > scores[others].max()
    assert np.ptp(scores[others] - stacked[others]) < 1e-5
    for item in (int(best[0]), int(others[0])):
        assert blend.explain(history, item).score == pytest.approx(float(scores[item]), abs=1e-4)


def test_a_members_better_opinion_never_lowers_an_item():
    blend = LambdaMart(LIGHT, folds=2).fit(crowd())
    rows = np.zeros((9, 5), dtype=np.float32)
    for member in range(3):
        rows[:, member] = np.linspace(-2, 4, 9)
        assert (np.diff(blend._booster.predict(rows)) >= 0).all()
        rows[:, member] = 0


def test_items_without_an_age_and_visitors_without_a_time_are_no_obstacle():
    scores = np.zeros((1, 2, 2), dtype=np.float32)
    dated, undated = History([0], timestamps=[10 * DAY]), History([0])
    seen = features(scores, np.array([[0, 1], [0, 1]]), [dated, undated], np.array([3 * DAY, np.nan]))
    assert seen[0, 0, 2] == pytest.approx(np.log1p(7), abs=1e-3)
    assert np.isnan(seen[[0, 1, 1], [1, 0, 1], 2]).all()


def test_an_item_arrives_when_it_is_published_or_else_first_met():
    seen = Interactions.from_rows(["a", "b", "c"], ["x", "x", "y"], [5.0, 3.0, 9.0], item_ids=["x", "y", "z"])
    items = Items(ids=("y-fr", "y-en"), groups=("y", "y"), published=np.array([8.0, 7.0]))
    np.testing.assert_array_equal(arrivals(seen, items), [3.0, 7.0, np.nan])


def test_rebasing_keeps_the_ages_of_known_items_and_takes_those_of_new_ones():
    interactions = crowd()
    blend = LambdaMart(LIGHT, folds=1).fit(interactions)
    rebased = blend.rebase(Items(ids=("new", "05"), published=np.array([1.0, np.nan])))
    assert rebased._arrivals.tolist() == [1.0, blend._arrivals[interactions.item_ids.index("05")]]


@pytest.mark.parametrize("kind", BLENDS)
def test_too_little_to_learn_from_still_gives_a_blend(kind):
    seen = Interactions.from_rows(["a", "b"], ["x", "y"], [1.0, 2.0])
    blend = kind(["popular", "ease"]).fit(seen)
    assert np.isfinite(blend.score(seen.histories())).all()
    assert blend.explain(seen.history(0), 1).score == pytest.approx(float(blend.score([seen.history(0)])[0, 1]))


def test_damaged_trees_are_refused(tmp_path):
    LambdaMart(LIGHT, folds=1).fit(crowd()).save(tmp_path)
    np.save(tmp_path / "trees.npy", np.frombuffer(b"nonsense", dtype=np.uint8))
    with pytest.raises(ArtifactError, match="incomplete"):
        load_scorer(tmp_path)


def test_members_given_as_scorers_are_kept_as_they_are(tmp_path):
    board = checkerboard()
    members = {"ease": Ease(penalty=1.0).fit(board), "svd": Svd(factors=2).fit(board)}
    hybrid = Hybrid(members, {"ease": 0.5, "svd": 0.5})
    assert hybrid.members == members
    assert "members" not in hybrid.params
    hybrid.save(tmp_path)
    assert load_scorer(tmp_path).members["ease"].penalty == 1.0


@pytest.mark.parametrize("kind", BLENDS)
def test_senseless_parameters_are_refused(kind):
    senseless = {Hybrid: {"floor": 0.6}, Stacked: {"penalty": 0}, LambdaMart: {"leaves": 1}}[kind]
    with pytest.raises(ValueError, match=r"must be|at least"):
        kind(["popular", "ease"], **senseless).fit(crowd())


def test_every_default_member_is_a_registered_scorer():
    assert set(Hybrid.default_members) <= set(SCORERS)
