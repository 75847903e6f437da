"""Neighbours among items, among visitors, and along random walks."""

import numpy as np
import pytest

from personalization.recommend import artifacts
from personalization.recommend.data import History, Interactions
from personalization.recommend.scorers import ItemKnn, Rp3Beta, UserKnn
from tests.recommend.worlds import DAY, checkerboard, random_interactions


def test_rp3beta_is_three_steps_of_the_walk():
    seen = random_interactions(50, 12)
    x = seen.matrix.toarray().astype(float)
    to_visitors = (x.T / x.sum(axis=0)[:, None]) ** 0.7
    to_items = (x / np.maximum(x.sum(axis=1, keepdims=True), 1)) ** 0.7
    walk = to_visitors @ to_items / x.sum(axis=0) ** 0.3
    np.fill_diagonal(walk, 0)
    scorer = Rp3Beta(alpha=0.7, beta=0.3, neighbours=12).fit(seen)
    np.testing.assert_allclose(scorer.score(seen.histories()), x @ walk, rtol=1e-4)


def test_a_discount_lifts_what_few_know():
    visitors = [f"{i}" for i in range(40)]
    seen = Interactions.from_rows(
        [*visitors, *visitors, *visitors[:4]], ["asked"] * 40 + ["hit"] * 40 + ["rare"] * 4, np.arange(84.0)
    )
    asked, hit, rare = (seen.item_ids.index(name) for name in ("asked", "hit", "rare"))
    plain, lifted = (Rp3Beta(alpha=1.0, beta=beta).fit(seen).score([History([asked])])[0] for beta in (0.0, 1.2))
    assert plain[hit] > plain[rare]
    assert lifted[rare] > lifted[hit]


@pytest.mark.parametrize(
    "scorer", [Rp3Beta(neighbours=3), ItemKnn(neighbours=3), ItemKnn(similarity="bm25", neighbours=3)]
)
def test_each_item_is_reached_from_its_few_strongest_neighbours(scorer):
    seen = random_interactions(50, 12)
    from_each = scorer.fit(seen).score([History([item]) for item in range(12)])
    assert (np.count_nonzero(from_each, axis=0) == 3).all()


def test_a_busy_visitor_says_little_about_what_belongs_together():
    # "together" is read with "asked" by five who read little else, "elsewhere" by six who read everything.
    rows = [(f"few {i}", item) for i in range(5) for item in ("asked", "together")]
    rows += [(f"busy {i}", item) for i in range(6) for item in ["asked", "elsewhere", *(f"{n}" for n in range(60))]]
    seen = Interactions.from_rows(*zip(*rows, strict=True), np.arange(float(len(rows))))
    asked, together, elsewhere = (seen.item_ids.index(name) for name in ("asked", "together", "elsewhere"))
    cosine, tfidf = (
        ItemKnn(similarity=name, shrinkage=0).fit(seen).score([History([asked])])[0] for name in ("cosine", "tfidf")
    )
    assert cosine[elsewhere] > cosine[together]
    assert tfidf[together] > tfidf[elsewhere]


def test_balance_decides_between_the_item_read_and_the_item_shown():
    seen = random_interactions(60, 12, seed=3)
    x = seen.matrix.toarray().astype(float)
    together, counts = x.T @ x, x.sum(axis=0)
    share = together / counts[:, None]
    np.fill_diagonal(share, 0)
    scorer = ItemKnn(similarity="cosine", balance=1.0, shrinkage=0, neighbours=12).fit(seen)
    np.testing.assert_allclose(scorer.score([History([i]) for i in range(12)]), share, rtol=1e-5)


def nearest_by_hand(x, row, neighbours, shrinkage, power):
    telling = np.log1p(len(x) / x.sum(axis=0))
    weighted = x * telling
    norms = np.linalg.norm(weighted, axis=1)
    likeness = (weighted @ weighted[row] / (norms * norms[row] + shrinkage)) ** power
    near = np.argsort(-likeness, kind="stable")[:neighbours]
    return likeness[near] @ x[near]


def test_user_knn_asks_the_nearest_visitors():
    seen = random_interactions(80, 25)
    x = seen.matrix.toarray().astype(float)
    scorer = UserKnn(neighbours=7, shrinkage=2.0, power=1.5).fit(seen)
    scores = scorer.score(seen.histories())
    for row in range(10):
        np.testing.assert_allclose(scores[row], nearest_by_hand(x, row, 7, 2.0, 1.5), rtol=1e-4)


@pytest.mark.parametrize("similarity", ["cosine", "tfidf", "bm25"])
def test_user_knn_finds_the_withheld_diagonal_of_a_checkerboard(similarity):
    board = checkerboard()
    scores = UserKnn(similarity=similarity).fit(board).score(board.histories())
    scores[board.matrix.nonzero()] = -np.inf
    assert scores.argmax(axis=1).tolist() == list(range(board.n_visitors))


def test_each_item_is_credited_with_the_likeness_it_makes():
    seen = Interactions.from_rows(list("aabb"), list("xwyz"), [0.0] * 4)
    w, x, y, z = range(4)
    history = History([x, y])
    scorer = UserKnn(similarity="cosine", shrinkage=0, power=1.0).fit(seen)
    assert {part.item: part.amount for part in scorer.explain(history, w).contributions} == pytest.approx({x: 0.5})
    assert {part.item: part.amount for part in scorer.explain(history, z).contributions} == pytest.approx({y: 0.5})


def test_user_knn_keeps_those_who_came_last_and_nobodys_name(tmp_path):
    seen = Interactions.from_rows(["old", "old", "new", "new"], list("xyxz"), [0.0, 1.0, 9 * DAY, 9 * DAY])
    scorer = UserKnn(largest=1, shrinkage=0).fit(seen)
    _, y, z = scorer.score([History([0])])[0]
    assert y == 0 < z
    scorer.save(tmp_path)
    arrays, meta = artifacts.read(tmp_path)
    assert not {"old", "new"} & set(str(meta).split("'"))
    assert arrays["chosen"].shape == (1, 3)


def test_a_stranger_gets_no_scores():
    seen = Interactions.from_rows(list("aabb"), list("wxyz"), [0.0] * 4)
    assert not UserKnn().fit(seen).score([History(), History()]).any()


@pytest.mark.parametrize(
    "build",
    [
        lambda: ItemKnn(similarity="euclid"),
        lambda: ItemKnn(balance=1.1),
        lambda: UserKnn(similarity="euclid"),
        lambda: UserKnn(shrinkage=-1),
        lambda: UserKnn(power=0),
        lambda: UserKnn(largest=0),
        lambda: Rp3Beta(alpha=0),
        lambda: Rp3Beta(beta=-0.1),
    ],
)
def test_senseless_parameters_are_refused(build):
    with pytest.raises(ValueError, match="must"):
        build()
