"""Accuracy on MovieLens 100k is that of public libraries under the same protocol."""

import os
from pathlib import Path

import pytest

from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import evaluate, paired_difference
from personalization.recommend.scorers import Ease, Hybrid, ItemKnn, Popular, Svd
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


def test_a_random_quarter_of_each_visitor_is_predicted_as_well_as_elsewhere(ratings):
    scorers = {
        "popular": Popular(half_life_days=None),
        "ease": Ease(),
        "svd": Svd(),
        "item_knn": ItemKnn(),
        "hybrid": Hybrid(),
    }
    report = evaluate(scorers, ratings, random_per_visitor(ratings, fraction=0.25, seed=0))
    assert report.n_visitors == 943
    figures = {row.scorer: row.metrics for row in report.rows}
    assert figures["ease"]["ndcg@10"] == pytest.approx(0.4851, rel=0.02)
    assert figures["ease"]["recall@10"] == pytest.approx(0.2272, rel=0.02)
    assert figures["popular"]["ndcg@10"] == pytest.approx(0.2563, rel=0.02)
    assert figures["popular"]["recall@10"] == pytest.approx(0.1138, rel=0.05)
    assert figures["svd"]["ndcg@10"] > 0.4525
    assert figures["item_knn"]["ndcg@10"] == pytest.approx(0.4228, rel=0.02)
    assert paired_difference(report, "hybrid", "popular").is_clear
    assert paired_difference(report, "hybrid", "ease").mean > 0


def test_each_visitors_last_five_are_predicted_as_well_as_elsewhere(ratings):
    scorers = {"popular": Popular(half_life_days=None), "ease": Ease()}
    report = evaluate(scorers, ratings, last_k(ratings, k=5))
    assert report.row("popular").metrics["ndcg@10"] == pytest.approx(0.0548, rel=0.01)
    assert report.row("ease").metrics["ndcg@10"] == pytest.approx(0.0999, rel=0.03)
