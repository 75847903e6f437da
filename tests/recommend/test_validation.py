"""What is set aside before learning, and what must never be."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personalization.recommend.validation import DAY, HOUR, RULES, BrokenFrameError, Limits, validate

NOW = 400.0 * DAY
DATA = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data"))


def frame_of(rows, **columns):
    table = pd.DataFrame(rows, columns=["visitor", "item", "kind", "time"]).astype({"time": float})
    return table.assign(**{"network": "", "duration": np.nan} | columns)


def ordinary(n=3_000, *, seed=0, visitors=300, items=60, networks=200, days=20):
    """Give visitors with habits: views, some with a dwell; items of unequal appeal; each visitor in its own network."""
    random = np.random.default_rng(seed)
    appeal = random.gamma(0.7, size=items)
    who = random.integers(visitors, size=n)
    what = random.choice(items, size=n, p=appeal / appeal.sum())
    kinds = random.choice(["view", "click", "dwell"], size=n, p=[0.5, 0.2, 0.3])
    times = NOW - random.uniform(0, days * DAY, size=n)
    return pd.DataFrame(
        {
            "visitor": [f"v{number}" for number in who],
            "item": [f"page:{number}" for number in what],
            "kind": kinds,
            "time": times,
            "duration": np.where(kinds == "dwell", random.exponential(40, size=n), np.nan),
            "network": [f"net{number % networks}-{int(at // DAY)}" for number, at in zip(who, times, strict=True)],
        }
    )


def clicks(n, *, item="page:1", network="robot", visitors=None, at=NOW - HOUR, seed=1, kind="click"):
    random = np.random.default_rng(seed)
    owners = np.arange(n) if visitors is None else np.arange(n) % visitors
    rows = [
        (f"script{owner}", item, kind, at + second)
        for owner, second in zip(owners, random.uniform(0, 3000, n), strict=True)
    ]
    return frame_of(rows, network=network)


def with_added(*parts):
    return pd.concat(parts, ignore_index=True)


def rules_of(checked):
    return dict(checked.quarantined.groupby("rule").size())


def test_ordinary_traffic_is_kept_whole():
    checked = validate(ordinary(), now=NOW)
    assert checked.report.as_dict() == {"rows": 3000, "kept": 3000, "found": {}}
    assert len(checked.quarantined) == 0


@pytest.mark.parametrize("name", ["movielens-small", "movielens-100k"])
def test_what_real_people_rated_is_kept_whole(name):
    small = name == "movielens-small"
    path = DATA / name / ("ratings.csv" if small else "u.data")
    if not path.exists():
        pytest.skip(f"MovieLens is not at {path}; set PERSONALIZATION_DATA")
    columns = ["visitor", "item", "rating", "time"]
    rows = pd.read_csv(path, sep="," if small else "\t", header=0 if small else None, names=columns, dtype=str)
    rows = rows.drop(columns="rating").assign(kind="view", time=rows["time"].astype(float))
    assert validate(rows, now=2e9).report.quarantined == 0


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"visitor": ""}, "missing"),
        ({"visitor": None}, "missing"),
        ({"item": None}, "missing"),
        ({"time": np.nan}, "missing"),
        ({"time": -1.0}, "range"),
        ({"duration": -5.0}, "range"),
        ({"value": np.inf}, "range"),
        ({"time": NOW + 1}, "future"),
        ({"published": NOW}, "unpublished"),
        ({"duration": 6 * HOUR + 1.0}, "outlier"),
    ],
)
def test_a_row_that_cannot_be_is_set_aside_by_its_rule(change, rule):
    rows = ordinary(200).assign(value=np.nan, published=np.nan)
    for column, value in change.items():
        rows.loc[17, column] = value
    checked = validate(rows, now=NOW)
    assert rules_of(checked) == {rule: 1}
    assert checked.quarantined.index.tolist() == [17]


def test_a_fact_told_twice_counts_once():
    rows = ordinary(100)
    checked = validate(with_added(rows, rows.iloc[[3, 3, 8]]), now=NOW)
    assert rules_of(checked) == {"duplicate": 3}
    pd.testing.assert_frame_equal(checked.kept, rows)


def test_a_visitor_faster_than_any_person_loses_the_day_and_not_the_rest():
    rush = frame_of([("fast", f"page:{n % 60}", "view", NOW - 2 * HOUR + 3.0 * n + n % 7) for n in range(1000)])
    before = frame_of([("fast", "page:2", "view", NOW - 5 * DAY)])
    checked = validate(with_added(ordinary(), before, rush), now=NOW)
    assert rules_of(checked) == {"robot": 1000}


def test_a_day_of_reading_without_dwelling_is_a_robots_where_others_dwell():
    random = np.random.default_rng(2)
    silent = frame_of([("silent", f"page:{n % 60}", "view", NOW - random.uniform(0, 20) * HOUR) for n in range(60)])
    people = ordinary(visitors=30)
    silent["time"] = np.floor(NOW / DAY - 1) * DAY + random.uniform(0, DAY, 60)
    assert rules_of(validate(with_added(people, silent), now=NOW)) == {"robot": 60}
    nobody_tells = people[people["kind"] != "dwell"]
    assert rules_of(validate(with_added(nobody_tells, silent), now=NOW)) == {}


def test_somebody_as_steady_as_a_clock_is_a_robot():
    ticks = frame_of([("clock", f"page:{n}", "view", NOW - DAY / 2 + 60.0 * n) for n in range(40)])
    assert rules_of(validate(with_added(ordinary(), ticks), now=NOW)) == {"robot": 40}


@pytest.mark.parametrize("visitors", [None, 400])
@pytest.mark.parametrize("kind", ["click", "impression"])
def test_ten_thousand_scripted_events_from_one_range_are_set_aside_and_nobody_elses(visitors, kind):
    people = ordinary()
    checked = validate(with_added(people, clicks(10_000, visitors=visitors, kind=kind)), now=NOW)
    assert rules_of(checked) == {"burst": 10_000}
    pd.testing.assert_frame_equal(checked.kept, people)


def test_a_little_noise_elsewhere_does_not_hide_a_burst():
    noise = [clicks(2, item=f"page:{n}", seed=n) for n in range(2, 30)]
    checked = validate(with_added(ordinary(), clicks(10_000), *noise), now=NOW)
    assert rules_of(checked)["burst"] >= 10_000


def test_bursts_on_several_items_are_each_set_aside():
    checked = validate(with_added(ordinary(), *(clicks(500, item=f"page:{n}", seed=n) for n in range(5))), now=NOW)
    assert rules_of(checked) == {"burst": 2500}


def test_an_intranet_whose_readers_share_one_range_is_not_suspected():
    people = ordinary(20_000, visitors=2000, days=2).assign(network="office")
    news = frame_of([(f"v{n}", "page:new", "view", NOW - HOUR - n) for n in range(1500)], network="office")
    assert rules_of(validate(with_added(people, news), now=NOW)) == {}


def test_a_story_that_travels_is_believed():
    random = np.random.default_rng(3)
    readers = [
        (f"reader{n}", "page:5", kind, NOW - 2 * HOUR + random.uniform(0, HOUR))
        for n in range(900)
        for kind in ("view", "dwell")
    ]
    story = frame_of(readers, network=[f"home{n // 4}" for n in range(1800)], duration=30.0)
    assert rules_of(validate(with_added(ordinary(), story), now=NOW)) == {}


def test_a_rush_of_visitors_who_do_nothing_else_is_set_aside_even_without_ranges():
    people = ordinary().drop(columns="network")
    checked = validate(with_added(people, clicks(2000).drop(columns="network")), now=NOW)
    assert rules_of(checked) == {"burst": 2000}
    pd.testing.assert_frame_equal(checked.kept, people)


def test_an_item_that_always_is_that_busy_is_not_suspected():
    busy = [clicks(120, network="", at=NOW - (1 + n) * HOUR, seed=n).assign(visitor=f"x{n}-") for n in range(168)]
    rows = with_added(*busy)
    rows["visitor"] += rows.groupby("visitor").cumcount().astype(str)
    checked = validate(rows, now=NOW)
    last = checked.kept[checked.kept["time"] > NOW - HOUR]
    assert len(last) == 120


def test_what_a_person_released_is_not_suspected_again():
    rows = with_added(ordinary(), clicks(10_000))
    trusted = (rows["network"] == "robot").to_numpy()
    assert validate(rows.assign(trusted=trusted), now=NOW).report.quarantined == 0


def test_a_batch_whose_clock_is_wrong_is_broken():
    with pytest.raises(BrokenFrameError, match="3000 of 3000 rows are impossible, most of them as 'future'"):
        validate(ordinary(), now=NOW - 100 * DAY)


def test_scripts_cannot_break_a_batch_however_much_they_send():
    assert validate(with_added(ordinary(300), clicks(10_000)), now=NOW).report.kept == 300


@pytest.mark.parametrize(
    "change", [lambda rows: rows.drop(columns="kind"), lambda rows: rows.assign(time=rows["time"].astype(str))]
)
def test_a_batch_of_another_shape_is_broken(change):
    with pytest.raises(BrokenFrameError, match=r"not the expected columns: .*(kind|str)"):
        validate(change(ordinary(50)), now=NOW)


def test_an_empty_batch_is_no_error():
    report = validate(ordinary(10).iloc[:0], now=NOW).report
    assert (report.rows, report.kept, report.quarantined) == (0, 0, 0)


@settings(max_examples=15)
@given(st.data())
def test_every_row_is_either_kept_or_set_aside_by_one_rule(data):
    n = data.draw(st.integers(0, 60))
    column = lambda strategy: data.draw(st.lists(strategy, min_size=n, max_size=n))  # noqa: E731
    rows = pd.DataFrame(
        {
            "visitor": pd.Series(column(st.sampled_from(["a", "b", ""])), dtype=object),
            "item": pd.Series(column(st.sampled_from(["x", "y", ""])), dtype=object),
            "kind": pd.Series(column(st.sampled_from(["view", "dwell", "impression"])), dtype=object),
            "time": np.array(column(st.floats(-10, 1000)), dtype=float),
            "duration": np.array(column(st.floats(-10, 1e5) | st.just(np.nan)), dtype=float),
            "network": pd.Series(column(st.sampled_from(["n", ""])), dtype=object),
        }
    )
    checked = validate(rows, now=500.0, limits=Limits(broken_share=1.0, burst_floor=0.5, events_per_hour=3))
    together = pd.concat([checked.kept, checked.quarantined]).sort_index()
    pd.testing.assert_frame_equal(together[rows.columns], rows)
    assert set(checked.quarantined["rule"]) <= set(RULES)
    assert checked.report.kept == len(checked.kept)
    assert checked.report.quarantined == len(checked.quarantined)
    again = validate(checked.kept, now=500.0, limits=Limits())
    assert not {"missing", "range", "future"} & set(again.quarantined["rule"])
