"""What is particular to each scorer."""

from dataclasses import replace

import numpy as np
import pytest

from personalization.recommend.data import History, Interactions, Items
from personalization.recommend.scorers import (
    Content,
    Ease,
    Hybrid,
    ItemKnn,
    Popular,
    Recent,
    SegmentPopular,
    Similar,
    Svd,
    Trending,
)
from personalization.recommend.scorers import ease as ease_module
from personalization.recommend.scorers.hybrid import tune_weights
from personalization.recommend.splits import last_k, random_per_visitor
from tests.recommend.worlds import DAY, checkerboard, random_interactions, two_tastes


def closed_form(matrix, penalty):
    inverse = np.linalg.inv(matrix.T @ matrix + penalty * np.eye(matrix.shape[1]))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("shape", [(60, 25), (25, 60), (40, 40), (30, 300), (400, 300)])
def test_ease_is_its_closed_form_from_either_side(shape):
    seen = random_interactions(*shape)
    matrix = seen.matrix.toarray().astype(float)
    expected = matrix @ closed_form(matrix, penalty=20.0)
    np.testing.assert_allclose(Ease(penalty=20.0).fit(seen).score(seen.histories()), expected, atol=2e-4)


@pytest.mark.parametrize("shape", [(60, 25), (25, 60)])
def test_ease_of_a_large_catalog_keeps_the_strongest_weights_of_each_target(shape, monkeypatch):
    monkeypatch.setattr(ease_module, "DENSE_UP_TO", 10)
    seen = random_interactions(*shape)
    matrix = seen.matrix.toarray().astype(float)
    full = closed_form(matrix, penalty=20.0)
    weakest = np.sort(np.abs(full), axis=0)[-8]
    expected = matrix @ np.where(np.abs(full) >= weakest, full, 0)
    np.testing.assert_allclose(Ease(penalty=20.0, neighbours=8).fit(seen).score(seen.histories()), expected, atol=2e-4)


def test_ease_by_directions_is_exact_when_it_takes_all_of_them():
    seen = random_interactions(60, 25)
    exact = Ease(penalty=20.0).fit(seen).score(seen.histories())
    directions = Ease(penalty=20.0, exact_up_to=24, rank=25).fit(seen).score(seen.histories())
    np.testing.assert_allclose(directions, exact, atol=2e-4)


def test_ease_comes_closer_with_more_directions_and_is_the_same_every_time():
    interactions, _ = two_tastes(n_visitors=400, n_items=60, seed=1)
    histories = interactions.histories()[:50]
    exact = Ease(penalty=50.0).fit(interactions).score(histories)
    ranks = (4, 40, 40)
    few, more, again = (Ease(penalty=50.0, exact_up_to=10, rank=r).fit(interactions).score(histories) for r in ranks)
    likeness = [np.corrcoef(scores.ravel(), exact.ravel())[0, 1] for scores in (few, more)]
    assert likeness[0] < 0.9 < likeness[1]
    np.testing.assert_array_equal(more, again)


def test_item_knn_without_shrinkage_is_the_cosine():
    seen = random_interactions(50, 12)
    matrix = seen.matrix.toarray().astype(float)
    norms = np.linalg.norm(matrix, axis=0)
    cosines = matrix.T @ matrix / norms / norms[:, None]
    np.fill_diagonal(cosines, 0)
    scores = ItemKnn(neighbours=12, shrinkage=0, balance=0.5, similarity="cosine").fit(seen).score(seen.histories())
    np.testing.assert_allclose(scores, matrix @ cosines, atol=1e-4)


def test_shrinkage_trusts_a_pair_seen_often_more_than_one_seen_once():
    visitors = [f"{i}" for i in range(20) for _ in range(2)] + ["x", "x"]
    items = ["a", "b"] * 20 + ["rare", "rarer"]
    seen = Interactions.from_rows(visitors, items, np.arange(len(items), dtype=float))
    often, once = (ItemKnn(similarity="cosine", shrinkage=s).fit(seen) for s in (10, 0))
    a, b, rare, rarer = (seen.item_ids.index(name) for name in ("a", "b", "rare", "rarer"))
    assert once.score([History([a])])[0, b] == pytest.approx(once.score([History([rare])])[0, rarer])
    assert often.score([History([a])])[0, b] > often.score([History([rare])])[0, rarer]


