"""Artifacts: whole or refused."""

import os
from pathlib import Path

import numpy as np
import pytest

from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import History
from personalization.training import storage
from personalization.training.models import ModelVersion
from personalization.training.storage import open_version, verify_version, write_artifact
from tests.training.conftest import small_scorers


def folder_of(version: ModelVersion) -> Path:
    return storage.store() / version.artifact


def largest_file(version: ModelVersion) -> Path:
    return max(folder_of(version).rglob("*.npy"), key=lambda path: path.stat().st_size)


def test_a_version_comes_back_with_the_scores_it_was_saved_with(make_version):
    version = make_version()
    bundle = open_version(version)
    history = [History(items=[0, 2])]
    for name, scorer in small_scorers().items():
        np.testing.assert_allclose(bundle.scorers[name].score(history), scorer.score(history), rtol=1e-6)
    assert bundle.version_id == version.pk
    assert bundle.label == f"v{version.pk}"
    assert bundle.weights == {"popular": 0.5, "item_knn": 0.5}


def test_members_of_the_blend_are_served_without_being_stored_twice(make_version):
    version = make_version()
    bundle = open_version(version)
    assert bundle.scorers["popular"] is bundle.scorers["hybrid"].members["popular"]
    assert sorted(path.name for path in folder_of(version).iterdir()) == ["hybrid", "manifest.json", "recent"]


def test_nothing_unfinished_stays_beside_a_finished_artifact(make_version, store):
    version = make_version()
    assert [path.name for path in store.iterdir()] == [version.artifact]


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def link_elsewhere(path: Path) -> None:
    elsewhere = path.parents[5] / "elsewhere.npy"
    elsewhere.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(elsewhere)


@pytest.mark.parametrize("spoil", [alter, truncate, link_elsewhere, Path.unlink])
def test_a_spoiled_file_is_refused(make_version, spoil):
    version = make_version()
    spoil(largest_file(version))
    with pytest.raises(ArtifactError):
        open_version(version)


def test_files_sealed_again_by_somebody_else_are_refused(make_version):
    version = make_version()
    alter(largest_file(version))
    storage.artifacts.seal(folder_of(version))
    with pytest.raises(ArtifactError, match="not the one that was sealed"):
        verify_version(version)


def test_an_additional_file_is_refused(make_version):
    version = make_version()
    (folder_of(version) / "hybrid" / "extra.npy").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"extra\.npy"):
        verify_version(version)


def test_an_artifact_that_is_a_link_is_refused(make_version, store):
    version = make_version()
    os.rename(folder_of(version), store.parent / "moved")
    folder_of(version).symlink_to(store.parent / "moved")
    with pytest.raises(ArtifactError, match="not in the store"):
        verify_version(version)


@pytest.mark.parametrize("name", ["../../etc", "/etc/passwd", "a/b/c/d/e", "..", ".unfinished-something", "a\0bcdefgh"])
def test_a_record_that_names_another_folder_is_refused(make_version, name):
    version = make_version()
    version.artifact = name
    with pytest.raises(ArtifactError):
        verify_version(version)
    with pytest.raises(ArtifactError):
        write_artifact(name, {})


def test_a_version_whose_files_were_deleted_says_so(make_version):
    version = make_version()
    version.artifact = ""
    with pytest.raises(ArtifactError, match="only the newest versions are kept"):
        open_version(version)


def test_an_unreadable_file_is_an_artifact_error_like_any_other(make_version, monkeypatch):
    version = make_version()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ArtifactError, match="Permission denied"):
        verify_version(version)
