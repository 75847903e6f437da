from datetime import timedelta
from html import unescape

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from personalization.editor.holdout import headline, holdout_rows
from personalization.recommend import artifacts
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.storage import store

VERSIONS = reverse("personalization_versions:index")
RUNS = reverse("personalization_runs:index")
PROGRESS = reverse("personalization_runs:progress")
START = reverse("personalization_runs:start")


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def whole(version: ModelVersion, settings, tmp_path) -> ModelVersion:
    """The version, with files that verify."""
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    folder = store() / version.artifact
    artifacts.write(folder, {}, {"trained": True})
    version.digest = artifacts.seal(folder).digest
    version.save()
    return version


def test_without_versions_and_runs_the_lists_explain_them(admin):
    assert "a version is what a training run has learned" in text(admin.get(VERSIONS))
    assert "a run learns from what visitors read" in text(admin.get(RUNS))


def test_the_list_sets_a_version_against_popularity(admin, version):
    answer = text(admin.get(VERSIONS))
    assert "0.4875" in answer
    assert "0.2500" in answer


def test_the_page_of_a_version_has_its_table_best_first(admin, version):
    answer = text(admin.get(reverse("personalization_versions:inspect", args=[version.pk])))
    assert answer.index("Hybrid") < answer.index("Popularity")
    assert "0.4775 to 0.4975" in answer
    assert "Judged by 120 visitors" in answer
    assert "5,000 interactions" in answer


def test_a_version_without_figures_still_has_a_page(admin, version):
    ModelVersion.objects.update(metrics={})
    assert "was not judged" in text(admin.get(reverse("personalization_versions:inspect", args=[version.pk])))
    assert holdout_rows({}) == []
    assert headline({}) == {"version": None, "popularity": None}


def test_promoting_asks_first_and_is_logged(admin, whole):
    address = reverse("personalization_versions:promote", args=[whole.pk])
    assert f"Yes, let {whole} serve" in text(admin.get(address))
    assert ModelVersion.objects.promoted() is None
    answer = admin.post(address, follow=True)
    assert f"{whole} serves now." in text(answer)
    assert ModelVersion.objects.promoted() == whole
    assert ModelVersion.objects.promoted().promoted_by.username == "admin"
    entry = ModelLogEntry.objects.get(action="personalization.promote")
    assert entry.message == "Promoted: it serves now"


def test_a_tampered_version_is_not_promoted_and_says_why(admin, whole):
    (store() / whole.artifact / "meta.json").write_text("{}")
    answer = text(admin.post(reverse("personalization_versions:promote", args=[whole.pk]), follow=True))
    assert "Nothing was changed." in answer
    assert ModelVersion.objects.promoted() is None


def test_rolling_back_says_to_what(admin, whole):
    run = TrainingRun.objects.create(status=TrainingRun.Status.SUCCEEDED)
    now = timezone.now()
    newer = ModelVersion.objects.create(run=run, status="promoted", artifact="20260102T000000-abc", promoted_at=now)
    ModelVersion.objects.filter(pk=whole.pk).update(status="archived", promoted_at=now - timedelta(days=1))
    address = reverse("personalization_versions:roll_back")
    assert f"{whole} will serve instead of {newer}" in text(admin.get(address))
    admin.post(address)
    assert ModelVersion.objects.promoted() == whole
    entry = ModelLogEntry.objects.get(action="personalization.roll_back")
    assert entry.message == f"Rolled back to: it serves again, instead of {newer}"


def test_with_nothing_to_go_back_to_rolling_back_changes_nothing(admin, version):
    address = reverse("personalization_versions:roll_back")
    assert "There is no earlier version" in text(admin.get(address))
    assert "Nothing was changed." in text(admin.post(address, follow=True))


def test_training_now_runs_and_reports(admin, settings, tmp_path, django_capture_on_commit_callbacks):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(START)
    assert answer.url == RUNS
    run = TrainingRun.objects.get()
    assert (run.trigger, run.status, run.asked_by.username) == ("editor", "skipped", "admin")
    assert run.message in unescape(text(admin.get(answer.url)))


@pytest.mark.parametrize("status", ["running", "queued"])
def test_a_second_run_is_not_asked_for(admin, version, status):
    TrainingRun.objects.create(stage="Judging", status=status, worker="elsewhere pid:[1] 17")
    assert "already under way" in text(admin.post(START, follow=True))
    assert TrainingRun.objects.count() == 2


def test_starting_needs_a_post(admin):
    assert admin.get(START).status_code == 405


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.1, "a worker will begin in a moment"), (600, "No worker has begun yet")]
)
def test_the_panel_waits_for_a_worker_and_then_asks_for_one(admin, seconds, expected):
    asked = timezone.now() - timedelta(seconds=seconds)
    TrainingRun.objects.create(status="queued", trigger="drift", reason="PSI of hour 0.31", started_at=asked)
    answer = text(admin.get(PROGRESS))
    assert expected in answer
    assert 'data-active="true"' in answer
    assert "disabled" in text(admin.get(RUNS)).split("Train now")[0].rpartition("<button")[2]


def test_before_anything_was_trained_the_panel_says_so(admin):
    assert "Nothing has been trained yet" in text(admin.get(PROGRESS))


def test_the_panel_tells_the_stage_of_a_run(admin):
    TrainingRun.objects.create(stage="Judging: <ease>")
    answer = text(admin.get(PROGRESS))
    assert "Training: Judging: &lt;ease&gt;" in answer
    assert 'data-active="true"' in answer


def test_only_those_who_may_train_get_the_button(clients):
    assert "Train now" in text(clients["admin"].get(VERSIONS))
    assert "Train now" not in text(clients["editor"].get(VERSIONS))


def test_a_run_says_in_words_what_started_it(admin):
    run = TrainingRun.objects.create(trigger="schedule", status=TrainingRun.Status.FAILED)
    assert "the schedule" in text(admin.get(RUNS))
    assert "the schedule" in text(admin.get(reverse("personalization_runs:inspect", args=[run.pk])))


def test_a_run_says_why_it_was_asked_for(admin):
    run = TrainingRun.objects.create(trigger="drift", reason="PSI of hour 0.31", status=TrainingRun.Status.FAILED)
    assert "drift: PSI of hour 0.31" in text(admin.get(RUNS))
    assert "drift: PSI of hour 0.31" in text(admin.get(reverse("personalization_runs:inspect", args=[run.pk])))
