"""Evaluation fits on training alone, never recommends what was seen, and says how sure it is."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import HISTORY_LENGTHS, bootstrap_interval, evaluate, paired_difference
from personalization.recommend.scorers import Content, Ease, Hybrid, Popular, Recent, Svd
from personalization.recommend.splits import Split, cold_items, last_k, random_per_visitor, temporal
from tests.recommend.worlds import DAY, checkerboard, two_tastes


@pytest.fixture(scope="module")
def world():
    interactions, items = two_tastes(n_visitors=80)
    return interactions, items, random_per_visitor(interactions, fraction=0.3, seed=3)


@pytest.fixture(scope="module")
def report(world):
    interactions, items, split = world
    scorers = {"popular": Popular(), "ease": Ease(penalty=5), "content": Content(), "recent": Recent()}
    return evaluate(scorers, interactions, split, ks=(3, 10), items=items)


def test_every_scorer_gets_every_figure(report):
    words = {"ndcg", "recall", "precision", "map", "hit_rate", "mrr", "coverage", "novelty", "diversity"}
    words |= {"gini", "popularity", "popularity_lift"}
    for row in report.rows:
        assert set(row.metrics) == {f"{word}@{k}" for word in words for k in (3, 10)} | {"auc"}
        assert row.metrics.keys() == row.intervals.keys() == row.draws.keys()
        assert all(low - 1e-9 <= row.metrics[name] <= high + 1e-9 for name, (low, high) in row.intervals.items())
        assert row.fit_seconds >= 0


def test_those_who_learn_taste_beat_popularity_clearly(report):
    for better in ("ease", "content"):
        assert paired_difference(report, better, "popular").is_clear
    assert not paired_difference(report, "popular", "ease").is_clear


def test_a_difference_is_the_difference_of_the_means(report):
    difference = paired_difference(report, "ease", "popular", metric="recall@10")
    expected = report.row("ease").metrics["recall@10"] - report.row("popular").metrics["recall@10"]
    assert difference.mean == pytest.approx(expected)
    assert difference.interval[0] <= difference.mean <= difference.interval[1]


def test_what_was_seen_is_never_recommended(report):
    # All that `recent` scores has been seen, and so it has nothing left to say: it ranks by column.
    assert report.row("recent").metrics["ndcg@3"] < report.row("ease").metrics["ndcg@3"]


class Spy(Popular):
    """Popularity that remembers all it was told."""

    def __init__(self):
        super().__init__()
        self.told, self.times = set(), []

    def fit(self, interactions, items=None):
        self._note(interactions.histories())
        return super().fit(interactions, items)

    def score(self, histories):
        self._note(histories)
        return super().score(histories)

    def _note(self, histories):
        for history in histories:
            self.told |= set(zip(history.timestamps.tolist(), history.items.tolist(), strict=True))
            self.times.extend(history.timestamps.tolist())


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.6))
def test_no_row_of_the_future_reaches_a_scorer(seed, fraction):
    rng = np.random.default_rng(seed)
    visitors, items = rng.integers(0, 8, 90).astype(str).tolist(), rng.integers(0, 20, 90).astype(str).tolist()
    seen = Interactions.from_rows(visitors, items, rng.permutation(90) * DAY)
    split = temporal(seen, fraction=fraction)
    spy = Spy()
    evaluate({"spy": spy}, seen, split, ks=(3,), history_lengths=HISTORY_LENGTHS, resamples=5)
    assert max(spy.times) < split.test.timestamps.min()
    train, test = (
        set(zip(part.timestamps.tolist(), part.matrix.indices.tolist(), strict=True))
        for part in (split.train, split.test)
    )
    assert spy.told == train
    assert not spy.told & test


def test_visitors_of_whom_nothing_is_known_are_left_out_of_every_mean_and_counted():
    visitors, items = list("aabbcc"), list("xyxyxy")
    both = {"item_ids": tuple("xy"), "visitor_ids": tuple("abc")}
    train = Interactions.from_rows(list("aab"), list("xyx"), [0.0, 0.0, 0.0], **both)
    test = Interactions.from_rows(list("bcc"), list("yxy"), [1.0, 1.0, 1.0], **both)
    report = evaluate({"popular": Popular()}, Interactions.from_rows(visitors, items, range(6)), Split(train, test, 4))
    assert (report.n_visitors, report.left_out) == (1, 5)
    assert report.row("popular").metrics["ndcg@10"] == 1
    assert all(len(values) == 1 for values in report.row("popular").per_visitor.values())


def test_a_difference_of_a_figure_of_all_lists_is_paired_as_well(report):
    wider = paired_difference(report, "ease", "popular", metric="coverage@10")
    assert wider.mean == pytest.approx(
        report.row("ease").metrics["coverage@10"] - report.row("popular").metrics["coverage@10"]
    )
    assert wider.interval[0] - 1e-9 <= wider.mean <= wider.interval[1] + 1e-9
    # The same scorer twice: every resample agrees with itself.
    assert paired_difference(report, "ease", "ease", metric="gini@10").interval == (0, 0)


def test_differences_are_against_one_scorer_in_every_figure(report):
    against = report.differences("popular")
    assert set(against) == {"ease", "content", "recent"}
    assert against["ease"]["ndcg@3"] == paired_difference(report, "ease", "popular")
    assert set(against["ease"]) == set(report.row("ease").metrics)
    with pytest.raises(KeyError):
        report.differences("nobody")


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [bootstrap_interval(rng.exponential(size=60), seed=s, resamples=200) for s in range(150)]
    assert np.mean([low <= 1 <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.05)


def test_the_interval_is_that_of_means_of_resampled_visitors():
    values = np.random.default_rng(1).random(40)
    rng = np.random.default_rng(7)
    means = [values[rng.integers(0, 40, 40)].mean() for _ in range(1_000)]
    assert bootstrap_interval(values, seed=7) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))


def test_intervals_narrow_with_the_number_of_visitors():
    few, many = (np.random.default_rng(2).random(n) for n in (30, 3_000))
    (a, b), (c, d) = bootstrap_interval(few, seed=0), bootstrap_interval(many, seed=0)
    assert d - c < (b - a) / 5


def test_accuracy_is_told_for_each_segment(world):
    interactions, items, split = world
    halves = (*(("second", "first")[row % 2] for row in range(interactions.n_visitors - 1)), "")
    split = Split(replace(split.train, segments=halves), replace(split.test, segments=halves))
    row = evaluate({"ease": Ease(penalty=5)}, interactions, split, ks=(3,), items=items).row("ease")
    assert set(row.segments) == {"first", "second", "unknown"}
    assert {name: part.n_visitors for name, part in row.segments.items()} == {"first": 39, "second": 40, "unknown": 1}
    total = sum(part.n_visitors * part.metrics["ndcg@3"] for part in row.segments.values())
    assert total / 80 == pytest.approx(row.metrics["ndcg@3"])
    low, high = row.segments["first"].intervals["ndcg@3"]
    assert low <= row.segments["first"].metrics["ndcg@3"] <= high
    assert set(row.segments["first"].metrics) >= {"auc", "recall@3"}


def test_without_segments_there_is_no_table_of_them(report):
    assert not report.row("ease").segments


def test_the_cold_start_curve_rises_with_what_is_known():
    interactions, items = two_tastes(n_visitors=120)
    report = evaluate(
        {"ease": Ease(penalty=5), "popular": Popular()},
        interactions,
        last_k(interactions, k=2),
        ks=(3,),
        items=items,
        history_lengths=(0, 1, 3, 10),
    )
    curve = report.row("ease").history_lengths
    # Nobody has ten interactions: the curve ends where the visitors' histories do.
    assert list(curve) == ["0", "1", "3+"]
    assert len({part.n_visitors for part in curve.values()}) == 1
    assert curve["3+"].metrics == {name: report.row("ease").metrics[name] for name in curve["3+"].metrics}
    assert curve["1"].metrics["ndcg@3"] > curve["0"].metrics["ndcg@3"] + 0.1
    popular = report.row("popular").history_lengths
    assert popular["0"].metrics == popular["3+"].metrics


def test_withheld_items_are_ranked_among_themselves(world):
    interactions, items, _ = world
    split = cold_items(interactions, fraction=0.5, seed=1)
    report = evaluate({"content": Content(), "ease": Ease()}, interactions, split, ks=(3,), items=items)
    assert report.row("content").metrics["auc"] > 0.9
    assert report.row("ease").metrics["auc"] == pytest.approx(0.5)
    assert 0 < report.row("content").metrics["coverage@3"] <= 1


def test_the_area_agrees_with_its_definition_when_visitors_are_many(world, report):
    split = world[2]
    scorer = Ease(penalty=5).fit(split.train)
    row = split.test_rows[3]
    scores = scorer.score([split.train.history(row)])[0]
    held_out, seen = split.test.history(row).items, split.train.history(row).items
    others = np.setdiff1d(np.arange(len(scores)), [*held_out, *seen])
    pairs = scores[held_out][:, None] - scores[others]
    assert report.row("ease").per_visitor["auc"][3] == pytest.approx(np.mean((pairs > 0) + (pairs == 0) / 2))


class Odds(Popular):
    """States how likely a choice is: the same for all, or exactly what will happen."""

    def __init__(self, chances):
        super().__init__()
        self.chances = np.asarray(chances)

    def probabilities(self, histories):
        return np.tile(self.chances, (len(histories), 1))


def test_stated_chances_are_judged_by_what_was_shown_and_ignored_later():
    ids = {"visitor_ids": tuple("abcd"), "item_ids": tuple("wxyz")}
    train = Interactions.from_rows(list("abcd"), list("wwww"), [0.0] * 4, **ids)
    test = Interactions.from_rows(list("abcd"), list("xxxx"), [5.0] * 4, **ids)
    # Everybody ignored y after the training part; what was ignored before it, and what was chosen, are no failures.
    test = test.with_ignored(list("abcdab"), list("yyyyzx"), [5.0, 5.0, 5.0, 5.0, -0.0, 4.0])
    scorers = {"knows": Odds([0, 1, 0, 0.5]), "guesses": Odds([0.5] * 4)}
    report = evaluate(scorers, train, Split(train, test), ks=(1,))
    assert report.row("knows").metrics["log_loss"] == pytest.approx(0, abs=1e-12)
    assert report.row("knows").metrics["calibration_error"] == 0
    assert report.row("guesses").metrics["log_loss"] == pytest.approx(math.log(2))
    assert report.row("guesses").intervals["log_loss"] == pytest.approx((math.log(2), math.log(2)))
    assert report.row("guesses").metrics["calibration_error"] == 0
    assert paired_difference(report, "guesses", "knows", metric="log_loss").is_clear


def test_chances_are_not_judged_where_nothing_is_known_of_failures(world):
    interactions, _, split = world
    scorer = Odds(np.full(interactions.n_items, 0.5))
    assert "log_loss" not in evaluate({"odds": scorer}, interactions, split).row("odds").metrics


def test_scores_that_are_no_numbers_are_refused(world):
    interactions, _, split = world

    class Broken(Popular):
        def score(self, histories):
            return super().score(histories) * np.nan

    with pytest.raises(ValueError, match="'broken' gives scores that are not finite"):
        evaluate({"broken": Broken()}, interactions, split)


def test_memory_that_a_scorer_takes_for_a_moment_is_measured(world):
    interactions, _, split = world

    class Greedy(Popular):
        def fit(self, interactions, items=None):
            np.ones(8_000_000).sum()
            return super().fit(interactions, items)

    report = evaluate({"greedy": Greedy(), "popular": Popular()}, interactions, split, measure_memory=True)
    greedy, modest = (report.row(name).peak_mb for name in ("greedy", "popular"))
    assert math.isnan(greedy) or greedy > 60 > modest
    assert ("peak MiB" in report.table()) == (not math.isnan(greedy))


def test_a_perfect_ranking_scores_one():
    board = checkerboard()
    full = board.matrix.toarray()
    np.fill_diagonal(full, 1)
    held_out = type(board)(
        type(board.matrix)(full - board.matrix.toarray()), np.full(20, 1e3), board.visitor_ids, board.item_ids
    )
    split = type(random_per_visitor(board))(board, held_out)
    report = evaluate({"ease": Ease(penalty=1.0)}, board, split, ks=(1,))
    assert report.row("ease").metrics["ndcg@1"] == 1
    assert report.row("ease").metrics["coverage@1"] == 1


def test_scorers_are_fitted_on_training_alone(world):
    interactions, items, split = world
    scorer = Svd(factors=3)
    evaluate({"svd": scorer}, interactions, split, items=items)
    history = interactions.history(0)
    np.testing.assert_allclose(scorer.score([history]), Svd(factors=3).fit(split.train).score([history]), atol=1e-6)


def test_a_split_may_be_a_function_and_the_seed_repeats_everything(world):
    interactions, items, _ = world
    first, second = (
        evaluate({"hybrid": Hybrid()}, interactions, lambda rows: last_k(rows, k=2), items=items) for _ in range(2)
    )
    assert first.row("hybrid").metrics == second.row("hybrid").metrics
    assert first.row("hybrid").intervals == second.row("hybrid").intervals


def test_a_fitted_scorer_is_judged_as_it_is(world):
    interactions, _, split = world
    serving = Ease(penalty=5).fit(split.train)
    report = evaluate({"ease": Ease(penalty=5)}, interactions, split, fitted={"serving": serving})
    assert report.row("serving").metrics == report.row("ease").metrics
    assert report.row("serving").fit_seconds == 0
    with pytest.raises(ValueError, match="rebase it first"):
        evaluate({}, interactions, split, fitted={"serving": Ease().fit(checkerboard())})


def test_a_report_can_be_kept_as_json_and_read_as_a_table(report):
    document = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert document["scorers"]["ease"]["metrics"]["ndcg@3"] == pytest.approx(
        report.row("ease").metrics["ndcg@3"], abs=1e-6
    )
    assert document["scorers"]["ease"].keys() == {"metrics", "intervals", "fit_seconds"}
    lines = report.table().splitlines()
    assert len(lines) == 5
    assert lines[0].split()[:2] == ["scorer", "NDCG@3"]
    best = max(report.rows, key=lambda row: row.metrics["ndcg@3"]).scorer
    assert lines[1].startswith(best)


def test_progress_names_each_scorer_before_it_learns(world):
    interactions, _, split = world
    told = []
    evaluate({"popular": Popular(), "ease": Ease()}, interactions, split, progress=told.append)
    assert told == ["popular", "ease"]


def test_without_anything_held_out_there_is_nothing_to_judge(world):
    interactions, _, split = world
    nothing = type(split)(split.train, split.test.keep(np.zeros(split.test.matrix.nnz, dtype=bool)))
    with pytest.raises(ValueError, match="nothing to judge by"):
        evaluate({"popular": Popular()}, interactions, nothing)


def test_an_unknown_scorer_is_a_key_error(report):
    with pytest.raises(KeyError):
        paired_difference(report, "ease", "nobody")
