"""Reference numbers of public engines, from the directory of shared files."""

import json
import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("PERSONALIZATION_DATA", Path(__file__).parents[3] / "shared" / "data")).parent


def read_vectors(name):
    path = SHARED / "vectors" / name
    if not path.exists():
        pytest.skip(f"the reference numbers are not at {path}")
    return json.loads(path.read_text())
