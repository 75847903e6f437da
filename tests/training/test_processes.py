"""Real processes on one database: two that train at once, and one that is killed wherever it hurts."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from tests.training.readers import write_history

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

FROZEN_AT = [
    ("personalization.training.services", "read_dataset"),
    ("personalization.training.learning", "tune_weights"),
    ("personalization.training.learning", "judge"),
    ("personalization.training.storage", "_flush"),  # the artifact is written, but unfinished
    ("personalization.training.services", "_publish"),  # the artifact is in place, and nobody knows it
    ("personalization.training.services", "finish_run"),  # recorded and promoted, but not committed
]


def database_address(folder: Path) -> str:
    """The address of the test's database for other processes; one in memory is copied to a file."""
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with closing(sqlite3.connect(folder / "site.sqlite3")) as copy:
            connection.connection.backup(copy)
        return f"sqlite:///{folder / 'site.sqlite3'}"
    database = connection.settings_dict
    login = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
    return f"postgres://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen]:
    """A starter of worker processes that share a database with a history in it, and a store."""
    write_history()
    environment = os.environ | {
        "DATABASE_URL": database_address(tmp_path),
        "VAR_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "cms_site.settings.test",
        "OPENBLAS_NUM_THREADS": "1",
    }

    def begin(*arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.training.worker", *arguments]
        return subprocess.Popen(
            command,
            env=environment,
            cwd=django_settings.BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,  # what goes to stderr is captured, and shown with a failure, by pytest
            text=True,
        )

    return begin


def outcome(process: subprocess.Popen) -> dict:
    """What a worker told before it ended."""
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


class Parent:
    """A process that has loaded Django, which takes longer than all the rest, and forks one for each command."""

    def __init__(self, process: subprocess.Popen) -> None:
        self._process = process

    def begin(self, *arguments: str) -> dict:
        """Let a new process obey a command; return the first that it tells."""
        self._process.stdin.write(" ".join(arguments) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def end(self) -> int:
        """Wait until that process has ended; return how."""
        return self._hear()["ended"]

    def outcome(self, *arguments: str) -> dict:
        """What a new process told before it ended."""
        told = self.begin(*arguments)
        assert "ended" not in told, told
        assert self.end() == 0
        return told

    def close(self) -> None:
        """Let the parent itself end."""
        self._process.communicate()
        assert self._process.returncode == 0

    def _hear(self) -> dict:
        return json.loads(self._process.stdout.readline())


def test_two_workers_asked_to_train_at_once_train_once(start, tmp_path):
    workers = [start("train", str(tmp_path / "go")) for _ in range(2)]
    for worker in workers:
        assert json.loads(worker.stdout.readline()) == "ready"
    (tmp_path / "go").touch()
    outcomes = [outcome(worker) for worker in workers]
    assert sorted(told["status"] for told in outcomes) == ["skipped", "succeeded"], outcomes
    assert any("Another training run is under way" in told["message"] for told in outcomes)
    facts = outcome(start("report"))
    assert facts["versions"] == ["promoted"]
    assert facts["folders"] == facts["artifacts"]


def test_a_worker_killed_anywhere_leaves_nothing_half_promoted(start):
    parent = Parent(start("fork"))
    assert parent.outcome("train")["status"] == "succeeded"
    before = parent.outcome("report")
    for module, function in FROZEN_AT:
        worker = parent.begin("freeze", module, function)["frozen"]
        os.kill(worker, signal.SIGKILL)
        assert parent.end() == -signal.SIGKILL
    killed = parent.outcome("report")
    assert (killed["versions"], killed["serves"]) == (["promoted"], before["serves"])
    assert killed["runs"] == ["succeeded", *["failed"] * (len(FROZEN_AT) - 1), "running"]

    assert parent.outcome("train")["status"] == "succeeded"
    after = parent.outcome("report")
    assert after["runs"] == ["succeeded", *["failed"] * len(FROZEN_AT), "succeeded"]
    assert all("Worker lost" in message for message in after["messages"][1:-1])
    assert after["versions"] == ["archived", "promoted"]
    assert after["serves"] != before["serves"]
    assert after["folders"] == after["artifacts"]
    parent.close()
