"""The main job as visitors live it: real pages of the demonstration site in a real Chromium."""

import pytest

from tests.factories import make_magazine, make_slot

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def magazine(transactional_db):
    make_slot("home-top")
    return make_magazine()


@pytest.fixture
def visit(browser, live_server, magazine):
    """A visitor with a browser of their own, on the home page."""
    contexts = []

    def arrive(**options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(live_server.url)
        return page

    yield arrive
    for context in contexts:
        context.close()


def agree(page):
    with page.expect_response("**/consent/"):
        page.get_by_role("button", name="Allow all").click()


def read(page, live_server, articles):
    for article in articles:
        with page.expect_response("**/events/"):
            page.goto(f"{live_server.url}{article.url}")


def home_topics(page, live_server):
    page.goto(live_server.url)
    links = page.locator("[data-slot=home-top] .slot-card__link").all()
    return [link.get_attribute("href").split("/")[1] for link in links]


def test_a_visitor_who_agrees_and_reads_gets_a_home_page_of_their_own(visit, live_server, magazine):
    reader, other = visit(), visit()
    before = home_topics(other, live_server)
    agree(reader)
    agree(other)
    read(reader, live_server, magazine["science-fiction"][:3])
    assert home_topics(reader, live_server) == ["science-fiction"] * 3
    assert home_topics(reader, live_server) == ["science-fiction"] * 3, "a reload keeps it"
    assert home_topics(other, live_server) == before
    assert home_topics(visit(), live_server) == before, "a new browser is a stranger"


def test_why_am_i_seeing_this_names_what_was_read(visit, live_server, magazine):
    reader = visit()
    agree(reader)
    read(reader, live_server, magazine["cooking"][:2])
    reader.goto(live_server.url)
    card = reader.locator(".slot-card").first
    assert not card.get_by_text("Because you read").first.is_visible()
    card.locator("summary").press("Enter")
    assert card.get_by_text("Cooking story").first.is_visible()


def test_a_visitor_who_refuses_is_not_followed_or_asked_again(visit, live_server, magazine):
    reader = visit()
    with reader.expect_response("**/consent/"):
        reader.get_by_role("button", name="Refuse").click()
    before = home_topics(reader, live_server)
    for article in magazine["gardening"][:3]:
        reader.goto(f"{live_server.url}{article.url}")
    assert home_topics(reader, live_server) == before
    assert reader.context.cookies() == []
    assert not reader.get_by_role("button", name="Refuse").is_visible()


def test_a_browser_with_global_privacy_control_gets_the_page_of_everybody(visit, live_server, magazine):
    before = home_topics(visit(), live_server)
    reader = visit(extra_http_headers={"Sec-GPC": "1"})
    agree(reader)
    read(reader, live_server, magazine["science-fiction"][:3])
    assert home_topics(reader, live_server) == before


def test_leaving_takes_everything_back(visit, live_server, magazine):
    reader = visit()
    before = home_topics(reader, live_server)
    agree(reader)
    read(reader, live_server, magazine["science-fiction"][:3])
    assert home_topics(reader, live_server) != before
    reader.goto(f"{live_server.url}/privacy/")
    reader.get_by_label("I am sure").check()
    reader.get_by_role("button", name="Erase").click()
    reader.get_by_text("A recount finds nothing").wait_for()
    assert "personalization_visitor" not in [cookie["name"] for cookie in reader.context.cookies()]
    assert home_topics(reader, live_server) == before
