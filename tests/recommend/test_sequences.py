"""Scorers that read histories as sequences: the Markov chain and self-attention."""

import sys

import numpy as np
import pytest

from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import History, Interactions
from personalization.recommend.scorers import Markov, Sasrec
from personalization.recommend.scorers.sequences import in_order, newest_items

N_ITEMS = 8
SMALL = {"factors": 16, "dropout": 0.0, "epochs": 60, "learning_rate": 0.02, "device": "cpu"}


def walks(n_visitors=40, length=7, seed=0):
    """Visitors enter a ring of items anywhere and go on in one direction."""
    entrances = np.random.default_rng(seed).integers(0, N_ITEMS, n_visitors)
    visitors = np.repeat([f"{n:02}" for n in range(n_visitors)], length)
    items = (entrances[:, None] + np.arange(length)) % N_ITEMS
    return Interactions.from_rows(
        visitors.tolist(), [f"{item}" for item in items.ravel()], np.tile(np.arange(length, dtype=float), n_visitors)
    )


@pytest.fixture(scope="module")
def attentive():
    return Sasrec(**SMALL).fit(walks())


@pytest.mark.parametrize(
    "build", [lambda: Markov(backward=0, damping=0).fit(walks()), lambda: Sasrec(**SMALL).fit(walks())]
)
def test_the_next_item_is_expected(build):
    scorer = build()
    scores = scorer.score([History([start, start + 1]) for start in range(N_ITEMS - 2)])
    assert scores.argmax(axis=1).tolist() == list(range(2, N_ITEMS))


@pytest.mark.parametrize("kind", [Markov, Sasrec])
def test_order_matters(kind, attentive):
    scorer = attentive if kind is Sasrec else Markov(backward=0).fit(walks())
    there, back = scorer.score([History([2, 3]), History([3, 2])])
    assert there.argmax() == 4
    assert not np.allclose(there, back)


@pytest.mark.parametrize("kind", [Markov, Sasrec])
def test_the_page_being_read_is_the_newest_item(kind, attentive):
    scorer = attentive if kind is Sasrec else Markov().fit(walks())
    by_context, by_history = scorer.score([History([1], context=2), History([1, 2])])
    np.testing.assert_allclose(by_context, by_history, rtol=1e-5)


def test_the_first_order_chain_is_the_share_of_transitions():
    seen = Interactions.from_rows(list("aabbcc"), list("xyxyxz"), [1, 2, 1, 2, 1, 2])
    chain = Markov(order=1, backward=0, damping=0, smoothing=3).fit(seen)
    x, y, z = chain.score([History([0])])[0]
    popularity = np.array([3, 2, 1]) / 6
    expected = (np.array([0, 2, 1]) + 3 * popularity) / (3 + 3)
    assert (x, y, z) == pytest.approx(tuple(expected))


def test_a_chain_that_knows_nothing_backs_off_to_popularity():
    seen = walks()
    chain = Markov(damping=0).fit(seen)
    shares = np.bincount(seen.matrix.indices) / seen.matrix.nnz
    np.testing.assert_allclose(chain.score([History()])[0], shares, rtol=1e-5)
    parts = chain.explain(History(), 3).contributions
    assert [part.item for part in parts] == [None]


def test_an_item_seldom_left_says_less_than_popularity_does():
    visitors = [f"{n}" for n in range(30) for _ in range(2)] + ["z", "z"]
    items = ["a", "b"] * 30 + ["rare", "c"]
    seen = Interactions.from_rows(visitors, items, np.arange(62.0))
    chain = Markov(damping=0, backward=0).fit(seen)
    after_rare = chain.score([History([seen.item_ids.index("rare")])])[0]
    assert after_rare[seen.item_ids.index("a")] > after_rare[seen.item_ids.index("c")]


def test_only_the_strongest_transitions_are_kept():
    chain = Markov(neighbours=2).fit(walks())
    assert np.diff(chain._links.indptr).max() == 2
    assert Markov().fit(walks())._links[[0], :].toarray().max() == chain._links[[0], :].toarray().max()


def test_each_items_arrival_is_credited_with_what_it_changed(attentive):
    history = History([2, 5, 6])
    amounts = {part.item: part.amount for part in attentive.explain(history, 7).contributions}
    steps = [float(attentive.score([History(history.items[:n])])[0, 7]) for n in range(4)]
    assert [amounts[item] for item in (None, 2, 5, 6)] == pytest.approx(np.diff(steps, prepend=0).tolist(), abs=1e-4)


def test_only_the_newest_items_are_read():
    scorer = Sasrec(**SMALL | {"length": 2, "epochs": 2}).fit(walks())
    long, short = scorer.score([History([0, 4, 1, 2]), History([1, 2])])
    np.testing.assert_allclose(long, short, rtol=1e-5)


def test_another_seed_learns_another_network_and_the_same_one_the_same():
    scores = [Sasrec(**SMALL | {"epochs": 2, "seed": seed}).fit(walks()).score([History([1])]) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(scores[0], scores[1])
    assert not np.allclose(scores[0], scores[2])


def test_learning_leaves_torchs_own_random_numbers_alone():
    torch = pytest.importorskip("torch")
    torch.manual_seed(7)
    expected = torch.rand(1).item()
    torch.manual_seed(7)
    Sasrec(**SMALL | {"epochs": 1}).fit(walks())
    assert torch.rand(1).item() == expected


def test_damaged_weights_are_refused(attentive, tmp_path):
    attentive.save(tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-40])
    with pytest.raises(ArtifactError, match="cannot be read"):
        Sasrec.load(tmp_path)
    weights.unlink()
    with pytest.raises(ArtifactError, match="cannot be read"):
        Sasrec.load(tmp_path)


def test_without_torch_the_error_names_the_extra(attentive, tmp_path, monkeypatch):
    attentive.save(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for attempt in (lambda: Sasrec().fit(walks()), lambda: Sasrec.load(tmp_path)):
        with pytest.raises(ImportError, match=r"wagtail-slots\[sequence\]"):
            attempt()


def test_sequences_run_from_the_oldest_to_the_newest_with_each_item_once():
    source = np.array([0, 1, 2, -1, 1])
    columns, learned = newest_items(History([0, 1, 2, 3, 4], context=0), source, limit=10)
    assert columns.tolist() == [2, 4, 0]
    assert learned.tolist() == [2, 1, 0]
    visitors, items = in_order(walks(n_visitors=3))
    assert visitors.tolist() == [0] * 7 + [1] * 7 + [2] * 7
    assert ((np.diff(items) % N_ITEMS == 1) | (np.diff(visitors) == 1)).all()


@pytest.mark.parametrize(
    "build",
    [
        lambda: Markov(order=0),
        lambda: Markov(decay=1.5),
        lambda: Markov(backward=-1),
        lambda: Markov(damping=2),
        lambda: Markov(smoothing=0),
        lambda: Sasrec(epochs=0),
        lambda: Sasrec(factors=10, heads=3),
        lambda: Sasrec(dropout=1.0),
        lambda: Sasrec(learning_rate=0),
    ],
)
def test_senseless_parameters_are_refused(build):
    with pytest.raises(ValueError, match="must"):
        build()
