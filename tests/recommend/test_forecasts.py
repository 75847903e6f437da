"""Forecasts: rhythms are recognised, bounds hold what they promise, and repeating the past is beaten."""

import csv
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from personalization.recommend import forecasts
from personalization.recommend.forecasts import (
    SECONDS_PER_DAY,
    Return,
    Rhythm,
    backtest_demand,
    backtest_returns,
    forecast_demand,
    forecast_return,
    return_state,
    visit_intervals,
)

DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data"))
RATINGS = DATA / "movielens-100k" / "u.data"


def population(spread: float, *, visitors: int = 60, drift: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    lengths = random.integers(4, 14, size=visitors)
    levels = random.normal(np.log(5.0), 0.7, size=visitors)
    return [
        np.exp(level + drift * np.arange(length) + random.normal(0.0, spread, length))
        for level, length in zip(levels, lengths, strict=True)
    ]


@pytest.fixture
def without_statsforecast(monkeypatch):
    monkeypatch.setattr(forecasts, "has_statsforecast", lambda: False)


def test_visits_are_pauses_apart_whatever_the_order_of_events():
    minutes = np.array([0, 10, 25, 24 * 60, 24 * 60 + 5, 72 * 60])
    shuffled = np.random.default_rng(0).permutation(minutes * 60.0)
    assert visit_intervals(shuffled).tolist() == [1.0, 2.0]
    assert visit_intervals(minutes * 60.0, gap_minutes=9).tolist() == pytest.approx(
        [1 / 48, 1 / 48, (24 * 60 - 25) / 1440, 2.0], abs=1e-9
    )
    assert len(visit_intervals([])) == len(visit_intervals([5.0])) == 0


def test_who_has_not_come_back_has_no_rhythm():
    expected = forecast_return(np.empty(0), Rhythm())
    assert expected is None
    assert return_state(expected, 3.0) == "unknown"
    assert return_state(Return(1.0, 2.0, 3.0), None) == "unknown"


@pytest.mark.parametrize("method", ["mean", "ses", "auto"])
def test_regular_visitors_are_told_from_irregular_ones(method):
    rhythm = Rhythm.of(population(0.5))
    weekly = forecast_return(np.array([7.0, 6.8, 7.1, 7.0, 7.2, 6.9]), rhythm, method)
    moody = forecast_return(np.array([1.0, 20.0, 3.0, 30.0, 2.0, 12.0]), rhythm, method)
    assert weekly.typical == pytest.approx(7.0, rel=0.1)
    assert weekly.high / weekly.low < moody.high / moody.low
    assert [weekly.state(days) for days in (0.5, weekly.typical, 30.0)] == ["early", "due", "overdue"]


def test_few_intervals_lean_on_the_population():
    rhythm = Rhythm(mean=float(np.log(10.0)), within=0.5, between=0.5)
    once = forecast_return(np.array([2.0]), rhythm)
    often = forecast_return(np.full(30, 2.0), rhythm)
    assert 2.0 < often.typical < once.typical < 10.0
    assert often.typical == pytest.approx(2.0, rel=0.1)


def test_a_rhythm_of_too_few_is_a_week_give_or_take():
    assert Rhythm.of([]) == Rhythm.of([np.array([3.0]), np.empty(0)]) == Rhythm()


@pytest.mark.parametrize("spread", [0.25, 1.0])
def test_repeating_the_last_interval_is_beaten_and_bounds_hold_four_in_five(spread):
    figures = backtest_returns(population(spread))
    assert figures["naive"]["mase"] == 1.0
    for method in ("mean", "auto"):
        assert figures[method]["mase"] < 0.9
        assert 0.7 < figures[method]["coverage"] < 0.9


def test_smoothing_follows_who_comes_ever_more_seldom():
    slowing = population(0.3, drift=0.15)
    figures = backtest_returns(slowing, ["mean", "ses", "auto"])
    assert figures["ses"]["mae"] < figures["auto"]["mae"] < figures["mean"]["mae"]


def test_crostons_rate_becomes_an_interval():
    every_third_day = forecast_return(np.full(12, 3.0), Rhythm.of(population(0.3)), "croston")
    assert every_third_day.typical == pytest.approx(3.0, rel=0.15)


def test_everything_works_without_statsforecast(without_statsforecast):
    intervals = np.array([7.0, 6.0, 8.0, 7.0, 9.0])
    assert forecast_return(intervals, Rhythm()) == forecast_return(intervals, Rhythm(), "mean")
    assert forecast_demand([3.0] * 60).method == "weekdays"


def test_what_is_missing_is_named(monkeypatch):
    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(forecasts, "import_module", absent)
    with pytest.raises(ImportError, match=r"wagtail-slots\[forecasts\]"):
        forecast_return(np.full(5, 3.0), Rhythm(), "ses")


@pytest.mark.parametrize("method", ["weekdays", "ets", "auto"])
def test_the_week_is_seen_in_demand(method):
    random = np.random.default_rng(1)
    expected = np.array([20.0, 20.0, 20.0, 20.0, 20.0, 4.0, 4.0])
    told = forecast_demand(random.poisson(np.tile(expected, 12)), method=method)
    assert told.mean.shape == told.low.shape == told.high.shape == (14,)
    assert np.abs(told.mean - np.tile(expected, 2)).max() < 6.0
    assert (told.low >= 0).all()
    assert (told.low <= told.mean).all()
    assert (told.mean <= told.high).all()


def test_short_and_empty_series_are_forecast_too():
    assert forecast_demand([]).mean.tolist() == [0.0] * 14
    assert forecast_demand([0.0] * 90).mean.max() < 1e-6
    assert forecast_demand([2.0, 4.0], horizon=3).mean.tolist() == [3.0, 3.0, 3.0]


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="not negative"):
        forecast_demand([1.0, -1.0])
    with pytest.raises(ValueError, match="no method"):
        forecast_demand([1.0] * 30, method="magic")
    with pytest.raises(ValueError, match="no method"):
        forecast_return(np.array([1.0]), Rhythm(), "magic")
    with pytest.raises(ValueError, match="come back twice"):
        backtest_returns([np.array([1.0])])
    with pytest.raises(ValueError, match="six weeks"):
        backtest_demand({"moon": np.ones(20)})


def test_demand_beats_the_last_week_again():
    random = np.random.default_rng(2)
    days = np.arange(84)
    rates = {f"tag{n}": np.exp(2.0 + 0.2 * n) * (1 + 0.5 * np.sin(2 * np.pi * days / 7 + n)) for n in range(4)}
    figures = backtest_demand({tag: random.poisson(rate).astype(float) for tag, rate in rates.items()})
    assert figures["auto"]["mase"] < 0.85
    assert figures["weekdays"]["mase"] < 0.95
    assert 0.65 < figures["auto"]["coverage"] < 0.92


@pytest.mark.skipif(not RATINGS.exists(), reason="needs the real data beside the checkout")
def test_real_visitors_return_as_forecast():
    times = defaultdict(list)
    with RATINGS.open(encoding="utf-8") as lines:
        for user, _item, _rating, at in csv.reader(lines, delimiter="\t"):
            times[user].append(float(at))
    intervals = [days for seen in times.values() if len(days := visit_intervals(seen))]
    figures = backtest_returns(intervals)["auto"]
    assert figures["points"] > 1_000
    assert figures["mase"] < 0.82
    assert figures["coverage"] == pytest.approx(0.8, abs=0.04)


def test_days_are_days():
    assert visit_intervals([0.0, SECONDS_PER_DAY]).tolist() == [1.0]
