"""Visitors of two experiments at once: who they are, what they did, and when it is measured."""

from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.experiments.interaction import interaction_of
from personalization.experiments.models import Experiment, Overlap
from personalization.experiments.overlaps import refresh_overlaps
from personalization.experiments.results import read_results
from personalization.stats import Proportion, interaction_p_value
from personalization.tasks import sum_experiments
from tests.experiments.world import act, expose, make_experiment
from tests.factories import make_slot

pytestmark = pytest.mark.django_db
PAIRS = [("control", "control"), ("control", "b"), ("b", "control"), ("b", "b")]
CLICKS = dict(zip(PAIRS, (20, 10, 10, 40), strict=True))


@pytest.fixture
def pair() -> tuple[Experiment, Experiment]:
    """Two experiments in two slots, with sixty visitors to each pair of arms."""
    experiment, other = make_experiment(), make_experiment("other", slot=make_slot("elsewhere"))
    seen = timezone.now() - timedelta(days=2)
    for one, two in PAIRS:
        for number in range(60):
            visitor = f"{one}-{two}-{number}"
            expose(experiment, visitor, one, at=seen)
            expose(other, visitor, two, at=seen)
            if number < CLICKS[one, two]:
                act(visitor, "click", at=seen + timedelta(hours=1))
    return experiment, other


def test_visitors_are_summed_per_pair_of_arms(pair):
    experiment, other = pair
    assert refresh_overlaps(experiment=experiment) == 1
    overlap = Overlap.objects.get()
    assert (overlap.phase, overlap.other, overlap.visitors) == (experiment.phase, other.phase, 240)
    key = str(experiment.metrics.get().pk)
    found = {(one, two): (n, sums[key]["post_total"]) for one, two, n, sums in overlap.cells}
    assert found == {cell: (60, clicks) for cell, clicks in CLICKS.items()}
    told = interaction_p_value({cell: Proportion(clicks, 60) for cell, clicks in CLICKS.items()})
    assert interaction_of(overlap, experiment.metrics.get()) == pytest.approx(told)


def test_who_was_seen_in_several_arms_is_in_no_cell(pair):
    experiment, other = pair
    expose(experiment, "b-b-0", "control")
    expose(other, "b-b-1", "control")
    refresh_overlaps(experiment=experiment)
    assert {(one, two): n for one, two, n, _sums in Overlap.objects.get().cells}["b", "b"] == 58


def test_the_task_that_sums_measures_overlaps_once_a_day_and_results_tell_of_them(pair):
    experiment, _other = pair
    sum_experiments()
    first = Overlap.objects.get(phase=experiment.phase).measured_at
    assert Overlap.objects.count() == 2
    sum_experiments()
    assert Overlap.objects.get(phase=experiment.phase).measured_at == first
    Overlap.objects.update(measured_at=first - timedelta(days=1))
    sum_experiments()
    assert Overlap.objects.get(phase=experiment.phase).measured_at > first

    experiment.refresh_from_db()
    results = read_results(experiment)
    (check,) = [check for check in results.checks if check.code == "overlap"]
    assert (check.level, results.verdict_state) == ("danger", "blocked")
    assert "240" in check.text


def test_few_shared_visitors_are_counted_and_not_told_apart(pair):
    experiment, _other = pair
    third = make_experiment("third", slot=make_slot("third"))
    expose(third, "b-b-0", "b")
    refresh_overlaps(experiment=experiment)
    overlap = Overlap.objects.get(other=third.phase)
    assert (overlap.visitors, overlap.cells) == (1, [])


@pytest.mark.parametrize("status", ["draft", "ended"])
def test_experiments_that_are_not_under_way_are_left_alone(pair, status):
    experiment, other = pair
    other.status = status
    other.save()
    assert refresh_overlaps(experiment=experiment) == 0
