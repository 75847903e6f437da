import json

import pytest
from django.contrib.auth import get_user_model

from personalization.visitors import identity
from personalization.visitors.models import Profile, Visitor
from tests.factories import make_visitor

pytestmark = pytest.mark.django_db
URL = "/api/personalization/v1/consent/"
COOKIE = "personalization_visitor"
ALL, NONE = {"analytics": True, "personalization": True}, {"analytics": False, "personalization": False}


def put(client, choice, **headers):
    return client.put(URL, json.dumps(choice), content_type="application/json", headers=headers)


def has_cookie(client):
    return bool(client.cookies.get(COOKIE) and client.cookies[COOKIE].value)


def test_before_a_choice_nothing_is_allowed_and_no_cookie_is_set(client):
    response = client.get(URL)
    assert response.json() == {"analytics": False, "personalization": False, "refused_by_browser": False}
    assert not has_cookie(client)
    assert not Visitor.objects.exists()


def test_a_grant_brings_the_cookie_and_the_token(client):
    response = put(client, ALL)
    visitor = Visitor.objects.get()
    assert response.status_code == 200
    assert response.json()["analytics"]
    assert response.json()["personalization"]
    for signed in (response.json()["visitor"], client.cookies[COOKIE].value):
        assert identity.read_key(cookies={COOKIE: signed}, headers={}) == visitor.key
    assert client.get(URL).json()["personalization"]
    assert "no-store" in response["Cache-Control"]


def test_a_second_choice_is_the_same_visitors(client):
    put(client, ALL)
    put(client, {"analytics": True, "personalization": False})
    assert Visitor.objects.count() == 1
    assert client.get(URL).json()["personalization"] is False


def test_refusing_from_the_start_leaves_nothing(client):
    response = put(client, NONE)
    assert response.json()["visitor"] is None
    assert not has_cookie(client)
    assert not Visitor.objects.exists()


def test_withdrawing_everything_deletes_visitor_profile_and_cookie_at_once(client):
    put(client, ALL)
    Profile.objects.create(visitor=Visitor.objects.get())
    put(client, NONE)
    assert not has_cookie(client)
    assert not Visitor.objects.exists()
    assert not Profile.objects.exists()


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_a_browsers_refusal_goes_before_a_click(client, header):
    response = put(client, ALL, **{header: "1"})
    assert response.json()["analytics"] is True
    assert response.json()["personalization"] is False
    assert response.json()["refused_by_browser"] is True
    assert Visitor.objects.get().consent.personalization is False


def test_a_browser_that_refuses_later_is_told_so_and_loses_nothing(client):
    put(client, ALL)
    assert client.get(URL, headers={"Sec-GPC": "1"}).json()["personalization"] is False
    assert client.get(URL).json()["personalization"] is True


def test_under_a_refusing_browser_personalization_alone_creates_nobody(client):
    put(client, {"analytics": False, "personalization": True}, **{"Sec-GPC": "1"})
    assert not Visitor.objects.exists()
    assert not has_cookie(client)


def test_a_header_client_needs_no_cookie(client, django_user_model):
    token = put(client, ALL).json()["visitor"]
    client.cookies.clear()
    assert client.get(URL, headers={identity.HEADER: token}).json()["personalization"]
    put(client, NONE, **{identity.HEADER: token})
    assert not Visitor.objects.exists()


def test_the_cookie_of_an_erased_visitor_never_leads_back_to_it(client):
    put(client, ALL)
    erased = Visitor.objects.get()
    erased.delete()
    assert client.get(URL).json()["analytics"] is False
    put(client, ALL)
    assert Visitor.objects.get().key != erased.key


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"yes"',
        b"{}",
        b'{"analytics": true}',
        b'{"analytics": "true", "personalization": true}',
        b'{"analytics": 1, "personalization": 0}',
        b'{"analytics": NaN, "personalization": true}',
        b'{"analytics": null, "personalization": true}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_choice_that_is_none_is_refused_and_nothing_is_stored(client, body):
    response = client.put(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert set(response.json()) == {"code", "detail"}
    assert not Visitor.objects.exists()


def test_the_refusal_names_the_field(client):
    answer = put(client, {"analytics": "true", "personalization": True}).json()
    assert answer == {"code": "invalid", "detail": "analytics: Must be true or false."}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_only_json_is_read(client, kind):
    assert client.put(URL, json.dumps(ALL), content_type=kind).status_code == 415
    assert not Visitor.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.testserver"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[broken"},
    ],
)
def test_another_site_may_not_choose(client, headers):
    response = put(client, ALL, **headers)
    assert (response.status_code, response.json()["code"]) == (403, "foreign_origin")
    assert not Visitor.objects.exists()


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "https://testserver"}])
def test_the_own_site_may(client, headers):
    assert put(client, ALL, **headers).status_code == 200


def test_a_front_end_elsewhere_may_when_cors_allows_it(client, settings):
    settings.CORS_ALLOWED_ORIGINS = ["https://front.example"]
    headers = {"Origin": "https://front.example", "Sec-Fetch-Site": "cross-site"}
    assert put(client, ALL, **headers).status_code == 200


def test_a_user_has_one_visitor_on_all_devices(client):
    user = get_user_model().objects.create_user("ada")
    visitor = make_visitor(user=user)
    client.force_login(user)
    put(client, ALL)
    assert Visitor.objects.get() == visitor
    assert client.get(URL).json()["personalization"]


def test_requests_are_throttled_with_a_word_on_when_to_come_back(client, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {"consent": "2/min"}}
    assert [client.get(URL).status_code for _ in range(3)] == [200, 200, 429]
    response = client.get(URL)
    assert response.json()["code"] == "throttled"
    assert 0 < int(response["Retry-After"]) <= 60


def test_without_its_cache_the_api_goes_on_and_says_so_once(client, settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "tests.api.broken.BrokenCache"}}
    assert [client.get(URL).status_code for _ in range(3)] == [200, 200, 200]
    assert len([record for record in caplog.records if "cache does not answer" in record.message]) == 1
