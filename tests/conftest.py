"""Fixtures that every room's tests share, and what happens to tests whose engines are absent."""

import os
import shutil
from pathlib import Path

import pytest
from django.db import connection
from hypothesis import settings
from wagtail.models import Site

from personalization.catalog import snapshot
from tests import factories
from tests.caching import empty_cache

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SERVICES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
# .ci/run sets it: there a test that could not run is a test that failed.
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"

# A slow machine is no fault of the code; in CI the same examples come every time.
settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("suite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Give each worker of ``pytest -n`` one thread: several that compute with all cores stand in each other's way."""
    for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs an engine that is not there."""
    missing = [name for name in SERVICES if not os.environ.get(name)]
    for item in items:
        if missing and item.get_closest_marker("services"):
            item.add_marker(pytest.mark.skip(reason=f"needs real services: set {', '.join(missing)}"))
        if not CHROMIUM and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="needs Chromium: install it (Debian: apt-get install chromium)"))


@pytest.hookimpl(specname="pytest_collection_modifyitems", trylast=True)
def pytest_order_files(items: list[pytest.Item]) -> None:
    """Begin with the files that compute; end with those that empty the database, migrations' rows included.

    pytest-django puts such tests last already, but workers of pytest-xdist take whole files.
    """
    turn: dict[Path, int] = {}
    for item in items:
        turn[item.path] = max(turn.get(item.path, 0), _use_of_database(item))
    items.sort(key=lambda item: turn[item.path])


def _use_of_database(item: pytest.Item) -> int:
    """0: none; 1: in a transaction that is rolled back; 2: emptied afterwards."""
    marker = item.get_closest_marker("django_db")
    if (marker and marker.kwargs.get("transaction")) or {"transactional_db", "live_server"} & set(item.fixturenames):
        return 2
    return int(bool(marker) or "db" in item.fixturenames)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Under REQUIRE_SERVICES=1, turn the skip of a test that needs an engine into a failure."""
    report = yield
    marked = item.get_closest_marker("services") or item.get_closest_marker("browser")
    if REQUIRED and marked and report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"REQUIRE_SERVICES=1, but this test did not run. {reason}"
    return report


@pytest.fixture
def site(db) -> Site:
    """The default site, with a HomePage as its root."""
    return factories.default_site()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Let SQLite keep the tests' database in a file: in memory, threads and live servers cannot wait for each other.

    Every worker of pytest-xdist has a temporary folder of its own; elsewhere its name is added to the database's.
    """
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Each test starts as a new process does, with nothing in memory of another test's database."""
    snapshot.forget()
    empty_cache()
