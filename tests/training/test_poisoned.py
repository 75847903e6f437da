"""A site under attack: what scripts tell is taken at the door as far as it looks right, and is not learned from."""

import json
import uuid
from datetime import timedelta

import numpy as np
import pytest
from django.db.models import F
from django.utils import timezone

from personalization.catalog.models import Item
from personalization.events import tokens
from personalization.events.models import Event
from personalization.events.quarantine import release
from personalization.events.tokens import DecisionToken
from personalization.training import serving
from personalization.training.dataset import read_dataset
from personalization.training.models import ModelVersion, TrainingRun
from personalization.training.services import train
from personalization.visitors import identity
from personalization.visitors.models import Visitor
from tests.factories import make_visitor
from tests.training.readers import make_items, write_history

pytestmark = pytest.mark.django_db

URL = "/api/personalization/v1/events/"
TARGET = "page:39"
SCRIPTS, EACH = 50, 200


def attack(client):
    """Click 10,000 times on one item, from one address range, as fifty visitors who all agreed and hold real tokens."""
    accepted, ages = 0, np.random.default_rng(1).uniform(0, 3000, SCRIPTS * EACH)
    for number in range(SCRIPTS):
        visitor = make_visitor()
        headers = {identity.HEADER: identity.sign_key(visitor.key)}
        body = json.dumps({"events": [click(visitor, age) for age in ages[number * EACH :][:EACH]]})
        told = client.post(
            URL, body, content_type="application/json", headers=headers, REMOTE_ADDR=f"203.0.113.{number}"
        )
        accepted += told.json()["accepted"]
    return accepted


def click(visitor, age):
    token = DecisionToken(decision_id=uuid.uuid4(), slot_key="home-top", visitor_key=visitor.key, item_keys=(TARGET,))
    at = timezone.now() - timedelta(seconds=age)
    return {
        "id": str(uuid.uuid4()),
        "kind": "click",
        "token": tokens.issue(token),
        "item": TARGET,
        "occurred_at": at.isoformat(),
    }


def everybodys_first_ten():
    """For each scorer that serves, the first ten of every reader of the untouched history, in order."""
    history = read_dataset().interactions
    readers = [row for row, key in enumerate(history.visitor_ids) if key.startswith("v")]
    best = {}
    for name, scorer in serving.promoted().scorers.items():
        scores = scorer.score(history.histories(readers))
        best[name] = [[scorer.item_ids[column] for column in np.argsort(-row, kind="stable")[:10]] for row in scores]
    return best


def test_ten_thousand_scripted_clicks_leave_everybody_elses_first_ten_as_they_were(client):
    write_history()
    Event.objects.update(network=F("visitor_key"))
    before = train(trigger="test").version
    expected = everybodys_first_ten()
    assert attack(client) == 10_000
    after = train(trigger="test").version
    assert ModelVersion.objects.promoted() == after
    assert after.data_hash == before.data_hash
    assert everybodys_first_ten() == expected
    assert dict(Event.objects.quarantined().values_list("item_key", "verdict").distinct()) == {TARGET: "burst"}
    assert Event.objects.quarantined().count() == 10_000
    assert Visitor.objects.count() == SCRIPTS

    # Had they been believed, the item would have been everybody's favourite.
    release(events=Event.objects.all())
    believed = read_dataset()
    assert believed.checks.quarantined == 0
    totals = believed.interactions.matrix.sum(axis=0)
    assert believed.interactions.item_ids[totals.argmax()] == TARGET
    assert totals.max() >= 10_000


def test_events_that_cannot_have_happened_end_the_run_and_keep_the_version_that_serves():
    write_history()
    old = train(trigger="test").version
    Event.objects.update(value=float(10**15))
    run = train(trigger="test")
    assert run.status == TrainingRun.Status.SKIPPED
    assert "1200 of 1200 rows are impossible, most of them as 'range'" in run.message
    assert serving.promoted().version_id == old.pk
    assert not Event.objects.quarantined().exists()


def test_what_a_browser_tells_of_before_the_publication_is_set_aside_and_history_is_not():
    write_history()
    make_items()
    Item.objects.filter(key="page:3").update(published_at=timezone.now() - timedelta(days=20))
    early = Event.objects.filter(item_key="page:3", occurred_at__lt=timezone.now() - timedelta(days=21))
    number = early.count()
    early.filter(pk=early.first().pk).update(source="import")
    assert number > 3
    read_dataset()
    assert dict(Event.objects.quarantined().values_list("verdict", "item_key")) == {"unpublished": "page:3"}
    assert Event.objects.quarantined().count() == number - 1


def test_what_was_shown_and_ignored_or_dismissed_is_known_to_training():
    write_history()
    now = timezone.now()
    reader = Event.objects.filter(visitor_key="v0003")
    read = reader.values_list("item_key", flat=True)
    unread, other = [f"page:{n}" for n in range(40) if f"page:{n}" not in read][:2]
    first = reader.earliest("occurred_at")
    second = reader.exclude(item_key=first.item_key).values_list("item_key", flat=True)[0]

    def told(kind, item, at):
        Event.objects.create(kind=kind, visitor_key="v0003", item_key=item, occurred_at=at, for_personalization=True)

    told("impression", unread, now - timedelta(days=2))
    told("impression", unread, now - timedelta(days=1))
    told("impression", first.item_key, first.occurred_at - timedelta(minutes=1))
    told("impression", second, reader.filter(item_key=second).latest("occurred_at").occurred_at - timedelta(minutes=5))
    told("dismiss", other, now - timedelta(days=1))
    told("dismiss", first.item_key, now - timedelta(days=1))
    data = read_dataset().interactions
    row = data.visitor_ids.index("v0003")
    counts = data.ignored.toarray()[row]
    ignored = {data.item_ids[column]: counts[column] for column in np.flatnonzero(counts)}
    assert ignored == {unread: 2, other: 1, first.item_key: 1}
    followed = data.rows[data.followed], data.matrix.indices[data.followed]
    assert [(data.visitor_ids[v], data.item_ids[i]) for v, i in zip(*followed, strict=True)] == [("v0003", second)]
    assert data.item_ids.index(first.item_key) not in data.history(row).items
    assert len(data.history(row)) == 9
