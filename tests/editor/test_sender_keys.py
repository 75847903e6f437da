import re

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import ModelLogEntry

from personalization.events.keys import find_key, issue_key
from personalization.events.models import SenderKey
from tests.editor.conftest import login, staff
from tests.editor.test_permissions import judge
from tests.editor.test_quarantine import text

LIST = reverse("personalization_sender_keys:index")
ISSUE = reverse("personalization_sender_keys:issue")


@pytest.fixture
def key(db) -> SenderKey:
    return issue_key(name="Shop")[0]


def revoke_address(key: SenderKey) -> str:
    return reverse("personalization_sender_keys:revoke", args=[key.pk])


def inspect_address(key: SenderKey) -> str:
    return reverse("personalization_sender_keys:inspect", args=[key.pk])


def test_an_empty_list_explains_itself(admin):
    answer = text(admin.get(LIST))
    assert "No server keys yet" in answer
    assert ISSUE in answer


def test_a_key_is_shown_once(admin):
    assert "ps_" not in text(admin.get(ISSUE))
    answer = admin.post(ISSUE, {"name": "Shop"})
    raw = re.search(r"ps_[0-9a-f]{8}_[\w-]{43}", text(answer))[0]
    assert find_key(raw) == SenderKey.objects.get(name="Shop")
    assert "no-store" in answer["Cache-Control"]
    assert not answer.context["messages"]
    for address in (LIST, ISSUE, inspect_address(SenderKey.objects.get())):
        assert raw not in admin.get(address).content.decode()
    assert raw not in str(list(ModelLogEntry.objects.values()))


def test_a_key_needs_a_name(admin):
    assert "This field is required" in text(admin.post(ISSUE, {"name": ""}))
    assert not SenderKey.objects.exists()


def test_a_name_is_shown_as_the_text_it_is(admin):
    answer = admin.post(ISSUE, {"name": "<b>Shop</b>"}).content.decode()
    assert "&lt;b&gt;Shop" in answer
    assert "<b>Shop" not in answer + admin.get(LIST).content.decode()


def test_the_list_shows_what_a_key_begins_with_and_when_it_was_used(admin, key):
    answer = text(admin.get(LIST))
    assert f"ps_{key.prefix}_" in answer
    assert "In force" in answer
    assert "never" in text(admin.get(inspect_address(key)))
    assert key.digest not in answer + text(admin.get(inspect_address(key)))


def test_a_key_is_revoked_after_a_question(admin):
    key, raw = issue_key(name="Shop")
    assert revoke_address(key) in text(admin.get(inspect_address(key)))
    assert "Yes, revoke it" in text(admin.get(revoke_address(key)))
    assert find_key(raw) == key
    assert "is revoked" in text(admin.post(revoke_address(key), follow=True))
    assert find_key(raw) is None
    assert "Revoked" in text(admin.get(LIST))
    assert "revoked already" in text(admin.get(revoke_address(key)))
    assert revoke_address(key) not in text(admin.get(inspect_address(key)))


def test_issue_and_revocation_stand_in_the_sites_history(admin):
    admin.post(ISSUE, {"name": "Shop"})
    key = SenderKey.objects.get()
    for _twice in range(2):
        admin.post(revoke_address(key))
    entries = ModelLogEntry.objects.filter(content_type__model="senderkey").order_by("timestamp")
    assert [entry.action for entry in entries] == [
        "personalization.sender_key.issue",
        "personalization.sender_key.revoke",
    ]
    assert {entry.user.get_username() for entry in entries} == {"admin"}
    assert [str(entry.message) for entry in entries] == [
        "Issued: who shows it may report conversions",
        "Revoked: it is refused from now on",
    ]


@pytest.mark.parametrize(
    ("codename", "allowed"),
    [("", ""), ("view_senderkey", "list"), ("add_senderkey", "list issue"), ("change_senderkey", "list revoke")],
)
def test_each_permission_opens_what_it_says(key, codename, allowed):
    client = login(staff("keeper", codename))
    addresses = {"list": LIST, "issue": ISSUE, "revoke": revoke_address(key)}
    opened = [name for name, address in addresses.items() if judge(client.get(address)) == "allowed"]
    assert opened == allowed.split()
    client.post(ISSUE, {"name": "Another"})
    client.post(revoke_address(key))
    assert SenderKey.objects.filter(name="Another").exists() is ("issue" in allowed)
    key.refresh_from_db()
    assert bool(key.revoked_at) is ("revoke" in allowed)


def test_strangers_are_asked_to_log_in(db, key):
    assert {judge(Client().post(address)) for address in (LIST, ISSUE, revoke_address(key))} == {"login"}


def test_a_revocation_cannot_be_forged(admin, key):
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = admin.cookies
    assert strict.post(revoke_address(key)).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None
