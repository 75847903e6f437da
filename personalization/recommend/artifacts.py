"""Trained models as files: arrays, JSON and a sealed manifest. Never pickle, so a file can lie but not run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

SCHEMA = 1
MANIFEST = "manifest.json"
META = "meta.json"
LARGEST_MANIFEST = 1_000_000
# A mapped file that is truncated underneath kills its reader with SIGBUS, so only files worth the risk are mapped.
MAPPED_FROM_BYTES = 32 * 1024 * 1024
LIBRARIES = ("numpy", "scipy", "scikit-learn")
CSR_PARTS = ("data", "indices", "indptr")

Array = NDArray[Any]


class ArtifactError(Exception):
    """An artifact is missing, incomplete, altered or not of a kind that can be read."""


@dataclass(frozen=True)
class Manifest:
    """What a sealed artifact holds: schema, SHA-256 and size of every file, and the libraries that wrote it."""

    schema: int
    files: Mapping[str, Mapping[str, Any]]
    libraries: Mapping[str, str]
    digest: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(int(entry["bytes"]) for entry in self.files.values())


def write(directory: Path, arrays: Mapping[str, Array | csr_array], meta: Mapping[str, Any]) -> None:
    """Write named arrays and a JSON description into a directory, creating it.

    Parameters
    ----------
    directory : Path
        Where; existing files of the same names are replaced.
    arrays : mapping of str to ndarray or csr_array
        Names are identifiers. A sparse array becomes three files.
    meta : mapping
        Anything JSON can hold.

    Raises
    ------
    ValueError
        If a name is not an identifier, or an array holds Python objects.
    """
    directory.mkdir(parents=True, exist_ok=True)
    shapes = {}
    for name, array in arrays.items():
        if not name.isidentifier():
            raise ValueError(f"{name!r} cannot name an array: use an identifier.")
        if issparse(array):
            shapes[name] = list(array.shape)
            for part in CSR_PARTS:
                np.save(directory / f"{name}.{part}.npy", getattr(array, part), allow_pickle=False)
        else:
            np.save(directory / f"{name}.npy", np.asarray(array), allow_pickle=False)
    document = {"meta": dict(meta), "dense": [n for n in arrays if n not in shapes], "sparse": shapes}
    (directory / META).write_text(json.dumps(document, indent=1, allow_nan=False), encoding="utf-8")


def read(directory: Path, mmap: bool = True) -> tuple[dict[str, Array | csr_array], dict[str, Any]]:
    """Read back what `write` wrote.

    Parameters
    ----------
    directory : Path
        Where; call `verify` first on anything that came over a disk or a network.
    mmap : bool
        Map large arrays (32 MiB and more) instead of loading them: processes then share the memory.

    Returns
    -------
    arrays : dict of str to ndarray or csr_array
    meta : dict

    Raises
    ------
    ArtifactError
        If a file is missing or cannot be read.
    """
    document = _read_document(directory)
    try:
        dense, sparse = document["dense"], document["sparse"]
        if not all(name.isidentifier() for name in [*dense, *sparse]):
            raise ValueError("an array's name is not an identifier")
        arrays = {name: _read_array(directory / f"{name}.npy", mmap) for name in dense}
        for name, shape in sparse.items():
            parts = [_read_array(directory / f"{name}.{part}.npy", mmap) for part in CSR_PARTS]
            matrix = csr_array(tuple(parts), shape=tuple(shape))
            matrix.check_format(full_check=True)
            arrays[name] = matrix
        return arrays, document["meta"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        raise ArtifactError(f"The artifact in {directory.name} cannot be read: {error}") from error


def read_meta(directory: Path) -> dict[str, Any]:
    """Read back only the description that `write` got."""
    return dict(_read_document(directory)["meta"])


def _read_document(directory: Path) -> dict[str, Any]:
    try:
        document = json.loads((directory / META).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"The artifact in {directory.name} cannot be read: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("meta"), dict):
        raise ArtifactError(f"The artifact in {directory.name} has no description.")
    return document


def _read_array(path: Path, mmap: bool) -> Array:
    if mmap and path.stat().st_size >= MAPPED_FROM_BYTES:
        # A plain view of the map: np.memmap itself makes every small slice slower.
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    return np.asarray(np.load(path, allow_pickle=False))


def seal(directory: Path) -> Manifest:
    """Write the manifest of everything in a directory; the last step, since an artifact without one is refused.

    Returns
    -------
    Manifest
        Its `digest` is the SHA-256 of the manifest itself; kept elsewhere, it makes tampering evident.
    """
    files = {
        name: {"sha256": _sha256(path), "bytes": path.stat().st_size}
        for name, path in sorted(_walk(directory).items())
        if name != MANIFEST
    }
    libraries = {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    manifest = Manifest(SCHEMA, files, libraries)
    document = {key: value for key, value in asdict(manifest).items() if key != "digest"}
    content = json.dumps(document, indent=1, sort_keys=True).encode()
    draft = directory / f"{MANIFEST}.draft"
    draft.write_bytes(content)
    os.replace(draft, directory / MANIFEST)
    return Manifest(SCHEMA, files, libraries, hashlib.sha256(content).hexdigest())


def verify(directory: Path, *, digest: str | None = None) -> None:
    """Check every file of a sealed artifact against its manifest.

    Parameters
    ----------
    directory : Path
        The sealed artifact.
    digest : str, optional
        What `seal` returned as the manifest's own digest.

    Raises
    ------
    ArtifactError
        If the manifest is missing, too large, unreadable, of another schema or not the expected one; or if a file is
        missing, truncated, altered, unknown, a link, or named outside the directory.
    """
    manifest = read_manifest(directory)
    if digest is not None and manifest.digest != digest:
        raise ArtifactError("The manifest is not the one that was sealed.")
    present = _walk(directory)
    present.pop(MANIFEST, None)
    if missing := sorted(manifest.files.keys() - present.keys()):
        raise ArtifactError(f"A file of the artifact is missing: {missing[0]}.")
    if unknown := sorted(present.keys() - manifest.files.keys()):
        raise ArtifactError(f"The artifact holds a file that its manifest does not know: {unknown[0]}.")
    for name, entry in manifest.files.items():
        size = present[name].stat().st_size
        if size != entry["bytes"]:
            raise ArtifactError(f"{name} has {size} bytes, its manifest says {entry['bytes']}.")
        if _sha256(present[name]) != entry["sha256"]:
            raise ArtifactError(f"{name} was altered: its SHA-256 is not the manifest's.")


def read_manifest(directory: Path) -> Manifest:
    """Read and check a manifest, without looking at the files it names."""
    path = directory / MANIFEST
    if path.is_symlink() or not path.is_file():
        raise ArtifactError("The artifact has no manifest: it was not finished, or is not an artifact.")
    if path.stat().st_size > LARGEST_MANIFEST:
        raise ArtifactError(f"The manifest is larger than {LARGEST_MANIFEST:,} bytes.")
    content = path.read_bytes()
    try:
        document = json.loads(content)
        schema, files, libraries = document["schema"], document["files"], document["libraries"]
        entries = [(name, str(entry["sha256"]), int(entry["bytes"])) for name, entry in files.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ArtifactError(f"The manifest cannot be read: {error!r}.") from error
    if schema != SCHEMA:
        raise ArtifactError(f"The manifest has schema {schema!r}; this version reads schema {SCHEMA}.")
    for name, _, _ in entries:
        if not _is_inside(name):
            raise ArtifactError(f"The manifest names a path outside the artifact: {name!r}.")
    return Manifest(schema, files, libraries, hashlib.sha256(content).hexdigest())


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return (
        bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name
    )


def _walk(directory: Path) -> dict[str, Path]:
    """Return every file below a directory by its relative name, refusing links and anything that is not a file."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ArtifactError(f"{name} is a link or a special file; an artifact holds plain files only.")
        if path.is_file():
            found[name] = path
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
