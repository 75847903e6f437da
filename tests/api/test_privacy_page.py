import re

import pytest
from django.test import Client

from personalization.events.models import Event
from personalization.events.services import NewEvent, record_events
from personalization.visitors import identity
from personalization.visitors.models import Visitor
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
COOKIE = "personalization_visitor"


@pytest.fixture
def visitor(client):
    make_item("page:1", words="rockets", title="Rockets & <planets>", tags=["space"])
    visitor = make_visitor()
    record_events(visitor=visitor, events=[NewEvent(kind="view", item_key="page:1")], personalize=True)
    client.cookies[COOKIE] = identity.sign_key(visitor.key)
    return visitor


def test_a_stranger_sees_that_nothing_is_held(client):
    response = client.get("/privacy/")
    assert "Nothing: this browser is not known here." in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies.get(COOKIE)


def test_a_visitor_sees_what_is_held(client, visitor):
    page = client.get("/privacy/").content.decode()
    assert "Rockets &amp; &lt;planets&gt;" in page
    assert "space" in page
    assert "/api/personalization/v1/privacy/export/" in page


def test_a_choice_is_made_without_any_script(client):
    response = client.post("/privacy/", {"action": "consent", "analytics": "on", "personalization": "on"})
    assert (response.status_code, response["Location"]) == (302, "/privacy/?done=saved")
    assert Visitor.objects.get().consent.personalization
    assert "checked" in client.get("/privacy/").content.decode()
    client.post("/privacy/", {"action": "consent"})
    assert not Visitor.objects.exists()
    assert client.cookies[COOKIE].value == ""


@pytest.mark.parametrize(("choice", "granted"), [("all", True), ("none", False)])
def test_the_banners_buttons_work_without_any_script(client, choice, granted):
    response = client.post("/privacy/", {"action": "consent", "choice": choice, "next": "/articles/"})
    assert response["Location"] == "/articles/"
    assert Visitor.objects.exists() is granted


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_on_to_another_site(client, onward):
    response = client.post("/privacy/", {"action": "consent", "choice": "none", "next": onward})
    assert response["Location"] == "/privacy/?done=saved"


def test_a_browsers_refusal_goes_before_a_click(client):
    client.post("/privacy/", {"action": "consent", "choice": "all"}, headers={"Sec-GPC": "1"})
    assert not Visitor.objects.get().consent.personalization
    assert "asks sites not to track you" in client.get("/privacy/", headers={"Sec-GPC": "1"}).content.decode()


def test_erasing_erases(client, visitor):
    response = client.post("/privacy/", {"action": "erase"}, follow=True)
    assert "A recount finds nothing." in response.content.decode()
    assert not Event.objects.exists()
    assert not Visitor.objects.exists()


def test_an_unknown_action_is_refused(client, visitor):
    assert client.post("/privacy/", {"action": "sell"}).status_code == 400


def test_the_forms_are_safe_from_other_sites(visitor):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[COOKIE] = identity.sign_key(visitor.key)
    assert strict.post("/privacy/", {"action": "erase"}).status_code == 403
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', strict.get("/privacy/").content.decode())[1]
    assert strict.post("/privacy/", {"action": "erase", "csrfmiddlewaretoken": token}).status_code == 302
    assert not Event.objects.exists()


@pytest.mark.parametrize(("action", "scope"), [("consent", "consent"), ("erase", "privacy")])
def test_the_forms_are_limited_like_the_api(client, settings, action, scope):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {scope: "2/min"}}
    answers = [client.post("/privacy/", {"action": action}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [302, 302, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert client.get("/privacy/").status_code == 200
