from collections.abc import Iterator
from pathlib import Path

import pytest

from personalization.training import serving


@pytest.fixture
def store(settings, tmp_path: Path) -> Iterator[Path]:
    """An artifact store of its own, no version held in memory; trainings are short and need not wait for each other."""
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "ARTIFACTS_DIR": tmp_path / "artifacts",
        "TRAINING_PAUSE_HOURS": 0,
        "TRAINING_MEMBERS": ("popular", "item_knn"),
    }
    serving.forget()
    yield tmp_path / "artifacts"
    serving.forget()
