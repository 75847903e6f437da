"""Factors: visitors are folded in exactly, and new items by their texts."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from personalization.recommend.data import History, Items
from personalization.recommend.scorers import Als, Bpr, Cold, load_scorer
from personalization.recommend.splits import cold_items
from tests.recommend.worlds import checkerboard, random_interactions, two_tastes

COMMON = {"factors": 6, "penalty": 3.0, "confidence": 2.0}


def by_hand(scorer, history):
    """Solve the visitor's regression as the paper writes it, in the factors of which the penalty is 1."""
    Z = scorer._vectors.astype(float)
    read, extra = Z[history.items], 2.0 * np.ones(len(history))
    inverse = np.linalg.inv(np.eye(Z.shape[1]) + (read * extra[:, None]).T @ read)
    return Z @ inverse @ (read * (1 + extra)[:, None]).T


@pytest.mark.parametrize("length", [1, 4, 6, 15])
def test_a_history_is_folded_in_and_explained_as_the_paper_says(length):
    scorer = Als(**COMMON).fit(random_interactions(60, 25))
    history = History(np.arange(length))
    parts = by_hand(scorer, history)
    np.testing.assert_allclose(scorer.score([history])[0], parts.sum(axis=1), atol=1e-4)
    said = {part.item: part.amount for part in scorer.explain(history, 20).contributions}
    assert said == pytest.approx(dict(enumerate(parts[20])), abs=1e-4)


def test_long_and_short_histories_share_a_batch():
    scorer = Als(**COMMON).fit(random_interactions(60, 25))
    histories = [History(np.arange(length)) for length in (20, 0, 3, 25, 1, 7)]
    together = scorer.score(histories)
    np.testing.assert_allclose(together, [scorer.score([history])[0] for history in histories], atol=1e-5)
    assert not together[1].any()


def test_a_training_visitor_gets_what_implicit_would_compute_anew():
    als = pytest.importorskip("implicit.cpu.als")
    seen = random_interactions(60, 25)
    scorer = Als(**COMMON, iterations=30, seed=3).fit(seen)
    confidences = csr_matrix((1 + 2 * seen.matrix.data, seen.matrix.indices, seen.matrix.indptr), seen.matrix.shape)
    model = als.AlternatingLeastSquares(factors=6, regularization=3.0, iterations=30, random_state=3)
    model.fit(confidences, show_progress=False)
    expected = model.recalculate_user(np.arange(60), confidences) @ model.item_factors.T
    np.testing.assert_allclose(scorer.score(seen.histories()), expected, atol=1e-3)


@pytest.mark.parametrize("scorer", [Als(factors=2, penalty=0.1), Bpr(factors=4, learning_rate=0.1)], ids=["als", "bpr"])
def test_tastes_are_told_apart(scorer):
    board = checkerboard()
    scores = scorer.fit(board).score([History([0, 2]), History([1, 3])])
    assert scores[0, ::2].min() > scores[0, 1::2].max()
    assert scores[1, 1::2].min() > scores[1, ::2].max()


def test_a_penalty_for_much_data_does_not_wipe_out_a_little():
    interactions, _ = two_tastes()
    heavy, light = (Als(penalty=p).fit(interactions).score(interactions.histories()) for p in (1_000.0, 4.0))
    assert np.corrcoef(heavy.ravel(), light.ravel())[0, 1] > 0.9
    assert np.abs(heavy).max() > 0.1


def test_a_stronger_interaction_counts_more_where_weights_are_asked_for():
    interactions, _ = two_tastes()
    even, uneven = History([0, 8]), History([0, 8], weights=[9.0, 1.0])
    weighted = Als(factors=4, penalty=1.0, weighted=True).fit(interactions).score([even, uneven])
    assert weighted[1, 1:8].mean() > weighted[0, 1:8].mean()
    plain = Als(factors=4, penalty=1.0).fit(interactions).score([even, uneven])
    np.testing.assert_allclose(plain[0], plain[1])


@pytest.mark.parametrize(("scorer", "module"), [(Als(), "implicit.cpu.als"), (Bpr(), "implicit.cpu.bpr")])
def test_without_implicit_the_error_names_the_extra(scorer, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"wagtail-slots\[models\]"):
        scorer.fit(random_interactions(20, 10))


def test_scorers_can_be_imported_loaded_and_asked_without_implicit(tmp_path):
    Als(factors=4).fit(checkerboard()).save(tmp_path)
    code = (
        "import sys; sys.modules['implicit'] = None\n"
        "from pathlib import Path\n"
        "from personalization.recommend import History, load_scorer\n"
        "print(load_scorer(Path(sys.argv[1])).score([History([0])]).any())"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


@pytest.mark.parametrize("base", ["als", "svd"])
def test_films_that_nobody_has_seen_are_ranked_by_their_texts(base):
    interactions, items = two_tastes(n_visitors=60, n_items=40)
    split = cold_items(interactions, fraction=0.25, seed=1)
    scorer = Cold(base=base, factors=4, ridge=1.0).fit(split.train, items)
    rows, columns = split.test_rows, np.flatnonzero(split.cold)
    assert scorer.coverage_mask()[columns].all()
    scores = scorer.score(split.train.histories(rows))[:, columns]
    to_their_taste = (rows[:, None] % 2 == 0) == (columns < 20)
    means = [np.where(mine, scores, 0).sum(axis=1) / mine.sum(axis=1) for mine in (to_their_taste, ~to_their_taste)]
    assert (means[0] > means[1]).all()


def test_items_that_are_known_keep_their_factors_unless_texts_are_trusted():
    interactions, items = two_tastes()
    own = Als(factors=64).fit(interactions).score(interactions.histories())[:, :16]
    alone, blended = (Cold(trust=t).fit(interactions, items).score(interactions.histories())[:, :16] for t in (0, 20))
    np.testing.assert_allclose(alone, own, atol=1e-5)
    assert np.abs(blended - own).max() > 1e-3


def test_a_new_item_has_its_factors_again_after_every_catalog_and_file(tmp_path):
    interactions, items = two_tastes()
    scorer = Cold().fit(interactions, items)
    vectors = np.concatenate([items.embeddings, items.embeddings[:2]])
    grown = Items(ids=(*items.ids, "new", "newer"), embeddings=vectors)
    turned = Items(ids=grown.ids[::-1], embeddings=vectors[::-1])
    first = scorer.rebase(grown)
    first.save(tmp_path)
    history = interactions.history(0)
    expected = first.score([history])[0]
    assert expected[17] != 0
    assert first.coverage_mask().all()
    for again in (load_scorer(tmp_path), scorer.rebase(turned).rebase(grown), load_scorer(tmp_path).rebase(grown)):
        np.testing.assert_allclose(again.score([history])[0], expected, atol=1e-5)
    read_new = first.score([History([17])])[0]
    assert read_new[:8].mean() > read_new[8:16].mean()


def test_cold_cannot_learn_without_texts():
    interactions, items = two_tastes()
    for unreadable in (None, Items(ids=items.ids)):
        with pytest.raises(ValueError, match="embeddings"):
            Cold(base="svd").fit(interactions, unreadable)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Als(factors=0),
        lambda: Als(confidence=-1),
        lambda: Als(penalty=0),
        lambda: Bpr(ridge=0),
        lambda: Bpr(learning_rate=-1),
        lambda: Cold(base="ease"),
        lambda: Cold(trust=-1),
        lambda: Cold(ridge=0),
    ],
)
def test_senseless_parameters_are_refused(build):
    with pytest.raises(ValueError, match="must"):
        build()
