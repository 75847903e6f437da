"""Faults are seen before any result, and keep the verdict back; and what may be concluded is said in sentences."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation
from wagtail.log_actions import log

from personalization.events.models import Event
from personalization.experiments.flagging import LOG_FLAG
from personalization.experiments.health import Check, read_health
from personalization.experiments.models import Experiment, Overlap
from personalization.experiments.pooling import read_rows
from personalization.experiments.results import read_results
from personalization.stats import sample_ratio_mismatch
from tests.experiments.rows import add_row
from tests.experiments.world import expose, make_experiment

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


def make(key: str = "test", **fields) -> Experiment:
    return make_experiment(key, **({"summed_at": NOW, "adjusts": False} | fields))


def check_of(experiment: Experiment, code: str) -> Check:
    checks = read_health(experiment, experiment.phase, read_rows(experiment.phase))
    return next(check for check in checks if check.code == code)


class TestRatio:
    def test_losing_a_tenth_of_one_arm_blocks_the_verdict(self):
        experiment = make()
        for day in range(10):
            add_row(experiment, "control", 1000, 100, day=day)
            add_row(experiment, "b", 900, 180, day=day)

        results = read_results(experiment)
        check = results.checks[0]
        assert sample_ratio_mismatch([10_000, 9_000], [1, 1]) < 0.001
        assert (check.code, check.level, check.blocks) == ("ratio", "danger", True)
        assert "10,000 : 9,000" in check.text
        assert "9,500 : 9,500" in check.text
        assert results.verdict_state == "blocked"
        assert "Visitors per arm" in results.summary
        assert {arm.outcome for metric in results.metrics for arm in metric.arms} == {""}

    def test_weights_are_those_of_the_phase(self):
        experiment = make(weights=(9, 1))
        add_row(experiment, "control", 9000, 900)
        add_row(experiment, "b", 1000, 100)
        assert check_of(experiment, "ratio").level == "ok"
        experiment.phases.update(weights={"control": 1, "b": 1})
        assert check_of(experiment, "ratio").level == "danger"

    @pytest.mark.parametrize(
        ("one", "two", "name"),
        [
            ({"device": "mobile"}, {"device": "desktop"}, "mobile"),
            ({"locale": "de"}, {"locale": "en"}, "de"),
            ({"day": 1}, {"day": 0}, "March 3, 2026"),
        ],
    )
    def test_a_fault_that_evens_out_in_the_whole_is_seen_in_its_slice(self, one, two, name):
        experiment = make()
        for lost, rows in (("b", one), ("control", two)):
            for arm in ("control", "b"):
                add_row(experiment, arm, 800 if arm == lost else 1000, 100, **rows)

        check = check_of(experiment, "ratio")
        assert check.level == "danger"
        assert name in check.text or "800" in check.text

    def test_sound_slices_are_many_chances_to_look_bad(self):
        """One slice at p = 0.0005 among thirty is no alarm; alone it is one."""
        experiment = make()
        for day in range(30):
            add_row(experiment, "control", 500, 50, day=day)
            add_row(experiment, "b", 615 if day == 3 else 500, 50, day=day)
        assert sample_ratio_mismatch([500, 615], [1, 1]) < 0.001
        assert check_of(experiment, "ratio").level == "ok"

    def test_a_handful_of_visitors_is_no_fault(self):
        experiment = make(weights=(99, 1))
        add_row(experiment, "b", 2, 0)
        assert "too few" in check_of(experiment, "ratio").text

    def test_a_bandit_is_looked_at_within_its_holdback(self):
        experiment = make(allocation="thompson")
        for day in range(2):
            add_row(experiment, "control", 500, 50, day=day, is_holdback=True)
            add_row(experiment, "b", 520, 50, day=day, is_holdback=True)
        add_row(experiment, "b", 9000, 900)
        assert check_of(experiment, "ratio").level == "ok"
        add_row(experiment, "b", 100, 10, day=1, is_holdback=True, device="mobile")
        assert check_of(experiment, "ratio").level == "danger"


class TestOtherFaults:
    @pytest.mark.parametrize(("lost", "level"), [(0, "ok"), (5, "ok"), (40, "warning"), (300, "danger")])
    def test_visitors_in_several_arms(self, lost, level):
        experiment = make()
        add_row(experiment, "control", 1000, 100)
        add_row(experiment, "b", 1000, 100)
        if lost:
            add_row(experiment, "", lost, 0)
        check = check_of(experiment, "several arms")
        assert (check.level, check.blocks) == (level, level == "danger")

    def test_visitors_in_several_arms_that_leave_the_others_uneven(self):
        experiment = make()
        add_row(experiment, "control", 10_000, 100)
        add_row(experiment, "b", 9000, 100)
        add_row(experiment, "", 400, 0)
        assert check_of(experiment, "several arms").level == "danger"

    @pytest.mark.parametrize(("before", "level"), [(105, "ok"), (147, "warning"), (180, "danger")])
    def test_arms_that_differed_before(self, before, level):
        experiment = make()
        add_row(experiment, "control", 1000, 100, before=100)
        add_row(experiment, "b", 1000, 100, before=before)
        check = check_of(experiment, "before")
        assert (check.level, check.blocks) == (level, level == "danger")

    def test_an_effect_that_fades(self):
        experiment = make()
        for day, clicks in enumerate([300, 240, 180, 130, 100, 100]):
            add_row(experiment, "control", 1000, 100, day=day)
            add_row(experiment, "b", 1000, clicks, day=day)
        check = check_of(experiment, "novelty")
        assert (check.level, check.blocks) == ("warning", False)
        assert "Visitors who click" in check.text

    def test_visitors_who_still_have_time_are_no_fading_effect(self):
        experiment = make(summed_at=datetime(2026, 3, 9, tzinfo=UTC), window_days=3)
        for day in range(6):
            add_row(experiment, "control", 1000, 100, day=day)
            add_row(experiment, "b", 1000, 200 if day < 4 else 110, day=day)
        assert check_of(experiment, "novelty").level == "ok"

    def test_events_of_scripts(self):
        experiment = make()
        add_row(experiment, "control", 10, 1)
        assert check_of(experiment, "events").level == "ok"
        for number in range(3):
            expose(experiment, f"bot-{number}", "b", verdict="burst")
        expose(experiment, "somebody", "b")
        expose(experiment, "bot", "b", phase=2, verdict="burst")
        check = check_of(experiment, "events")
        assert check.level == "warning"
        assert check.text.startswith("3 exposures")

    def test_flags_switched_during_the_phase(self):
        experiment = make()
        assert check_of(experiment, "flags").level == "ok"
        for is_on in (False, True):
            log(instance=experiment, action=LOG_FLAG, data={"flag": "f", "on": is_on})
        assert "2 times" in check_of(experiment, "flags").text
        experiment.phases.update(ended_at=experiment.phase.started_at + timedelta(hours=1))
        assert check_of(experiment, "flags").level == "ok"

    @pytest.mark.parametrize(
        ("clicks", "level"),
        [((100, 110, 120, 130), "ok"), ((100, 110, 100, 165), "warning"), ((100, 50, 50, 100), "danger")],
    )
    def test_another_experiment_that_gets_in_the_way(self, clicks, level):
        experiment, other = make(), make("other")
        pairs = [("control", "control"), ("control", "b"), ("b", "control"), ("b", "b")]
        key = str(experiment.metrics.get().pk)
        cells = [
            [
                *pair,
                1000,
                {key: {"post_total": told, "post_squares": told, "pre_total": 0, "pre_squares": 0, "products": 0}},
            ]
            for pair, told in zip(pairs, clicks, strict=True)
        ]
        Overlap.objects.create(phase=experiment.phase, other=other.phase, visitors=4000, cells=cells)
        check = check_of(experiment, "overlap")
        assert (check.level, check.blocks) == (level, level == "danger")
        assert "“Other”" in check.text
        assert "4,000" in check.text


class TestSample:
    def test_too_few_visitors(self):
        experiment = make()
        add_row(experiment, "control", 99, 50)
        add_row(experiment, "b", 120, 10)
        results = read_results(experiment)
        assert results.verdict_state == "too early"
        assert results.summary == (
            "No decision yet: 219 visitors so far. An arm has only 99 visitors so far; at least 100 are needed to say "
            "anything."
        )

    def test_too_few_who_did_it(self):
        experiment = make()
        add_row(experiment, "control", 5000, 2)
        add_row(experiment, "b", 5000, 17)
        assert read_results(experiment).verdict_state == "too early"
        add_row(experiment, "b", 1, 1, day=1)
        assert read_results(experiment).verdict_state != "too early"

    def test_a_fixed_test_is_read_once_the_planned_visitors_are_in(self):
        experiment = make(method="fixed", planned_visitors=4001)
        add_row(experiment, "control", 2000, 200)
        add_row(experiment, "b", 2000, 300)
        results = read_results(experiment)
        assert results.verdict_state == "too early"
        assert results.summary.startswith("No decision yet: 99 % of the planned sample. These statistics hold once")
        add_row(experiment, "b", 1, 0, day=1)
        assert read_results(experiment).verdict_state == "better"

    def test_a_fixed_test_without_a_plan_is_never_read(self):
        experiment = make(method="fixed")
        add_row(experiment, "control", 2000, 200)
        add_row(experiment, "b", 2000, 300)
        assert read_results(experiment).verdict_state == "too early"


class TestSummary:
    def read(self, *rows: tuple[str, int, float], **fields):
        experiment = make(f"test-{Experiment.objects.count()}", **fields)
        for arm, n, *successes in rows:
            add_row(experiment, arm, n, *successes)
        return read_results(experiment)

    def test_none_yet(self):
        results = self.read(("control", 3050, 305), ("b", 3050, 320), planned_visitors=10_000)
        assert results.verdict_state == "none yet"
        low, high = results.metrics[0].treatments[0].comparison.interval
        told = f"sequential interval {100 * low:+.1f} % to {100 * high:+.1f} %"
        assert results.summary == f"No decision yet: 61 % of the planned sample; {told}."

    def test_almost_all_is_not_all(self):
        results = self.read(("control", 4999, 500), ("b", 5000, 510), planned_visitors=10_000)
        assert "99 % of the planned sample" in results.summary

    def test_numbers_are_written_as_the_reader_writes_them(self):
        with translation.override("de"):
            results = self.read(("control", 3050, 305), ("b", 3050, 320), planned_visitors=10_000)
        assert re.search(r"-\d+,\d % to \+\d+,\d %", results.summary)

    def test_several_arms_are_told_apart(self):
        rows = (("control", 3000, 300), ("b", 3000, 310), ("c", 3000, 290))
        results = self.read(*rows, arms=("control", "b", "c"), weights=(1, 1, 1))
        assert "9,000 visitors so far; “B”: sequential interval" in results.summary
        assert "; “C”: sequential interval" in results.summary

    def test_finding_nothing_is_not_finding_that_there_is_nothing(self):
        results = self.read(("control", 3050, 305), ("b", 3050, 320), planned_visitors=6000, method="fixed")
        assert results.verdict_state == "none yet"
        assert results.summary.startswith("No difference found: all planned visitors are in; confidence interval ")
        assert results.summary.endswith("An effect anywhere in this range remains possible.")

    def test_better(self):
        results = self.read(("control", 5000, 500), ("b", 5000, 650))
        assert results.verdict_state == "better"
        sentence = "“B” is better than “Control” in “Visitors who click”: +30.0 %, sequential interval +"
        assert results.summary.startswith(sentence)

    def test_worse(self):
        results = self.read(("control", 5000, 650), ("b", 5000, 500))
        assert results.verdict_state == "worse"
        assert "“B” is worse than “Control”" in results.summary

    def test_one_of_two_arms_that_is_worse_leaves_the_other_open(self):
        rows = (("control", 5000, 650), ("b", 5000, 450), ("c", 5000, 655))
        results = self.read(*rows, arms=("control", "b", "c"), weights=(1, 1, 1))
        assert results.verdict_state == "none yet"
        assert "“B” is worse than “Control”" in results.summary

    def test_a_belief_names_the_chance_and_never_certainty(self):
        results = self.read(("control", 5000, 500), ("b", 5000, 900), method="bayesian")
        assert results.verdict_state == "better"
        assert "credible interval" in results.summary
        assert results.summary.endswith("chance to win 99.9 %.")

    def test_goals_that_disagree_decide_nothing(self):
        rows = (("control", 5000, 500, 500), ("b", 5000, 650, 350))
        results = self.read(*rows, metrics=["clicked", "converted"])
        assert results.verdict_state == "none yet"
        assert "is better than" in results.summary
        assert "is worse than" in results.summary

    @pytest.mark.parametrize(
        ("came_back", "outcome", "state"),
        [(4000, "harmed", "none yet"), (4730, "unclear", "better"), (5000, "safe", "better")],
    )
    def test_a_guardrail_is_harmed_beyond_its_margin(self, came_back, outcome, state):
        guardrail = {"measure": "returned", "role": "guardrail", "margin": 5.0}
        rows = (("control", 10_000, 1000, 5000), ("b", 10_000, 1300, came_back))
        results = self.read(*rows, metrics=["clicked", guardrail])
        assert results.metrics[1].treatments[0].outcome == outcome
        assert results.verdict_state == state
        assert ("harms “Visitors who come back on another day”: -20.0 %" in results.summary) == (outcome == "harmed")
        assert ("is not certain" in results.summary) == (outcome == "unclear")

    def test_a_guardrail_that_must_not_rise(self):
        guardrail = {"measure": "returned", "role": "guardrail", "direction": "decrease"}
        results = self.read(("control", 5000, 500, 500), ("b", 5000, 510, 800), metrics=["clicked", guardrail])
        assert results.metrics[1].treatments[0].outcome == "harmed"
        assert results.verdict_state == "worse"

    def test_a_bandit_is_better_than_equal_shares(self):
        experiment = make(allocation="thompson")
        for arm, clicks in (("control", 100), ("b", 200)):
            add_row(experiment, arm, 1000, clicks, is_holdback=True)
        add_row(experiment, "control", 1000, 100)
        add_row(experiment, "b", 20_000, 4000)
        results = read_results(experiment)
        assert results.verdict_state == "better"
        assert results.summary.startswith("“Bandit” is better than “Equal shares” in “Visitors who click”")


def test_nothing_is_asked_of_events_but_what_was_left_out(django_assert_max_num_queries):
    experiment = make()
    add_row(experiment, "control", 1000, 100)
    add_row(experiment, "b", 1000, 100)
    with django_assert_max_num_queries(12) as queries:
        read_results(experiment)
    assert sum(Event._meta.db_table in query["sql"] for query in queries) == 1
