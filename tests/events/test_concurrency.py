"""Several processes at once, here as threads with connections of their own: on SQLite's file and on PostgreSQL."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from personalization.events.models import Event
from personalization.events.privacy import count_held, erase_visitor, join_at_login, store_choice
from personalization.events.services import NewEvent, record_events
from personalization.visitors.models import Profile, Visitor
from personalization.visitors.services import change_consent, get_visitor
from tests.factories import make_item, make_visitor

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 6


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls in threads that all start at the same moment; return their results."""
    barrier = Barrier(len(calls))

    def run(call):
        try:
            barrier.wait(10)
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(30) for future in [pool.submit(run, call) for call in calls]]


@pytest.fixture(autouse=True)
def items(transactional_db):
    make_item("page:1", words="rockets", tags=["space"])
    make_item("page:2", words="bread", tags=["food"])


def sender(visitor, events):
    # As the API does it, each request reads the visitor for itself.
    return lambda: record_events(visitor=get_visitor(key=visitor.key), events=events, personalize=True)


def test_beacons_at_once_lose_nothing_of_the_profile():
    visitor = make_visitor()
    beacons = [[NewEvent(kind="view", item_key=f"page:{n % 2 + 1}") for n in range(10)] for _ in range(WORKERS)]
    at_once(*(sender(visitor, beacon) for beacon in beacons))
    assert Event.objects.count() == 60
    learned = Profile.objects.get()
    assert learned.counts == {"view": 60}
    assert learned.tags == pytest.approx({"space": 30, "food": 30}, rel=1e-3)


def test_the_same_beacon_sent_at_once_counts_once():
    visitor = make_visitor()
    beacon = [NewEvent(kind="view", item_key="page:1") for _ in range(10)]
    outcomes = at_once(*(sender(visitor, beacon) for _ in range(WORKERS)))
    assert sum(outcome.accepted for outcome in outcomes) == Event.objects.count() == 10
    assert Profile.objects.get().counts == {"view": 10}


def test_the_same_ids_sent_by_several_visitors_at_once_count_once():
    visitors = [make_visitor() for _ in range(WORKERS)]
    beacon = [NewEvent(kind="view", item_key="page:1") for _ in range(5)]
    outcomes = at_once(*(sender(visitor, beacon) for visitor in visitors))
    assert sum(outcome.accepted for outcome in outcomes) == Event.objects.count() == 5
    assert sum(profile.counts["view"] for profile in Profile.objects.all()) == 5


def test_an_erasure_in_the_middle_of_beacons_leaves_nothing():
    for _ in range(5):
        visitor = make_visitor()
        beacons = [[NewEvent(kind="view", item_key="page:1")] for _ in range(3)]
        at_once(*(sender(visitor, beacon) for beacon in beacons), lambda: erase_visitor(key=visitor.key))  # noqa: B023
        assert set(count_held(key=visitor.key).values()) == {0}


def test_a_withdrawal_in_the_middle_of_beacons_leaves_no_profile_and_no_use():
    for _ in range(5):
        visitor = make_visitor()
        beacons = [[NewEvent(kind="view", item_key="page:1")] for _ in range(3)]
        withdraw = lambda: store_choice(visitor=visitor, analytics=True, personalization=False)  # noqa: B023, E731
        at_once(*(sender(visitor, beacon) for beacon in beacons), withdraw)
        assert not Profile.objects.exists()
        assert not Event.objects.filter(for_personalization=True).exists()


def test_two_grants_of_one_user_at_once_make_one_visitor():
    user = get_user_model().objects.create_user("ada")
    grant = lambda: change_consent(visitor=None, analytics=True, personalization=True, user=user)  # noqa: E731
    at_once(grant, grant, grant)
    assert Visitor.objects.count() == 1


def test_two_logins_at_once_join_both_devices():
    user = get_user_model().objects.create_user("ada")
    own = make_visitor(user=user)
    devices = [make_visitor(), make_visitor()]
    for device in devices:
        record_events(visitor=device, events=[NewEvent(kind="view", item_key="page:1")], personalize=True)
    at_once(*(lambda device=device: join_at_login(visitor=device, user=user) for device in devices))
    assert Visitor.objects.get() == own
    assert Event.objects.filter(visitor_key=own.key).count() == 2
    assert Profile.objects.get().counts == {"view": 2}
