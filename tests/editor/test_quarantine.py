from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from wagtail.models import ModelLogEntry

from personalization.events.models import Event
from personalization.events.quarantine import RULES, set_aside
from personalization.recommend import validation
from tests.editor.conftest import login, staff

LIST = reverse("personalization_quarantine:index")
RELEASE = reverse("personalization_quarantine:release")


def text(response) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def events(db):
    """A click of a burst, a dwell that never ended, and a click that is believed."""
    now = timezone.now()
    facts = [("click", "page:1"), ("dwell", "page:2"), ("click", "page:3")]
    made = [
        Event.objects.create(kind=kind, item_key=item, visitor_key="secret-key", occurred_at=now - timedelta(hours=n))
        for n, (kind, item) in enumerate(facts)
    ]
    assert set_aside(found={"burst": [made[0].pk], "outlier": [made[1].pk]}) == 2
    return made


def test_every_rule_has_words():
    assert tuple(RULES) == validation.RULES


def test_an_empty_quarantine_explains_itself(admin):
    answer = text(admin.get(LIST))
    assert "Nothing is in quarantine" in answer
    assert "Release these" not in answer


def test_the_list_shows_what_is_set_aside_and_why_and_names_nobody(admin, events):
    answer = text(admin.get(LIST))
    assert "Part of a burst" in answer
    assert "page:2" in answer
    assert "page:3" not in answer
    assert "secret-key" not in answer
    inspected = text(admin.get(reverse("personalization_quarantine:inspect", args=[events[1].pk])))
    assert "Far too long" in inspected
    assert "secret-key" not in inspected


def test_what_the_filter_matches_is_released_after_a_question(admin, events):
    filtered = text(admin.get(LIST, {"verdict": "burst"}))
    assert "page:2" not in filtered
    assert f"{RELEASE}?verdict=burst" in filtered
    asked = admin.get(RELEASE, {"verdict": "burst"})
    assert "Yes, release 1 event" in text(asked)
    assert Event.objects.quarantined().count() == 2
    answer = admin.post(f"{RELEASE}?verdict=burst", follow=True)
    assert "1 event was released" in text(answer)
    assert list(Event.objects.quarantined()) == [events[1]]
    assert ModelLogEntry.objects.get(action="personalization.release").data == {"events": 1}


def test_what_was_released_stays_released(events):
    Event.objects.filter(pk=events[0].pk).update(verdict=Event.RELEASED)
    assert set_aside(found={"burst": [events[0].pk]}) == 0
    assert events[0] in Event.objects.believed()


def test_a_filter_that_cannot_be_read_releases_nothing(admin, events):
    assert "No event in quarantine matches" in text(admin.get(RELEASE, {"verdict": "no such rule"}))
    admin.post(f"{RELEASE}?verdict=nonsense")
    assert Event.objects.quarantined().count() == 2


def test_only_who_may_change_events_releases_them(clients, events):
    reader = login(staff("reader", "view_event"))
    assert "Part of a burst" in text(reader.get(LIST))
    assert "Release these" not in text(reader.get(LIST))
    for client in (reader, clients["outsider"], clients["editor"]):
        assert client.post(RELEASE).status_code == 302
        assert client.get(RELEASE).status_code == 302
    assert Event.objects.quarantined().count() == 2
    keeper = login(staff("keeper", "view_event", "change_event"))
    keeper.post(RELEASE)
    assert not Event.objects.quarantined().exists()
