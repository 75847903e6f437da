"""Template tag, block and fragment: one corridor, and nobody ever sees another visitor's page."""

import pytest
from django.conf import settings as django_settings
from django.core.signals import request_finished
from django.db import DatabaseError, close_old_connections
from django.http import HttpResponseServerError
from django.test import Client, RequestFactory
from wagtail.blocks import StreamBlock, StructBlock

from personalization import middleware
from personalization.blocks import SlotBlock
from personalization.events.models import Event, Kind
from personalization.slots import building, rendering
from personalization.visitors.identity import sign_key
from tests.factories import ArticlePageFactory
from tests.slots.urls import page
from tests.slots.world import make_item, make_items, make_slot, make_visitor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

COOKIE = "personalization_visitor"
CACHING = [
    "django.middleware.cache.UpdateCacheMiddleware",
    *django_settings.MIDDLEWARE,
    "django.middleware.cache.FetchFromCacheMiddleware",
]


def browser_of(visitor=None, **headers) -> Client:
    client = Client(headers=headers)
    if visitor:
        client.cookies[COOKIE] = sign_key(visitor.key)
    return client


@pytest.fixture
def items():
    return make_items(16)


@pytest.fixture
def slot(items):
    return make_slot(size=2, heading="For you", diversity=0)


def test_the_tag_renders_cards_with_token_and_reasons(slot, items):
    page = browser_of(make_visitor(read=(items[0],))).get("/page/?slots=home-top").content.decode()
    assert 'data-slot="home-top"' in page
    assert 'data-slot-token="' in page
    assert f'data-slot-item="{items[4].key}"' in page
    assert "Why am I seeing this?" in page
    assert "Because you read “Space 0”" in page


def test_what_editors_and_visitors_wrote_is_escaped(items):
    make_item(40, title="<script>alert(1)</script>", url="/x/?a=1&b=2", summary="<b>bold</b>")
    make_slot(size=9, heading="Fish & <i>chips</i>", policy="newest", languages="any")
    page = browser_of().get("/page/?slots=home-top").content.decode()
    assert "<script>alert" not in page
    assert "<i>chips" not in page
    assert "<b>bold" not in page


def test_an_unknown_slot_a_draft_and_an_empty_one_render_nothing(items):
    make_slot("draft", live=False)
    make_slot("empty", pool_tags="no-such-tag")
    assert browser_of().get("/page/?slots=unknown,draft,empty").content == b""


def test_a_broken_template_leaves_a_gap_and_not_an_error(slot, monkeypatch):
    monkeypatch.setattr(rendering, "TEMPLATE", "no/such/template.html")
    response = browser_of().get("/page/?slots=home-top")
    assert (response.status_code, response.content) == (200, b"")


def test_a_page_with_a_slot_inside_may_not_be_kept_by_any_cache(slot):
    for address in ("/page/", "/public/", "/cached/"):
        response = browser_of().get(f"{address}?slots=home-top")
        assert response["Cache-Control"] == "private, no-store"
        assert "Expires" not in response


def test_a_page_without_slots_keeps_its_own_cache_headers(slot):
    assert browser_of().get("/public/").headers["Cache-Control"] == "public, max-age=3600"


@pytest.mark.parametrize("address", ["/page/", "/public/", "/cached/"])
def test_behind_djangos_page_cache_two_visitors_never_see_each_others_page(slot, items, settings, address):
    settings.MIDDLEWARE = CACHING
    reader, cook = browser_of(make_visitor(read=(items[0],))), browser_of(make_visitor(read=(items[1],)))
    url = f"{address}?slots=home-top&chrome=1"
    stranger = browser_of().get(url).content.decode()
    first, second = reader.get(url).content.decode(), cook.get(url).content.decode()
    assert "Because you read “Space 0”" in first
    assert "Because you read “Food 1”" in second
    assert "Because you read" not in browser_of().get(url).content.decode()
    assert "Because you read" not in stranger
    assert "Because you read “Space 0”" in reader.get(url).content.decode()


@pytest.mark.parametrize("address", ["/page/", "/cached/"])
def test_a_page_with_fragments_is_cached_and_holds_nothing_of_anybody(slot, items, settings, address):
    settings.MIDDLEWARE = CACHING
    url = f"{address}?slots=home-top&mode=fragment&chrome=1"
    reader = browser_of(make_visitor(read=(items[0],)))
    first = reader.get(url)
    assert "no-store" not in first["Cache-Control"]
    assert "max-age=600" in first["Cache-Control"]
    page = first.content.decode()
    assert "/api/personalization/v1/slots/home-top/fragment/?url=" in page
    assert "Because you read" not in page
    assert "data-slot-token" not in page
    assert "data-purposes" not in page
    make_item(70, title="Published later", published_at=items[0].published_at.replace(year=2099))
    assert browser_of().get(url).content == first.content


def test_the_choice_of_one_visitor_is_not_shown_to_another_by_a_cache(slot, settings):
    settings.MIDDLEWARE = CACHING
    url = "/page/?chrome=1"
    assert 'data-purposes="analytics personalization"' in browser_of(make_visitor()).get(url).content.decode()
    stranger = browser_of().get(url)
    assert 'data-purposes=""' in stranger.content.decode()
    assert "data-consent-form" in stranger.content.decode()
    mine = browser_of(make_visitor()).get(url)
    assert 'data-purposes="analytics personalization"' in mine.content.decode()
    assert "data-consent-form" not in mine.content.decode()
    assert "Cookie" in stranger["Vary"]


def test_the_choice_of_one_visitor_is_not_kept_by_the_cache_of_a_view(slot, settings):
    settings.MIDDLEWARE = CACHING
    url = "/cached/?chrome=1"
    assert 'data-purposes="analytics personalization"' in browser_of(make_visitor()).get(url).content.decode()
    stranger = browser_of().get(url).content.decode()
    assert 'data-purposes=""' in stranger
    assert "data-consent-form" in stranger


