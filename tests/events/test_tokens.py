import uuid
from datetime import timedelta

import pytest
from django.core.signing import Signer
from django.utils import timezone

from personalization.events import tokens
from personalization.events.tokens import DecisionToken, TokenError

NOW = timezone.now()


def make(**fields):
    facts = {"slot_key": "home-top", "visitor_key": "a" * 32, "item_keys": ("page:1", "page:2"), "issued_at": NOW}
    return DecisionToken(decision_id=uuid.uuid4(), **(facts | fields))


def code_of(raw, now=NOW):
    with pytest.raises(TokenError) as caught:
        tokens.read(raw, now=now)
    return caught.value.code


def test_a_token_says_what_was_decided():
    token = make(arm_key="test:b", placement="body")
    read = tokens.read(tokens.issue(token), now=NOW)
    assert (read.decision_id, read.slot_key, read.arm_key) == (token.decision_id, "home-top", "test:b")
    assert (read.item_keys, read.placement) == (("page:1", "page:2"), "body")
    assert abs(read.issued_at - NOW) < timedelta(seconds=1)


def test_a_token_belongs_to_its_visitor_alone_and_does_not_name_them():
    raw = tokens.issue(make())
    read = tokens.read(raw, now=NOW)
    assert read.belongs_to("a" * 32)
    assert not read.belongs_to("b" * 32)
    assert read.visitor_key == ""
    assert "aaaaaaaa" not in str(Signer(salt="personalization.decision.1").unsign_object(raw))


def test_two_decisions_for_one_visitor_cannot_be_linked_by_their_tokens():
    assert make().owner != make().owner


def test_a_decision_for_nobody_may_be_spoken_of_by_anybody():
    assert tokens.read(tokens.issue(make(visitor_key="")), now=NOW).belongs_to("b" * 32)


def test_probabilities_travel_with_the_items_and_are_left_out_where_there_are_none():
    certain = tokens.read(tokens.issue(make()), now=NOW)
    assert (certain.propensities, certain.propensity, certain.propensity_of("page:1")) == ((), None, None)
    drawn = tokens.read(tokens.issue(make(propensities=(0.8, 0.002))), now=NOW)
    assert (drawn.propensity_of("page:1"), drawn.propensity_of("page:2"), drawn.propensity_of("")) == (0.8, 0.002, None)
    assert drawn.propensity == pytest.approx(0.0016)
    assert len(tokens.issue(make())) < len(tokens.issue(make(propensities=(0.8, 0.002))))


def test_a_token_expires(settings):
    raw = tokens.issue(make())
    assert tokens.read(raw, now=NOW + timedelta(hours=5, minutes=59))
    assert code_of(raw, NOW + timedelta(hours=6, seconds=2)) == "stale_token"
    assert code_of(raw, NOW - timedelta(hours=1)) == "stale_token"
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TOKEN_HOURS": 1}
    assert code_of(raw, NOW + timedelta(hours=2)) == "stale_token"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[1:],
        lambda raw: raw.replace(raw[5], "_" if raw[5] != "_" else "-", 1),
        lambda raw: "",
        lambda raw: "x" * 100_000,
        lambda raw: raw + "\x00",
        lambda raw: "\ud800" + raw,
        lambda raw: Signer(salt="another").sign_object([1]),
        lambda raw: Signer(salt="personalization.decision.1").sign_object(["too", "short"]),
    ],
)
def test_a_spoilt_or_foreign_token_is_refused(spoil):
    assert code_of(spoil(tokens.issue(make()))) == "bad_token"
