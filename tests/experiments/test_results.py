"""What is read from daily sums, held against the statistics called by hand on the same numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personalization.experiments.choices import Measure
from personalization.experiments.models import DaySum, Experiment
from personalization.experiments.readings import ArmReading, Results
from personalization.experiments.results import read_results
from personalization.stats import (
    Proportion,
    Ratio,
    RegressionAdjusted,
    SampleMean,
    benjamini_hochberg,
    compare,
    holm,
    novelty_trend,
    stratified,
)
from tests.experiments.rows import FIRST_DAY, add_row
from tests.experiments.world import make_experiment

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def make(key: str = "test", **fields) -> Experiment:
    return make_experiment(key, **({"summed_at": NOW, "adjusts": False} | fields))


def treated(results: Results, metric: int = 0) -> ArmReading:
    (arm,) = results.metrics[metric].treatments
    return arm


class TestComparison:
    @pytest.mark.parametrize("method", ["sequential", "fixed", "bayesian"])
    def test_is_that_of_the_statistics(self, method):
        experiment = make(method=method, alpha=0.1, prior_sd=0.2)
        add_row(experiment, "control", 1000, 100)
        add_row(experiment, "b", 1010, 130)

        told = compare(Proportion(100, 1000), Proportion(130, 1010), method=method, alpha=0.1, prior_sd=0.2)
        arm = treated(read_results(experiment))
        assert arm.comparison == told
        assert (arm.n, arm.mean) == (1010, 130 / 1010)

    def test_is_adjusted_by_what_visitors_did_before(self):
        experiment = make(adjusts=True)
        sums = {"post_total": 300.0, "post_squares": 500.0, "pre_total": 200.0, "pre_squares": 400.0, "products": 350.0}
        more = sums | {"post_total": 360.0, "products": 380.0}
        add_row(experiment, "control", 1000, sums)
        add_row(experiment, "b", 1000, more)

        told = compare(RegressionAdjusted(n=1000, **sums), RegressionAdjusted(n=1000, **more), method="sequential")
        assert treated(read_results(experiment)).comparison == told
        experiment.adjusts = False
        assert treated(read_results(experiment)).comparison.interval != told.interval

    def test_of_amounts_and_of_clicks_per_impression(self):
        experiment = make(metrics=[Measure.VALUE, Measure.CLICK_RATE], adjusts=True)
        amounts = [_amounts(total) for total in (2000.0, 2100.0)]
        rates = [_rates(clicks) for clicks in (300.0, 390.0)]
        add_row(experiment, "control", 1000, amounts[0], rates[0])
        add_row(experiment, "b", 1000, amounts[1], rates[1])

        results = read_results(experiment)
        values = [RegressionAdjusted(n=1000, **sums) for sums in amounts]
        ratios = [Ratio(n=1000, **sums) for sums in rates]
        assert treated(results).comparison == compare(*values, method="sequential")
        assert treated(results).mean == SampleMean(2100.0, 9000.0, 1000).mean
        assert treated(results, 1).comparison == compare(*ratios, method="sequential")
        assert [metric.unit for metric in results.metrics] == ["amount", "share"]

    def test_within_segments(self):
        experiment = make(stratifies=True)
        for arm, new, loyal in (("control", (1000, 100), (1000, 500)), ("b", (800, 80), (1200, 600))):
            add_row(experiment, arm, *new, segment="new")
            add_row(experiment, arm, *loyal, segment="loyal", day=1)

        strata = [
            {"loyal": Proportion(500, 1000), "new": Proportion(100, 1000)},
            {"loyal": Proportion(600, 1200), "new": Proportion(80, 800)},
        ]
        arm = treated(read_results(experiment))
        assert arm.comparison == stratified(*strata, method="sequential")
        assert arm.comparison.effect == pytest.approx(0)
        experiment.stratifies = False
        assert treated(read_results(experiment)).comparison.effect > 0.1

    @pytest.mark.parametrize(("correction", "correct"), [("holm", holm), ("bh", benjamini_hochberg), ("none", list)])
    def test_p_values_are_corrected_over_goals_and_arms(self, correction, correct):
        metrics = [Measure.CLICKED, Measure.CONVERTED, {"measure": Measure.RETURNED, "role": "secondary"}]
        experiment = make(arms=("control", "b", "c"), weights=(1, 1, 1), metrics=metrics, correction=correction)
        add_row(experiment, "control", 5000, 500, 250, 1000)
        add_row(experiment, "b", 5000, 580, 300, 1200)
        add_row(experiment, "c", 5000, 600, 260, 1000)

        clicked, converted, returned = read_results(experiment).metrics
        arms = [*clicked.treatments, *converted.treatments]
        assert [arm.corrected_p_value for arm in arms] == correct([arm.comparison.p_value for arm in arms])
        assert [arm.corrected_p_value for arm in returned.treatments] == [None, None]

    def test_correction_takes_back_what_one_goal_alone_would_have_shown(self):
        sole = make("sole", method="fixed", planned_visitors=4000)
        several = make("several", method="fixed", planned_visitors=4000, metrics=["clicked", "converted", "returned"])
        for experiment, others in ((sole, ()), (several, (100, 100))):
            add_row(experiment, "control", 2000, 200, *others)
            add_row(experiment, "b", 2000, 243, *others)

        assert read_results(sole).verdict_state == "better"
        assert read_results(several).verdict_state == "none yet"

    def test_those_held_out_stand_beside_and_decide_nothing(self):
        experiment = make()
        add_row(experiment, "control", 1000, 100)
        add_row(experiment, "b", 1000, 100)
        add_row(experiment, "holdout", 1000, 10)

        results = read_results(experiment)
        (held_out,) = [arm for arm in results.metrics[0].arms if arm.part == "holdout"]
        assert held_out.comparison == compare(Proportion(100, 1000), Proportion(10, 1000), method="sequential")
        assert (results.verdict_state, results.progress.n, held_out.outcome) == ("none yet", 2000, "")

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
    @given(st.lists(st.tuples(st.integers(50, 400), st.integers(50, 400)), min_size=1, max_size=5), st.booleans())
    def test_days_pool(self, days, adjusts):
        """The same visitors on one day or on several: the same result."""
        found = []
        for rows in (days, [tuple(map(sum, zip(*days, strict=True)))]):
            experiment = make(f"pooled-{Experiment.objects.count()}", adjusts=adjusts)
            for day, (one, two) in enumerate(rows):
                add_row(experiment, "control", 10 * one, one, day=day, before=one)
                add_row(experiment, "b", 10 * two, 2 * two, day=day, before=two)
            found.append(treated(read_results(experiment)).comparison)
        assert found[0] == found[1]

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
    @given(st.integers(20, 300), st.integers(20, 300), st.sampled_from(["sequential", "bayesian"]))
    def test_where_less_is_better_winning_and_losing_change_places(self, one, two, method):
        told = {}
        for direction in ("increase", "decrease"):
            metrics = [{"measure": "clicked", "direction": direction}]
            experiment = make(f"{direction}-{Experiment.objects.count()}", metrics=metrics, method=method)
            add_row(experiment, "control", 1000, one)
            add_row(experiment, "b", 1000, two)
            told[direction] = read_results(experiment)
        more, less = treated(told["increase"]).comparison, treated(told["decrease"]).comparison
        mirrored = {"better": "worse", "worse": "better", "none yet": "none yet"}
        assert told["decrease"].verdict_state == mirrored[told["increase"].verdict_state]
        assert (less.effect, less.interval) == (more.effect, more.interval)
        assert less == more.where_less_is_better()


def _amounts(total: float) -> dict[str, float]:
    return {"post_total": total, "post_squares": 9000.0, "pre_total": 500.0, "pre_squares": 900.0, "products": 1200.0}


def _rates(clicks: float) -> dict[str, float]:
    squares = {"numerator_squares": 2 * clicks, "denominator_squares": 30_000.0}
    return {"numerator_total": clicks, "denominator_total": 5000.0, "products": 1900.0} | squares


class TestOverTime:
    def test_series_is_the_confidence_sequence_whatever_the_method(self):
        experiment = make(method="fixed", planned_visitors=100_000)
        for day in range(3):
            add_row(experiment, "control", 500, 50 + day, day=day)
            add_row(experiment, "b", 500, 60 + day, day=day)

        series = treated(read_results(experiment)).series
        assert [point.n for point in series] == [1000, 2000, 3000]
        assert [point.day - FIRST_DAY for point in series] == [timedelta(days=day) for day in range(3)]
        told = compare(Proportion(101, 1000), Proportion(121, 1000), method="sequential")
        assert (series[1].effect, series[1].interval) == (told.effect, told.interval)

    def test_trend_is_of_days_whose_visitors_had_all_their_time(self):
        experiment = make(window_days=7, summed_at=datetime(2026, 3, 15, 1, tzinfo=UTC))
        rates = [160, 140, 120, 100, 100, 10]
        for day, clicks in enumerate(rates):
            add_row(experiment, "control", 1000, 100, day=day)
            add_row(experiment, "b", 1000, clicks, day=day)

        told = [[Proportion(100, 1000)] * 6, [Proportion(clicks, 1000) for clicks in rates]]
        assert treated(read_results(experiment)).trend == novelty_trend(*told)
        experiment.summed_at -= timedelta(days=1)
        assert treated(read_results(experiment)).trend == novelty_trend(*(days[:5] for days in told))

    def test_progress_projects_the_end_from_full_days(self):
        experiment = make(planned_visitors=4000, summed_at=datetime(2026, 3, 6, 12, tzinfo=UTC))
        for day, n in enumerate((150, 150, 0, 300, 20)):
            if n:
                add_row(experiment, "control", n, 10, day=day)
                add_row(experiment, "b", n, 10, day=day)

        progress = read_results(experiment).progress
        assert (progress.n, progress.share) == (1240, 0.31)
        assert progress.days_left == 10  # 2,760 are missing, 300 come a day
        assert str(progress.ends_on) == "2026-03-16"
        experiment.status = "paused"
        assert read_results(experiment).progress.ends_on is None


class TestBeside:
    def test_slices_add_up_and_are_not_judged(self):
        experiment = make()
        for device, clicks in (("desktop", 90), ("mobile", 180)):
            add_row(experiment, "control", 1000, 100, device=device)
            add_row(experiment, "b", 1000, clicks, device=device)

        slices = read_results(experiment).slices
        assert [(part.dimension, part.value) for part in slices] == [("device", "desktop"), ("device", "mobile")]
        told = compare(Proportion(100, 1000), Proportion(180, 1000), method="sequential")
        arm = slices[1].arms[1]
        assert (arm.comparison, arm.corrected_p_value, arm.outcome) == (told, None, "")

    def test_factors_are_told_apart(self):
        clicks = {("old", "red"): 100, ("old", "blue"): 110, ("new", "red"): 120, ("new", "blue"): 190}
        arms = ["control", "b", "c", "d"]
        experiment = make(arms=arms, weights=(1, 1, 1, 1))
        for arm, (ranking, colour) in zip(experiment.arms.order_by("sort_order"), clicks, strict=True):
            arm.levels = f"ranking={ranking}, colour = {colour}"
            arm.save()
            add_row(experiment, arm.key, 1000, clicks[ranking, colour])

        factors = read_results(experiment).factors
        assert [(found.factors, found.levels) for found in factors] == [
            (("ranking",), ("new",)),
            (("colour",), ("blue",)),
            (("ranking", "colour"), ("new", "blue")),
        ]
        assert factors[0].comparison.effect == pytest.approx((310 - 210) / 210)
        corrected = holm([found.comparison.p_value for found in factors])
        assert [found.corrected_p_value for found in factors] == corrected
        experiment.arms.filter(key="d").update(levels="")
        assert read_results(experiment).factors == ()

    def test_a_bandit_is_held_against_equal_shares_and_its_arms_are_not_judged(self):
        experiment = make(allocation="thompson")
        for key, (n, clicks), (held_n, held_clicks) in (
            ("control", (1000, 50), (500, 25)),
            ("b", (9000, 900), (500, 50)),
        ):
            add_row(experiment, key, n, clicks)
            add_row(experiment, key, held_n, held_clicks, is_holdback=True)

        results = read_results(experiment)
        control, bandit, *served = results.metrics[0].arms
        assert (control.key, control.n, bandit.key, bandit.n) == ("holdback", 1000, "bandit", 10_000)
        assert bandit.comparison == compare(Proportion(75, 1000), Proportion(950, 10_000), method="sequential")
        assert [(arm.key, arm.part, arm.comparison, arm.n) for arm in served] == [
            ("control", "served", None, 1500),
            ("b", "served", None, 9500),
        ]

    def test_each_phase_is_read_for_itself(self):
        experiment = make()
        first = experiment.phase
        second = experiment.phases.create(number=2, weights={"control": 1, "b": 1})
        for phase, clicks in ((first, 100), (second, 150)):
            add_row(experiment, "control", 1000, 100, phase=phase)
            add_row(experiment, "b", 1000, clicks, phase=phase)

        assert treated(read_results(experiment, first)).comparison.effect == 0
        assert treated(read_results(experiment)).comparison.effect == pytest.approx(0.5)

    def test_a_draft_has_nothing_to_tell(self):
        experiment = make(status="draft")
        experiment.phases.all().delete()
        results = read_results(experiment)
        assert (results.phase, results.verdict_state, results.metrics) == (None, "too early", ())

    def test_sums_are_all_that_is_read(self):
        experiment = make()
        assert read_results(experiment).verdict_state == "too early"
        assert not DaySum.objects.exists()