def test_svd_projects_a_new_history_without_retraining():
    board = checkerboard(12)
    scores = Svd(factors=2).fit(board).score([History([0, 2])])[0]
    assert scores[::2].min() > scores[1::2].max()


def test_svd_never_asks_for_more_directions_than_there_are():
    seen = Interactions.from_rows(list("aab"), list("xyx"), [1.0, 2.0, 3.0])
    assert Svd(factors=50).fit(seen).score([seen.history(0)]).shape == (1, 2)


def test_an_old_crowd_counts_less_than_a_fresh_few():
    seen = Interactions.from_rows(list("abcde"), list("xxxyy"), [0, 0, 0, 90 * DAY, 90 * DAY])
    x, y = Popular(half_life_days=30).fit(seen).score([History()])[0]
    assert y > x
    x, y = Popular(half_life_days=None).fit(seen).score([History()])[0]
    assert (x, y) == pytest.approx((np.log(4), np.log(3)))


def test_popularity_counts_visitors_not_visits():
    seen = Interactions.from_rows(list("aaabc"), list("xxxyy"), [5.0] * 5)
    x, y = Popular().fit(seen).score([History()])[0]
    assert y > x


def languages(n_english=300, n_french=60):
    """English readers choose x twice as often as y, French readers only y and z."""
    visitors = [f"{kind} {i}" for kind, n in (("en", n_english), ("fr", n_french)) for i in range(n)]
    items = ["x" if i % 3 else "y" for i in range(n_english)] + ["y" if i % 2 else "z" for i in range(n_french)]
    return Interactions.from_rows(visitors, items, [0.0] * len(items), segments={v: v[:2] for v in visitors})


def test_each_segment_has_its_own_popularity():
    seen = languages()
    scorer = SegmentPopular().fit(seen)
    english, french = scorer.score([History(segment="en"), History(segment="fr")])
    assert [seen.item_ids[i] for i in np.argsort(-english)] == ["x", "y", "z"]
    assert french[seen.item_ids.index("z")] > english[seen.item_ids.index("z")]


def test_a_small_segment_leans_on_everybody():
    few, many = (SegmentPopular().fit(languages(n_french=n)).score([History(segment="fr")])[0] for n in (4, 4_000))
    assert few.argmax() == 0
    assert many.argmax() != 0


def test_a_visitor_of_an_unknown_segment_gets_what_is_popular_with_all():
    seen = languages()
    scores = SegmentPopular().fit(seen).score([History(), History(segment="de"), seen.history(0)])
    np.testing.assert_allclose(scores[:2], Popular().fit(seen).score([History()] * 2), rtol=1e-6)
    assert not np.allclose(scores[2], scores[0])


def test_segments_survive_saving_and_rebasing(tmp_path):
    scorer = SegmentPopular().fit(languages())
    scorer.save(tmp_path)
    rebased = SegmentPopular.load(tmp_path).rebase(Items(ids=("z", "new", "x")))
    before, after = (s.score([History(segment="fr")])[0] for s in (scorer, rebased))
    np.testing.assert_allclose(after, [before[2], 0, before[0]])


def trend(before, now):
    """Score items with these numbers of visitors, spread over the past 30 days and at the end."""
    items, times = [], []
    for item in range(len(before)):
        items += [f"{item}"] * (before[item] + now[item])
        times += [*np.linspace(5 * DAY, 30 * DAY, before[item]), *[34 * DAY] * now[item]]
    seen = Interactions.from_rows([f"v{i}" for i in range(len(items))], items, times)
    return Trending().fit(seen).score([History()])[0]


