"""Promotion and the way back: one version serves, its predecessors wait, and the log knows who decided."""

import pytest
from django.contrib.auth import get_user_model
from wagtail.models import ModelLogEntry

from personalization.catalog.models import Epoch
from personalization.recommend.artifacts import ArtifactError
from personalization.training import services, serving, storage
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import (
    NoOlderVersionError,
    ServingVersionError,
    archive,
    promote,
    roll_back,
    sweep_artifacts,
)

pytestmark = pytest.mark.django_db

Status = ModelVersion.Status


def statuses() -> list[str]:
    return list(ModelVersion.objects.order_by("pk").values_list("status", flat=True))


@pytest.fixture
def editor():
    return get_user_model().objects.create_user("editor")


def test_one_version_serves_and_the_one_before_is_archived(make_version, editor):
    make_version(promoted=True)
    newer = promote(version=make_version(), user=editor)
    assert statuses() == [Status.ARCHIVED, Status.PROMOTED]
    newer.refresh_from_db()
    assert newer.promoted_by == editor
    assert Epoch.objects.numbers()["model"] == 2


def test_a_promotion_is_logged_with_who_and_instead_of_what(make_version, editor):
    old = make_version(promoted=True)
    new = promote(version=make_version(), user=editor)
    entry = ModelLogEntry.objects.for_instance(new).get()
    assert (entry.action, entry.user, entry.data["previous"]) == (services.LOG_PROMOTE, editor, str(old))


def test_a_version_with_spoiled_files_is_not_promoted(make_version):
    serves = make_version(promoted=True)
    spoiled = make_version()
    (storage.store() / spoiled.artifact / "manifest.json").unlink()
    with pytest.raises(ArtifactError):
        promote(version=spoiled)
    assert statuses() == [Status.PROMOTED, Status.CANDIDATE]
    assert serving.promoted().version_id == serves.pk


def test_each_step_back_goes_one_version_further(make_version, editor):
    first, second, _third = (make_version(promoted=True) for _ in range(3))
    assert roll_back(user=editor) == second
    assert statuses() == [Status.ARCHIVED, Status.PROMOTED, Status.ARCHIVED]
    assert serving.promoted().version_id == second.pk
    assert roll_back(user=editor) == first
    assert serving.promoted().version_id == first.pk
    assert ModelLogEntry.objects.for_instance(first).filter(action=services.LOG_ROLL_BACK, user=editor).exists()


def test_the_way_back_passes_over_broken_versions(make_version, caplog):
    first, second, _third = (make_version(promoted=True) for _ in range(3))
    (storage.store() / second.artifact / "manifest.json").unlink()
    assert roll_back() == first
    assert f"Cannot go back to {second}" in caplog.text


@pytest.mark.parametrize("promoted_before", [0, 1])
def test_without_an_older_version_there_is_no_way_back(make_version, promoted_before):
    for _ in range(promoted_before):
        make_version(promoted=True)
    with pytest.raises(NoOlderVersionError, match="no earlier version"):
        roll_back()


def test_a_candidate_that_never_served_is_no_way_back(make_version):
    make_version()
    make_version(promoted=True)
    with pytest.raises(NoOlderVersionError):
        roll_back()


def test_files_of_old_versions_go_their_records_stay(make_version, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_KEPT": 2}
    versions = [make_version(promoted=True) for _ in range(4)]
    sweep_artifacts()
    kept = [version.artifact for version in versions[2:]]
    assert sorted(path.name for path in storage.store().iterdir()) == sorted(kept)
    assert list(ModelVersion.objects.order_by("pk").values_list("artifact", flat=True)) == ["", "", *kept]


def test_a_row_of_refused_candidates_does_not_push_out_the_version_to_go_back_to(make_version, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_KEPT": 2}
    before = make_version(promoted=True)
    make_version(promoted=True)
    for _ in range(4):
        make_version()
    sweep_artifacts()
    assert roll_back() == before


def test_what_failed_runs_left_in_the_store_is_swept_and_nothing_else(make_version, store):
    version = make_version()
    for name in ("20260101T000000-aaaaaaaaaaaa", "20260101T000000-bbbbbbbbbbbb"):
        TrainingRun.objects.create(status=TrainingRun.Status.FAILED, artifact=name)
    (store / "20260101T000000-aaaaaaaaaaaa" / "hybrid").mkdir(parents=True)
    (store / ".unfinished-20260101T000000-bbbbbbbbbbbb" / "hybrid").mkdir(parents=True)
    (store / "20260101T000000-of-another-database").mkdir()
    sweep_artifacts()
    assert sorted(path.name for path in store.iterdir()) == ["20260101T000000-of-another-database", version.artifact]


def test_a_candidate_is_put_away_and_logged(make_version, editor):
    version = archive(version=make_version(), user=editor)
    assert statuses() == [Status.ARCHIVED]
    entry = ModelLogEntry.objects.for_instance(version).get()
    assert (entry.action, entry.user) == (services.LOG_ARCHIVE, editor)


def test_what_serves_is_not_put_away(make_version):
    version = make_version(promoted=True)
    with pytest.raises(ServingVersionError, match="serves now"):
        archive(version=version)
    assert statuses() == [Status.PROMOTED]


def test_what_was_put_away_can_be_promoted_while_its_files_are_there(make_version):
    version = archive(version=make_version())
    promote(version=version)
    assert serving.promoted().version_id == version.pk


def test_what_was_put_away_without_having_served_leaves_its_place_to_others(make_version, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_KEPT": 2}
    kept, also_kept, put_away = (make_version() for _ in range(3))
    archive(version=put_away)
    sweep_artifacts()
    with_files = set(ModelVersion.objects.exclude(artifact="").values_list("pk", flat=True))
    assert with_files == {kept.pk, also_kept.pk}
