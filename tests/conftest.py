"""Fixtures that every room's tests share, and what happens to tests whose engines are absent."""

import os
import shutil

import pytest
from django.core.cache import cache
from django.db import connection
from hypothesis import settings
from wagtail.models import Site

from personalization.catalog import snapshot
from tests import factories

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SERVICES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
# .ci/run sets it: there a test that could not run is a test that failed.
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"

# A slow machine is no fault of the code; in CI the same examples come every time.
settings.register_profile("suite", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what needs an engine that is not there."""
    missing = [name for name in SERVICES if not os.environ.get(name)]
    for item in items:
        if missing and item.get_closest_marker("services"):
            item.add_marker(pytest.mark.skip(reason=f"needs real services: set {', '.join(missing)}"))
        if not CHROMIUM and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="needs Chromium: install it (Debian: apt-get install chromium)"))


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
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let SQLite keep the tests' database in a file: in memory, threads and live servers cannot wait for each other."""
    if connection.vendor == "sqlite":
        connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def fresh_process() -> None:
    """Each test starts as a new process does, with nothing in memory of another test's database."""
    snapshot.forget()
    cache.clear()
