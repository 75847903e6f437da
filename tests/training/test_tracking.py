"""What an experiment tracker is told, and that training does not need it."""

import pytest

from personalization.recommend.artifacts import read_manifest
from personalization.training import storage
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.tracking import dummy, report_version

pytestmark = pytest.mark.django_db

FIGURES = {"metrics": {"ndcg@10": 0.4875, "auc": None}, "intervals": {}, "fit_seconds": 1.5}


@pytest.fixture
def version(make_version) -> ModelVersion:
    version = make_version()
    version.parameters = {"members": {"ease": {"regularisation": 100.0}}, "weights": {"ease": 1.0}}
    version.metrics = {"scorers": {"hybrid": FIGURES}, "gate": [{"criterion": "latency", "value": 1.25}]}
    version.code_version = "0.1.0+3f2a90c1d4e5"
    version.save()
    TrainingRun.objects.update(trigger="drift", reason="PSI of hour 0.31")
    version.run.refresh_from_db()
    return version


@pytest.fixture
def use(settings):
    def choose(path: str, **options) -> None:
        settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRACKER": path, "TRACKER_OPTIONS": options}

    return choose


def test_without_a_tracker_nothing_is_told(version):
    dummy.tracked.clear()
    report_version(version)
    assert not dummy.tracked


def test_a_tracker_is_told_parameters_figures_tags_and_files(version, use):
    use("personalization.training.tracking.dummy.DummyTracker")
    dummy.tracked.clear()
    report_version(version)
    (told,) = dummy.tracked
    assert told.name == str(version)
    assert told.params["members.ease.regularisation"] == 100.0
    assert told.figures == {"hybrid.ndcg_at_10": 0.4875, "hybrid.fit_seconds": 1.5, "gate.latency": 1.25}
    assert told.tags["trigger"] == "drift"
    assert told.tags["code_version"] == "0.1.0+3f2a90c1d4e5"
    assert told.files == read_manifest(storage.store() / version.artifact).files


def test_mlflow_keeps_a_run_that_its_own_client_reads(version, use, tmp_path, monkeypatch):
    tracking = pytest.importorskip("mlflow.tracking", reason="needs mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = (tmp_path / "mlflow").as_uri()
    use("personalization.training.tracking.mlflow.MlflowTracker", uri=uri, experiment="slots")
    for _ in range(2):
        report_version(version)
    client = tracking.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("slots")
    first, second = client.search_runs([experiment.experiment_id])
    assert first.info.run_id != second.info.run_id
    assert first.data.metrics["hybrid.ndcg_at_10"] == 0.4875
    assert first.data.params["members.ease.regularisation"] == "100.0"
    assert first.data.tags["reason"] == "PSI of hour 0.31"
    assert first.info.status == "FINISHED"
    assert [file.path for file in client.list_artifacts(first.info.run_id)] == ["manifest.json"]


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("personalization.training.tracking.mlflow.MlflowTracker", {"uri": "nowhere://"}),
        ("personalization.training.tracking.dummy.DummyTracker", {"unknown": 1}),
        ("no.such.Tracker", {}),
    ],
)
def test_a_tracker_that_fails_is_logged_and_harms_nobody(version, use, caplog, path, options):
    use(path, **options)
    report_version(version)
    assert f"{version} was not tracked" in caplog.text
