import json

import pytest
from django.contrib.auth import get_user_model

from personalization.events.models import Event
from personalization.events.services import NewEvent, record_events
from personalization.visitors import identity
from personalization.visitors.models import Visitor
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
EXPORT, ERASE = "/api/personalization/v1/privacy/export/", "/api/personalization/v1/privacy/"
COOKIE = "personalization_visitor"
CONSENT = "/api/personalization/v1/consent/"
NOTHING_LEFT = {"visitors": 0, "consents": 0, "profiles": 0, "events": 0}


@pytest.fixture
def visitor(client):
    make_item("page:1", words="rockets", tags=["space"])
    make_item("page:2", words="bread")
    visitor = make_visitor()
    views = [NewEvent(kind="view", item_key="page:1") for _ in range(3)]
    record_events(visitor=visitor, events=views, personalize=True)
    client.cookies[COOKIE] = identity.sign_key(visitor.key)
    return visitor


def choose(client, **choice) -> None:
    assert client.put(CONSENT, json.dumps(choice), content_type="application/json").status_code == 200


def uses() -> set[tuple[bool, bool]]:
    """For what stored events may be used: for analytics, for personalization."""
    return set(Event.objects.values_list("for_analytics", "for_personalization"))


def test_the_export_holds_everything(client, visitor):
    response = client.get(EXPORT)
    held = response.json()
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert held["visitor"]["key"] == visitor.key
    assert held["consent"]["personalization"] is True
    assert held["profile"]["tags"] == {"space": 3.0}
    assert len(held["profile"]["interest"]) == 64
    assert [event["item_key"] for event in held["events"]] == ["page:1"] * 3
    assert held["events"][0]["for_personalization"] is True


def test_about_a_stranger_nothing_is_held(client):
    assert client.get(EXPORT).json() == {"visitor": None, "consent": None, "profile": None, "events": []}
    assert client.delete(ERASE).json() == NOTHING_LEFT


def test_erasing_erases_everywhere_and_proves_it(client, visitor):
    other = make_visitor()
    record_events(visitor=other, events=[NewEvent(kind="view", item_key="page:1")], personalize=True)
    response = client.delete(ERASE)
    assert response.json() == NOTHING_LEFT
    assert client.cookies[COOKIE].value == ""
    assert [row.visitor_key for row in Event.objects.all()] == [other.key]
    assert list(Visitor.objects.all()) == [other]
    assert client.delete(ERASE).status_code == 200


def test_after_erasure_the_old_cookie_opens_nothing(client, visitor):
    client.delete(ERASE)
    client.cookies[COOKIE] = identity.sign_key(visitor.key)
    assert client.get(EXPORT).json()["visitor"] is None


def test_what_was_recorded_before_a_withdrawal_can_still_be_erased(client, visitor):
    token = identity.sign_key(visitor.key)
    choose(client, analytics=False, personalization=False)
    assert Event.objects.count() == 3
    assert client.delete(ERASE, headers={identity.HEADER: token}).json() == NOTHING_LEFT
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("kept", "left"),
    [
        ({"analytics": True, "personalization": False}, (True, False)),
        ({"analytics": False, "personalization": True}, (False, True)),
        ({"analytics": False, "personalization": False}, (False, False)),
    ],
)
def test_a_withdrawn_purpose_is_one_for_which_past_events_are_no_longer_used(client, visitor, kept, left):
    assert uses() == {(True, True)}
    choose(client, **kept)
    assert uses() == {left}


def test_what_a_user_withdraws_ends_whatever_device_asks_and_nobody_elses(client, visitor):
    ada = get_user_model().objects.create_user("ada")
    own = make_visitor(user=ada)
    record_events(visitor=own, events=[NewEvent(kind="view", item_key="page:1")], personalize=True)
    Visitor.objects.filter(pk=visitor.pk).update(user=get_user_model().objects.create_user("bob"))
    client.force_login(ada)
    choose(client, analytics=False, personalization=False)
    rows = Event.objects.values_list("visitor_key", "for_analytics", "for_personalization").distinct()
    assert set(rows) == {(own.key, False, False), (visitor.key, True, True)}


@pytest.mark.parametrize("forged", ["", "x" * 32, "0" * 32 + ":abc:def"])
def test_a_forged_cookie_opens_nothing(client, visitor, forged):
    client.cookies[COOKIE] = forged
    assert client.get(EXPORT).json()["visitor"] is None
    client.delete(ERASE)
    assert Event.objects.count() == 3


def test_on_a_shared_device_a_users_data_is_closed_to_the_next_person(client, visitor):
    ada, bob = (get_user_model().objects.create_user(name) for name in ("ada", "bob"))
    Visitor.objects.filter(pk=visitor.pk).update(user=ada)
    assert client.get(EXPORT).json()["visitor"] is None
    client.force_login(bob)
    client.cookies[COOKIE] = identity.sign_key(visitor.key)
    assert client.get(EXPORT).json()["visitor"] is None
    client.delete(ERASE)
    assert Event.objects.count() == 3


def test_a_user_reaches_what_is_held_without_the_cookie(client, visitor):
    ada = get_user_model().objects.create_user("ada")
    Visitor.objects.filter(pk=visitor.pk).update(user=ada)
    client.force_login(ada)
    del client.cookies[COOKIE]
    assert client.get(EXPORT).json()["visitor"]["account"] == "ada"
    assert client.delete(ERASE).json() == NOTHING_LEFT
    assert not Event.objects.exists()


def test_another_site_may_not_erase(client, visitor):
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert client.delete(ERASE, headers=headers).status_code == 403
    assert Event.objects.count() == 3


def test_the_site_says_that_it_abides_by_global_privacy_control(client):
    assert client.get("/.well-known/gpc.json").json()["gpc"] is True


def test_the_api_describes_itself_and_nothing_else(client):
    schema = client.get("/api/personalization/v1/schema/?format=json").json()
    assert {path for path in schema["paths"] if not path.startswith("/api/personalization/v1/")} == set()
    assert {"get", "put"} <= set(schema["paths"]["/api/personalization/v1/consent/"])
    assert client.get("/api/personalization/v1/docs/").status_code == 200
