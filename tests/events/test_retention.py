from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from personalization import tasks
from personalization.events import retention
from personalization.events.models import Event
from personalization.visitors.models import Consent, Visitor
from tests.factories import make_visitor

pytestmark = pytest.mark.django_db


def happened(days_ago):
    return Event.objects.create(kind="view", visitor_key="a", occurred_at=timezone.now() - timedelta(days=days_ago))


def test_facts_are_forgotten_after_the_time_the_site_keeps_them():
    _old, young = happened(400), happened(380)
    assert tasks.purge_events() == 1
    assert list(Event.objects.all()) == [young]


def test_more_facts_than_one_step_deletes_are_all_forgotten(monkeypatch):
    monkeypatch.setattr(retention, "DELETED_AT_ONCE", 2)
    for _ in range(5):
        happened(10)
    assert retention.purge_events(older_than_days=5) == 5


def test_visitors_whose_cookie_has_expired_are_forgotten_and_users_are_not():
    user = get_user_model().objects.create_user("ada")
    lapsed, hers, fresh = make_visitor(), make_visitor(user=user), make_visitor()
    Consent.objects.filter(visitor__in=[lapsed, hers]).update(updated_at=timezone.now() - timedelta(days=181))
    assert retention.purge_lapsed_visitors() == 1
    assert set(Visitor.objects.all()) == {hers, fresh}


def test_address_ranges_are_forgotten_when_they_have_served():
    now = timezone.now()
    ages = {"old": 15, "young": 13}
    for key, days in ages.items():
        at = now - timedelta(days=days)
        Event.objects.create(kind="view", visitor_key=key, network="ab12", occurred_at=at, received_at=at)
    tasks.purge_events()
    assert dict(Event.objects.values_list("visitor_key", "network")) == {"old": "", "young": "ab12"}
