"""Which code made a version: two versions of the same data and parameters differ by this, or not at all."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
# What decides which numbers come out; a change of the admin does not make another model.
LEARNING = ("recommend/**/*.py", "training/dataset.py", "training/learning.py", "training/recipe.py")


@cache
def code_version() -> str:
    """The release, and twelve digits of the hash of the code that learns: ``0.1.0+3f2a90c1d4e5``."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in LEARNING for path in PACKAGE.glob(pattern)):
        digest.update(path.relative_to(PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return f"{_release()}+{digest.hexdigest()[:12]}"


def _release() -> str:
    try:
        return version("wagtail-slots")
    except PackageNotFoundError:
        return "source"
