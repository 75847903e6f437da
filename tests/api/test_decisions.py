"""The decisions API and the fragments: clear refusals, nothing stored, nothing cached."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from personalization.catalog.models import Item
from personalization.events.models import Event
from personalization.events.tokens import read
from personalization.visitors.identity import HEADER, sign_key
from personalization.visitors.models import Visitor
from tests.slots.world import make_item, make_items, make_slot, make_visitor

pytestmark = pytest.mark.django_db

URL = "/api/personalization/v1/decisions/"


@pytest.fixture
def items():
    return make_items(16)


@pytest.fixture
def slot(items):
    return make_slot(size=2, heading="For you", diversity=0)


def ask(body, client: Client | None = None, **headers):
    raw = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return (client or Client()).post(URL, raw, content_type="application/json", headers=headers)


def fragment(key: str = "home-top", url: str | None = "/", **headers):
    query = {} if url is None else {"url": url}
    return Client().get(f"/api/personalization/v1/slots/{key}/fragment/", query, headers=headers)


def refusal(response) -> tuple[int, str]:
    assert set(response.json()) == {"code", "detail"}
    return response.status_code, response.json()["code"]


def test_a_decision_has_the_promised_shape(slot, items):
    reader = make_visitor(read=(items[0],))
    response = ask(
        {"slots": ["home-top"], "context": {"url": "/a/", "item": None, "locale": "en"}},
        **{HEADER: sign_key(reader.key)},
    )
    assert response.status_code == 200
    decision = response.json()["decisions"][0]
    assert set(decision) == {
        "slot", "decision_id", "token", "policy", "model_version", "fallback", "reason", "heading", "text", "items",
        "dismissible", "variant", "ai_label", "why_words",
    }  # fmt: skip
    item = decision["items"][0]
    assert set(item) == {
        "key", "type", "title", "url", "summary", "image", "variant", "score", "why", "origin", "propensity",
        "call_to_action", "image_description", "ai_label", "why_words",
    }  # fmt: skip
    assert (item["origin"], item["propensity"], decision["dismissible"]) == ("ranked", None, False)
    assert set(item["why"][0]) == {"scorer", "contribution", "text"}
    assert sum(why["contribution"] for why in item["why"]) == pytest.approx(item["score"])
    assert (decision["slot"], decision["policy"], decision["reason"]) == ("home-top", "for-you", "content")
    assert (decision["fallback"], decision["model_version"], item["variant"]) == (False, None, None)
    assert item["type"] == "home.articlepage"
    token = read(decision["token"], now=timezone.now())
    assert token.slot_key == "home-top"
    assert token.item_keys == tuple(item["key"] for item in decision["items"])
    assert token.belongs_to(reader.key)
    assert not token.belongs_to(make_visitor().key)


def test_several_slots_come_in_the_order_asked_for_and_repeat_nothing(slot, items):
    make_slot("second", size=3, policy="newest")
    decisions = ask({"slots": ["second", "home-top", "second"]}).json()["decisions"]
    assert [decision["slot"] for decision in decisions] == ["second", "home-top"]
    keys = [item["key"] for decision in decisions for item in decision["items"]]
    assert len(keys) == len(set(keys)) == 5


def test_the_page_being_viewed_is_named_by_item_by_path_or_by_address(slot, items):
    for place in ({"item": items[2].key}, {"url": items[2].url}, {"url": f"http://testserver{items[2].url}?page=2"}):
        decision = ask({"slots": ["home-top"], "context": place}).json()["decisions"][0]
        assert decision["reason"] == "context"
        assert {item["title"].split()[0] for item in decision["items"]} == {"Gardens"}


def test_nobody_learns_what_a_withdrawn_page_is_about_by_saying_that_it_is_being_viewed(items):
    make_slot("near", policy="similar")
    hidden = items[2]
    Item.objects.filter(pk=hidden.pk).update(live=False)
    for place in ({"item": hidden.key}, {"url": hidden.url}):
        assert ask({"slots": ["near"], "context": place}).json()["decisions"][0]["reason"] == "newest"
    shown = {"item": items[3].key}
    assert ask({"slots": ["near"], "context": shown}).json()["decisions"][0]["reason"] == "similar"


def test_a_language_is_followed(items):
    make_item(50, title="Lune", locale="fr")
    make_slot(size=1, policy="newest")
    decision = ask({"slots": ["home-top"], "context": {"locale": "fr"}}).json()["decisions"][0]
    assert [item["title"] for item in decision["items"]] == ["Lune"]


def test_the_default_site_answers_and_other_sites_items_do_not_surface(slot):
    make_item(60, title="Elsewhere", site_id=99)
    titles = [item["title"] for item in ask({"slots": ["home-top"]}).json()["decisions"][0]["items"]]
    assert "Elsewhere" not in titles


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("{", 400, "bad_json"),
        ("[" * 100_000, 400, "bad_json"),
        ("null", 400, "invalid"),
        ("[]", 400, "invalid"),
        ({}, 400, "invalid"),
        ({"slots": []}, 400, "invalid"),
        ({"slots": "home-top"}, 400, "invalid"),
        ({"slots": [1]}, 400, "invalid"),
        ({"slots": [None]}, 400, "invalid"),
        ({"slots": [{"key": "home-top"}]}, 400, "invalid"),
        ({"slots": ["x" * 61]}, 400, "invalid"),
        ({"slots": ["home-top"] * 13}, 400, "too_many_slots"),
        ({"slots": ["nowhere"]}, 404, "unknown_slot"),
        ({"slots": ["home-top", "nowhere"]}, 404, "unknown_slot"),
        ({"slots": ["home-top\u0000"]}, 400, "invalid"),
        ({"slots": ["home-top"], "context": []}, 400, "invalid"),
        ({"slots": ["home-top"], "context": {"url": 5}}, 400, "invalid"),
        ({"slots": ["home-top"], "context": {"item": {"pk": 1}}}, 400, "invalid"),
        ({"slots": ["home-top"], "context": {"url": "https://evil.example/a/"}}, 400, "bad_url"),
        ({"slots": ["home-top"], "context": {"url": "//evil.example/a/"}}, 400, "bad_url"),
        ({"slots": ["home-top"], "context": {"url": "/\\evil.example"}}, 400, "bad_url"),
        ({"slots": ["home-top"], "context": {"url": "javascript:alert(1)"}}, 400, "bad_url"),
        ({"slots": ["home-top"], "context": {"url": "http://[bad"}}, 400, "bad_url"),
        ({"slots": ["home-top"], "context": {"locale": "xx"}}, 400, "unknown_locale"),
    ],
)
def test_what_cannot_be_answered_is_refused_clearly(slot, body, status, code):
    assert refusal(ask(body)) == (status, code)


def test_an_unknown_slot_is_named_in_the_refusal(slot):
    assert "nowhere" in ask({"slots": ["nowhere"]}).json()["detail"]


def test_a_body_of_ten_megabytes_is_refused(slot):
    assert refusal(ask(b'{"slots": ["' + b"x" * 10_000_000 + b'"]}')) == (413, "too_large")


def test_a_refused_question_stores_nothing(slot):
    visitor = make_visitor()
    for body in ("{", {"slots": ["nowhere"]}, {"slots": ["home-top"] * 13}):
        ask(body, **{HEADER: sign_key(visitor.key)})
    assert Event.objects.count() == 0
    assert Visitor.objects.count() == 1


def test_a_question_without_consent_leaves_no_trace(slot):
    response = ask({"slots": ["home-top"]})
    assert not response.cookies
    assert (Event.objects.count(), Visitor.objects.count()) == (0, 0)


def test_only_post_is_answered(slot):
    assert refusal(Client().get(URL)) == (405, "method_not_allowed")


def test_a_slot_that_is_not_live_answers_with_nothing_and_says_so(items):
    make_slot("draft", live=False)
    decision = ask({"slots": ["draft"]}).json()["decisions"][0]
    assert (decision["items"], decision["reason"]) == ([], "not_live")


def test_answers_are_kept_by_no_cache(slot):
    assert "no-store" in ask({"slots": ["home-top"]})["Cache-Control"]
    assert "no-store" in fragment()["Cache-Control"]


def test_a_fragment_is_the_visitors_own_slot(slot, items):
    reader = make_visitor(read=(items[0],))
    response = fragment(url=items[2].url, **{HEADER: sign_key(reader.key)})
    assert response["Content-Type"].startswith("text/html")
    assert "Because you read “Space 0”" in response.content.decode()
    assert 'data-slot-token="' in response.content.decode()
    assert response["X-Personalization-Purposes"] == "analytics personalization"
    assert fragment()["X-Personalization-Purposes"] == ""


def test_a_fragment_knows_the_page_it_stands_on(slot, items):
    page = fragment(url=items[2].url).content.decode()
    assert "Similar to this page" in page
    assert f'data-slot-item="{items[2].key}"' not in page


@pytest.mark.parametrize("url", [None, "", "relative/", "https://evil.example/", "//evil.example/", "/\t/evil.example"])
def test_a_fragment_for_another_host_or_for_no_page_is_refused(slot, url):
    assert refusal(fragment(url=url)) == (400, "bad_url")


def test_a_fragment_of_an_unknown_slot_is_refused_whatever_is_accepted(slot):
    assert refusal(fragment("nowhere", accept="text/html")) == (404, "unknown_slot")


def test_the_schema_describes_both_endpoints(db):
    schema = Client().get("/api/personalization/v1/schema/?format=json").json()["paths"]
    assert "post" in schema["/api/personalization/v1/decisions/"]
    assert "get" in schema["/api/personalization/v1/slots/{key}/fragment/"]
