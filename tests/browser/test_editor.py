"""The editor's admin in a real browser: what is typed is seen at once, and training tells how it goes."""

import re

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from personalization.slots.models import Slot
from personalization.training.models import TrainingRun
from tests.slots.world import make_items, make_slot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def open_admin(context: BrowserContext, page: Page, live_server, client: Client):
    """Open a page of the admin, logged in, and fail on any error of its scripts."""
    client.force_login(User.objects.create_superuser("admin"))
    name = settings.SESSION_COOKIE_NAME
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
    page.on("pageerror", lambda error: pytest.fail(f"A script failed: {error}"))

    def open_page(path: str) -> Page:
        page.goto(f"{live_server.url}{path}")
        return page

    return open_page


def test_the_preview_follows_the_form_and_the_chosen_eyes(open_admin):
    make_items(12)
    slot = make_slot(size=2, policy="for-you")
    page = open_admin(reverse("wagtailsnippets_personalization_slot:edit", args=[slot.pk]))
    page.get_by_role("button", name="Toggle preview").click()
    frame = page.frame_locator("iframe[title=Preview]").last
    cards = frame.locator(".slot-look__card")
    expect(cards).to_have_count(2)
    # Wagtail takes what stands in the form two seconds after it is shown for what was saved.
    page.wait_for_timeout(3_000)
    page.get_by_label("Number of items").fill("4")
    page.keyboard.press("Tab")
    expect(cards).to_have_count(4, timeout=20_000)
    frame.get_by_text("Change").click()
    expect(frame.get_by_label("Tags", exact=True)).to_be_hidden()
    frame.get_by_label("A visitor who likes certain tags").check()
    frame.get_by_label("Tags", exact=True).fill("film")
    frame.get_by_role("button", name="Look", exact=True).click()
    expect(frame.get_by_text("Seen by a visitor who likes film")).to_be_visible()
    expect(cards).to_have_count(4)
    expect(cards.first.locator("h3")).to_have_text(re.compile("^Film"))


def test_an_item_is_pinned_with_the_chooser(open_admin):
    items = make_items(12)
    slot = make_slot(size=2)
    page = open_admin(reverse("wagtailsnippets_personalization_slot:edit", args=[slot.pk]))
    rules = page.locator("#panel-child-rules-section, [id*=rules-section]").first
    rules.get_by_role("button", name="Insert a block").first.click()
    page.get_by_role("option", name="Pin an item to a position").click()
    rules.get_by_role("spinbutton", name="Position").fill("1")
    rules.get_by_role("button", name="Choose an item").click()
    page.get_by_label("Search term").fill(items[5].title)
    page.get_by_role("link", name=items[5].title, exact=True).click()
    expect(rules.get_by_text(items[5].title)).to_be_visible()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text(re.compile("updated|saved", re.IGNORECASE)).first).to_be_visible()
    draft = Slot.objects.get(pk=slot.pk).get_latest_revision_as_object()
    assert [rule.value["item"] for rule in draft.rules] == [items[5]]


def test_the_training_panel_tells_how_a_run_goes(open_admin, site):
    run = TrainingRun.objects.create(stage="Judging: ease")
    page = open_admin(reverse("personalization_versions:index"))
    expect(page.get_by_text("Training: Judging: ease")).to_be_visible()
    expect(page.get_by_role("button", name="Train now")).to_be_disabled()
    TrainingRun.objects.filter(pk=run.pk).update(stage="Writing the artifact")
    expect(page.get_by_text("Training: Writing the artifact")).to_be_visible()
    TrainingRun.objects.filter(pk=run.pk).update(status="failed", message="Out of memory.")
    expect(page.get_by_text("Out of memory.")).to_be_visible()
    expect(page.get_by_role("button", name="Train now")).to_be_enabled()
