"""A real Chromium, one for each module, with a fresh context for each."""

import time
from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.conftest import CHROMIUM

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Try what failed in a browser twice again, telling so: on a busy machine a real one now and then loses a race."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread, which Django would take for asynchronous code.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def quiet_server(live_server: LiveServer) -> Iterator[None]:
    """Let the last beacons of a closed page be answered before the database is emptied under them."""
    running: list[int] = []

    def begin(**kwargs: object) -> None:
        running.append(1)

    def end(**kwargs: object) -> None:
        # One that had begun before this fixture may end here.
        del running[:1]

    request_started.connect(begin)
    request_finished.connect(end)
    yield
    calm, until = 0, time.monotonic() + 10
    while calm < 3 and time.monotonic() < until:
        time.sleep(0.1)
        calm = 0 if running else calm + 1
    request_started.disconnect(begin)
    request_finished.disconnect(end)


@pytest.fixture
def context(browser: Browser, quiet_server: None) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1000, "height": 800})
    context.set_default_timeout(10_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