def test_a_small_jump_does_not_beat_a_large_one():
    scores = trend(before=[0, 100, 100], now=[2, 60, 10])
    assert scores.argmax() == 1


def test_when_the_whole_site_grows_nothing_trends():
    np.testing.assert_allclose(trend(before=[50, 20], now=[100, 40]), 0, atol=1e-5)


def test_without_a_past_the_most_visited_trends():
    assert trend(before=[0, 0], now=[3, 9]).argmax() == 1


def test_recent_remembers_the_newest_best():
    scorer = Recent().fit(two_tastes()[0])
    history = History([3, 1, 2], timestamps=[0.0, 5 * DAY, 9 * DAY])
    assert np.argsort(-scorer.score([history])[0])[:3].tolist() == [2, 1, 3]
    assert np.count_nonzero(scorer.score([history])) == 3


@pytest.fixture
def reader():
    vectors = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 0]], dtype=np.float32)
    seen = Interactions.from_rows(list("abcd"), list("wxyz"), [0.0] * 4)
    return Content(half_life_days=1).fit(seen, Items(ids=tuple("wxyz"), embeddings=vectors))


def test_what_was_read_last_weighs_most(reader):
    turned = History([0, 2], timestamps=[0.0, 5 * DAY])
    assert reader.score([turned])[0].argmax() == 2
    even = History([0, 2], timestamps=[0.0, 0.0])
    assert reader.score([even])[0].argmax() == 1


def test_an_interest_that_a_history_brings_counts_more_than_its_items(reader):
    history = History([0], interest=[0.0, 3.0])
    assert reader.score([history])[0] == pytest.approx([0, 0.6, 1, 0])


def test_older_reading_within_an_interest_is_credited_to_no_item(reader):
    explanation = reader.explain(History([0], interest=[1.0, 1.0]), 1)
    amounts = {part.item: part.amount for part in explanation.contributions}
    assert amounts == pytest.approx({0: 0.8 / np.sqrt(2), None: 0.6 / np.sqrt(2)})


def test_an_interest_of_another_model_is_refused(reader):
    with pytest.raises(ValueError, match="3 dimensions, the items 2"):
        reader.score([History(interest=[1.0, 0.0, 0.0])])


def test_embeddings_of_another_model_are_refused(reader):
    with pytest.raises(ValueError, match="3 dimensions"):
        reader.rebase(Items(ids=("w",), embeddings=np.ones((1, 3))))


def test_a_catalog_without_embeddings_is_unknown_to_readers(reader):
    rebased = reader.rebase(Items(ids=("w", "x")))
    assert not rebased.coverage_mask().any()
    assert not rebased.score([History([0])]).any()


def test_readers_keep_the_mean_that_later_embeddings_need(tmp_path):
    interactions, items = two_tastes()
    scorer = Content().fit(interactions, items)
    scorer.save(tmp_path)
    np.testing.assert_array_equal(Content.load(tmp_path).mean, items.mean)


@pytest.mark.parametrize("scorer", [Content(), Similar()])
def test_readers_cannot_learn_without_embeddings(scorer):
    interactions, items = two_tastes()
    for unreadable in (None, Items(ids=items.ids)):
        with pytest.raises(ValueError, match="embeddings"):
            scorer.fit(interactions, unreadable)


def test_similar_looks_at_the_open_page_before_the_history():
    interactions, items = two_tastes()
    scorer = Similar().fit(interactions, items)
    assert scorer.score([History([2], context=9)])[0].argmax() == 9
    assert scorer.score([History([9, 2])])[0].argmax() == 2
    assert not scorer.score([History()]).any()


def test_a_member_without_an_opinion_drops_out():
    interactions, items = two_tastes()
    hybrid = Hybrid({"ease": Ease(), "popular": Popular()}, {"ease": 0.9, "popular": 0.1}).fit(interactions, items)
    popular = hybrid.members["popular"].score([History()])[0]
    cold = hybrid.score([History()])[0]
    assert np.argsort(-cold[:16]).tolist() == np.argsort(-popular[:16]).tolist()
    assert {part.scorer for part in hybrid.explain(History(), 0).contributions} == {"popular"}


