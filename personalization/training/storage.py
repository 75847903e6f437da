"""The artifact store: a folder for each version, written aside, sealed, and put in place in one step."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from personalization import conf
from personalization.recommend import artifacts
from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.scorers import Hybrid, Scorer, load_scorer
from personalization.training.models import ModelVersion

NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,80}")
UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class Bundle:
    """Every scorer of one version, ready to serve: the hybrid, its members and others; `weights` are the blend."""

    version_id: int
    label: str
    scorers: Mapping[str, Scorer]
    weights: Mapping[str, float]


def store() -> Path:
    """The folder that holds the artifacts, created when first asked for."""
    folder = conf.get().artifacts_dir / "models"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_artifact(name: str, scorers: Mapping[str, Scorer]) -> str:
    """Save scorers as the artifact `name` and return the digest of its manifest.

    Everything is written beside, flushed to the disk, and renamed: whoever is killed half-way leaves no artifact.
    """
    draft = store() / f"{UNFINISHED}{_checked(name)}"
    for scorer_name, scorer in scorers.items():
        scorer.save(draft / scorer_name)
    digest = artifacts.seal(draft).digest
    _flush(draft)
    os.replace(draft, store() / name)
    _flush_folder(store())
    return digest


def verify_version(version: ModelVersion) -> Path:
    """Check a version's files against its manifest, and the manifest against the database; return their folder."""
    if not version.artifact:
        raise ArtifactError(f"The files of {version} were deleted: only the newest versions are kept.")
    folder = store() / _checked(version.artifact)
    if folder.is_symlink() or not folder.is_dir():
        raise ArtifactError(f"The artifact {version.artifact} is not in the store.")
    try:
        artifacts.verify(folder, digest=version.digest)
    except OSError as error:
        raise ArtifactError(f"The artifact {version.artifact} cannot be read: {error.strerror}.") from error
    return folder


def open_version(version: ModelVersion) -> Bundle:
    """Verify and load a version, large arrays memory-mapped; raise ArtifactError if it is not as it was sealed."""
    folder = verify_version(version)
    scorers = {path.name: load_scorer(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    hybrid = scorers.get(Hybrid.name)
    if not isinstance(hybrid, Hybrid):
        raise ArtifactError(f"The artifact {version.artifact} holds no hybrid.")
    return Bundle(version.pk, str(version), {**hybrid.members, **scorers}, hybrid.weights)


def delete_artifact(name: str) -> None:
    """Remove an artifact, finished or not. Processes that have mapped it keep what they hold."""
    for folder in (store() / _checked(name), store() / f"{UNFINISHED}{name}"):
        shutil.rmtree(folder, ignore_errors=True)


def _checked(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ArtifactError(f"{name[:80]!r} cannot be the name of an artifact.")
    return name


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        _flush_folder(path)
    _flush_folder(folder)


def _flush_folder(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
