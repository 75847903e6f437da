"""A store of its own for every test, and versions small enough to be made in milliseconds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from personalization.catalog import snapshot
from personalization.recommend.data import Interactions
from personalization.recommend.scorers import Hybrid, ItemKnn, Popular, Recent, Scorer
from personalization.training import services, serving
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.runs import claim_run, finish_run
from personalization.training.storage import write_artifact

DAY = 86_400.0


@pytest.fixture(autouse=True)
def store(settings, tmp_path: Path) -> Iterator[Path]:
    """The folder of the artifacts, empty; and no version held in memory."""
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path / "artifacts"}
    forget_all()
    yield tmp_path / "artifacts" / "models"
    forget_all()


def forget_all() -> None:
    serving.forget()
    snapshot.forget()


def small_scorers(*, favourite: str = "x") -> dict[str, Scorer]:
    """Scorers over the items w, x, y and z, of which most visitors had the favourite."""
    visitors, items = list("abcdabc"), [favourite] * 4 + list("wyz")
    seen = Interactions.from_rows(visitors, items, [DAY * n for n in range(7)], item_ids=list("wxyz"))
    hybrid = Hybrid({"popular": Popular(), "item_knn": ItemKnn()}, {"popular": 0.5, "item_knn": 0.5})
    return {"hybrid": hybrid.fit(seen), "recent": Recent().fit(seen)}


@pytest.fixture
def make_version(db) -> Callable[..., ModelVersion]:
    """A maker of versions with real files: ``make_version(favourite="y", promoted=True)``."""

    def make(*, favourite: str = "x", promoted: bool = False) -> ModelVersion:
        run = claim_run(trigger="test")
        digest = write_artifact(run.artifact, small_scorers(favourite=favourite))
        finish_run(run, TrainingRun.Status.SUCCEEDED, "made for a test")
        version = ModelVersion.objects.create(run=run, artifact=run.artifact, digest=digest, data_hash="0" * 64)
        return services.promote(version=version) if promoted else version

    return make
