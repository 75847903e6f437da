"""The client module in a real browser, against the real API; only the pages around it are written here."""

import gzip
import uuid

import pytest
from django.contrib.staticfiles import finders

from personalization.events import tokens
from personalization.events.models import Event
from personalization.events.tokens import DecisionToken
from personalization.visitors.models import Visitor
from tests.factories import make_item

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CLIENT = "personalization/client.js"
CSP = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; form-action 'self'"
BANNER = """
<aside data-consent><form data-consent-form action="/privacy/">
  <input type="checkbox" name="analytics"><input type="checkbox" name="personalization">
  <button name="choice" value="all">Allow all</button><button name="choice" value="none">Refuse</button>
  <button name="choice" value="chosen">Save choice</button><p data-consent-error hidden>Try again</p>
</form></aside>"""
SLOT = """
<section data-slot="home-top" data-slot-token="{token}"><article data-slot-item="page:1"><a href="/next/">One</a>
<button data-goal="share" data-goal-value="2.5">Share</button></article></section>
<div style="height: 2000px"></div>
<section data-slot="home-top" data-slot-token="{token}"><article data-slot-item="page:2"><a href="/next/">Two</a>
</article></section>"""


@pytest.fixture(autouse=True)
def items(transactional_db):
    make_item("page:1", words="rockets")
    make_item("page:2", words="bread")


@pytest.fixture
def token():
    decision = DecisionToken(decision_id=uuid.uuid4(), slot_key="home-top", item_keys=("page:1", "page:2"))
    return tokens.issue(decision)


@pytest.fixture
def show(context, page, live_server):
    """Open a page of the site with this body, under a strict content security policy."""
    sent = []
    page.on("request", lambda request: sent.append(request) if "/api/" in request.url else None)

    def open_page(body="", *, purposes="", item="page:1", path="/here/", go=True):
        allowed = "" if purposes is None else f'data-purposes="{purposes}"'
        script = f'<script type="module" src="/static/{CLIENT}" data-personalization {allowed} data-item="{item}" '
        html = f'<!doctype html><title>t</title>{body}{script} data-api="/api/personalization/v1/"></script>'
        answer = {"body": html, "content_type": "text/html", "headers": {"Content-Security-Policy": CSP}}
        context.route(f"{live_server.url}{path}", lambda route: route.fulfill(**answer))
        context.route("**/next/", lambda route: route.fulfill(body="<!doctype html>next", content_type="text/html"))
        if go:
            page.goto(f"{live_server.url}{path}", wait_until="load")
        return sent

    return open_page


def allow(page):
    with page.expect_response("**/consent/"):
        page.get_by_role("button", name="Allow all").click()


@pytest.fixture
def wait_for(page):
    """Wait until the server has stored so many events; the browser goes on meanwhile."""

    def wait(number, **facts):
        for _ in range(100):
            if Event.objects.filter(**facts).count() >= number:
                break
            page.wait_for_timeout(50)
        return list(Event.objects.filter(**facts).order_by("pk"))

    return wait


def stored(page):
    return page.evaluate("JSON.stringify(localStorage)")


