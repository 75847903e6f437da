"""Evaluation fits on training alone, never recommends what was seen, and says how sure it is."""

import json

import numpy as np
import pytest

from personalization.recommend.evaluation import evaluate, paired_difference
from personalization.recommend.scorers import Content, Ease, Hybrid, Popular, Recent, Svd
from personalization.recommend.splits import last_k, random_per_visitor
from tests.recommend.worlds import checkerboard, two_tastes


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
    for row in report.rows:
        assert set(row.metrics) == {f"{word}@{k}" for word in words for k in (3, 10)}
        assert all(low <= row.metrics[name] <= high for name, (low, high) in row.intervals.items())
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
