"""What every scorer promises, whoever it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import History, Items
from personalization.recommend.scorers import SCORERS, Ease, Hybrid, ItemKnn, Scorer, Svd, load_scorer
from tests.recommend.worlds import DAY, checkerboard, two_tastes

NAMES = sorted(SCORERS)
LEARNED = [
    "als",
    "bpr",
    "ease",
    "item_knn",
    "markov",
    "popular",
    "recent_ease",
    "rp3beta",
    "sasrec",
    "segment_popular",
    "svd",
    "trending",
    "user_knn",
]


QUICK = {"sasrec": {"factors": 8, "epochs": 5}, "lambdamart": {"folds": 1, "trees": 10}}


def fitted(name):
    interactions, items = two_tastes()
    return SCORERS[name](**QUICK.get(name, {})).fit(interactions, items)


@pytest.fixture(scope="module", params=NAMES)
def scorer(request):
    return fitted(request.param)


@st.composite
def histories(draw, n_items=17, dimensions=8):
    items = draw(st.lists(st.integers(0, n_items - 1), max_size=8))
    numbers = st.floats(-1, 1, width=32)
    return History(
        items=items,
        weights=draw(st.lists(st.floats(0.5, 5, width=32), min_size=len(items), max_size=len(items))),
        timestamps=sorted(draw(st.lists(st.floats(0, 60 * DAY), min_size=len(items), max_size=len(items)))),
        interest=draw(st.none() | st.lists(numbers, min_size=dimensions, max_size=dimensions)),
        context=draw(st.none() | st.integers(0, n_items - 1)),
    )


def test_every_scorer_has_the_protocols_shape(scorer):
    assert isinstance(scorer, Scorer)
    assert SCORERS[scorer.name] is type(scorer)


def test_scores_are_one_row_of_float32_for_each_history(scorer):
    interactions, _ = two_tastes()
    scores = scorer.score(interactions.histories())
    assert scores.shape == (interactions.n_visitors, interactions.n_items)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert scorer.score([]).shape == (0, interactions.n_items)


def test_a_history_scores_the_same_alone_and_in_company(scorer):
    everybody = two_tastes()[0].histories() * 20
    together = scorer.score(everybody)
    alone = np.concatenate([scorer.score([history]) for history in everybody[:5]])
    np.testing.assert_allclose(together[:5], alone, rtol=1e-4, atol=1e-5)


def test_callers_may_write_into_the_scores(scorer):
    history = two_tastes()[0].history(0)
    before = scorer.score([history])
    kept = before.copy()
    before[:] = 99
    np.testing.assert_array_equal(scorer.score([history]), kept)


def test_an_empty_history_is_legal(scorer):
    scores = scorer.score([History()])
    assert np.isfinite(scores).all()
    assert scorer.explain(History(), 0).score == pytest.approx(float(scores[0, 0]), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_fitting_twice_gives_the_same_scores(name):
    history = two_tastes()[0].history(3)
    np.testing.assert_array_equal(fitted(name).score([history]), fitted(name).score([history]))


@settings(max_examples=40)
@given(history=histories(), item=st.integers(0, 16))
def test_contributions_add_up_to_the_score(scorer, history, item):
    explanation = scorer.explain(history, item)
    amounts = [part.amount for part in explanation.contributions]
    scale = max(1.0, sum(map(abs, amounts)))
    assert sum(amounts) == pytest.approx(explanation.score, abs=1e-4 * scale)
    assert explanation.score == pytest.approx(float(scorer.score([history])[0, item]), abs=1e-4 * scale)
    allowed = {None, history.context, *history.items.tolist()}
    assert {part.item for part in explanation.contributions} <= allowed


@settings(max_examples=20)
@given(history=histories())
def test_an_appraisal_holds_the_scores_and_what_they_are_made_of(scorer, history):
    appraisal = scorer.appraise(history)
    np.testing.assert_allclose(appraisal.scores, scorer.score([history])[0], rtol=1e-4, atol=1e-5)
    said = appraisal.attribute([16, 0, 5])
    assert said.amounts.shape == (3, len(said.sources))
    tolerance = 1e-4 * max(1.0, float(np.abs(said.amounts).sum(axis=1).max(initial=0)))
    np.testing.assert_allclose(said.amounts.sum(axis=1), appraisal.scores[[16, 0, 5]], atol=tolerance)


def test_several_explanations_are_those_of_each_item(scorer):
    history = two_tastes()[0].history(1)
    for item, explanation in zip((0, 5, 16), scorer.explain_many(history, [0, 5, 16]), strict=True):
        alone, together = (
            {(part.scorer, part.item): part.amount for part in told.contributions}
            for told in (scorer.explain(history, item), explanation)
        )
        # What is hardly anything may come out as nothing, and is then left out.
        parts = dict.fromkeys([*alone, *together], 0.0)
        assert parts | together == pytest.approx(parts | alone, abs=1e-5)


@pytest.mark.parametrize("item", [-1, 17])
def test_explaining_a_column_that_does_not_exist_is_refused(scorer, item):
    with pytest.raises(ValueError, match="column"):
        scorer.explain(History(), item)


@pytest.mark.parametrize("history", [History(items=[17]), History(context=17)])
def test_a_history_with_a_column_that_does_not_exist_is_refused(scorer, history):
    with pytest.raises(ValueError, match="column 17"):
        scorer.score([history])


@pytest.mark.parametrize("name", NAMES)
def test_scoring_before_fitting_says_what_to_do(name):
    with pytest.raises(ValueError, match="call fit or load first"):
        SCORERS[name]().score([History()])


@pytest.mark.parametrize("mmap", [True, False])
def test_a_saved_scorer_comes_back_the_same(scorer, mmap, tmp_path):
    scorer.save(tmp_path)
    loaded = load_scorer(tmp_path, mmap=mmap)
    interactions, _ = two_tastes()
    assert type(loaded) is type(scorer)
    assert loaded.item_ids == scorer.item_ids
    np.testing.assert_array_equal(loaded.coverage_mask(), scorer.coverage_mask())
    everybody = interactions.histories()
    np.testing.assert_allclose(loaded.score(everybody), scorer.score(everybody), atol=1e-6)
    before, after = scorer.explain(everybody[0], 2), loaded.explain(everybody[0], 2)
    assert after.score == pytest.approx(before.score, abs=1e-6)
    assert len(after.contributions) == len(before.contributions)


def test_a_rebased_scorer_can_be_saved_too(scorer, tmp_path):
    _, items = two_tastes()
    rebased = scorer.rebase(catalog(items, order=np.arange(len(items.ids))[::-1]))
    rebased.save(tmp_path)
    history = History(items=[2, 3])
    np.testing.assert_allclose(load_scorer(tmp_path).score([history]), rebased.score([history]), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_another_scorers_files_are_refused(name, tmp_path):
    fitted(name).save(tmp_path)
    other = SCORERS["svd" if name != "svd" else "ease"]
    with pytest.raises(ArtifactError):
        other.load(tmp_path)


def catalog(items, order, extra=()):
    """Show `items` in another order, under keys that are not their groups, with more rows behind them."""
    groups = [items.ids[i] for i in order] + [group for _, group, _ in extra]
    keys = [f"page:{i}" for i in order] + [key for key, _, _ in extra]
    vectors = np.stack([items.embeddings[i] for i in order] + [np.asarray(v, np.float32) for _, _, v in extra])
    return Items(ids=tuple(keys), groups=tuple(groups), embeddings=vectors)


def test_a_permuted_catalog_changes_nothing_but_the_order(scorer):
    interactions, items = two_tastes()
    order = np.random.default_rng(5).permutation(len(items.ids))
    column_of = np.argsort(order)
    rebased = scorer.rebase(catalog(items, order))
    for row in range(4):
        history = interactions.history(row)
        moved = History(column_of[history.items], history.weights, history.timestamps)
        np.testing.assert_allclose(rebased.score([moved])[0][column_of], scorer.score([history])[0], atol=1e-5)
    np.testing.assert_array_equal(rebased.coverage_mask()[column_of], scorer.coverage_mask())
    assert rebased.item_ids[column_of[3]] == "page:3"


def test_rebasing_leaves_the_original_and_can_be_repeated(scorer):
    interactions, items = two_tastes()
    before = scorer.score(interactions.histories())
    small = scorer.rebase(catalog(items, order=[4, 2]))
    whole_again = small.rebase(items)
    np.testing.assert_array_equal(scorer.score(interactions.histories()), before)
    np.testing.assert_allclose(whole_again.score(interactions.histories()), before, atol=1e-6)


def test_new_and_removed_items_are_taken_in_their_stride(scorer):
    _, items = two_tastes()
    extra = [("page:new", "nobody knows", items.embeddings[0]), ("page:bare", "nor this", np.zeros(8))]
    rebased = scorer.rebase(catalog(items, order=[0, 1, 9], extra=extra))
    scores = rebased.score([History(items=[0, 3, 4], context=1)])
    assert scores.shape == (1, 5)
    assert np.isfinite(scores).all()
    assert rebased.explain(History(items=[0, 3]), 3).score == pytest.approx(
        float(rebased.score([History(items=[0, 3])])[0, 3]), abs=1e-4
    )


@pytest.mark.parametrize("name", LEARNED)
def test_items_nobody_has_seen_are_unknown_to_those_who_learn_from_visits(name):
    scorer = fitted(name)
    _, items = two_tastes()
    rebased = scorer.rebase(catalog(items, order=[0, 16], extra=[("page:new", "new", np.ones(8))]))
    assert scorer.coverage_mask().tolist() == [True] * 16 + [False]
    assert rebased.coverage_mask().tolist() == [True, False, False]
    assert rebased.score([History(items=[0])])[0, 2] == 0


@pytest.mark.parametrize("name", LEARNED)
def test_translations_of_a_page_share_what_was_learned(name):
    _, items = two_tastes()
    translation = ("page:0-fr", items.ids[0], np.zeros(8))
    rebased = fitted(name).rebase(catalog(items, order=[0, 1, 2], extra=[translation]))
    scores = rebased.score([History(items=[1])])[0]
    assert scores[0] == scores[3] != 0
    by_either = rebased.score([History(items=[0]), History(items=[3]), History(items=[0, 3])])
    np.testing.assert_allclose(by_either, by_either[[0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("name", ["content", "interests", "cold", "hybrid", "stacked", "lambdamart"])
def test_a_brand_new_item_is_scored_by_its_text(name):
    interactions, items = two_tastes()
    extra = [("page:new", "new", items.embeddings[0]), ("page:far", "far", items.embeddings[9])]
    rebased = fitted(name).rebase(catalog(items, order=range(16), extra=extra))
    scores = rebased.score([interactions.history(0)])[0]
    assert rebased.coverage_mask()[16]
    assert scores[16] > scores[17]


@pytest.mark.parametrize(
    "scorer",
    [Ease(penalty=1.0), ItemKnn(), ItemKnn(similarity="cosine", shrinkage=0), Svd(factors=2)],
    ids=["ease", "item_knn", "cosine", "svd"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_withheld_diagonal_of_a_checkerboard_is_found(scorer, weighted):
    board = checkerboard()
    scorer.weighted = weighted
    assert_diagonal_found(scorer.fit(board), board)


def test_a_hybrid_finds_the_withheld_diagonal_too():
    board = checkerboard()
    assert_diagonal_found(Hybrid({"ease": Ease(penalty=1.0), "svd": Svd(factors=2)}).fit(board), board)


def assert_diagonal_found(scorer, board):
    scores = scorer.score(board.histories())
    scores[board.matrix.nonzero()] = -np.inf
    assert scores.argmax(axis=1).tolist() == list(range(board.n_visitors))
