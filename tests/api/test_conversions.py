import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from personalization.events.keys import find_key, issue_key, revoke_key
from personalization.events.models import Event, SenderKey
from personalization.visitors import identity
from personalization.visitors.models import Profile, Visitor, new_visitor_key
from personalization.visitors.services import change_consent
from tests.factories import make_visitor

pytestmark = pytest.mark.django_db
URL = "/api/personalization/v1/conversions/"


@pytest.fixture
def raw():
    return issue_key(name="shop")[1]


@pytest.fixture
def visitor():
    return make_visitor()


def sale(visitor, **fields):
    return {"id": str(uuid.uuid4()), "visitor": identity.sign_key(visitor.key), "goal": "sale"} | fields


def send(raw, *conversions, client=None, **headers):
    given = {"Authorization": f"Bearer {raw}"} if raw is not None else {}
    body = json.dumps({"conversions": conversions})
    return (client or Client()).post(URL, body, content_type="application/json", headers=given | headers)


def codes(response):
    assert response.status_code == 202
    return [(one["index"], one["code"]) for one in response.json()["rejected"]]


def test_a_server_reports_what_its_visitors_did(raw, visitor):
    before = timezone.now() - timedelta(days=2)
    other = make_visitor(personalization=False)
    answer = send(raw, sale(visitor, value=49.9, occurred_at=before.isoformat()), sale(other))
    assert answer.json() == {"accepted": 2, "rejected": []}
    first, second = Event.objects.order_by("pk")
    assert (first.kind, first.goal, first.value, first.source) == ("conversion", "sale", 49.9, "server")
    assert (first.visitor_key, first.occurred_at) == (visitor.key, before)
    assert (second.visitor_key, second.value) == (other.key, None)
    assert {(row.for_analytics, row.arm_key, row.slot_key, row.network) for row in (first, second)} == {
        (True, "", "", "")
    }


def test_it_is_for_analytics_only_and_teaches_nothing(raw, visitor):
    send(raw, sale(visitor))
    assert not Event.objects.get().for_personalization
    assert not Profile.objects.exists()


def test_sent_twice_it_counts_once(raw, visitor):
    told = sale(visitor, value=10)
    assert codes(send(raw, told)) == []
    assert codes(send(raw, told | {"value": 99}, sale(visitor))) == [(0, "duplicate")]
    assert codes(send(raw, *[sale(visitor, id=str(uuid.uuid4()))] * 2)) == [(1, "duplicate")]
    assert sorted(Event.objects.values_list("value", flat=True), key=str) == [10.0, None, None]


def test_who_names_an_arm_or_another_kind_is_not_heard(raw, visitor):
    named = {"arm": "a", "arm_key": "test.1:a", "slot": "home-top", "kind": "exposure", "token": "x", "source": "x"}
    assert codes(send(raw, sale(visitor, **named))) == []
    row = Event.objects.get()
    assert (row.kind, row.arm_key, row.slot_key, row.source, row.decision_id) == ("conversion", "", "", "server", None)


def test_it_does_not_tell_whether_there_is_such_a_visitor(raw, visitor):
    unwilling = make_visitor(analytics=False)
    withdrawn = make_visitor()
    gone = Visitor(key=new_visitor_key())
    before = sale(withdrawn)
    change_consent(visitor=withdrawn, analytics=False, personalization=True)
    nobody = [
        sale(gone) | {"visitor": text} for text in ("", "nobody", visitor.key, identity.sign_key(visitor.key)[:-1])
    ]
    answer = send(raw, sale(unwilling), before, sale(gone), *nobody)
    assert codes(answer) == [(index, "no_consent") for index in range(7)]
    assert len({one["detail"] for one in answer.json()["rejected"]}) == 1
    assert not Event.objects.exists()
    bad = {"goal": ""}
    assert codes(send(raw, *(one | bad for one in (sale(visitor), sale(gone), *nobody)))) == [
        (index, "goal_required") for index in range(6)
    ]


