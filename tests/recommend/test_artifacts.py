"""Artifacts come back as they were written, and anything else is refused with a reason."""

import json
import os

import numpy as np
import pytest
from scipy.sparse import csr_array

from personalization.recommend import artifacts
from personalization.recommend.artifacts import ArtifactError, read, seal, verify, write


@pytest.fixture
def sealed(tmp_path):
    matrix = csr_array(np.array([[0, 2, 0], [1, 0, 0]], dtype=np.float32))
    write(tmp_path, {"vector": np.arange(3.0), "matrix": matrix}, {"name": "été", "n": 3})
    write(tmp_path / "member", {"numbers": np.arange(4)}, {})
    seal(tmp_path)
    return tmp_path


@pytest.mark.parametrize("mmap", [True, False])
def test_arrays_and_description_come_back(sealed, mmap, monkeypatch):
    monkeypatch.setattr(artifacts, "MAPPED_FROM_BYTES", 0)
    arrays, meta = read(sealed, mmap=mmap)
    assert meta == {"name": "été", "n": 3}
    assert arrays["vector"].tolist() == [0, 1, 2]
    assert arrays["matrix"].toarray().tolist() == [[0, 2, 0], [1, 0, 0]]
    assert isinstance(arrays["vector"].base, np.memmap) is mmap


def test_a_sealed_artifact_verifies_and_says_what_it_holds(sealed):
    manifest = seal(sealed)
    verify(sealed, digest=manifest.digest)
    assert set(manifest.libraries) == {"python", "numpy", "scipy", "scikit-learn"}
    assert "member/numbers.npy" in manifest.files
    assert manifest.size == sum(path.stat().st_size for path in sealed.rglob("*.*") if path.name != "manifest.json")


def rewrite_manifest(sealed, change):
    path = sealed / "manifest.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def truncate(sealed):
    os.truncate(sealed / "vector.npy", 100)


def alter(sealed):
    content = bytearray((sealed / "vector.npy").read_bytes())
    content[-1] ^= 1
    (sealed / "vector.npy").write_bytes(content)


def add_file(sealed):
    (sealed / "member" / "extra.npy").write_bytes(b"x")


def replace_by_link(sealed):
    target = sealed.parent / "elsewhere.npy"
    (sealed / "vector.npy").rename(target)
    (sealed / "vector.npy").symlink_to(target)


def link_folder(sealed):
    (sealed / "link").symlink_to(sealed.parent)


def escape(sealed):
    rewrite_manifest(sealed, lambda d: d["files"].update({"../x.npy": {"sha256": "0", "bytes": 0}}))


def start_at_root(sealed):
    rewrite_manifest(sealed, lambda d: d["files"].update({"/etc/passwd": {"sha256": "0", "bytes": 0}}))


DAMAGE = {
    "has no manifest": lambda sealed: (sealed / "manifest.json").unlink(),
    "is missing: vector.npy": lambda sealed: (sealed / "vector.npy").unlink(),
    "vector.npy has 100 bytes": truncate,
    "vector.npy was altered": alter,
    "does not know: member/extra.npy": add_file,
    "vector.npy is a link": replace_by_link,
    "link is a link": link_folder,
    r"outside the artifact: '\.\./x.npy'": escape,
    "outside the artifact: '/etc/passwd'": start_at_root,
    "schema 99": lambda sealed: rewrite_manifest(sealed, lambda d: d.update(schema=99)),
    "larger than": lambda sealed: (sealed / "manifest.json").write_bytes(b" " * 1_000_001),
    "cannot be read": lambda sealed: (sealed / "manifest.json").write_bytes(b"\xff{"),
    "manifest cannot be read: KeyError": lambda sealed: (sealed / "manifest.json").write_text("{}"),
    "manifest cannot be read: TypeError": lambda sealed: (sealed / "manifest.json").write_text("[]"),
    "manifest cannot be read: RecursionError": lambda sealed: (sealed / "manifest.json").write_text("[" * 100_000),
}


@pytest.mark.parametrize("reason", DAMAGE)
def test_a_damaged_artifact_is_refused_with_its_reason(sealed, reason):
    DAMAGE[reason](sealed)
    with pytest.raises(ArtifactError, match=reason):
        verify(sealed)


def test_a_resealed_artifact_is_not_the_one_that_was_promised(sealed):
    promised = artifacts.read_manifest(sealed).digest
    alter(sealed)
    seal(sealed)
    verify(sealed)
    with pytest.raises(ArtifactError, match="not the one that was sealed"):
        verify(sealed, digest=promised)


def test_arrays_of_python_objects_are_neither_written_nor_read(tmp_path):
    with pytest.raises(ValueError, match="pickle"):
        write(tmp_path, {"objects": np.array([{}], dtype=object)}, {})
    write(tmp_path, {"numbers": np.arange(3)}, {})
    np.save(tmp_path / "numbers.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ArtifactError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../escape", "a/b", "a b", ""])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="identifier"):
        write(tmp_path, {name: np.arange(3)}, {})
    write(tmp_path, {}, {})
    (tmp_path / "meta.json").write_text(json.dumps({"meta": {}, "dense": [name], "sparse": {}}))
    with pytest.raises(ArtifactError, match="identifier"):
        read(tmp_path)


def test_a_sparse_array_with_impossible_indexes_is_refused(tmp_path):
    write(tmp_path, {"matrix": csr_array(np.eye(3, dtype=np.float32))}, {})
    np.save(tmp_path / "matrix.indices.npy", np.array([0, 1, 7], dtype=np.int32))
    with pytest.raises(ArtifactError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"meta": 3}'])
def test_an_artifact_without_a_description_is_refused(tmp_path, content):
    (tmp_path / "meta.json").write_text(content)
    with pytest.raises(ArtifactError):
        read(tmp_path)
