from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction
from django.test import RequestFactory
from django.utils import timezone

from personalization.visitors import identity, services
from personalization.visitors.models import Consent, Profile, Visitor
from personalization.visitors.profiles import Signal, recent_items
from tests.factories import make_visitor

pytestmark = pytest.mark.django_db
MODEL = "model"


def make_user(name="ada"):
    return get_user_model().objects.create_user(name)


def teach(visitor, key="page:1", **fields):
    signal = Signal(kind="view", item_key=key, weight=1.0, at=timezone.now(), **fields)
    with transaction.atomic():
        services.learn(locked=services.lock_visitor(key=visitor.key), signals=[signal], embedding_model=MODEL)


def test_refusing_everything_creates_nobody():
    assert services.change_consent(visitor=None, analytics=False, personalization=False) is None
    assert not Visitor.objects.exists()


def test_the_first_grant_creates_a_visitor_with_a_random_key():
    first, second = make_visitor(personalization=False), make_visitor()
    assert (first.consent.analytics, first.consent.personalization) == (True, False)
    assert first.key != second.key
    assert len(first.key) == 32


def test_withdrawing_personalization_deletes_the_profile_and_keeps_the_visitor():
    visitor = make_visitor()
    teach(visitor)
    services.change_consent(visitor=visitor, analytics=True, personalization=False)
    assert not Profile.objects.exists()
    assert not Consent.objects.get().personalization


def test_withdrawing_everything_deletes_visitor_consent_and_profile():
    visitor = make_visitor()
    teach(visitor)
    assert services.change_consent(visitor=visitor, analytics=False, personalization=False) is None
    assert not (Visitor.objects.exists())
    assert not (Consent.objects.exists())
    assert not (Profile.objects.exists())


def test_a_visitor_erased_meanwhile_gets_a_new_key_with_a_new_grant():
    gone = make_visitor()
    services.delete_visitor(key=gone.key)
    again = services.change_consent(visitor=gone, analytics=True, personalization=True)
    assert again.key != gone.key


def test_a_visitor_is_read_whole_in_one_query(django_assert_num_queries):
    key = make_visitor().key
    with django_assert_num_queries(1):
        visitor = services.get_visitor(key=key)
        assert visitor.consent.personalization
        assert getattr(visitor, "profile", None) is None


def test_at_login_an_anonymous_visitor_becomes_the_users():
    visitor, user = make_visitor(), make_user()
    assert services.claim_visitor(visitor=visitor, user=user) == visitor
    assert services.get_visitor(key=visitor.key).user == user


def test_at_login_on_a_second_device_what_both_learned_is_joined():
    user = make_user()
    own, anonymous = make_visitor(user=user), make_visitor()
    teach(own, "page:1")
    teach(anonymous, "page:2")
    joined = services.claim_visitor(visitor=anonymous, user=user)
    assert joined == own
    assert {key for key, _weight, _at in recent_items(joined.profile)} == {"page:1", "page:2"}
    assert Visitor.objects.count() == 1


def test_of_two_choices_the_later_one_holds_at_login():
    user = make_user()
    own, anonymous = make_visitor(user=user), make_visitor(personalization=False)
    teach(own)
    joined = services.claim_visitor(visitor=anonymous, user=user)
    assert not joined.consent.personalization
    assert not Profile.objects.exists()


def test_an_earlier_choice_does_not_undo_the_users_later_one():
    user = make_user()
    own, anonymous = make_visitor(user=user), make_visitor(personalization=False)
    Consent.objects.filter(visitor=anonymous).update(updated_at=timezone.now() - timedelta(days=1))
    teach(own)
    assert services.claim_visitor(visitor=anonymous, user=user).consent.personalization
    assert Profile.objects.count() == 1


def test_a_visitor_of_one_user_never_joins_another():
    ada, bob = make_user(), make_user("bob")
    hers = make_visitor(user=ada)
    assert services.claim_visitor(visitor=hers, user=bob) is None
    his = make_visitor(user=bob)
    assert services.claim_visitor(visitor=hers, user=bob) == his
    assert services.get_visitor(key=hers.key).user == ada


def test_a_grant_under_anothers_cookie_makes_a_visitor_of_ones_own():
    ada, bob = make_user(), make_user("bob")
    hers = make_visitor(user=ada)
    his = services.change_consent(visitor=hers, analytics=True, personalization=False, user=bob)
    assert his != hers
    assert his.user == bob
    assert services.get_visitor(key=hers.key).consent.personalization


def request_of(visitor, user=None, header=False):
    signed = identity.sign_key(visitor.key)
    request = RequestFactory().get("/", headers={identity.HEADER: signed} if header else {})
    if not header:
        request.COOKIES["personalization_visitor"] = signed
    if user:
        request.user = user
    return request


def test_a_users_visitor_is_known_by_its_cookie_only_while_that_user_is_logged_in():
    ada, bob = make_user(), make_user("bob")
    hers, anonymous = make_visitor(user=ada), make_visitor()
    assert services.current_visitor(request=request_of(hers, ada)) == hers
    assert services.current_visitor(request=request_of(hers, bob)) is None
    assert services.current_visitor(request=request_of(hers)) is None
    assert services.current_visitor(request=request_of(anonymous)) == anonymous


def test_a_header_token_vouches_for_its_visitor():
    hers = make_visitor(user=make_user())
    assert services.current_visitor(request=request_of(hers, header=True)) == hers


def test_an_empty_header_vouches_for_nobody():
    request = request_of(make_visitor(user=make_user()))
    request.META["HTTP_X_PERSONALIZATION_VISITOR"] = ""
    assert services.current_visitor(request=request) is None