def test_each_members_part_of_a_blend_is_named():
    interactions, items = two_tastes()
    hybrid = Hybrid().fit(interactions, items)
    assert set(hybrid.members) == {"popular", "ease", "als", "svd", "item_knn", "markov", "recent_ease", "content"}
    history = interactions.history(0)
    parts = hybrid.explain(history, int(history.items[0])).contributions
    assert {part.scorer for part in parts} == set(hybrid.members)


def test_learned_weights_sum_to_one_and_silence_nobody():
    interactions, items = two_tastes()
    weights = Hybrid(floor=0.1).fit(interactions, items).weights
    assert sum(weights.values()) == pytest.approx(1, abs=1e-3)
    assert min(weights.values()) >= 0.1 - 1e-3


def test_a_useless_member_gets_little_weight():
    interactions = checkerboard(30)
    split = random_per_visitor(interactions, fraction=0.2, seed=1)
    noise = replace(random_interactions(30, 30), item_ids=interactions.item_ids)
    members = {"noise": Ease(penalty=1.0).fit(noise), "ease": Ease(penalty=1.0).fit(split.train)}
    weights = tune_weights(members, split, floor=0.0)
    assert weights["ease"] > 2 * weights["noise"]
    assert tune_weights(members, split, floor=0.0) == weights


def test_learning_weights_never_looks_at_more_than_it_was_given():
    interactions, items = two_tastes()
    split = last_k(interactions, k=2)
    learned = Hybrid().fit(split.train, items).weights
    assert Hybrid().fit(split.train, items).weights == learned
    asked = []

    def spy(given):
        asked.append(given)
        return random_per_visitor(given, fraction=0.1)

    Hybrid(validation=spy).fit(split.train, items)
    assert asked == [split.train]


def test_too_little_to_learn_from_gives_equal_weights():
    seen = Interactions.from_rows(["a", "b"], ["x", "y"], [1.0, 2.0])
    assert len(set(Hybrid().fit(seen).weights.values())) == 1


def test_fitted_members_need_no_second_fit_but_must_agree():
    interactions, _ = two_tastes()
    members = {"ease": Ease().fit(interactions), "popular": Popular().fit(interactions)}
    weights = {"ease": 0.5, "popular": 0.5}
    assert Hybrid(members, weights).score([interactions.history(0)]).any()
    members["popular"] = members["popular"].rebase(Items(ids=("other",)))
    with pytest.raises(ValueError, match="same items"):
        Hybrid(members, weights)


@pytest.mark.parametrize(
    ("members", "weights"),
    [
        (None, {"ease": 1.0}),
        ({"ease": Ease()}, {"svd": 1.0}),
        ({"ease": Ease()}, {"ease": -1.0}),
        ({"ease": Ease()}, {"ease": float("nan")}),
    ],
)
def test_senseless_weights_are_refused(members, weights):
    with pytest.raises(ValueError, match="Weights"):
        Hybrid(members, weights)


def test_a_floor_that_leaves_no_room_is_refused():
    interactions, _ = two_tastes()
    split = last_k(interactions, k=1)
    members = {"ease": Ease().fit(split.train), "popular": Popular().fit(split.train)}
    with pytest.raises(ValueError, match=r"at least 0\.5"):
        tune_weights(members, split, floor=0.5)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Ease(penalty=0),
        lambda: Ease(neighbours=0),
        lambda: Svd(factors=0),
        lambda: ItemKnn(neighbours=0),
        lambda: ItemKnn(shrinkage=-1),
        lambda: Popular(half_life_days=0),
        lambda: Trending(prior=0),
        lambda: Trending(recent_days=float("nan")),
        lambda: Content(half_life_days=-1),
        lambda: Recent(half_life_days=0),
    ],
)
def test_senseless_parameters_are_refused(build):
    with pytest.raises(ValueError, match="must"):
        build()
