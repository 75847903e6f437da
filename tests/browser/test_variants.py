"""Other words from an editor's question to a visitor's page, and back into the queue when the original changes.

Nobody is skipped: the editor asks, a server that speaks the model's protocol answers the real SDK, a guardrail objects,
another person approves by keyboard, two visitors look. ``VARIANT_SHOTS`` names a folder for pictures.
"""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page, expect

from cms_site.home.models import ArticlePage
from personalization.catalog.services import embed_items
from personalization.variants.models import ApprovalRecord, GenerationCall, PromptTemplate, Variant
from personalization.variants.workflow import ensure_workflow
from personalization.visitors.models import Segment
from tests.factories import ArticlePageFactory, SectionPageFactory
from tests.slots.world import make_slot
from tests.variants.openai_server import MODEL, OpenAIServer
from tests.variants.world import EDITOR, REVIEWER, person

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SHOTS = os.environ.get("VARIANT_SHOTS")
TITLE = "A heap of peelings that turns into soil"
INVENTED = "Soil in 14 days, guaranteed by Professor Miller"
CORRECTED = "Your peelings could be soil by next year"
SUMMARY = "What a heap of kitchen waste needs to turn into soil."
LABEL = "Written with AI, checked by an editor"
QUEUE = reverse("personalization_queue:index")
LETTER = "/?utm_campaign=weekend"


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"variants-{name}.png", full_page=True)


@pytest.fixture
def model(settings) -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        settings.PERSONALIZATION = settings.PERSONALIZATION | server.settings()
        server.words = [{"headline": INVENTED, "summary": SUMMARY}]
        yield server


@pytest.fixture
def article(site) -> ArticlePage:
    ensure_workflow()
    make_slot(name="Home page, top", heading="Read next", size=3, policy="newest")
    PromptTemplate.objects.create(name="House style", tone="Plain and warm")
    rules = [("campaign", {"parameter": "campaign", "value": "weekend"})]
    Segment.objects.create(key="letter", name="Readers of the letter", rules=rules, live=True)
    section = SectionPageFactory(title="Gardens")
    for number in range(3):
        page = ArticlePageFactory(parent=section, title=f"Another story {number}")
        page.save_revision().publish()
    article = ArticlePageFactory(
        parent=section,
        title=TITLE,
        summary="How a heap of kitchen waste turns into soil within a year, and what it needs for that.",
        words="Peelings, leaves and a little patience: a heap of kitchen waste turns into soil within a year.",
    )
    article.save_revision().publish()
    embed_items()
    return article


@pytest.fixture
def as_user(browser: Browser, quiet_server: None, live_server) -> Iterator[Callable[[User | None], Page]]:
    """A window of its own for each person; None is a visitor."""
    contexts: list[BrowserContext] = []

    def open_window(user: User | None) -> Page:
        context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=live_server.url)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"A script failed: {error}"))
        if user:
            client, name = Client(), django_settings.SESSION_COOKIE_NAME
            client.force_login(user)
            context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": live_server.url}])
        return page

    yield open_window
    for context in contexts:
        context.close()


def ask(page: Page) -> Variant:
    """Fill in the form for one item, one segment and one alternative, and wait for the draft."""
    page.goto(reverse("personalization_requests:ask"))
    page.get_by_role("button", name="Choose items").click()
    page.locator(".modal").get_by_role("row", name=TITLE).get_by_role("checkbox").check()
    page.locator(".modal").get_by_role("button", name="Confirm selection").click()
    expect(page.get_by_role("list", name="Chosen items")).to_contain_text(TITLE)
    page.get_by_label("Readers of the letter").check()
    page.get_by_label("Alternatives of each").select_option("1")
    expect(page.get_by_text(re.compile("about .* at most")).first).to_be_visible()
    shoot(page, "1-ask")
    page.get_by_role("button", name="Ask for variants").click()
    expect(page.get_by_text("Finished: 1 of 1 done")).to_be_visible()
    shoot(page, "2-answered")
    page.get_by_role("link", name=INVENTED).click()
    return Variant.objects.get()


