import json
import logging
from pathlib import Path

import pytest
from celery import current_app
from django.db import OperationalError, connection
from django.test import Client

from personalization.monitoring import health
from personalization.recommend import artifacts
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.storage import store

DEAD_REDIS = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://:hunter2@127.0.0.1:1/0",
    }
}


def read(client: Client, *, status: int) -> dict:
    response = client.get("/readyz")
    assert response.status_code == status, response.content
    assert "no-store" in response["Cache-Control"]
    return response.json()


@pytest.fixture(autouse=True)
def nothing_verified_yet():
    health._verified.clear()


@pytest.fixture
def promoted(db, settings, tmp_path: Path) -> ModelVersion:
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}
    folder = store() / "20260101T000000-abc"
    artifacts.write(folder, {}, {"trained": True})
    run = TrainingRun.objects.create(status=TrainingRun.Status.SUCCEEDED)
    return ModelVersion.objects.create(
        run=run, status=ModelVersion.Status.PROMOTED, artifact=folder.name, digest=artifacts.seal(folder).digest
    )


def test_healthz_answers_without_touching_the_database(client: Client):
    # The test asks for no database: pytest-django would refuse any query.
    response = client.get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_whole_site_is_ready(client: Client, promoted: ModelVersion):
    body = read(client, status=200)
    assert body["status"] == "ok"
    assert {name: check["status"] for name, check in body["checks"].items()} == dict.fromkeys(
        ["database", "cache", "broker", "model"], "ok"
    )


def test_a_site_without_a_trained_model_is_ready(client: Client, db):
    assert read(client, status=200)["status"] == "ok"


def test_a_dead_cache_degrades_and_its_password_stays_private(client: Client, db, settings, caplog):
    settings.CACHES = DEAD_REDIS
    with caplog.at_level(logging.WARNING):
        body = read(client, status=200)
    assert body["status"] == "degraded"
    assert body["checks"]["cache"]["error"] == "ConnectionError"
    assert "hunter2" not in json.dumps(body) + caplog.text
    assert "cache does not work" in caplog.text


def test_a_dead_broker_degrades(client: Client, db, monkeypatch):
    monkeypatch.setattr(current_app.conf, "broker_write_url", "amqp://guest:hunter2@127.0.0.1:1//")
    body = read(client, status=200)
    assert body["status"] == "degraded"
    assert body["checks"]["broker"]["status"] == "failed"
    assert "hunter2" not in json.dumps(body)


def test_a_tampered_artifact_degrades(client: Client, promoted: ModelVersion):
    (store() / promoted.artifact / "meta.json").write_text("{}")
    body = read(client, status=200)
    assert body["status"] == "degraded"
    assert body["checks"]["model"]["error"] == "ArtifactError"


def test_a_missing_artifact_degrades(client: Client, promoted: ModelVersion):
    ModelVersion.objects.update(artifact="20260101T000000-gone")
    assert read(client, status=200)["checks"]["model"]["status"] == "failed"


def test_without_a_database_the_site_is_down(client: Client, db):
    def refuse(*args):
        raise OperationalError("connection refused")

    with connection.execute_wrapper(refuse):
        body = read(client, status=503)
    assert body["status"] == "down"
    assert body["checks"]["database"] == body["checks"]["database"] | {"status": "failed", "error": "OperationalError"}
    assert "model" not in body["checks"]


def test_probes_only_read(client: Client):
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405
