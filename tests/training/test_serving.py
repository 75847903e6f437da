"""What a process serves: the promoted version, swapped while it runs, and never a broken one."""

import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from personalization.catalog.models import Epoch
from personalization.recommend import artifacts
from personalization.recommend.data import History
from personalization.training import services, serving, storage
from personalization.training.models import ModelVersion


def spoil(version: ModelVersion) -> None:
    path = storage.store() / version.artifact / "hybrid" / "members" / "popular" / "meta.json"
    path.write_text(path.read_text() + " ")


def best_item() -> int:
    return int(np.argmax(serving.promoted().scorers["popular"].score([History()])[0]))


def test_nothing_is_served_before_the_first_promotion(db):
    assert serving.promoted() is None


def test_a_candidate_is_not_served(make_version):
    make_version()
    assert serving.promoted() is None


def test_a_promotion_is_served_without_a_restart(make_version):
    make_version(favourite="x", promoted=True)
    assert best_item() == 1
    newer = make_version(favourite="z", promoted=True)
    assert best_item() == 3
    assert serving.promoted().label == f"v{newer.pk}"


def test_the_same_epoch_costs_no_query_and_gives_the_same_object(make_version, django_assert_num_queries):
    make_version(promoted=True)
    epoch = Epoch.objects.numbers()["model"]
    first = serving.promoted(epoch)
    with django_assert_num_queries(0):
        assert serving.promoted(epoch) is first


def test_an_epoch_that_changed_nothing_does_not_read_the_files_again(make_version, monkeypatch):
    make_version(promoted=True)
    first = serving.promoted()
    Epoch.objects.advance("model")
    monkeypatch.setattr(serving, "open_version", None)
    assert serving.promoted() is first


def test_a_broken_promotion_leaves_the_old_version_serving_and_says_what_to_do(make_version, caplog):
    make_version(favourite="x", promoted=True)
    assert best_item() == 1
    broken = make_version(favourite="z", promoted=True)
    spoil(broken)
    with caplog.at_level(logging.ERROR):
        assert best_item() == 1
    assert f"v{broken.pk} is refused" in caplog.text
    assert "manage.py promote_model" in caplog.text
    assert "manage.py train" in caplog.text


def test_a_broken_version_is_reported_once_for_each_promotion(make_version, caplog):
    spoil(make_version(promoted=True))
    for _ in range(3):
        assert serving.promoted() is None
    assert caplog.text.count("is refused") == 1


def test_a_fresh_process_falls_back_to_the_newest_older_version_that_is_whole(make_version, caplog):
    oldest = make_version(favourite="w", promoted=True)
    for favourite in "xz":
        spoil(make_version(favourite=favourite, promoted=True))
    serving.forget()
    assert serving.promoted().version_id == oldest.pk
    assert f"v{oldest.pk} serves instead" in caplog.text


def test_a_restored_file_serves_after_promoting_again(make_version):
    version = make_version(promoted=True)
    path = storage.store() / version.artifact / "manifest.json"
    content = path.read_bytes()
    path.unlink()
    assert serving.promoted() is None
    path.write_bytes(content)
    services.promote(version=version)
    assert serving.promoted().version_id == version.pk


def test_maps_of_the_old_version_are_released(make_version, monkeypatch):
    monkeypatch.setattr(artifacts, "MAPPED_FROM_BYTES", 0)
    old = make_version(favourite="x", promoted=True)
    serving.promoted()
    assert old.artifact in Path("/proc/self/maps").read_text()
    new = make_version(favourite="z", promoted=True)
    serving.promoted()
    maps = Path("/proc/self/maps").read_text()
    assert new.artifact in maps
    assert old.artifact not in maps


def test_what_is_mapped_goes_on_serving_after_its_files_are_deleted(make_version, monkeypatch):
    monkeypatch.setattr(artifacts, "MAPPED_FROM_BYTES", 0)
    version = make_version(favourite="y", promoted=True)
    serving.promoted()
    storage.delete_artifact(version.artifact)
    assert best_item() == 2


def test_while_one_thread_loads_the_others_go_on_with_the_old_version(make_version, monkeypatch):
    old = make_version(favourite="x", promoted=True)
    serving.promoted(epoch=1)
    new = make_version(favourite="z", promoted=True)
    bundle = storage.open_version(new)
    loading, release = threading.Event(), threading.Event()

    def open_slowly(version):
        loading.set()
        release.wait(5)
        return bundle

    monkeypatch.setattr(serving, "open_version", open_slowly)
    monkeypatch.setattr(ModelVersion.objects, "promoted", lambda: new)
    loader = threading.Thread(target=serving.promoted, kwargs={"epoch": 2})
    loader.start()
    assert loading.wait(5)
    assert serving.promoted(epoch=2).version_id == old.pk
    release.set()
    loader.join(5)
    assert serving.promoted(epoch=2).version_id == new.pk


@pytest.mark.parametrize("epoch", [0, 7])
def test_the_callers_epoch_decides_when_to_look(make_version, epoch):
    version = make_version(promoted=True)
    assert serving.promoted(epoch).version_id == version.pk


def best_of(version: ModelVersion) -> int:
    return int(np.argmax(serving.bundle(version.pk).scorers["popular"].score([History()])[0]))


def test_two_versions_serve_side_by_side(make_version):
    candidate = make_version(favourite="z")
    promoted = make_version(favourite="x", promoted=True)
    assert (best_of(promoted), best_of(candidate), best_item()) == (1, 3, 1)
    assert serving.bundle(promoted.pk) is serving.promoted()


def test_a_version_beside_is_opened_once_whatever_is_promoted(make_version, monkeypatch, django_assert_num_queries):
    beside = make_version(favourite="z")
    make_version(promoted=True)
    first = serving.bundle(beside.pk)
    make_version(promoted=True)
    serving.promoted(epoch := Epoch.objects.numbers()["model"])
    monkeypatch.setattr(serving, "open_version", None)
    with django_assert_num_queries(0):
        assert serving.bundle(beside.pk, epoch) is first


def test_a_broken_version_beside_is_replaced_by_the_promoted_one_and_reported_once(make_version, caplog):
    broken = make_version(favourite="z")
    spoil(broken)
    make_version(favourite="x", promoted=True)
    assert [best_of(broken) for _ in range(3)] == [1, 1, 1]
    assert caplog.text.count(f"v{broken.pk} is refused") == 1


def test_a_restored_version_beside_serves_after_the_next_change(make_version):
    version = make_version(favourite="z")
    make_version(favourite="x", promoted=True)
    path = storage.store() / version.artifact / "manifest.json"
    content = path.read_bytes()
    path.unlink()
    assert best_of(version) == 1
    path.write_bytes(content)
    Epoch.objects.advance("model")
    assert best_of(version) == 3


def test_a_version_that_never_was_is_replaced_by_the_promoted_one(make_version, caplog):
    make_version(favourite="y", promoted=True)
    assert serving.bundle(10**9) is serving.promoted()
    assert "There is no model" in caplog.text


def test_the_versions_beside_are_few_and_the_least_used_gives_way(make_version, monkeypatch):
    monkeypatch.setattr(serving, "MOST_BESIDE", 2)
    first, second, third = (make_version() for _ in range(3))
    for version in (first, second, first, third):
        serving.bundle(version.pk)
    assert [serving.is_held(version.pk) for version in (first, second, third)] == [True, False, True]