def test_an_expired_token_is_nobodys(raw, visitor, settings):
    told = sale(visitor)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"VISITOR_COOKIE_DAYS": -1}
    assert codes(send(raw, told)) == [(0, "no_consent")]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"goal": "x" * 61}, "bad_goal"),
        ({"value": 1e13}, "bad_value"),
        ({"occurred_at": "2020-01-01T00:00:00Z"}, "too_old"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "future_time"),
        ({"occurred_at": "2030-01-01T00:00:00"}, "naive_time"),
    ],
)
def test_a_conversion_is_believed_as_any_event_is(raw, visitor, fields, code):
    assert codes(send(raw, sale(visitor, **fields), sale(visitor))) == [(0, code)]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "fields", [{"id": 7}, {"id": None}, {"visitor": None}, {"visitor": 3}, {"goal": 1}, {"value": "3"}, {"value": True}]
)
def test_what_has_no_shape_is_refused_whole(raw, visitor, fields):
    answer = send(raw, sale(visitor), sale(visitor) | fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["detail"].startswith(f"conversions.1.{next(iter(fields))}")
    assert not Event.objects.exists()


def test_too_many_are_refused(raw, visitor, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_MAX_EVENTS": 2}
    answer = send(raw, *[sale(visitor) for _ in range(3)])
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_events")


def test_too_much_is_refused(raw, visitor, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_MAX_BODY_BYTES": 100}
    assert send(raw, sale(visitor)).status_code == 413


def wrong_keys(raw):
    start, secret = raw[:12], raw[12:]
    other = issue_key(name="other")[1]
    yield from (None, "", raw[:-1], raw + "x", raw.upper(), start + secret[::-1], other[:12] + secret, "é" * 55)
    yield f"{raw} {raw}"


def test_every_wrong_key_gets_the_same_answer(raw, visitor):
    revoked, revoked_raw = issue_key(name="old")
    revoke_key(key=revoked)
    answers = [send(wrong, sale(visitor)) for wrong in (*wrong_keys(raw), revoked_raw)]
    answers += [send(None, sale(visitor), Authorization=f"Basic {raw}"), send(None, sale(visitor), Authorization=raw)]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {answers[0].content}
    assert answers[0].json()["code"] == "not_authenticated"
    assert answers[0]["WWW-Authenticate"] == "Bearer"
    assert not Event.objects.exists()
    assert SenderKey.objects.filter(used_at=None).count() == 3


def test_neither_cookie_nor_session_nor_header_stands_in_for_a_key(visitor, admin_user):
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    client.cookies["personalization_visitor"] = identity.sign_key(visitor.key)
    answer = send(None, sale(visitor), client=client, **{identity.HEADER: identity.sign_key(visitor.key)})
    assert answer.status_code == 401


def test_no_cookie_is_set_and_no_csrf_token_asked_for(raw, visitor):
    answer = send(raw, sale(visitor), client=Client(enforce_csrf_checks=True))
    assert answer.status_code == 202
    assert not answer.cookies
    assert "no-store" in answer["Cache-Control"]


def test_each_key_has_a_limit_of_its_own_and_so_has_who_guesses(raw, visitor, settings):
    other = issue_key(name="other")[1]
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {"conversions": "2/min"}}
    assert [send(raw).status_code for _ in range(3)] == [202, 202, 429]
    assert send(other).status_code == 202
    assert [send("ps_guess").status_code for _ in range(3)] == [401, 401, 429]
    assert send(other).status_code == 202


def test_only_a_digest_is_kept(raw):
    key = SenderKey.objects.get()
    assert raw.startswith(f"ps_{key.prefix}_")
    kept = " ".join(str(value) for value in SenderKey.objects.values().get().values())
    assert raw[12:] not in kept
    assert find_key(raw) == key


def test_use_is_noted_once_a_minute(raw, django_assert_num_queries):
    find_key(raw)
    with django_assert_num_queries(1):
        find_key(raw)
    long_ago = timezone.now() - timedelta(minutes=2)
    SenderKey.objects.update(used_at=long_ago)
    find_key(raw)
    assert SenderKey.objects.get().used_at > long_ago


def test_a_key_is_revoked_once_and_for_all(raw):
    key = SenderKey.objects.get()
    assert revoke_key(key=key)
    revoked_at = SenderKey.objects.get().revoked_at
    assert not revoke_key(key=key)
    assert SenderKey.objects.get().revoked_at == revoked_at
    assert find_key(raw) is None
