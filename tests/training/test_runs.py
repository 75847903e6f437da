"""One run at a time: who holds it, when it is given up, and what the one that was given up may still do."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.training import runs, services
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.runs import RunLostError, advance_stage, claim_run, finish_run, this_worker
from personalization.training.services import train
from tests.training.readers import write_history

pytestmark = pytest.mark.django_db

Status = TrainingRun.Status


def silent_for(run: TrainingRun, **time: float) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=timezone.now() - timedelta(**time))


def of_another_machine(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(worker="elsewhere pid:[1] 17")


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_second_run_is_skipped_and_says_why():
    first = claim_run(trigger="beat")
    advance_stage(first, "Judging: ease")
    second = train(trigger="command")
    assert second.status == Status.SKIPPED
    assert "Another training run is under way (Judging: ease)" in second.message
    first.refresh_from_db()
    assert first.status == Status.RUNNING


def test_a_run_of_another_machine_is_trusted_while_it_gives_signs_of_life():
    run = claim_run(trigger="beat")
    of_another_machine(run)
    silent_for(run, minutes=14)
    assert claim_run(trigger="beat") is None


def test_a_silent_run_is_given_up():
    lost = claim_run(trigger="beat")
    advance_stage(lost, "Judging: ease")
    of_another_machine(lost)
    silent_for(lost, minutes=16)
    assert claim_run(trigger="beat") is not None
    lost.refresh_from_db()
    assert lost.status == Status.FAILED
    assert "Worker lost during “Judging: ease”" in lost.message


def test_a_run_whose_process_has_ended_on_this_machine_is_given_up_at_once():
    lost = claim_run(trigger="beat")
    place = this_worker().rpartition(" ")[0]
    TrainingRun.objects.filter(pk=lost.pk).update(worker=f"{place} {dead_process()}")
    assert claim_run(trigger="beat") is not None


def test_a_run_that_was_given_up_stops_at_its_next_stage():
    run = claim_run(trigger="beat")
    of_another_machine(run)
    silent_for(run, minutes=16)
    successor = claim_run(trigger="beat")
    with pytest.raises(RunLostError):
        advance_stage(run, "Writing the artifact")
    with pytest.raises(RunLostError):
        finish_run(run, Status.SUCCEEDED, "too late")
    successor.refresh_from_db()
    assert successor.status == Status.RUNNING


def test_a_run_given_up_at_the_last_moment_publishes_nothing(monkeypatch, store):
    write_history()
    write = services.write_artifact

    def lose_the_run(name, scorers):
        TrainingRun.objects.running().update(status=Status.FAILED, message="Worker lost")
        return write(name, scorers)

    monkeypatch.setattr(services, "write_artifact", lose_the_run)
    run = train(trigger="beat")
    assert (run.status, run.message) == (Status.FAILED, "Worker lost")
    assert not ModelVersion.objects.exists()
    assert not list(store.iterdir())


def test_stages_are_signs_of_life():
    run = claim_run(trigger="beat")
    silent_for(run, minutes=10)
    advance_stage(run, "Learning")
    run.refresh_from_db()
    assert run.stage == "Learning"
    assert timezone.now() - run.heartbeat_at < timedelta(minutes=1)


def test_two_who_give_up_the_same_run_at_once_get_one_run(monkeypatch):
    lost = claim_run(trigger="beat")
    of_another_machine(lost)
    silent_for(lost, minutes=16)
    finish = runs.finish_run

    def overtaken(*args, **kwargs):
        monkeypatch.setattr(runs, "finish_run", finish)
        assert claim_run(trigger="first") is not None
        finish(*args, **kwargs)

    monkeypatch.setattr(runs, "finish_run", overtaken)
    assert claim_run(trigger="second") is None