def wait_until(page, expression):
    """Playwright's own waiting evaluates in the page, which the content security policy forbids."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")


def test_the_client_is_under_five_kilobytes():
    with open(finders.find(CLIENT), "rb") as file:
        assert len(gzip.compress(file.read(), 9)) < 5 * 1024


def test_before_consent_nothing_is_sent_stored_or_set(show, page, context, token):
    requests = show(BANNER + SLOT.format(token=token) + '<div data-slot-fragment="/api/f/">words</div>')
    page.mouse.wheel(0, 3000)
    page.wait_for_timeout(1600)
    page.get_by_role("button", name="Share").click()
    page.get_by_role("link", name="One").click()
    page.wait_for_url("**/next/")
    assert requests == []
    assert stored(page) == "{}"
    assert context.cookies() == []
    assert not Event.objects.exists()


def test_a_grant_sets_the_cookie_and_starts_counting_without_a_reload(show, page, context, token, wait_for):
    show(BANNER + SLOT.format(token=token))
    allow(page)
    assert wait_for(1, kind="view")[0].item_key == "page:1"
    assert len(wait_for(1, kind="impression", item_key="page:1")) == 1
    cookie = context.cookies()[0]
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, True, "Lax")
    assert not page.get_by_role("button", name="Allow all").is_visible()
    assert Visitor.objects.get().profile.recent[0][0] == "page:1"


def test_a_refusal_is_remembered_by_the_browser_alone(show, page, context):
    show(BANNER)
    with page.expect_response("**/consent/"):
        page.get_by_role("button", name="Refuse").click()
    wait_until(page, "document.querySelector('aside').hidden")
    assert context.cookies() == []
    assert not Visitor.objects.exists()
    requests = show(BANNER)
    assert not page.get_by_role("button", name="Refuse").is_visible()
    assert len([request for request in requests if "/events/" in request.url]) == 0


def test_boxes_are_what_save_choice_sends(show, page):
    show(BANNER)
    page.locator("[name=analytics]").check()
    with page.expect_response("**/consent/"):
        page.get_by_role("button", name="Save choice").click()
    assert Visitor.objects.get().consent.analytics
    assert not Visitor.objects.get().consent.personalization


def test_a_choice_that_cannot_be_stored_says_so_and_keeps_asking(show, page, context):
    show(BANNER)
    context.route("**/consent/", lambda route: route.abort())
    page.get_by_role("button", name="Allow all").click()
    page.wait_for_selector("[data-consent-error]:visible")
    assert page.get_by_role("button", name="Allow all").is_visible()


@pytest.fixture
def consented(show, page):
    """A browser whose visitor allowed everything earlier."""
    show(BANNER, item="")
    allow(page)
    return lambda body="", **fields: show(body, **({"purposes": "analytics personalization"} | fields))


def test_an_impression_needs_half_a_card_for_a_second_and_counts_once(consented, page, token, wait_for):
    consented(SLOT.format(token=token))
    assert [event.item_key for event in wait_for(1, kind="impression")] == ["page:1"]
    for _ in range(2):
        page.mouse.wheel(0, 3000)
        page.wait_for_timeout(300)
        page.mouse.wheel(0, -3000)
        page.wait_for_timeout(300)
    assert Event.objects.filter(kind="impression").count() == 1, "two glances of 0.3 s are no impression"
    page.mouse.wheel(0, 3000)
    assert [event.item_key for event in wait_for(2, kind="impression")] == ["page:1", "page:2"]
    assert wait_for(1, kind="impression")[1].position == 1


@pytest.mark.parametrize("how", ["mouse", "middle", "keyboard"])
def test_clicks_count_however_they_are_made(consented, page, token, how, wait_for):
    consented(SLOT.format(token=token))
    # After a failure a client keeps its events for the next page of the site; the page behind the link is none.
    wait_for(1, kind="view")
    link = page.get_by_role("link", name="One")
    if how == "keyboard":
        link.focus()
        page.keyboard.press("Enter")
    else:
        link.click(button="middle" if how == "middle" else "left")
    event = wait_for(1, kind="click")[0]
    assert (event.slot_key, event.item_key, event.position) == ("home-top", "page:1", 0)


def test_goals_are_told_by_attribute_and_by_call(consented, page, token, wait_for):
    consented(SLOT.format(token=token) + '<form data-goal="signup" action="/next/"><button>Join</button></form>')
    page.get_by_role("button", name="Share").click()
    event = wait_for(1, goal="share")[0]
    assert (event.kind, event.value, event.slot_key, event.item_key) == ("conversion", 2.5, "home-top", "page:1")
    page.evaluate(f"import('/static/{CLIENT}').then((client) => client.goal('order', {{value: 12}}))")
    assert wait_for(1, goal="order")[0].value == 12
    page.get_by_role("button", name="Join").click()
    assert wait_for(1, goal="signup")[0].item_key == "page:1"


def test_reading_time_and_depth_are_told_when_the_page_is_left(consented, page, wait_for):
    consented('<div style="height: 3000px">long</div>')
    page.mouse.wheel(0, 1000)
    page.wait_for_timeout(1300)
    page.goto("about:blank")
    dwell = wait_for(1, kind="dwell")[0]
    assert 1000 <= dwell.duration_ms < 10_000
    assert [event.value for event in wait_for(2, kind="scroll")] == [25, 50]


def test_cards_that_come_later_are_observed_too(consented, page, token, wait_for):
    consented("<main></main>")
    card = f'<section data-slot-token="{token}"><article data-slot-item="page:2"><a href="/next/">Two</a></article>'
    page.evaluate("(html) => { document.querySelector('main').innerHTML = html }", card)
    assert wait_for(1, kind="impression")[0].item_key == "page:2"


def test_fragments_are_filled_and_observed(consented, page, context, token, wait_for):
    card = f'<section data-slot-token="{token}"><article data-slot-item="page:2"><a href="/next/">Yours</a></article>'
    context.route("**/fragment/", lambda route: route.fulfill(body=card, content_type="text/html"))
    consented('<div data-slot-fragment="/api/fragment/">Everybody\'s</div>')
    page.wait_for_selector("text=Yours")
    assert wait_for(1, kind="impression")[0].item_key == "page:2"


def test_fragments_are_asked_for_one_by_one_with_what_the_page_shows(consented, page, context, token):
    asked = []

    def answer(route):
        asked.append(route.request.headers["x-personalization-shown"])
        card = f'<section data-slot-token="token-{len(asked)}"><a href="/next/">Number {len(asked)}</a></section>'
        route.fulfill(body=card, content_type="text/html")

    context.route("**/fragment/", answer)
    place = '<div data-slot-fragment="/api/fragment/">Everybody\'s</div>'
    consented(SLOT.format(token=token) + place + place)
    page.wait_for_selector("text=Number 2")
    assert asked == [f"{token} {token}", f"{token} {token} token-1"]


def test_what_is_dismissed_goes_is_told_and_leaves_the_focus_on_the_next(consented, page, token, wait_for):
    card = '<article data-slot-item="{0}"><a href="/next/">{0}</a><button data-dismiss hidden>No</button></article>'
    cards = card.format("page:1") + card.format("page:2")
    consented(f'<section data-slot-token="{token}">{cards}</section>')
    page.get_by_role("button", name="No").first.click()
    event = wait_for(1, kind="dismiss")[0]
    assert (event.slot_key, event.item_key, event.position) == ("home-top", "page:1", 0)
    assert page.locator("[data-slot-item]").count() == 1
    assert page.evaluate("document.activeElement.textContent") == "page:2"
    assert list(Visitor.objects.get().profile.dismissed) == ["page:1"]
    assert not Event.objects.filter(kind="click").exists()


def test_a_fragment_that_fails_or_lies_elsewhere_leaves_the_fallback(consented, page):
    requests = consented(
        '<div data-slot-fragment="/api/nowhere/">First</div>'
        '<div data-slot-fragment="https://elsewhere.example/api/x/">Second</div>'
    )
    page.wait_for_timeout(300)
    assert page.locator("text=First").is_visible()
    assert page.locator("text=Second").is_visible()
    assert not [request for request in requests if "elsewhere" in request.url]


def test_a_cached_page_lives_by_the_choice_this_browser_remembers(consented, wait_for):
    consented("", purposes=None)
    assert len(wait_for(1, kind="view")) == 1


def test_offline_events_are_kept_and_sent_when_the_network_is_back(consented, page, context, wait_for):
    consented()
    wait_for(1, kind="view")
    context.set_offline(True)
    page.evaluate(f"import('/static/{CLIENT}').then((client) => client.goal('later'))")
    wait_until(page, "localStorage['personalization.queue']?.includes('later')")
    assert not Event.objects.filter(goal="later").exists()
    context.set_offline(False)
    assert len(wait_for(1, goal="later")) == 1
    wait_until(page, "!localStorage['personalization.queue']")


@pytest.mark.parametrize(("status", "headers"), [(503, {}), (429, {"Retry-After": "1"})])
def test_a_server_out_of_order_is_asked_again_later(consented, page, context, status, headers, wait_for):
    answers = [status]

    def answer(route):
        route.fulfill(status=answers.pop(), headers=headers) if answers else route.continue_()

    context.route("**/events/", answer)
    consented()
    assert len(wait_for(1, kind="view")) == 1
    assert answers == []


def test_what_the_server_refuses_as_a_whole_is_not_sent_again(consented, page, context, wait_for):
    requests = consented()
    wait_for(1, kind="view")
    context.route("**/events/", lambda route: route.fulfill(status=400, body="{}"))
    requests.clear()
    page.evaluate(f"import('/static/{CLIENT}').then((client) => client.goal('bad'))")
    page.wait_for_timeout(2000)
    assert len(requests) == 1
    assert "queue" not in stored(page)


def test_a_withdrawal_drops_everything_the_browser_kept(consented, page, context, wait_for):
    consented(BANNER)
    wait_for(1, kind="view")
    page.evaluate("localStorage['personalization.queue'] = JSON.stringify([{kind: 'old'}])")
    consented(BANNER, purposes="", go=False)
    with page.expect_navigation():
        page.evaluate("document.querySelector('form').requestSubmit(document.querySelector('[value=none]'))")
    assert "none" in stored(page)
    assert "queue" not in stored(page)
    assert context.cookies() == []
    assert not Visitor.objects.exists()


def test_a_visitor_forgotten_by_the_server_is_forgotten_by_the_browser(consented, page):
    Visitor.objects.all().delete()
    consented()
    wait_until(page, "localStorage.length == 0")


def test_spoilt_storage_harms_nothing(consented, page, wait_for):
    for views, spoilt in enumerate(("{", '{"a": 1}', "null", "5"), start=1):
        page.evaluate("(value) => { localStorage['personalization.queue'] = value }", spoilt)
        consented()
        # A page that is left before its beacon was answered sends it again from the next: stored, it counts once.
        assert len(wait_for(views, kind="view")) == views
