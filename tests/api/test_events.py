import json
import uuid

import pytest
from prometheus_client import REGISTRY

from personalization.events import tokens
from personalization.events.models import Event
from personalization.events.tokens import DecisionToken
from personalization.visitors import identity
from personalization.visitors.models import Profile
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db
URL = "/api/personalization/v1/events/"


@pytest.fixture
def visitor():
    return make_visitor()


@pytest.fixture(autouse=True)
def items(db):
    make_item("page:1", words="rockets")
    make_item("page:2", words="bread")


@pytest.fixture
def headers(visitor):
    return {identity.HEADER: identity.sign_key(visitor.key)}


def view(**fields):
    return {"id": str(uuid.uuid4()), "kind": "view", "item": "page:1", **fields}


def send(client, body, headers=None):
    body = body if isinstance(body, (bytes, str)) else json.dumps(body)
    return client.post(URL, body, content_type="application/json", headers=headers or {})


def test_a_batch_is_accepted_event_by_event(client, visitor, headers):
    token = DecisionToken(
        decision_id=uuid.uuid4(), slot_key="home-top", visitor_key=visitor.key, item_keys=("page:1", "page:2")
    )
    impression = view(kind="impression", token=tokens.issue(token), item="page:2")
    nothing = {"token": None, "goal": None, "value": None, "duration_ms": None}
    batch = [view(**nothing), impression, view(kind="click"), view(kind="dwell", duration_ms=5000)]
    response = send(client, {"events": batch}, headers)
    assert response.status_code == 202
    assert response.json()["accepted"] == 3
    assert [(r["index"], r["code"]) for r in response.json()["rejected"]] == [(2, "token_required")]
    assert set(response.json()["rejected"][0]) == {"index", "code", "detail"}
    assert Event.objects.get(kind="impression").slot_key == "home-top"


def test_the_cookie_is_as_good_as_the_header(client, visitor):
    client.cookies["personalization_visitor"] = identity.sign_key(visitor.key)
    assert send(client, {"events": [view()]}).json()["accepted"] == 1


def test_without_consent_nothing_is_stored(client):
    response = send(client, {"events": [view()]})
    assert response.status_code == 202
    assert response.json()["rejected"][0]["code"] == "no_consent"
    assert not Event.objects.exists()


def test_a_crawler_is_not_counted(client, headers):
    response = send(client, {"events": [view()]}, headers | {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"})
    assert response.json()["rejected"][0]["code"] == "crawler"


def test_global_privacy_control_reaches_the_record(client, headers):
    send(client, {"events": [view()]}, headers | {"Sec-GPC": "1"})
    assert Event.objects.get().for_personalization is False


def test_an_empty_batch_is_fine(client, headers):
    assert send(client, {"events": []}, headers).json() == {"accepted": 0, "rejected": []}


def test_times_are_read_with_their_zone_and_refused_without(client, headers):
    outcome = send(
        client, {"events": [view(occurred_at="2030-01-01T10:00:00"), view(occurred_at=None)]}, headers
    ).json()
    assert [r["code"] for r in outcome["rejected"]] == ["naive_time"]
    assert outcome["accepted"] == 1


DEEP = b'{"events": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
EVENT = b'{"events": [{"id": "7d2b8c1e-0000-4000-8000-000000000001", "kind": "view", "item": "page:1", %s}]}'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid"),
        (b"{", "bad_json"),
        (b"\xff", "bad_json"),
        (DEEP, "bad_json"),
        (EVENT % b'"value": NaN', "bad_json"),
        (EVENT % b'"value": -Infinity', "bad_json"),
        (EVENT % (b'"value": ' + b"9" * 5000), "bad_json"),
        (EVENT % (b'"value": ' + b"9" * 400), "invalid"),
        (EVENT % b'"value": 1e999', "invalid"),
        (EVENT % b'"value": "3"', "invalid"),
        (EVENT % b'"value": true', "invalid"),
        (EVENT % b'"duration_ms": 1.5', "invalid"),
        (EVENT % b'"duration_ms": "10"', "invalid"),
        (EVENT % b'"goal": {"a": 1}', "invalid"),
        (EVENT % b'"goal": "a\\u0000b"', "invalid"),
        (EVENT % b'"goal": "\\ud800"', "invalid"),
        (EVENT % b'"token": 5', "invalid"),
        (EVENT % b'"occurred_at": 1700000000', "invalid"),
        (EVENT % b'"occurred_at": "yesterday"', "invalid"),
        (EVENT % b'"occurred_at": "2030-02-31T00:00:00Z"', "invalid"),
        (b"[]", "invalid"),
        (b'{"events": {}}', "invalid"),
        (b'{"events": null}', "invalid"),
        (b'{"events": [1, null, "x"]}', "invalid"),
        (b'{"events": [{"kind": "view"}]}', "invalid"),
        (b'{"events": [{"id": 7, "kind": "view"}]}', "invalid"),
        (b'{"events": [{"id": "seven", "kind": "view"}]}', "invalid"),
        (b'{"events": [{"id": "7d2b8c1e-0000-4000-8000-000000000001", "kind": ["view"]}]}', "invalid"),
    ],
)
def test_what_has_no_shape_is_refused_whole_with_a_reason_and_counted(client, headers, body, code):
    before = REGISTRY.get_sample_value("personalization_events_rejected_total", {"code": code}) or 0
    response = send(client, body, headers)
    assert response.status_code == 400
    assert response.json()["code"] == code
    assert response.json()["detail"]
    assert not Event.objects.exists()
    assert REGISTRY.get_sample_value("personalization_events_rejected_total", {"code": code}) == before + 1


