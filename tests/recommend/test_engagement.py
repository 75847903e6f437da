"""The engagement model finds what moves visitors, and its probabilities are probabilities."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from personalization.recommend.classifiers import CLASSIFIERS, Boosting
from personalization.recommend.data import History, Interactions, Items
from personalization.recommend.engagement import EngagementModel
from personalization.recommend.features import NUMBERS, WORDS, Log, Moments, Shelf, Table, features
from personalization.recommend.preprocessing import Preprocessor
from personalization.recommend.scorers import SCORERS
from personalization.recommend.scorers.registry import load_scorer
from personalization.recommend.votes import Votes
from tests.recommend.worlds import two_tastes

DAY = 86_400.0
KINDS = sorted(CLASSIFIERS)


@pytest.fixture(scope="module")
def showings():
    """Twelve thousand showings in thirty days whose chances of a click are known: by taste, appeal and device."""
    random = np.random.default_rng(0)
    n, n_items, n_visitors = 12_000, 40, 250
    taste, vectors = (_directions(random, size) for size in (n_visitors, n_items))
    appeal = 0.7 * random.normal(size=n_items)
    visitor, item = random.integers(n_visitors, size=n), random.integers(n_items, size=n)
    device = random.choice(["phone", "desktop"], size=n)
    odds = -2.5 + 2 * (taste[visitor] * vectors[item]).sum(axis=1) + appeal[item] + (device == "phone")
    followed = random.random(n) < 1 / (1 + np.exp(-odds))
    times = np.sort(random.uniform(0, 30 * DAY, size=n))
    shelf = Shelf(vectors.astype(np.float32), csr_array((n_items, 1)), np.full(n_items, np.nan))
    moments = Moments(visitor, item, times, {"device": device.tolist()})
    return features(Log(visitor, item, times, followed.astype(float)), moments, shelf), followed


def _directions(random, n):
    vectors = random.normal(size=(n, 4))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module", params=KINDS)
def model(request, showings):
    return EngagementModel(kind=request.param).fit(*showings)


def test_it_does_better_than_the_base_rate_on_later_showings(model):
    report = model.report
    assert report.rows == 1800
    assert report.auc > 0.68
    assert report.log_loss < 0.97 * report.base_log_loss
    assert report.calibration_error < 0.025


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_read_without_being_shown_makes_no_showing_more_probable(kind, showings):
    table, followed = showings
    shown = ~followed | (np.random.default_rng(2).random(len(followed)) < 0.3)
    knows, mixes = (EngagementModel(kind=kind).fit(table, followed, marks) for marks in (shown, None))
    last = np.flatnonzero(shown)[-1500:]
    true = followed[last].mean()
    assert knows.probabilities(table.take(last)).mean() == pytest.approx(true, abs=0.02)
    assert mixes.probabilities(table.take(last)).mean() > 2 * true
    assert knows.report.base_rate == pytest.approx(true, abs=0.02)
    assert knows.report.calibration_error < 0.025
    assert knows.report.rows < mixes.report.rows == 1800
    # Of a handful nothing is told.
    few = np.arange(len(followed)) % 1000 == 0
    assert EngagementModel(kind=kind).fit(table, followed, few).report == mixes.report


def test_it_names_what_matters(model):
    importances = model.importances()
    assert sum(importances.values()) == pytest.approx(1)
    assert any("similarity" in name for name in list(importances)[:6])
    assert {"click_rate", "device", "device_x_hour"} & set(list(importances)[:4])


def test_the_contributions_add_up_to_the_log_odds(model, showings):
    some = showings[0].take(np.arange(0, 12_000, 97))
    names, amounts = model.contributions(some)
    assert len(names) == len(set(names)) == amounts.shape[1] - 1
    assert set(names) <= {*NUMBERS, *WORDS}
    np.testing.assert_allclose(amounts.sum(axis=1), model.log_odds(some), atol=1e-6)
    np.testing.assert_allclose(model.probabilities(some), 1 / (1 + np.exp(-model.log_odds(some))))


def test_saved_and_read_back_it_says_the_same(model, showings, tmp_path):
    model.save(tmp_path)
    again = EngagementModel.load(tmp_path)
    some = showings[0].take(slice(200))
    np.testing.assert_allclose(again.log_odds(some), model.log_odds(some), atol=1e-9)
    assert again.importances() == pytest.approx(model.importances())
    assert again.report == model.report
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_learns_the_same(kind, showings):
    table, followed = showings
    first, second = (EngagementModel(kind=kind, seed=3).fit(table.take(slice(2000)), followed[:2000]) for _ in range(2))
    np.testing.assert_array_equal(first.log_odds(table.take(slice(50))), second.log_odds(table.take(slice(50))))


def test_the_walked_forest_is_scikit_learns(showings):
    from sklearn.ensemble import RandomForestClassifier

    table, followed = showings
    columns = Preprocessor().fit_transform(table.take(slice(1500)), followed[:1500])
    own = CLASSIFIERS["forest"](seed=4).fit(columns, followed[:1500])
    theirs = RandomForestClassifier(
        own.trees, max_depth=own.depth, min_samples_leaf=20, max_features="sqrt", random_state=4
    ).fit(columns, followed[:1500])
    np.testing.assert_allclose(own.margins(columns), theirs.predict_proba(columns)[:, 1], atol=1e-12)


@pytest.mark.parametrize("labels", [[True] * 30, [False] * 30])
def test_without_both_sorts_of_showings_nothing_is_learned(labels, showings):
    with pytest.raises(ValueError, match="followed and such that were not"):
        EngagementModel().fit(showings[0].take(slice(30)), labels)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="there are logistic, forest, boosting"):
        EngagementModel(kind="oracle")


def test_damaged_trees_are_refused(tmp_path, showings):
    table, followed = showings
    EngagementModel(kind="forest").fit(table.take(slice(500)), followed[:500]).save(tmp_path)
    np.save(tmp_path / "model_left.npy", np.load(tmp_path / "model_left.npy") + 10**6)
    with pytest.raises(ValueError, match="does not exist"):
        EngagementModel.load(tmp_path)
    with pytest.raises(ValueError, match="cannot read its trees"):
        Boosting().restore({"text": np.frombuffer(b"no trees", dtype=np.uint8)})


@pytest.mark.parametrize("kind", KINDS)
def test_the_scorer_prefers_what_fits_the_taste_and_comes_back_from_its_files(kind, tmp_path):
    interactions, items = two_tastes()
    scorer = SCORERS["engagement"](kind=kind).fit(interactions, items)
    scores = scorer.score(interactions.histories())
    own = np.arange(interactions.n_visitors)[:, None] % 2 == np.arange(16)[None, :] // 8
    unseen = interactions.matrix.toarray()[:, :16] == 0
    assert scores[:, :16][own & unseen].mean() > scores[:, :16][~own & unseen].mean() + 0.5
    scorer.save(tmp_path)
    np.testing.assert_allclose(load_scorer(tmp_path).score(interactions.histories()), scores, atol=1e-5)


@pytest.mark.parametrize("days", [None, 0.5, 20])
def test_the_scorer_serves_what_the_model_learned_from(days):
    interactions, items = two_tastes()
    # Editors are for the first items and against the last; the very last vote comes after all that is learned from.
    votes = Votes([0, 0, 1, 14, 15, 2], [*np.linspace(1, 40, 5) * DAY, 75 * DAY], [1, 1, 1, -1, -1, 1])
    tags = [("a", "b")[: n % 3] for n in range(len(items.ids))]
    tagged = Items.from_vectors(items.ids, items.embeddings, tags=tags, votes=votes)
    scorer = SCORERS["engagement"]().fit(interactions, tagged)
    order = np.argsort(interactions.timestamps)
    rows, columns = interactions.rows[order], interactions.matrix.indices[order].astype(np.int64)
    times, weights = interactions.timestamps[order], interactions.matrix.data[order].astype(float)
    n, m = interactions.matrix.shape
    # Without a moment of their own histories are scored as of just after the newest thing known.
    now = None if days is None else times[-1] + days * DAY
    at = np.full(n * m, np.nextafter(times[-1], np.inf) if now is None else now)
    moments = Moments(np.arange(n).repeat(m), np.tile(np.arange(m), n), at)
    table = features(Log(rows, columns, times, weights), moments, Shelf.of(tagged, interactions.item_ids))
    expected = scorer.model.log_odds(table).reshape(n, m)
    histories = [replace(history, now=now) for history in interactions.histories()]
    np.testing.assert_allclose(scorer.score(histories), expected, atol=1e-4)
    # Translations take the place of every page: together they are in as much demand as it was.
    twice = Items.from_vectors(
        [f"{key} {tongue}" for key in items.ids for tongue in ("de", "en")],
        items.embeddings.repeat(2, axis=0),
        tags=[tags for tags in tagged.tags for _ in range(2)],
        groups=[key for key in items.ids for _ in range(2)],
        votes=Votes(
            *(
                np.concatenate(pair)
                for pair in ((2 * votes.item, 2 * votes.item + 1), [votes.time] * 2, [votes.sign] * 2)
            )
        ),
    )
    doubled = [replace(history, items=2 * history.items) for history in histories]
    np.testing.assert_allclose(scorer.rebase(twice).score(doubled)[:, ::2], expected, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_editors_think_moves_a_model_where_visitors_agree_with_them(kind):
    random = np.random.default_rng(2)
    n, n_items = 4000, 60
    # Of each item three editors thought alike; a third of the items nobody has judged.
    sign = random.choice([-1.0, 0.0, 1.0], size=n_items)
    judged = np.flatnonzero(sign).repeat(3)
    votes = Votes(judged, np.full(len(judged), DAY), sign[judged])
    shelf = Shelf.of(Items(ids=tuple(map(str, range(n_items))), votes=votes), tuple(map(str, range(n_items))))
    item, times = random.integers(n_items, size=n), np.sort(random.uniform(2 * DAY, 30 * DAY, size=n))
    table = features(Log([], [], []), Moments(np.arange(n), item, times), shelf)
    model = EngagementModel(kind=kind).fit(table, random.random(n) < 0.3 + 0.2 * sign[item])
    assert next(iter(model.importances())) == "opinion"
    chances = model.probabilities(table)
    assert [chances[sign[item] == n].mean() for n in (-1, 0, 1)] == pytest.approx([0.1, 0.3, 0.5], abs=0.08)


def test_the_scorer_says_by_which_feature():
    interactions, items = two_tastes()
    explanation = SCORERS["engagement"]().fit(interactions, items).explain(interactions.history(0), 5)
    assert {"engagement", "engagement similarity"} <= {part.scorer for part in explanation.contributions}


def test_what_was_ignored_is_learned_from_before_anything_is_drawn():
    random = np.random.default_rng(1)
    visitors = [f"v{n:03}" for n in range(200)]
    seen = Interactions.from_rows(
        np.repeat(visitors, 2).tolist(),
        random.choice(list("abcd"), size=400).tolist(),
        random.uniform(0, DAY, 400),
        item_ids=list("abcdxy"),
    )
    # Everybody is shown x, and nobody follows; y is never shown.
    knows = seen.with_ignored(visitors * 3, ["x"] * 600, np.full(600, DAY))
    scores = SCORERS["engagement"](negatives=2).fit(knows).score(knows.histories()).mean(axis=0)
    assert scores[4] < scores[:4].min()
    drawn = SCORERS["engagement"](negatives=2).fit(seen).score(seen.histories()).mean(axis=0)
    assert drawn[4] == drawn[5]
    assert scores[4] != scores[5]


def test_of_what_was_ignored_all_of_some_last_days_is_learned_from():
    random = np.random.default_rng(3)
    visitors = [f"v{n:03}" for n in range(400)]
    seen = Interactions.from_rows(visitors, random.choice(list("abcd"), 400).tolist(), np.arange(400.0) * DAY / 10)
    # Three items are passed over for each that is chosen.
    others = [[item for item in "abcd" if item != seen.item_ids[chosen]] for chosen in seen.matrix.indices]
    who, what = np.repeat(visitors, 3).tolist(), [item for items in others for item in items]
    knows = seen.with_followed(visitors, [seen.item_ids[chosen] for chosen in seen.matrix.indices])
    knows = knows.with_ignored(who, what, np.repeat(seen.timestamps, 3))
    scorer = SCORERS["engagement"](negatives=1, most_rows=600).fit(knows)
    newcomers = [History(now=seen.timestamps[-1] + DAY * day) for day in range(7)]
    assert scorer.probabilities(newcomers).mean() == pytest.approx(0.25, abs=0.07)


@st.composite
def tables(draw):
    n = draw(st.integers(1, 15))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    numbers = np.where(random.random((n, len(NUMBERS))) < 0.3, np.nan, random.normal(0, 100, (n, len(NUMBERS))))
    return Table(numbers, random.choice(["", "a", "b", "c", "d"], size=(n, len(WORDS))))


@given(tables(), tables(), st.data())
def test_columns_are_finite_of_one_width_and_know_nothing_of_what_is_not_in_the_training_part(train, other, data):
    labels = np.array(data.draw(st.lists(st.booleans(), min_size=len(train), max_size=len(train))), dtype=float)
    encoder = Preprocessor(most_columns=2)
    own = encoder.fit_transform(train, labels)
    later = encoder.transform(other)
    assert own.shape == (len(train), len(encoder.names))
    assert later.shape == (len(other), len(encoder.names))
    assert np.isfinite(own).all()
    assert np.isfinite(later).all()
    # A row's columns depend on the row alone: neither on its company nor on any label.
    np.testing.assert_array_equal(encoder.transform(other.take([0])), later[:1])


def words_of(column):
    words = np.full((len(column), len(WORDS)), "")
    words = words.astype("<U8")
    words[:, 0] = column
    return Table(np.zeros((len(column), len(NUMBERS))), words)


def test_no_row_sees_its_own_label_in_its_target_encoding():
    random = np.random.default_rng(0)
    table = words_of([f"w{n}" for n in range(300)])
    labels = random.integers(2, size=300).astype(float)
    encoder = Preprocessor(most_columns=5)
    column = encoder.fit_transform(table, labels)[:, encoder.names.index("device rate")]
    # Every word is unique: the encoding of a row can only be the mean of other folds, which tells nothing of its label.
    assert len(np.unique(column)) <= 5
    flipped = labels.copy()
    flipped[7] = 1 - flipped[7]
    again = Preprocessor(most_columns=5).fit_transform(table, flipped)[:, encoder.names.index("device rate")]
    assert again[7] == column[7]
    # Served, a word has the rate of all its rows.
    later = encoder.transform(table)[:, encoder.names.index("device rate")]
    assert (later[labels == 1] > later[labels == 0].max()).all()


def test_gaps_are_flagged_and_filled_with_what_is_usual():
    numbers = np.zeros((5, len(NUMBERS)))
    numbers[:, 0] = [1, 2, np.nan, 4, 100]
    table = Table(numbers, words_of(["a", "a", "b", "", "a"]).words)
    encoder = Preprocessor()
    columns = encoder.fit_transform(table, [0, 1, 0, 1, 0])
    of = {name: columns[:, n] for n, name in enumerate(encoder.names)}
    assert of["recency missing"].tolist() == [0, 0, 1, 0, 0]
    assert of["recency"][2] == pytest.approx((3 - np.mean([1, 2, 3, 4, 100])) / np.std([1, 2, 3, 4, 100]))
    assert of["device=a"].tolist() == [1, 1, 0, 1, 1]
    assert of["device missing"].tolist() == [0, 0, 0, 1, 0]
    unknown = encoder.transform(words_of(["never seen"]))
    assert unknown[0, [encoder.names.index("device=a"), encoder.names.index("device=b")]].tolist() == [0, 0]


def test_a_preprocessor_comes_back_from_its_files(tmp_path, showings):
    table, followed = showings
    encoder = Preprocessor()
    encoder.fit_transform(table.take(slice(500)), followed[:500])
    encoder.save(tmp_path)
    again = Preprocessor.load(tmp_path)
    assert again.names == encoder.names
    np.testing.assert_array_equal(again.transform(table), encoder.transform(table))


def test_a_model_that_has_learned_from_other_features_asks_for_training(tmp_path, showings):
    EngagementModel().fit(showings[0].take(slice(500)), showings[1][:500]).save(tmp_path)
    meta = tmp_path / "meta.json"
    meta.write_text(meta.read_text().replace('"overdue"', '"elsewhere"'))
    with pytest.raises(ValueError, match="train it again"):
        EngagementModel.load(tmp_path)


def test_a_preprocessor_that_has_learned_nothing_says_so(showings):
    with pytest.raises(ValueError, match="fit_transform or load first"):
        Preprocessor().transform(showings[0])
    with pytest.raises(ValueError, match="one label each"):
        Preprocessor().fit_transform(showings[0], [1.0])


def test_the_catalog_is_brought_into_the_order_of_the_history():
    items = Items(ids=("page:1", "page:2"), groups=("x", "y"), published=np.array([5.0, np.nan]), tags=(("sea",), ()))
    shelf = Shelf.of(items, ("y", "unknown", "x"))
    assert shelf.published == pytest.approx([np.nan, np.nan, 5.0], nan_ok=True)
    assert shelf.tags.toarray().sum(axis=1).tolist() == [0, 0, 1]
