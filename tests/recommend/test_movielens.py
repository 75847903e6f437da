"""Accuracy on MovieLens 100k is that of public libraries under the same protocol."""

import os
from pathlib import Path

import pytest

from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import evaluate, paired_difference
from personalization.recommend.scorers import SCORERS, Ease, Hybrid, Markov, Popular, RecentEase, Stacked
from personalization.recommend.splits import last_k, random_per_visitor

DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATINGS = DATA / "movielens-100k" / "u.data"


@pytest.fixture(scope="module")
def ratings():
    if not RATINGS.exists():
        pytest.skip(f"MovieLens 100k is not at {RATINGS}; set PERSONALIZATION_DATA")
    rows = [line.split("\t") for line in RATINGS.read_text().splitlines()]
    # Columns in the order of the films' numbers: films rated in the same second are split in that order.
    visitors, films, times = [r[0] for r in rows], [r[1].zfill(4) for r in rows], [float(r[3]) for r in rows]
    return Interactions.from_rows(visitors, films, times)


# NDCG@10 of public libraries, and how far below one split of one seed may lie: the means over seeds are within 1 %.
RANDOM = {"popular": 0.2563, "svd": 0.4525, "ease": 0.4851, "als": 0.4833, "item_knn": 0.4228, "rp3beta": 0.4433}
LAST_FIVE = {"popular": 0.0548, "svd": 0.1009, "ease": 0.0999, "als": 0.1026, "item_knn": 0.0866, "rp3beta": 0.0838}
TOLERANCE = 0.98


def scorers():
    all_time = {"popular": Popular(half_life_days=None)}
    return all_time | {
        name: SCORERS[name]() for name in ("svd", "ease", "als", "item_knn", "user_knn", "rp3beta", "bpr")
    }


def test_a_random_quarter_of_each_visitor_is_predicted_as_well_as_elsewhere(ratings):
    by_directions = {"directions": Ease(exact_up_to=500)}
    split = random_per_visitor(ratings, fraction=0.25, seed=0)
    report = evaluate(scorers() | by_directions | {"hybrid": Hybrid()}, ratings, split)
    assert report.n_visitors == 943
    figures = {row.scorer: row.metrics["ndcg@10"] for row in report.rows}
    assert {name for name, figure in RANDOM.items() if figures[name] < TOLERANCE * figure} == set()
    assert figures["popular"] == pytest.approx(RANDOM["popular"], rel=0.02)
    assert report.row("ease").metrics["recall@10"] == pytest.approx(0.2272, rel=0.02)
    assert figures["directions"] == pytest.approx(figures["ease"], rel=0.01)
    assert figures["user_knn"] > 0.98 * RANDOM["rp3beta"]
    assert figures["bpr"] > 1.2 * 0.2978
    assert paired_difference(report, "hybrid", "popular").is_clear
    assert paired_difference(report, "hybrid", "ease").is_clear


def test_each_visitors_last_five_are_predicted_as_well_as_elsewhere(ratings):
    report = evaluate(scorers(), ratings, last_k(ratings, k=5))
    figures = {row.scorer: row.metrics["ndcg@10"] for row in report.rows}
    assert {name for name, figure in LAST_FIVE.items() if figures[name] < TOLERANCE * figure} == set()
    assert figures["popular"] == pytest.approx(LAST_FIVE["popular"], rel=0.01)
    assert figures["user_knn"] > LAST_FIVE["item_knn"]
    assert figures["bpr"] > 0.0803


def test_blends_for_what_comes_next_are_better_than_their_best_member(ratings):
    blends = {"hybrid": Hybrid(validation="last-k"), "stacked": Stacked(validation="last-k")}
    report = evaluate({"markov": Markov(), "recent_ease": RecentEase(), **blends}, ratings, last_k(ratings, k=5))
    figures = {row.scorer: row.metrics["ndcg@10"] for row in report.rows}
    assert figures["markov"] == max(figures["markov"], figures["recent_ease"]) > 1.4 * LAST_FIVE["als"]
    assert min(figures["hybrid"], figures["stacked"]) > 1.02 * figures["markov"]
    assert paired_difference(report, "hybrid", "markov").is_clear