def test_a_refusal_points_to_the_first_fault(client, headers):
    answer = send(client, {"events": [view(), view(value="3")]}, headers).json()
    assert answer["detail"] == "events.1.value: Must be a finite number."


def test_a_batch_with_one_misshapen_event_stores_nothing(client, headers):
    assert send(client, {"events": [view(), view(value="3")]}, headers).status_code == 400
    assert not Event.objects.exists()


def test_ten_thousand_events_are_too_many(client, headers, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_MAX_BODY_BYTES": 10_000_000}
    response = send(client, {"events": [view() for _ in range(10_000)]}, headers)
    assert (response.status_code, response.json()["code"]) == (400, "too_many_events")
    assert not Event.objects.exists()


def test_ten_megabytes_are_too_large(client, headers):
    response = send(client, b'{"events": [' + b" " * 10_000_000 + b"]}", headers)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")


def test_a_body_larger_than_it_claims_is_not_read_to_its_end(client, headers):
    body = b'{"events": [' + b" " * 1_000_000 + b"]}"
    response = client.generic("POST", URL, body, content_type="application/json", CONTENT_LENGTH="10", headers=headers)
    # The server reads what was announced, which is no JSON; what exceeds it is never read.
    assert (response.status_code, response.json()["code"]) == (400, "bad_json")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=bz2"])
def test_only_utf8_json_is_read(client, headers, kind):
    response = client.generic("POST", URL, b"BZh91AY", content_type=kind, headers=headers)
    assert response.status_code in (400, 415)
    assert set(response.json()) == {"code", "detail"}


def test_other_methods_are_refused_in_the_same_shape(client):
    response = client.get(URL)
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_a_like_and_a_dismissal_are_taken_with_or_without_a_token(client, visitor, headers):
    token = DecisionToken(decision_id=uuid.uuid4(), slot_key="home-top", visitor_key=visitor.key, item_keys=("page:1",))
    batch = [view(kind="like", item="page:2"), *(view(kind="dismiss", token=tokens.issue(token)) for _ in range(2))]
    assert [r["code"] for r in send(client, {"events": batch}, headers).json()["rejected"]] == ["duplicate"]
    assert dict(Event.objects.values_list("kind", "slot_key")) == {"like": "", "dismiss": "home-top"}
    profile = Profile.objects.get(visitor=visitor)
    assert list(profile.dismissed) == ["page:1"]
    assert [key for key, *_ in profile.recent] == ["page:2"]


def test_the_address_range_is_kept_and_not_the_address(client, headers):
    for address in ("203.0.113.7", "203.0.113.8", "198.51.100.1"):
        client.post(
            URL, json.dumps({"events": [view()]}), content_type="application/json", headers=headers, REMOTE_ADDR=address
        )
    first, second, third = Event.objects.order_by("pk").values_list("network", flat=True)
    assert first == second != third
    assert not any("." in network for network in (first, third))


def test_a_forwarded_address_is_believed_only_from_known_proxies(client, headers, settings):
    def network_behind(proxies, forwarded):
        settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
        send(client, {"events": [view()]}, headers | {"X-Forwarded-For": forwarded})
        return Event.objects.latest("pk").network

    assert network_behind(0, "203.0.113.7") == network_behind(0, "198.51.100.1")
    assert network_behind(1, "203.0.113.7") != network_behind(1, "198.51.100.1")
    assert network_behind(None, "203.0.113.7") == network_behind(0, "203.0.113.7")
