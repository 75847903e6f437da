"""Plans agree with the statistics, and are made of what visitors really did in the slot."""

from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalization.experiments import traffic
from personalization.experiments.models import Arm, Metric, NamespaceRange
from personalization.experiments.planning import Design, days_for, plan, read_plans
from personalization.stats import (
    Proportion,
    Ratio,
    RegressionAdjusted,
    SampleMean,
    minimum_detectable_effect,
    sample_size,
)
from tests.experiments.world import act, make_experiment

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
EQUAL = Design(weights=(1.0, 1.0), lift=0.2)
BASELINE = Proportion(100, 2000)


class TestPlan:
    def test_is_that_of_the_statistics(self):
        found = plan(BASELINE, [1000] * 28, EQUAL)
        assert (found.baseline, found.daily_visitors) == (0.05, 1000)
        controls = sample_size(0.05, 0.2, method="sequential")
        assert found.sample_size == 2 * controls
        assert found.days == -(-found.sample_size // 1000)
        assert found.minimum_detectable_effect == minimum_detectable_effect(0.05, 14_000, method="sequential")

    def test_of_unequal_arms_the_smallest_needs_its_visitors(self):
        found = plan(BASELINE, [1000] * 28, Design(weights=(2.0, 1.0, 1.0), lift=0.2, method="fixed"))
        assert found.sample_size == 2 * sample_size(0.05, 0.2, ratio=0.5)

    def test_of_amounts_counts_how_much_visitors_differ(self):
        found = plan(SampleMean(2000.0, 9000.0, 1000), [100] * 28, Design(weights=(1.0, 1.0), lift=0.1, method="fixed"))
        sd = ((9000 - 2000**2 / 1000) / 999) ** 0.5
        assert found.sample_size == 2 * sample_size(2.0, 0.1, sd=sd)

    def test_what_visitors_did_before_makes_a_test_smaller(self):
        post, pre = [float(n % 7) for n in range(700)], [float(n % 7 + n % 3) for n in range(700)]
        plain, adjusted = SampleMean.from_values(post), RegressionAdjusted.from_values(post, pre)
        sizes = [plan(known, [100], EQUAL).sample_size for known in (plain, adjusted)]
        assert sizes[1] < sizes[0] / 2

    def test_of_clicks_per_impression_the_visitor_is_the_unit(self):
        clicks, impressions = [n % 3 for n in range(900)], [4 + 3 * (n % 3) for n in range(900)]
        ratio = Ratio.from_values(clicks, impressions)
        assert plan(ratio, [100], EQUAL).baseline == ratio.mean
        assert plan(ratio, [100], EQUAL).sample_size > 0

    @pytest.mark.parametrize("unknown", [Proportion(0, 0), Proportion(0, 500), Proportion(500, 500), SampleMean()])
    def test_without_a_history_nothing_is_promised(self, unknown):
        found = plan(unknown, [], EQUAL)
        assert (found.sample_size, found.days, found.minimum_detectable_effect) == (None, None, None)

    def test_what_no_number_of_visitors_shows(self):
        assert plan(Proportion(900, 1000), [100] * 28, EQUAL).sample_size is None

    @given(st.lists(st.integers(0, 500), min_size=1, max_size=40), st.integers(1, 20_000))
    def test_days_bring_the_visitors_that_are_needed(self, daily, needed):
        days = days_for(needed, daily)
        recent = daily[-7:]
        if days is None:
            assert sum(recent) == 0
            return
        come = sum(daily[:days]) + max(0, days - len(daily)) * sum(recent) / len(recent)
        assert come >= needed
        before = sum(daily[: days - 1]) + max(0, days - 1 - len(daily)) * sum(recent) / len(recent)
        assert before < needed

    @given(st.floats(0.02, 0.4), st.floats(0.05, 1.0), st.sampled_from(["fixed", "sequential", "bayesian"]))
    def test_smaller_effects_take_longer(self, rate, lift, method):
        known = Proportion(round(1000 * rate), 1000)
        larger, smaller = (
            plan(known, [500] * 28, Design((1.0, 1.0), part, method=method)) for part in (lift, lift / 2)
        )
        assert smaller.sample_size >= larger.sample_size
        assert smaller.days >= larger.days


@pytest.mark.django_db
class TestHistory:
    @pytest.fixture
    def experiment(self):
        """Ten new visitors a day for three weeks, of whom three click, and one comes back every day."""
        experiment = make_experiment(status="draft", adjusts=False, window_days=7)
        for day in range(1, 22):
            at = NOW - timedelta(days=day)
            for number in range(10):
                visitor = md5(f"{day} {number}".encode()).hexdigest()
                act(visitor, "impression", at=at)
                if number < 3:
                    act(visitor, "click", at=at + timedelta(minutes=5))
            act("f" * 32, "impression", at=at)
        return experiment

    def test_of_the_slots_visitors_is_planned_with(self, experiment):
        (found,) = read_plans(experiment, NOW)
        assert found.metric == "Visitors who click"
        assert found.daily_visitors == pytest.approx(211 / 21)
        complete = 14 * 10 + 1  # of the last week nobody has had all of a week
        assert found.baseline == 14 * 3 / complete
        assert found.sample_size == 2 * sample_size(found.baseline, 0.1, method="sequential")
        assert found.days == -(-(found.sample_size - 211) // 10) + 21

    def test_who_takes_no_part_is_no_traffic(self, experiment):
        experiment.coverage, experiment.holdout = 50.0, 20.0
        experiment.save()
        NamespaceRange.objects.create(experiment=experiment, namespace="home", start=0.0, end=0.5)
        (found,) = read_plans(experiment, NOW)
        assert found.daily_visitors == pytest.approx(211 / 21 / 5, rel=0.05)

    def test_only_believed_events_of_those_who_allow_it_count(self, experiment):
        (before,) = read_plans(experiment, NOW)
        at = NOW - timedelta(days=12)
        act("a" * 32, "impression", at=at, for_analytics=False)
        act("b" * 32, "impression", at=at, verdict="burst")
        act("c" * 32, "impression", at=at, slot_key="another")
        act("d" * 32, "impression", at=NOW - timedelta(days=40))
        assert read_plans(experiment, NOW) == (before,)

    def test_a_busy_slot_is_read_in_part(self, experiment, monkeypatch):
        monkeypatch.setattr(traffic, "MOST_EVENTS", 115)
        found = traffic.read_traffic(experiment, NOW)
        assert found.share == pytest.approx(115 / 231)
        assert sum(row.n for row in found.complete) < 0.7 * 141
        assert sum(found.daily) == pytest.approx(211, rel=0.25)

    def test_several_goals_and_arms_share_the_risk(self, experiment):
        (alone,) = read_plans(experiment, NOW)
        Metric.objects.create(experiment=experiment, measure="returned", sort_order=1)
        Arm.objects.create(experiment=experiment, key="c", name="C", sort_order=2)
        clicked, _returned = read_plans(experiment, NOW)
        controls = sample_size(clicked.baseline, 0.1, alpha=0.05 / 4, method="sequential")
        assert clicked.sample_size == 3 * controls > alone.sample_size

    def test_where_less_is_better_a_fall_is_planned(self, experiment):
        experiment.metrics.update(direction="decrease")
        (found,) = read_plans(experiment, NOW)
        assert found.sample_size == 2 * sample_size(found.baseline, -0.1, method="sequential")

    def test_a_slot_that_nobody_saw(self):
        (found,) = read_plans(make_experiment(status="draft"), NOW)
        assert (found.baseline, found.daily_visitors, found.sample_size) == (None, 0.0, None)
