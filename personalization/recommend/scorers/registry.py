"""Every scorer by its name, so that settings, artifacts and reports can say which one they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from personalization.recommend import artifacts
from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.scorers.base import BaseScorer

SCORERS: dict[str, type[BaseScorer]] = {}

Kind = TypeVar("Kind", bound=type[BaseScorer])


def register(kind: Kind) -> Kind:
    """Enter a scorer class under its name; a name is given once."""
    if SCORERS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"Two scorers are called {kind.name!r}.")
    return kind


def load_scorer(directory: Path, mmap: bool = True) -> BaseScorer:
    """Read a saved scorer of any kind.

    Raises
    ------
    ArtifactError
        If the files cannot be read or name a scorer that is not registered.
    """
    name = artifacts.read_meta(directory).get("scorer")
    if name not in SCORERS:
        raise ArtifactError(f"The artifact holds an unknown scorer {name!r}; known are {', '.join(sorted(SCORERS))}.")
    return SCORERS[name].load(directory, mmap)
