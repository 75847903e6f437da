"""Which weights a training run uses, and that a version says so."""

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from personalization.events.models import Event
from personalization.training.dataset import read_dataset
from personalization.training.services import train
from tests.training.readers import N_ITEMS, write_history

pytestmark = pytest.mark.django_db


def add_noise():
    """Everybody dwells on anything: what lies open says nothing here."""
    random, now = np.random.default_rng(3), timezone.now()
    Event.objects.bulk_create(
        Event(
            kind="dwell",
            visitor_key=f"v{random.integers(120):04d}",
            item_key=f"page:{random.integers(N_ITEMS)}",
            duration_ms=60_000,
            occurred_at=now - timedelta(days=float(random.uniform(0.1, 60))),
            for_personalization=True,
        )
        for _ in range(1500)
    )


def test_weights_are_those_configured_unless_they_are_to_be_learned(settings):
    write_history()
    add_noise()
    configured = {"view": 1.0, "dwell": 1.0}
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"EVENT_WEIGHTS": configured}
    assert read_dataset().event_weights == configured
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"TRAINING_LEARN_WEIGHTS": True}
    learned = read_dataset().event_weights
    assert learned["view"] == 1.0
    assert learned["dwell"] < 1.0


def test_a_version_says_what_its_events_counted_and_what_was_set_aside():
    write_history()
    doubled = Event.objects.first()
    doubled.pk, doubled.event_id = None, "00000000-0000-4000-8000-000000000001"
    doubled.save()
    version = train(trigger="test").version
    assert version.parameters["event_weights"]["view"] == 1.0
    assert version.metrics["data"] == {"rows": 1201, "kept": 1200, "found": {"duplicate": 1}}
