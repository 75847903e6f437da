"""Features mean the same in training and in serving, and never know what comes later."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from personalization.recommend.data import Items
from personalization.recommend.feature_state import FeatureState
from personalization.recommend.features import CONTEXT, NUMBERS, WORDS, Log, Moments, Shelf, Table, features
from personalization.recommend.forecasts import Rhythm, forecast_return, visit_intervals
from personalization.recommend.votes import Votes

DAY, HOUR = 86_400.0, 3_600.0
NOBODY = Votes()
TAGS = [("sea",), ("sea", "salt"), ("hills",), (), ("salt",), ("hills", "sea")]


def shelf_of(n=6, dimensions=4, seed=0, votes=NOBODY):
    random = np.random.default_rng(seed)
    items = Items.from_vectors(
        [f"i{number}" for number in range(n)],
        np.vstack([random.normal(size=(n - 1, dimensions)), np.zeros((1, dimensions))]).astype(np.float32),
        tags=[TAGS[number % len(TAGS)] for number in range(n)],
        published=[np.nan, *(DAY * np.arange(n - 1))],
        votes=votes,
    )
    return Shelf.of(items, items.ids)


@st.composite
def votes(draw, n_items=6):
    n = draw(st.integers(0, 8))
    column = lambda strategy: draw(st.lists(strategy, min_size=n, max_size=n))  # noqa: E731
    times = column(st.sampled_from([0.0, 60.0, HOUR, DAY, 7 * DAY]) | st.floats(0, 40 * DAY))
    return Votes(column(st.integers(0, n_items - 1)), times, column(st.sampled_from([-1.0, 1.0])))


def cast_before(votes, now):
    earlier = votes.time < now
    return Votes(votes.item[earlier], votes.time[earlier], votes.sign[earlier])


def as_served(log, shelf, contexts=None):
    """Tell a state one event after the other, asking before each about its item: what serving would have known.

    Of the votes, too, the state holds only those that had been cast by then.
    """
    state, tables, votes = FeatureState(shelf), [], shelf.votes
    for row in range(len(log)):
        if log.item[row] >= 0:
            context = {name: words[row] for name, words in (contexts or {}).items()}
            now = float(log.time[row])
            state.shelf = replace(shelf, votes=cast_before(votes, now))
            tables.append(state.features(int(log.visitor[row]), [int(log.item[row])], now=now, context=context))
        facts = {name: float(getattr(log, name)[row]) for name in ("time", "weight", "value", "dwell")}
        state.update(visitor=int(log.visitor[row]), item=int(log.item[row]), **facts)
    empty = Table(np.empty((0, len(NUMBERS))), np.empty((0, len(WORDS)), dtype=np.str_))
    return Table(*(np.concatenate([getattr(t, name) for t in [empty, *tables]]) for name in ("numbers", "words")))


def moments_of(log, contexts=None):
    about = log.item >= 0
    words = {name: np.asarray(column)[about] for name, column in (contexts or {}).items()}
    return Moments(log.visitor[about], log.item[about], log.time[about], words)


def assert_same(batch, served):
    np.testing.assert_allclose(batch.numbers, served.numbers, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(batch.words, served.words)


@st.composite
def logs(draw, n_visitors=3, n_items=6):
    n = draw(st.integers(0, 25))
    column = lambda strategy: draw(st.lists(strategy, min_size=n, max_size=n))  # noqa: E731
    amounts = st.just(np.nan) | st.floats(0, 500)
    # Whole hours and minutes, so that events often happen at the same moment.
    times = sorted(column(st.sampled_from([0.0, 60.0, 1800.0, HOUR, DAY, 7 * DAY, 30 * DAY]) | st.floats(0, 40 * DAY)))
    return Log(
        column(st.integers(0, n_visitors - 1)),
        column(st.integers(-1, n_items - 1)),
        times,
        column(st.sampled_from([0.0, 1.0, 3.0])),
        column(amounts),
        column(amounts),
    )


@settings(max_examples=60)
@given(logs(), votes())
def test_a_replayed_history_shows_no_skew(log, cast):
    shelf = shelf_of(votes=cast)
    assert_same(features(log, moments_of(log), shelf), as_served(log, shelf))


def test_a_month_of_a_busy_site_shows_no_skew():
    random = np.random.default_rng(4)
    n, n_items = 600, 20
    times = np.sort(random.uniform(0, 30 * DAY, size=n))
    # Sittings: half of the events follow the one before within a minute, by the same visitor.
    visitor = random.integers(12, size=n)
    follows = np.flatnonzero(random.random(n) < 0.5)[1:]
    visitor[follows] = visitor[follows - 1]
    kind = random.choice(["impression", "view", "dwell", "conversion"], p=[0.5, 0.3, 0.15, 0.05], size=n)
    log = Log(
        visitor,
        np.where(random.random(n) < 0.05, -1, random.integers(n_items, size=n)),
        times,
        np.where(kind == "impression", 0.0, np.where(kind == "conversion", 3.0, 1.0)),
        np.where(kind == "conversion", random.gamma(2, 10, size=n), np.nan),
        np.where(kind == "dwell", random.exponential(40, size=n), np.nan),
    )
    contexts = {name: random.choice(["", "a", "b"], size=n).tolist() for name in CONTEXT}
    signs = random.choice([-1.0, 1.0], size=80)
    shelf = shelf_of(n_items, 8, votes=Votes(random.integers(n_items, size=80), random.uniform(0, 30 * DAY, 80), signs))
    batch = features(log, moments_of(log, contexts), shelf)
    assert_same(batch, as_served(log, shelf, contexts))
    known = np.isfinite(batch.numbers).mean(axis=0)
    assert dict(zip(NUMBERS, known > 0.5, strict=True)) == dict.fromkeys(NUMBERS, True)


@settings(max_examples=40)
@given(logs(), votes(), st.floats(0, 40 * DAY))
def test_what_comes_at_the_moment_or_later_is_not_known(log, cast, now):
    moments = Moments(np.arange(3).repeat(6), np.tile(np.arange(6), 3), np.full(18, now))
    whole = features(log, moments, shelf_of(votes=cast))
    assert_same(whole, features(log.take(log.time < now), moments, shelf_of(votes=cast_before(cast, now))))


@settings(max_examples=60)
@given(votes(), st.floats(0, 40 * DAY))
def test_an_opinion_is_the_votes_so_far_drawn_towards_none(cast, now):
    moments = Moments(np.zeros(6, int), np.arange(6), np.full(6, now))
    said = features(Log([], [], []), moments, shelf_of(votes=cast)).column("opinion")
    before = cast_before(cast, now)
    expected = [before.sign[before.item == n].sum() / ((before.item == n).sum() + 2) for n in range(6)]
    np.testing.assert_allclose(said, expected, atol=1e-12)
    assert (np.abs(said) < 1).all()


def test_a_vote_on_a_page_counts_for_its_translations():
    items = Items(ids=("en", "de", "other"), groups=("page", "page", "other"), votes=Votes([0, 1], [1.0, 1.0], [1, 1]))
    for ids in (("page", "other"), items.ids):
        moments = Moments(np.zeros(len(ids), int), np.arange(len(ids)), np.full(len(ids), DAY))
        said = features(Log([], [], []), moments, Shelf.of(items, ids)).column("opinion").tolist()
        assert said == [pytest.approx(1 / 3)] * (len(ids) - 1) + [0.0]


@pytest.mark.parametrize("columns", [([0], [1.0], []), ([-1], [1.0], [1]), ([0], [np.nan], [1]), ([0], [1.0], [0.5])])
def test_what_is_no_vote_is_refused(columns):
    with pytest.raises(ValueError, match="vote"):
        Votes(*columns)


def test_a_vote_on_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="on one of the items"):
        Items(ids=("a",), votes=Votes([1], [1.0], [1]))


@settings(max_examples=60)
@given(logs(), st.floats(0, 40 * DAY))
def test_the_time_between_visits_is_the_forecast_from_what_was_seen_before(log, now):
    table = features(log, Moments(np.arange(3), np.zeros(3, int), np.full(3, now)), shelf_of())
    for visitor, (gap, overdue) in enumerate(zip(table.column("expected_gap"), table.column("overdue"), strict=True)):
        seen = log.time[(log.visitor == visitor) & (log.weight > 0) & (log.time < now)]
        expected = forecast_return(visit_intervals(seen), Rhythm(), "mean")
        if expected is None:
            assert np.isnan([gap, overdue]).all()
        else:
            assert np.exp(gap) == pytest.approx(expected.typical)
            assert np.expm1(overdue) == pytest.approx((now - seen[-1]) / DAY / expected.typical, abs=1e-9)


def test_each_number_means_what_it_says():
    shelf = Shelf(
        embeddings=np.array([[1, 0], [0, 1], [1, 0]], dtype=np.float32),
        tags=csr_array(np.array([[1.0, 0], [1, 1], [0, 1]])),
        published=np.array([0.0, np.nan, 10 * DAY]),
    )
    log = Log(
        visitor=[0, 0, 0, 1, 0, 0],
        item=[0, 0, 1, 0, 2, -1],
        time=[1 * DAY, 1 * DAY + 10, 15 * DAY, 15 * DAY + 1, 15 * DAY + 60, 15 * DAY + 120],
        weight=[2.0, 1.0, 1.0, 1.0, 0.0, 3.0],
        value=[np.nan, np.nan, np.nan, np.nan, np.nan, 20.0],
        dwell=[np.nan, 30.0, 90.0, 5.0, np.nan, np.nan],
    )
    now = 15 * DAY + 300
    table = features(log, Moments(np.zeros(3, int), np.arange(3), np.full(3, now)), shelf)
    of = {name: table.column(name) for name in NUMBERS}
    assert of["recency"] == pytest.approx(np.log1p(180 / DAY) * np.ones(3))
    assert np.expm1(of["frequency"]) == pytest.approx([4, 4, 4])
    assert np.sinh(of["value"]) == pytest.approx([20, 20, 20])
    assert np.expm1(of["engagement"])[0] == pytest.approx(3 * 0.5 + 1 + 3, rel=1e-3)
    assert np.expm1(of["session_seconds"])[0] == pytest.approx(300)
    assert of["session_events"].tolist() == [2, 2, 2]
    # One interval of fourteen days counts as much as the week that is usual.
    assert np.exp(of["expected_gap"]) == pytest.approx([98**0.5] * 3)
    assert np.expm1(of["overdue"]) == pytest.approx([180 / DAY / 98**0.5] * 3)
    assert np.expm1([of[name][0] for name in ("events_1h", "events_24h", "events_7d")]) == pytest.approx([2, 2, 2])
    assert np.expm1(of["seen"]) == pytest.approx([2, 1, 0])
    assert np.expm1(of["shown"]) == pytest.approx([0, 0, 1])
    # The first tag has 1.5 (faded) + 1 of the 2.5 that was read, the second 1.
    assert of["tag_affinity"] == pytest.approx([1.0, (2.5 + 1) / 5, 0.4], rel=1e-3)
    assert np.expm1(of["tag_dwell"])[2] == pytest.approx(90, rel=1e-3)
    assert np.expm1(of["tag_dwell"])[0] == pytest.approx((0.5 * 30 + 90) / 1.5, rel=1e-3)
    assert of["similarity"] == pytest.approx(np.array([1.5, 1, 1.5]) / np.hypot(1.5, 1), rel=1e-3)
    quarter = 2.0**-2
    assert np.expm1(of["popularity"])[:2] == pytest.approx(
        3 * np.array([3 * quarter + 1, 1]) / (3 * quarter + 2), rel=1e-3
    )
    # Of everybody's 3/4 (faded) + 2, the first tag has all and the second has one.
    everything = 3 * quarter + 2
    assert of["tag_demand"] == pytest.approx([1, (everything + 1) / everything / 2, 1 / everything], rel=1e-3)
    assert of["click_rate"] == pytest.approx([np.nan, np.nan, np.log(1 / 21)], nan_ok=True)
    assert np.expm1(of["age"]) == pytest.approx([15, np.nan, 5], rel=1e-2, nan_ok=True)
    assert of["affinity_x_age"] == pytest.approx(of["tag_affinity"] * of["age"], nan_ok=True)


def test_words_tell_the_moment_and_its_context():
    monday = 4 * DAY + 9 * HOUR
    moments = Moments(np.zeros(2, int), np.zeros(2, int), np.array([monday, 0.0]), {"device": ["phone", ""]})
    words = features(Log([], [], []), moments, shelf_of()).words
    assert dict(zip(WORDS, words[0], strict=True)) == {
        "device": "phone",
        "locale": "",
        "referrer": "",
        "segment": "",
        "hour": "09",
        "weekday": "mon",
        "device_x_hour": "phone@09",
    }
    assert words[1][-3:].tolist() == ["00", "thu", ""]


def test_of_somebody_unknown_most_is_missing_and_nothing_is_wrong():
    table = features(Log([], [], []), Moments(np.zeros(6, int), np.arange(6), np.full(6, DAY)), shelf_of())
    of = {name: table.column(name) for name in NUMBERS}
    assert all(np.isnan(of[name]).all() for name in ("recency", "overdue", "similarity", "tag_demand", "popularity"))
    assert all((of[name] == 0).all() for name in ("frequency", "engagement", "session_events", "seen"))


def test_time_may_not_go_backwards():
    with pytest.raises(ValueError, match="order of time"):
        Log([0, 0], [0, 0], [2.0, 1.0])
    state = FeatureState(shelf_of())
    state.update(visitor=0, item=0, time=5.0)
    with pytest.raises(ValueError, match="order of time"):
        state.update(visitor=0, item=0, time=4.0)
    state.features(0, [0], now=9.0)
    with pytest.raises(ValueError, match="order of time"):
        state.features(0, [0], now=8.0)
    with pytest.raises(ValueError, match="same length"):
        Log([0], [0, 1], [1.0, 2.0])