def correct_and_submit(page: Page) -> None:
    """The guardrail's objection is read, the draft refused, corrected, and submitted."""
    findings = page.get_by_role("region", name="What the guardrails found")
    expect(findings).to_contain_text("14")
    expect(findings).to_contain_text("Blocks")
    shoot(page, "3-blocked")
    expect(page.get_by_text("It cannot be submitted: a guardrail blocks it.")).to_be_visible()
    expect(page.get_by_role("button", name="Submit for review")).to_have_count(0)
    page.get_by_role("link", name="Edit", exact=True).first.click()
    page.get_by_label("Headline").fill(CORRECTED)
    shoot(page, "4-corrected")
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("button", name="Submit for review").click()
    expect(page.get_by_text("waits for review now")).to_be_visible()


def open_queue(page: Page) -> None:
    """Open it, and wait until it listens to keys."""
    page.goto(QUEUE)
    expect(page.locator("#keyboard-shortcuts-dialog")).to_contain_text("Next variant")


def approve_by_keyboard(page: Page) -> None:
    """From the queue to the review page and to the approval, without a mouse."""
    open_queue(page)
    row = page.get_by_role("link", name=CORRECTED)
    expect(row).to_be_visible()
    shoot(page, "5-queue")
    page.keyboard.press("j")
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(CORRECTED)
    shoot(page, "6-review")
    open_queue(page)
    page.keyboard.press("j")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="Approve")
    expect(dialog).to_be_visible()
    page.keyboard.type("Says what the article says.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=re.compile("^Approved: 1"))).to_be_visible()


def titles(page: Page, address: str) -> list[str]:
    page.goto(address)
    return page.locator("[data-slot-item]").all_inner_texts()


def test_words_reach_those_they_are_for_once_another_person_approved_them(article, model, as_user):
    editor = as_user(person("editor", *EDITOR, "approve_variant"))
    reviewer = as_user(person("reviewer", *REVIEWER))
    chief, stranger, reader = as_user(User.objects.create_superuser("chief")), as_user(None), as_user(None)

    variant = ask(editor)
    assert variant.words["headline"] == INVENTED
    assert variant.model.startswith(MODEL)
    assert variant.is_ai
    assert GenerationCall.objects.get().status == "ok"
    assert TITLE in model.asked[0].user
    assert TITLE not in model.asked[0].system
    correct_and_submit(editor)

    # Who asked does not approve, whatever else they may do.
    expect(editor.get_by_text("You asked for this variant: somebody else has to judge it.")).to_be_visible()
    expect(editor.get_by_role("button", name="Approve")).to_have_count(0)
    assert CORRECTED not in "".join(titles(reader, LETTER))

    approve_by_keyboard(reviewer)
    assert Variant.objects.get().state == "approved"
    record = ApprovalRecord.objects.filter(act="approved").get()
    assert (record.user_name, record.requested_by, record.comment) == (
        "reviewer",
        "editor",
        "Says what the article says.",
    )

    seen = "".join(titles(reader, LETTER))
    assert CORRECTED in seen
    assert LABEL in seen
    shoot(reader, "7-reader")
    assert CORRECTED not in "".join(titles(stranger, "/"))
    assert TITLE in "".join(titles(stranger, "/"))

    chief.goto(f"/cms/pages/{article.pk}/edit/")
    chief.locator("textarea[name=summary]").fill("How a heap of kitchen waste turns into soil within two years.")
    chief.get_by_role("button", name="More actions").click()
    chief.get_by_role("button", name="Publish").click()
    expect(chief.get_by_text("published").first).to_be_visible()
    seen = "".join(titles(reader, LETTER))
    assert CORRECTED not in seen
    assert "within two years" in seen
    shoot(reader, "8-gone")

    reviewer.goto(QUEUE)
    expect(reviewer.get_by_text("Stale: the original has changed")).to_be_visible()
    shoot(reviewer, "9-stale")
    reviewer.get_by_role("link", name=CORRECTED).click()
    changed = reviewer.get_by_role("region", name="What has changed in the original")
    expect(changed.locator("del, ins").first).to_be_visible()
    expect(changed).to_contain_text("two years")
    shoot(reviewer, "10-difference")
