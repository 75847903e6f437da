import json

import pytest
from django.contrib.auth import get_user_model

from personalization.events.models import Event
from personalization.visitors import identity
from personalization.visitors.models import Visitor
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
COOKIE = "personalization_visitor"
API = "/api/personalization/v1/"
ALL = {"analytics": True, "personalization": True}


@pytest.fixture(autouse=True)
def ada(db):
    make_item("page:1", words="rockets")
    return get_user_model().objects.create_user("ada", password="secret")


@pytest.fixture
def bob(db):
    return get_user_model().objects.create_user("bob", password="secret")


def send(client, method, path, body):
    return getattr(client, method)(API + path, json.dumps(body), content_type="application/json")


def log_in(client, name="ada"):
    return client.post("/account/login/?next=/privacy/", {"username": name, "password": "secret"})


def read_page(client, number):
    event = {"id": f"00000000-0000-4000-8000-00000000000{number}", "kind": "view", "item": "page:1"}
    return send(client, "post", "events/", {"events": [event]}).json()["accepted"]


def key_of(client):
    return identity.read_key(cookies={COOKIE: client.cookies[COOKIE].value}, headers={})


def test_what_was_read_before_the_login_stays_the_persons(client, ada):
    send(client, "put", "consent/", ALL)
    read_page(client, 1)
    log_in(client)
    assert Visitor.objects.get().user == ada
    assert client.get(API + "privacy/export/").json()["events"]
    assert read_page(client, 2) == 1


def test_on_a_second_device_events_move_to_the_users_visitor_and_the_cookie_follows(client, ada):
    own = make_visitor(user=ada)
    send(client, "put", "consent/", ALL)
    read_page(client, 1)
    log_in(client)
    assert key_of(client) == own.key
    assert Event.objects.get().visitor_key == own.key
    assert Visitor.objects.get() == own


def test_a_login_without_any_consent_leaves_no_trace(client):
    log_in(client)
    assert COOKIE not in client.cookies
    assert not Visitor.objects.exists()


def test_a_user_who_consented_elsewhere_is_known_after_the_login(client, ada):
    own = make_visitor(user=ada)
    log_in(client)
    assert key_of(client) == own.key


def test_on_a_shared_device_the_next_user_gets_nothing_of_the_first(client, ada, bob):
    send(client, "put", "consent/", ALL)
    read_page(client, 1)
    log_in(client)
    hers = Visitor.objects.get()
    stolen = client.cookies[COOKIE].value
    client.logout()
    client.cookies[COOKIE] = stolen
    log_in(client, "bob")
    assert client.cookies[COOKIE].value == ""
    assert client.get(API + "privacy/export/").json()["events"] == []
    send(client, "put", "consent/", ALL)
    assert key_of(client) != hers.key
    assert Visitor.objects.get(user=bob).key == key_of(client)
    assert Event.objects.get().visitor_key == hers.key


def test_a_logout_takes_the_users_cookie_along(client, ada):
    make_visitor(user=ada)
    log_in(client)
    client.post("/account/logout/")
    assert client.cookies[COOKIE].value == ""
    assert Visitor.objects.exists()


def test_a_narrower_choice_made_later_ends_the_use_of_what_was_recorded(client, ada):
    make_visitor(user=ada)
    send(client, "put", "consent/", ALL)
    read_page(client, 1)
    send(client, "put", "consent/", {"analytics": True, "personalization": False})
    assert Event.objects.get().for_personalization is False
    assert Event.objects.get().for_analytics is True
    log_in(client)
    assert Visitor.objects.get().consent.personalization is False
