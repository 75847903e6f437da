"""An experiment from idea to figures: an editor plans and starts it, visitors come over HTTP, its page tells the truth.

``EXPERIMENT_VISITORS`` lets more come than the suite has time for; ``EXPERIMENT_SHOTS`` names a folder for pictures.
"""

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from personalization.experiments.models import DaySum, Experiment
from personalization.experiments.results import read_results
from personalization.tasks import sum_experiments
from tests.browser.crowd import Crowd, event, send
from tests.experiments.world import act
from tests.slots.world import make_items, make_slot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

VISITORS = int(os.environ.get("EXPERIMENT_VISITORS", "120"))
SHOTS = os.environ.get("EXPERIMENT_SHOTS")
LIFTED = "Picked for you today"


@pytest.fixture
def admin(context: BrowserContext, page: Page, live_server, client: Client) -> Page:
    client.force_login(User.objects.create_superuser("admin"))
    name = django_settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.on("pageerror", lambda error: pytest.fail(f"A script failed: {error}"))
    return page


@pytest.fixture
def slot(settings, db):
    many = dict.fromkeys(settings.PERSONALIZATION.get("API_THROTTLES", {}) or (), "100000/min")
    many |= dict.fromkeys(("decisions", "events", "consent", "privacy"), "100000/min")
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": many}
    make_items(12)
    slot = make_slot(name="Home page, top", heading="Read next", size=3, policy="newest", languages="any")
    act("earlier", "impression")
    return slot


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"experiment-{name}.png", full_page=True)


def plan_and_start(page: Page, url: str) -> Experiment:
    page.goto(f"{url}/cms/personalization/experiments/new/")
    page.locator("[name=name]").fill("A heading that invites")
    page.locator("[name=name]").blur()
    # A script makes the key of the name, a moment later.
    expect(page.locator("[name=key]")).to_have_value("a-heading-that-invites")
    page.locator("[name=slot]").select_option(label="Home page, top")
    page.locator("[name=hypothesis]").fill(
        "If the heading invites, then more visitors click, because it speaks to them."
    )
    shoot(page, "1-what")
    onwards = page.get_by_role("button", name="Save and go on")
    onwards.click()
    page.locator("[name=arms-1-heading]").fill(LIFTED)
    shoot(page, "2-arms")
    onwards.click()
    expect(page.locator("[name=metrics-0-measure]")).to_be_visible()
    shoot(page, "3-metrics")
    onwards.click()
    page.locator("[name=planned_visitors]").fill("2000")
    shoot(page, "4-visitors")
    onwards.click()
    expect(page.get_by_text("If the heading invites")).to_be_visible()
    shoot(page, "5-review")
    page.get_by_role("link", name=re.compile("^Start")).first.click()
    page.locator("form").get_by_role("button", name=re.compile("Start")).click()
    expect(page.get_by_text("Running").first).to_be_visible()
    return Experiment.objects.get()


def sums() -> list[tuple]:
    return sorted((row.arm_key, row.n, str(sorted(row.sums.items()))) for row in DaySum.objects.all())


def test_an_editors_experiment_measures_what_its_visitors_do(admin, slot, live_server):
    experiment = plan_and_start(admin, live_server.url)
    crowd = Crowd(live_server.url, "home-top", lifted=LIFTED, seed=7)
    crowd.visit(VISITORS)
    assert set(crowd.seen) == {"Read next", LIFTED}

    sum_experiments()
    counted = {
        row.arm_key: (row.n, row.sums[str(experiment.metrics.get().pk)]["post_total"]) for row in DaySum.objects.all()
    }
    assert counted == {
        "control": (crowd.seen["Read next"], crowd.clicked["Read next"]),
        "b": (crowd.seen[LIFTED], crowd.clicked[LIFTED]),
    }
    (row,) = [row for row in read_results(experiment).metrics[0].arms if row.key == "b"]
    low, high = row.comparison.interval
    assert low < crowd.lift - 1 < high

    admin.goto(f"{live_server.url}/cms/personalization/experiments/{experiment.pk}/results/")
    expect(admin.get_by_role("heading", name="Can this be believed?")).to_be_visible()
    expect(admin.get_by_role("table").first).to_be_attached()
    expect(admin.locator("svg[role=img], figure svg").first).to_be_visible()
    shoot(admin, "6-results")


def test_forged_replayed_and_late_events_change_nothing(admin, slot, live_server):
    plan_and_start(admin, live_server.url)
    crowd = Crowd(live_server.url, "home-top", lifted=LIFTED, rate=1.0, seed=3)
    crowd.visit(6)
    sum_experiments()
    before = sums()
    (token, headers), (foreign, _others) = crowd.tokens[:2]
    item = "page:9000"
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    long_ago = (timezone.now() - timedelta(days=30)).isoformat()
    told = [
        event("click", token, item),  # counted before
        event("click", forged, item),
        event("click", foreign, item),
        event("click", token, item) | {"occurred_at": long_ago},
        event("click", token, item) | {"arm": "b", "arm_key": "a-heading-that-invites.1:b"},
        event("exposure", token, item),
    ]
    for one in told:
        answer = send(live_server.url, [one], headers)
        assert answer["status"] in (202, 400), answer
        assert not answer.get("accepted"), (one, answer)
    sum_experiments()
    assert sums() == before
