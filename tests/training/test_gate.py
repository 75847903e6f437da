"""What a candidate must reach, criterion by criterion, and how that is told."""

import json
from dataclasses import replace

import numpy as np
import pytest
from django.utils import translation

from personalization import conf
from personalization.recommend.data import Interactions
from personalization.recommend.evaluation import Report, evaluate
from personalization.recommend.scorers import Popular
from personalization.recommend.splits import last_k
from personalization.training.gate import Check, Verdict, judge
from personalization.training.lineage import code_version
from personalization.training.recipe import choose_members
from personalization.training.speed import Latency, measure_latency

SETTINGS = conf.Settings()
FAST = Latency(1.0, (0.9, 1.1))
N_ITEMS = 30


@pytest.fixture(scope="module")
def seen() -> Interactions:
    random = np.random.default_rng(1)
    rows = [(f"v{n}", f"i{item:02d}") for n in range(60) for item in random.choice(N_ITEMS, 6, replace=False)]
    visitors, items = zip(*rows, strict=True)
    return Interactions.from_rows(visitors, items, range(len(rows)), item_ids=[f"i{n:02d}" for n in range(N_ITEMS)])


@pytest.fixture(scope="module")
def report(seen) -> Report:
    """A report of one scorer, from which others are made by adding to its figures."""
    return evaluate({"popular": Popular()}, seen, lambda rows: last_k(rows, k=2))


def with_scorer(report: Report, name: str, *, better: float, spread: float = 0.0, coverage: float = 0.5) -> Report:
    """Add a scorer that is better than popularity by this in every resample of the visitors, give or take."""
    base = report.row("popular")
    noise = np.random.default_rng(2).normal(0, 1, len(base.draws["ndcg@10"])) * spread
    figures = {"ndcg@10": base.metrics["ndcg@10"] + better, "coverage@10": coverage}
    draws = {**base.draws, "ndcg@10": base.draws["ndcg@10"] + better + noise}
    row = replace(base, scorer=name, metrics={**base.metrics, **figures}, draws=draws)
    return replace(report, rows=(*report.rows, row))


def verdict(report: Report, latency: Latency = FAST, **changes) -> Verdict:
    return judge(report, latency, n_items=N_ITEMS, settings=replace(SETTINGS, **changes))


def failed(verdict: Verdict) -> list[str]:
    return [check.criterion for check in verdict.checks if not check.passed]


def test_a_clearly_better_candidate_passes_and_says_by_how_much(report):
    passed = verdict(with_scorer(report, "hybrid", better=0.1))
    assert passed.passed
    assert passed.reason.startswith("Beats popularity: NDCG@10 +0.1000 (+0.1000 to +0.1000).")
    assert [check.criterion for check in passed.checks] == ["popularity", "coverage", "latency"]


def test_better_by_chance_is_not_better(report):
    told = verdict(with_scorer(report, "hybrid", better=0.001, spread=0.02))
    assert failed(told) == ["popularity"]
    assert "Not clearly better than popularity" in told.reason


@pytest.mark.parametrize(("serving", "expected"), [(0.100, []), (0.105, []), (0.115, ["serving"])])
def test_worse_than_what_serves_is_allowed_within_the_margin(report, serving, expected):
    both = with_scorer(with_scorer(report, "hybrid", better=0.1), "serving", better=serving)
    told = verdict(both, promotion_margin=0.01)
    assert failed(told) == expected
    assert told.passed == (not expected)


def test_a_candidate_that_shows_everybody_the_same_stays_one(report):
    told = verdict(with_scorer(report, "hybrid", better=0.1, coverage=0.1), promotion_coverage_minimum=0.2)
    assert failed(told) == ["coverage"]
    assert told.reason == "Shows too little of the catalog: 10.0 % of the items within reach, at least 20.0 %."


def test_few_judges_are_not_asked_to_be_shown_a_large_catalog(report):
    small = with_scorer(report, "hybrid", better=0.1, coverage=0.006)
    told = judge(small, FAST, n_items=100_000, settings=SETTINGS)
    coverage = next(check for check in told.checks if check.criterion == "coverage")
    assert coverage.value == pytest.approx(600 / (10 * report.n_visitors))
    assert coverage.passed


@pytest.mark.parametrize(("slow", "expected"), [(49.0, []), (51.0, ["latency"])])
def test_a_slow_candidate_stays_one(report, slow, expected):
    told = verdict(with_scorer(report, "hybrid", better=0.1), Latency(40.0, (30.0, slow)))
    assert failed(told) == expected


def test_every_failed_criterion_is_told(report):
    told = verdict(with_scorer(report, "hybrid", better=-0.1, coverage=0.0), Latency(90.0, (80.0, 99.0)))
    assert failed(told) == ["popularity", "coverage", "latency"]
    for words in ("Not clearly better", "too little", "too slowly: 90.00 ms"):
        assert words in told.reason


def test_checks_survive_json_and_are_told_in_the_readers_language(report):
    check = verdict(with_scorer(report, "hybrid", better=0.1)).checks[0]
    again = Check.from_dict(json.loads(json.dumps(check.as_dict())))
    assert again == check
    with translation.override("fr"):
        assert "0,1000" in again.sentence


def test_latency_is_measured_on_every_visitor_asked_and_has_an_interval(seen):
    latency = measure_latency(Popular().fit(seen), seen, visitors=20)
    assert 0 < latency.interval[0] <= latency.median <= latency.interval[1]


def test_the_code_that_learns_has_a_version():
    release, _plus, digest = code_version().partition("+")
    assert release
    assert len(digest) == 12
    assert int(digest, 16) >= 0


def test_members_that_cannot_run_are_left_out_with_a_note(seen, monkeypatch):
    from personalization.recommend.data import Items

    def missing(self, interactions, items=None):
        raise ImportError('Install it: pip install "wagtail-slots[models]"')

    monkeypatch.setattr("personalization.recommend.scorers.Svd.fit", missing)
    recipe = choose_members(["popular", "svd", "content", "oracle", "popular"], Items(ids=seen.item_ids))
    assert list(recipe.members) == ["popular"]
    assert recipe.notes == (
        'svd was left out: Install it: pip install "wagtail-slots[models]"',
        "content was left out: no item has an embedding yet.",
        "oracle was left out: there is no scorer of this name.",
    )
