"""Asking for a run: by an editor, by drift, or because much has happened - and never for more than one."""

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from personalization import tasks
from personalization.events.models import Event
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.runs import claim_run
from personalization.training.services import request_due_training, request_training, train, train_queued
from tests.training.readers import make_items, write_history

pytestmark = pytest.mark.django_db

Status = TrainingRun.Status


@pytest.fixture
def editor():
    return get_user_model().objects.create_user("editor")


def set_finished(**ago: float) -> None:
    TrainingRun.objects.filter(finished_at=None).update(finished_at=timezone.now() - timedelta(**ago), status="failed")


def read_again(number: int) -> None:
    """Let this many interactions happen now."""
    make_items()
    now = timezone.now()
    Event.objects.bulk_create(
        Event(kind="view", visitor_key="v1", item_key="page:1", occurred_at=now, for_personalization=True)
        for _ in range(number)
    )


def test_a_request_waits_with_its_reason_until_a_worker_takes_it_up(editor):
    asked = request_training(trigger="drift", reason="PSI of hour 0.31", user=editor)
    assert (asked.status, asked.trigger, asked.reason, asked.asked_by) == (
        Status.QUEUED,
        "drift",
        "PSI of hour 0.31",
        editor,
    )
    done = train_queued()
    assert done.pk == asked.pk
    assert (done.status, done.trigger, done.reason) == (Status.SKIPPED, "drift", "PSI of hour 0.31")
    assert train_queued() is None


def test_only_one_request_waits():
    assert request_training(trigger="drift", reason="first") is not None
    assert request_training(trigger="volume", reason="second") is None
    assert TrainingRun.objects.get().reason == "first"


def test_nothing_is_asked_for_while_a_run_is_under_way(editor):
    claim_run(trigger="schedule")
    assert request_training(trigger="drift") is None
    assert request_training(trigger="editor", user=editor) is None


def test_a_request_waits_for_a_run_that_began_before_it():
    asked = request_training(trigger="drift")
    TrainingRun.objects.create(worker="elsewhere pid:[1] 17")
    assert train_queued() is None
    asked.refresh_from_db()
    assert asked.status == Status.QUEUED


def test_the_schedule_takes_up_what_was_asked_for():
    asked = request_training(trigger="drift", reason="PSI of hour 0.31")
    run = train(trigger="schedule")
    assert (run.pk, run.trigger) == (asked.pk, "drift")
    assert TrainingRun.objects.count() == 1


def test_machines_wait_after_a_run_and_people_do_not(editor):
    claim_run(trigger="schedule")
    set_finished(hours=5)
    assert request_training(trigger="drift") is None
    assert request_training(trigger="editor", user=editor) is not None


def test_machines_may_ask_again_after_the_pause():
    claim_run(trigger="schedule")
    set_finished(hours=7)
    assert request_training(trigger="drift") is not None


def test_a_first_run_is_asked_for_as_soon_as_there_is_enough_to_learn_from(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_MINIMUM": 30}
    read_again(29)
    assert request_due_training() is None
    read_again(1)
    assert request_due_training().reason == "30 interactions since the beginning"


@pytest.mark.parametrize(("after", "expected"), [(20, True), (21, False), (0, False)])
def test_enough_interactions_since_the_newest_version_ask_for_a_run(make_version, settings, after, expected):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAIN_AFTER_EVENTS": after}
    version = make_version()
    long_ago = timezone.now() - timedelta(days=1)
    TrainingRun.objects.update(finished_at=long_ago)
    ModelVersion.objects.update(data_until=long_ago)
    read_again(20)
    run = request_due_training()
    assert bool(run) == expected
    if run:
        assert (run.trigger, run.reason) == ("volume", f"20 interactions since {version}")


def test_what_was_not_allowed_does_not_count(settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_MINIMUM": 10}
    write_history(visitors=2, each=10, allowed=False)
    assert request_due_training() is None


def test_a_request_reaches_a_worker_by_itself(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        run = request_training(trigger="drift", reason="PSI of hour 0.31")
    run.refresh_from_db()
    assert (run.status, run.trigger) == (Status.SKIPPED, "drift")


def test_the_schedule_finds_a_request_that_no_worker_heard_of():
    run = request_training(trigger="drift")
    assert tasks.train_if_due.delay().get() == Status.SKIPPED
    run.refresh_from_db()
    assert run.status == Status.SKIPPED
    assert tasks.train_if_due.delay().get() is None