def test_what_one_browser_objects_to_is_not_said_to_another_by_a_cache(slot, settings):
    settings.MIDDLEWARE = CACHING
    url, objection = "/page/?chrome=1", "Your browser asks sites not to track you"
    assert objection in browser_of(**{"sec-gpc": "1"}).get(url).content.decode()
    assert objection not in browser_of().get(url).content.decode()
    assert objection in browser_of(dnt="1").get(url).content.decode()


def test_the_client_knows_where_the_api_is_and_what_is_being_viewed(site):
    page = browser_of().get("/page/?chrome=1").content.decode()
    assert 'data-api="/api/personalization/v1/"' in page
    assert 'data-item=""' in page
    assert 'type="module"' in page


def test_a_page_in_which_a_slot_was_shown_is_recorded_as_exposure_with_consent_only(slot, items):
    counting, silent = make_visitor(), make_visitor(analytics=False)
    for visitor in (counting, silent, None):
        browser_of(visitor).get("/page/?slots=home-top")
    exposure = Event.objects.get(kind=Kind.EXPOSURE)
    assert (exposure.visitor_key, exposure.slot_key) == (counting.key, "home-top")


def test_an_exposure_that_cannot_be_recorded_does_not_harm_the_page(slot, monkeypatch, caplog):
    def break_down(**kwargs):
        raise DatabaseError("disk full")

    visitor = make_visitor()
    monkeypatch.setattr(middleware, "log_exposures", break_down)
    response = browser_of(visitor).get("/page/?slots=home-top")
    assert response.status_code == 200
    assert b"slot-card" in response.content
    assert "not recorded" in caplog.text
    assert visitor.key not in caplog.text


@pytest.mark.parametrize("header", [{"sec-gpc": "1"}, {"dnt": "1"}])
def test_a_browser_that_objects_gets_what_strangers_get_and_a_token_that_names_nobody(slot, items, header, monkeypatch):
    issued = []
    monkeypatch.setattr(building, "issue", lambda token: issued.append(token) or "token")
    page = browser_of(make_visitor(read=(items[0],)), **header).get("/page/?slots=home-top&chrome=1").content.decode()
    assert "Because you read" not in page
    assert "personalization" not in page.split("data-purposes=")[1].split('"')[1]
    assert [token.visitor_key for token in issued] == [""]


def test_no_cookie_is_set_by_looking_at_slots(slot):
    response = browser_of().get("/page/?slots=home-top&chrome=1")
    assert not response.cookies


def test_a_block_renders_its_slot_on_a_page_and_shows_its_key_to_front_ends(slot, items):
    block = SlotBlock()
    value = block.to_python(slot.pk)
    request = RequestFactory().get("/")
    assert 'data-slot="home-top"' in block.render(value, {"request": request})
    assert block.render(value, {}) == ""
    assert block.render(None, {"request": request}) == ""
    assert block.get_api_representation(value) == "home-top"
    assert "data-slot-fragment" in SlotBlock(mode="fragment").render(value, {"request": request})


def test_a_block_whose_slot_was_deleted_shows_nothing_anywhere(slot):
    block = SlotBlock()
    value = block.to_python(slot.pk)
    slot.delete()
    assert block.render(value, {"request": RequestFactory().get("/")}) == ""
    assert block.get_api_representation(value) is None


def test_a_block_can_be_described_in_a_migration():
    path, args, kwargs = SlotBlock(mode="fragment").deconstruct()
    assert (path, args, kwargs) == ("personalization.blocks.SlotBlock", [], {"mode": "fragment"})
    assert StreamBlock([("slot", SlotBlock())]).child_blocks["slot"].meta.mode == "inline"
    assert isinstance(StructBlock([("slot", SlotBlock())]).child_blocks["slot"], SlotBlock)


def test_the_page_being_viewed_gives_slots_their_context(slot, site):
    article = ArticlePageFactory(title="Seen now", body=[], tags=["space"])
    request = RequestFactory().get(article.url)
    html = rendering.render_slot("home-top", request=request, page=article)
    assert "Seen now" not in html
    assert request.personalization.item_key == f"page:{article.pk}"


def test_a_wagtail_preview_of_a_page_counts_nothing(slot, items):
    visitor = make_visitor()
    request = RequestFactory().get("/", HTTP_COOKIE=f"{COOKIE}={sign_key(visitor.key)}")
    request.is_preview = True
    html = rendering.render_slot("home-top", request=request)
    assert "slot-card" in html
    assert "data-slot-token" not in html
    assert request.personalization.tokens == []


def finish(response) -> None:
    """What a server does when it has sent a response, but for closing the test's database connection."""
    request_finished.disconnect(close_old_connections)
    response.close()
    request_finished.connect(close_old_connections)


def test_the_page_is_sent_before_its_exposures_are_recorded(slot):
    visitor = make_visitor()
    request = RequestFactory().get("/page/?slots=home-top", HTTP_COOKIE=f"{COOKIE}={sign_key(visitor.key)}")
    response = middleware.PersonalizationMiddleware(page)(request)
    assert b"slot-card" in response.content
    assert not Event.objects.exists()
    finish(response)
    assert Event.objects.get().visitor_key == visitor.key


def test_a_page_that_ends_in_an_error_was_shown_to_nobody(slot):
    def broken(request):
        page(request)
        return HttpResponseServerError()

    request = RequestFactory().get("/page/?slots=home-top", HTTP_COOKIE=f"{COOKIE}={sign_key(make_visitor().key)}")
    finish(middleware.PersonalizationMiddleware(broken)(request))
    assert not Event.objects.exists()
