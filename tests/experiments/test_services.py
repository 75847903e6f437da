"""An experiment's life: what each step needs, changes and records, and what it never does."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from waffle import get_waffle_flag_model, get_waffle_switch_model
from wagtail.models import ModelLogEntry

from personalization.events.models import Event
from personalization.experiments import services
from personalization.experiments.assignment import ServedArm, ServedExperiment, assign
from personalization.experiments.choices import Allocation, Status
from personalization.experiments.models import Experiment, NamespaceRange, Phase
from personalization.experiments.services import StepRefusedError, obstacles
from personalization.slots.context import ServingContext
from personalization.slots.serve import serve
from personalization.tasks import run_experiment_schedule
from personalization.training.models import ModelVersion, TrainingRun
from personalization.visitors.matching import Facts
from tests.experiments.day_sums import write_day_sums
from tests.experiments.world import act, make_experiment
from tests.factories import make_slot
from tests.slots.world import make_items

pytestmark = pytest.mark.django_db


@pytest.fixture
def seen(db):
    """A live slot that a visitor has seen."""
    slot = make_slot("home-top", policy="newest")
    act("somebody", "impression")
    return slot


@pytest.fixture
def draft(seen):
    return make_draft()


def make_draft(key: str = "test", **fields) -> Experiment:
    """A draft that is fit to start, unless its fields say otherwise."""
    experiment = make_experiment(key, status="draft", started_at=None, **fields)
    experiment.phases.all().delete()
    return experiment


def entries(experiment) -> list[str]:
    """What the history says, the oldest first."""
    found = ModelLogEntry.objects.for_instance(experiment).order_by("timestamp", "pk")
    return [entry.message for entry in found]


def refusal(step, **arguments) -> str:
    with pytest.raises(StepRefusedError) as refused:
        step(**arguments)
    return str(refused.value)


def end(experiment, **given):
    return services.end(experiment=experiment, **({"verdict": "inconclusive", "decision": "Too few."} | given))


class TestStart:
    def test_what_is_fit_starts_with_a_phase_of_its_weights(self, draft):
        user = User.objects.create_user("runner")
        assert obstacles(draft) == []
        services.start(experiment=draft, user=user)
        draft.refresh_from_db()
        assert (draft.status, draft.phase.number) == (Status.RUNNING, 1)
        assert draft.phase.weights == {"control": 1, "b": 1}
        assert draft.started_at == draft.phase.started_at
        entry = ModelLogEntry.objects.for_instance(draft).get()
        assert (entry.action, entry.user) == ("personalization.experiment.start", user)

    def test_nothing_is_changed_by_a_refused_start(self, draft):
        draft.metrics.all().delete()
        refusal(services.start, experiment=draft)
        draft.refresh_from_db()
        assert (draft.status, draft.started_at) == (Status.DRAFT, None)
        assert not Phase.objects.exists()
        assert not ModelLogEntry.objects.exists()

    def test_who_comes_second_is_told(self, draft):
        services.start(experiment=Experiment.objects.get())
        assert "Running" in refusal(services.start, experiment=draft)
        assert Phase.objects.count() == 1


def set_arms(*weights, controls=1):
    def change(draft):
        draft.arms.all().delete()
        for number, weight in enumerate(weights):
            draft.arms.create(key=f"a{number}", name=f"A{number}", weight=weight, is_control=number < controls)

    return change


def fields(**values):
    return lambda draft: Experiment.objects.filter(pk=draft.pk).update(**values)


def of_slot(**values):
    return lambda draft: type(draft.slot).objects.update(**values)


def with_flag(**values):
    def change(draft):
        get_waffle_flag_model().objects.create(name="trial", **values)
        fields(flag="trial")(draft)

    return change


def without_files(draft):
    version = ModelVersion.objects.create(run=TrainingRun.objects.create(status="succeeded"), artifact="")
    draft.arms.filter(key="b").update(model_version=version)


def long_ago(draft):
    Event.objects.update(occurred_at=timezone.now() - timedelta(days=29))


def without_consent(draft):
    Event.objects.update(for_analytics=False)


def worded(label: str):
    return lambda draft: draft.arms.filter(key="b").update(wording=label)


OBSTACLES = {
    "no goal": (lambda draft: draft.metrics.update(role="guardrail"), "No metric is a goal"),
    "one arm": (set_arms(1), "at least two arms"),
    "no control": (set_arms(1, 1, controls=0), "Exactly one arm must be the control; 0 are"),
    "two controls": (set_arms(1, 1, controls=2), "Exactly one arm must be the control; 2 are"),
    "an arm named as the holdout": (lambda draft: draft.arms.filter(key="b").update(key="holdout"), "“holdout”"),
    "weights of zero": (set_arms(0, 0), "weight above zero"),
    "nobody takes part": (fields(coverage=0), "No visitor takes part"),
    "a slot that is not live": (of_slot(live=False), "is not live"),
    "a slot nobody saw of late": (long_ago, "In the last 28 days no visitor"),
    "a slot only those without consent saw": (without_consent, "In the last 28 days no visitor"),
    "a missing flag": (fields(flag="trial"), "“trial” of the experiment does not exist"),
    "a flag that is off": (with_flag(everyone=False), "switch it on"),
    "a flag for staff only": (with_flag(staff=True), "nobody but staff"),
    "the slot's flag": (of_slot(flag="gone"), "“gone” of the slot does not exist"),
    "a model without files": (without_files, "are deleted"),
    "a label that no approved variant has": (worded("short"), "No approved variant is labelled “short”"),
    "originals where there is nothing else": (worded("original"), "no variant is approved"),
    "a switch that is off": (
        lambda draft: get_waffle_switch_model().objects.create(name="personalization", active=False),
        "switched off for the whole site",
    ),
    "another test in the slot": (lambda draft: make_experiment("other"), "“Other” runs in the same slot"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_a_start_is_refused_with_the_reason(draft, name):
    change, reason = OBSTACLES[name]
    change(draft)
    assert reason in refusal(services.start, experiment=draft)


@pytest.mark.parametrize("flag", [{"everyone": True}, {"percent": 20}, {"authenticated": True}, {"languages": "en"}])
def test_a_flag_that_is_active_for_some_is_no_obstacle(draft, flag):
    with_flag(**flag)(draft)
    draft.refresh_from_db()
    assert obstacles(draft) == []


@pytest.mark.parametrize(
    ("mine", "theirs", "are_apart"),
    [
        ([("a", 0.0, 0.5)], [("a", 0.5, 1.0)], True),
        ([("a", 0.0, 0.5)], [("a", 0.4, 1.0)], False),
        ([("a", 0.0, 0.5)], [("b", 0.5, 1.0)], False),
        ([("a", 0.0, 1.0), ("b", 0.2, 0.3)], [("a", 0.5, 1.0), ("b", 0.3, 0.4)], True),
        ([("a", 0.0, 0.5)], [], False),
    ],
)
def test_two_may_share_a_slot_if_they_share_no_visitor(draft, mine, theirs, are_apart):
    other = make_experiment("other")
    for experiment, parts in ((draft, mine), (other, theirs)):
        for namespace, start, stop in parts:
            NamespaceRange.objects.create(experiment=experiment, namespace=namespace, start=start, end=stop)
    assert (obstacles(draft) == []) == are_apart


class TestSchedule:
    def test_it_starts_when_its_time_has_come(self, draft):
        draft.starts_at = timezone.now() + timedelta(hours=1)
        draft.save()
        services.schedule(experiment=draft)
        assert run_experiment_schedule() == 0
        Experiment.objects.update(starts_at=timezone.now() - timedelta(minutes=1))
        assert run_experiment_schedule() == 1
        draft.refresh_from_db()
        assert draft.status == Status.RUNNING
        assert run_experiment_schedule() == 0

    def test_what_cannot_start_then_is_a_draft_again_and_says_why(self, draft):
        Experiment.objects.update(status=Status.SCHEDULED, starts_at=timezone.now())
        type(draft.slot).objects.update(live=False)
        assert run_experiment_schedule() == 0
        draft.refresh_from_db()
        assert draft.status == Status.DRAFT
        assert entries(draft)[-1].startswith("Due, but not started: The slot")

    @pytest.mark.parametrize("hours", [None, -1])
    def test_it_needs_a_time_to_come(self, draft, hours):
        draft.starts_at = hours and timezone.now() + timedelta(hours=hours)
        draft.save()
        assert "still to come" in refusal(services.schedule, experiment=draft)

    def test_it_can_be_taken_back(self, draft):
        Experiment.objects.update(status=Status.SCHEDULED, starts_at=timezone.now() + timedelta(hours=1))
        services.unschedule(experiment=draft)
        assert draft.status == Status.DRAFT


class TestWhileItRuns:
    def test_a_pause_keeps_the_phase(self, draft):
        services.start(experiment=draft)
        services.pause(experiment=draft)
        assert draft.status == Status.PAUSED
        services.resume(experiment=draft)
        assert draft.status == Status.RUNNING
        assert Phase.objects.filter(ended_at=None).count() == 1
        assert entries(draft) == ["Started", "Paused: everybody sees the slot as it is", "Resumed"]

    def test_it_is_not_resumed_beside_another(self, draft):
        services.start(experiment=draft)
        services.pause(experiment=draft)
        services.start(experiment=make_draft("other"))
        assert "“Other” runs" in refusal(services.resume, experiment=draft)

    def test_coverage_changes_no_phase_and_is_recorded(self, draft):
        services.start(experiment=draft)
        services.change_coverage(experiment=draft, coverage=37.5)
        draft.refresh_from_db()
        assert (draft.coverage, draft.phases.count()) == (37.5, 1)
        assert entries(draft)[-1] == "Visitors who take part: 37.5 % instead of 100 %"

    @pytest.mark.parametrize("coverage", [0, -1, 101])
    def test_coverage_is_a_percentage(self, draft, coverage):
        services.start(experiment=draft)
        refusal(services.change_coverage, experiment=draft, coverage=coverage)

    def test_other_weights_begin_a_phase_of_their_own(self, draft):
        services.start(experiment=draft)
        services.change_weights(experiment=draft, weights={"control": 3.0, "b": 1.0})
        first, second = draft.phases.all()
        assert (first.weights, second.weights) == ({"control": 1.0, "b": 1.0}, {"control": 3.0, "b": 1.0})
        assert first.ended_at is not None
        assert second.seed == "test.2"
        assert entries(draft)[-1] == "Phase 2 begins, with the weights control 3, b 1"

    @pytest.mark.parametrize(
        "weights",
        [{}, {"control": 1.0}, {"control": 1.0, "c": 1.0}, {"control": 1.0, "b": 0.0}, {"control": 2.0, "b": -1.0}],
    )
    def test_weights_name_every_arm_and_leave_two(self, draft, weights):
        services.start(experiment=draft)
        refusal(services.change_weights, experiment=draft, weights=weights)
        assert draft.phases.count() == 1

    def test_the_same_weights_begin_nothing(self, draft):
        services.start(experiment=draft)
        refusal(services.change_weights, experiment=draft, weights={"control": 1.0, "b": 1.0})

    def test_a_bandit_sets_its_own_weights(self, seen):
        bandit = make_experiment(allocation=Allocation.THOMPSON)
        weights = {"control": 3.0, "b": 1.0}
        assert "bandit" in refusal(services.change_weights, experiment=bandit, weights=weights)

    @pytest.mark.parametrize("status", [Status.DRAFT, Status.SCHEDULED, Status.ENDED])
    @pytest.mark.parametrize("step", ["pause", "resume", "coverage", "weights", "end"])
    def test_no_step_is_taken_out_of_turn(self, draft, status, step):
        Experiment.objects.update(status=status)
        steps = {
            "pause": lambda: services.pause(experiment=draft),
            "resume": lambda: services.resume(experiment=draft),
            "coverage": lambda: services.change_coverage(experiment=draft, coverage=50),
            "weights": lambda: services.change_weights(experiment=draft, weights={"control": 2.0, "b": 1.0}),
            "end": lambda: end(draft),
        }
        assert "cannot be done now" in refusal(steps[step])
        assert not ModelLogEntry.objects.exists()


@given(
    units=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=30),
    weights=st.lists(st.floats(0.1, 5), min_size=2, max_size=5),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=4),
)
def test_raising_coverage_never_moves_anybody_between_arms(units, weights, shares):
    total = sum(weights)
    arms = tuple(ServedArm(f"a{number}") for number in range(len(weights)))
    served = ServedExperiment(key="t", seed="t.1", arms=arms, weights=tuple(weight / total for weight in weights))
    facts = Facts(now=timezone.now())
    before: dict[str, str] = {}
    for share in sorted(shares):
        ramped = replace(served, coverage=share)
        found = {unit: assign([ramped], unit=unit, facts=facts, segments=tuple) for unit in units}
        now = {unit: assignment.arm_key for unit, assignment in found.items() if assignment}
        assert before.items() <= now.items()
        before = now


class TestEnd:
    def test_a_verdict_and_its_reason_are_kept(self, draft):
        services.start(experiment=draft)
        end(draft, verdict="inconclusive", decision=" Too few came. ")
        draft.refresh_from_db()
        assert (draft.status, draft.verdict, draft.decision) == (Status.ENDED, "inconclusive", "Too few came.")
        assert draft.ended_at == draft.phase.ended_at
        assert entries(draft)[-1] == "Ended: inconclusive. Too few came."

    @pytest.mark.parametrize(
        ("given", "reason"),
        [
            ({"decision": "  "}, "what was decided"),
            ({"verdict": "perhaps"}, "Choose a verdict"),
            ({"verdict": "ship"}, "Choose the arm"),
            ({"verdict": "ship", "arm": "gone"}, "Choose the arm"),
        ],
    )
    def test_without_either_it_goes_on(self, draft, given, reason):
        services.start(experiment=draft)
        assert reason in refusal(end, experiment=draft, **given)
        draft.refresh_from_db()
        assert draft.status == Status.RUNNING

    def test_a_fault_allows_no_verdict_but_inconclusive(self, draft):
        services.start(experiment=draft)
        write_day_sums(draft, {"control": 0.1, "b": 0.2}, visitors={"control": 500, "b": 350})
        for verdict in ({"verdict": "keep"}, {"verdict": "ship", "arm": "b"}):
            assert "allow no verdict but “inconclusive”" in refusal(end, experiment=draft, **verdict)
        end(draft, verdict="inconclusive")
        assert draft.status == Status.ENDED

    def test_the_slot_takes_over_what_is_shipped(self, draft):
        user = User.objects.create_superuser("runner")
        draft.arms.filter(key="b").update(policy="editorial", heading="Chosen", diversity=0.9)
        services.start(experiment=draft)
        write_day_sums(draft, {"control": 0.1, "b": 0.2}, visitors=1000)
        end(draft, verdict="ship", arm="b", user=user)
        slot = type(draft.slot).objects.get()
        assert (slot.policy, slot.heading, slot.diversity, slot.personalizes) == ("editorial", "Chosen", 0.9, True)
        assert slot.live_revision.user == user
        assert not slot.has_unpublished_changes
        assert draft.shipped_arm == "b"
        assert entries(draft)[-1] == "Ended: the slot takes over “b”. Too few."

    def test_who_may_not_publish_the_slot_ships_nothing(self, draft):
        services.start(experiment=draft)
        user = User.objects.create_user("runner")
        assert "publish the slot" in refusal(end, experiment=draft, verdict="ship", arm="b", user=user)

    def test_a_waiting_draft_of_the_slot_goes_on_waiting(self, draft):
        slot = draft.slot
        slot.text = "Not yet"
        slot.save_revision()
        draft.arms.filter(key="b").update(heading="Chosen")
        services.start(experiment=draft)
        write_day_sums(draft, {"control": 0.1, "b": 0.2}, visitors=1000)
        end(draft, verdict="ship", arm="b")
        slot = type(slot).objects.get()
        assert (slot.heading, slot.text) == ("Chosen", "")
        waiting = slot.get_latest_revision_as_object()
        assert (waiting.heading, waiting.text, slot.has_unpublished_changes) == ("Chosen", "Not yet", True)

    def test_doing_without_can_be_shipped(self, draft):
        make_items(4)
        draft.arms.filter(key="b").update(personalizes=False)
        services.start(experiment=draft)
        write_day_sums(draft, {"control": 0.1, "b": 0.2}, visitors=1000)
        end(draft, verdict="ship", arm="b")
        decision = serve(["home-top"], ServingContext.for_preview(locale="en"))[0]
        assert (decision.reason, decision.fallback, len(decision.items)) == ("not_personalized", True, 3)

    def test_a_model_that_does_not_serve_is_promoted_first(self, draft):
        run = TrainingRun.objects.create(status="succeeded")
        version = ModelVersion.objects.create(run=run, artifact="there")
        draft.arms.filter(key="b").update(model_version=version)
        services.start(experiment=draft)
        assert "promote it first" in refusal(end, experiment=draft, verdict="ship", arm="b")

    def test_words_are_no_setting_of_a_slot(self, draft):
        services.start(experiment=draft)
        draft.arms.filter(key="b").update(wording="short")
        assert "without shipping" in refusal(end, experiment=draft, verdict="ship", arm="b")

    def test_a_locked_slot_takes_nothing_over(self, draft):
        services.start(experiment=draft)
        type(draft.slot).objects.update(locked=True)
        assert "is locked" in refusal(end, experiment=draft, verdict="ship", arm="b")
