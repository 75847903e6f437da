"""Experiments as visitors meet them: one arm each, always the same, noted once a day - and never at the page's cost."""

from collections import Counter
from datetime import timedelta

import pytest
import waffle
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from personalization.catalog.models import Item
from personalization.events.models import Event
from personalization.events.privacy import join_at_login
from personalization.events.tokens import read
from personalization.experiments import assignment
from personalization.experiments.choices import Status
from personalization.experiments.models import Arm, Batch, Experiment, NamespaceRange, Phase
from personalization.slots.context import ServingContext
from personalization.slots.serve import serve
from personalization.visitors.identity import sign_key
from personalization.visitors.models import Visitor
from tests.slots.test_versions import liking, make_version, store  # noqa: F401
from tests.slots.world import make_items, make_slot, make_visitor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

ARMS = ({"key": "control", "is_control": True}, {"key": "b", "heading": "Another heading"})


def run(slot, *, key="test", arms=ARMS, namespaces=(), weights=None, **fields) -> Experiment:
    """A running experiment."""
    experiment = Experiment.objects.create(
        key=key, name=key, slot=slot, status=Status.RUNNING, started_at=timezone.now(), **fields
    )
    for arm in arms:
        Arm.objects.create(experiment=experiment, name=arm["key"], **arm)
    for part in namespaces:
        NamespaceRange.objects.create(experiment=experiment, namespace=part[0], start=part[1], end=part[2])
    Phase.objects.create(experiment=experiment, number=1, weights=weights or {arm["key"]: 1 for arm in arms})
    experiment.save()
    return experiment


def client_of(visitor, **headers) -> Client:
    client = Client(headers=headers)
    client.cookies["personalization_visitor"] = sign_key(visitor.key)
    return client


def look(visitor, path="/page/?slots=home-top", **headers) -> str:
    response = client_of(visitor, **headers).get(path)
    assert response.status_code == 200
    return response.content.decode()


def exposures() -> list[Event]:
    return list(Event.objects.filter(kind="exposure").order_by("pk"))


@pytest.fixture
def slot():
    make_items(12)
    return make_slot(size=3, policy="newest", heading="The usual heading", languages="any")


def test_a_visitor_keeps_an_arm_and_is_counted_once_a_day(slot):
    run(slot)
    visitor = make_visitor()
    pages = {look(visitor) for _ in range(3)}
    shown = {"Another heading" in page for page in pages}
    assert len(shown) == 1
    (exposure,) = exposures()
    assert exposure.arm_key == ("test.1:b" if shown == {True} else "test.1:control")
    assert exposure.visitor_key == visitor.key
    assert exposure.context == {"device": "desktop", "locale": "en", "segment": "en"}


def test_both_arms_get_visitors_in_proportion_and_each_page_is_that_of_its_arm(slot):
    run(slot, weights={"control": 3, "b": 1})
    visitors = [make_visitor(personalization=False) for _ in range(80)]
    headings = Counter("Another heading" in look(visitor) for visitor in visitors)
    logged = Counter(row.arm_key.endswith(":b") for row in exposures())
    assert headings == logged
    assert 8 <= headings[True] <= 34


def test_a_page_of_an_experiment_stays_out_of_caches(slot):
    run(slot)
    response = client_of(make_visitor()).get("/page/?slots=home-top")
    assert response["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("consent", "headers"),
    [({"analytics": False}, {}), ({}, {"sec-gpc": "1"})],
    ids=["no analytics", "global privacy control"],
)
def test_who_may_not_be_counted_sees_the_slot_as_it_is(slot, consent, headers):
    run(slot, weights={"control": 0, "b": 1})
    assert "The usual heading" in look(make_visitor(**consent), **headers)
    assert not exposures()


def test_a_stranger_sees_the_slot_as_it_is(slot):
    run(slot, weights={"control": 0, "b": 1})
    assert "The usual heading" in Client().get("/page/?slots=home-top").content.decode()


def test_the_token_names_the_arm_and_the_visitor_cannot(slot):
    run(slot, weights={"control": 0, "b": 1})
    visitor = make_visitor()
    body = {"slots": ["home-top"], "arm": "control", "arms": {"test": "control"}}
    answer = client_of(visitor).post("/api/personalization/v1/decisions/", body, "application/json")
    if answer.status_code == 200:
        told = answer.json()["decisions"][0]
        assert told["heading"] == "Another heading"
        assert read(told["token"], now=timezone.now()).arm_key == "test.1:b"
    else:
        assert answer.status_code == 400


def test_an_arm_may_do_without_personalization(slot):
    run(
        slot,
        arms=({"key": "control", "is_control": True}, {"key": "plain", "personalizes": False}),
        weights={"plain": 1},
    )
    visitor = make_visitor()
    decision = decide(visitor)
    assert (decision.reason, decision.fallback) == ("not_personalized", True)
    assert len(decision.items) == 3
    look(visitor)
    assert [row.arm_key for row in exposures()] == ["test.1:plain"]


def decide(visitor):
    context = ServingContext(
        find_site=lambda memory: memory.sites.default, find_visitor=lambda: visitor, locale="en", is_tracked=True
    )
    return serve(["home-top"], context)[0]


def test_an_arm_may_rank_by_another_policy_or_another_model(slot, store):  # noqa: F811
    items = make_items_of(slot)
    make_version(liking(items, [0, 1, 2]), promoted=True)
    other = make_version(liking(items, [7, 8, 9]))
    arms = (
        {"key": "control", "is_control": True},
        {"key": "popular", "policy": "popular"},
        {"key": "model", "policy": "popular", "model_version": other},
    )
    experiment = run(slot, arms=arms, weights={"popular": 1})
    reader = make_visitor()
    assert decide(reader).items[0].key == items[0].key
    Phase.objects.filter(experiment=experiment).update(weights={"model": 1})
    experiment.save()
    decision = decide(reader)
    assert decision.items[0].key == items[7].key
    assert decision.model_version == str(other)


def make_items_of(slot):
    slot.diversity, slot.max_per_tag = 0.0, None
    slot.save()
    return list(Item.objects.order_by("pk"))


def test_experiments_of_one_namespace_share_nobody(slot):
    other = make_slot("other", size=2, policy="newest", languages="any")
    run(slot, key="first", namespaces=[("page", 0.0, 0.5)])
    run(other, key="second", namespaces=[("page", 0.5, 1.0)])
    for _ in range(40):
        look(make_visitor(personalization=False), "/page/?slots=home-top,other")
    seen = {}
    for row in exposures():
        if row.arm_key:
            seen.setdefault(row.visitor_key, set()).add(row.arm_key.partition(".")[0])
    assert all(len(names) == 1 for names in seen.values())
    assert {name for names in seen.values() for name in names} == {"first", "second"}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.ENDED])
def test_who_is_held_out_gets_the_fallback_also_after_the_end(slot, status):
    experiment = run(slot, holdout=100.0)
    experiment.status = status
    experiment.save()
    visitor = make_visitor()
    assert decide(visitor).reason == "held_out"
    look(visitor)
    assert [row.arm_key for row in exposures()] == ["test.1:holdout"]


def test_the_sites_holdout_is_never_personalized(slot, settings):
    run(slot)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GLOBAL_HOLDOUT": 1.0}
    visitor = make_visitor()
    assert decide(visitor).reason == "held_out"
    look(visitor)
    assert [row.arm_key for row in exposures()] == ["holdout"]


@pytest.mark.parametrize(
    ("target", "headers", "takes_part"),
    [
        ({"devices": ["mobile"]}, {}, False),
        ({"devices": ["desktop"]}, {}, True),
        ({"locales": ["fr"]}, {}, False),
        ({"locales": ["en"]}, {}, True),
    ],
)
def test_an_experiment_may_be_for_some_only(slot, target, headers, takes_part):
    run(slot, weights={"control": 0, "b": 1}, **target)
    assert ("Another heading" in look(make_visitor(), **headers)) is takes_part


def test_a_flag_that_is_switched_off_ends_it_on_the_next_request(slot, django_capture_on_commit_callbacks):
    flags = waffle.get_waffle_flag_model()
    flag = flags.objects.create(name="new-heading", everyone=True)
    run(slot, weights={"control": 0, "b": 1}, flag="new-heading")
    visitor = make_visitor()
    assert "Another heading" in look(visitor)
    flag.everyone = False
    with django_capture_on_commit_callbacks(execute=True):
        flag.save()
    assert "The usual heading" in look(visitor)


def test_staff_may_look_at_an_arm_in_testing_mode_and_do_not_count(slot):
    waffle.get_waffle_flag_model().objects.create(name="new-heading", testing=True)
    run(slot, flag="new-heading")
    staff = get_user_model().objects.create_superuser("editor", password="pass")
    path = "/page/?slots=home-top&dwft_new-heading=b"
    assert "The usual heading" in look(make_visitor(), path)
    visitor = make_visitor(user=staff)
    client = client_of(visitor)
    client.force_login(staff)
    assert "Another heading" in client.get(path).content.decode()
    assert not any(row.visitor_key == visitor.key for row in exposures())


def test_a_pause_gives_everybody_the_slot_as_it_is(slot):
    experiment = run(slot, weights={"control": 0, "b": 1})
    visitor = make_visitor()
    assert "Another heading" in look(visitor)
    experiment.status = Status.PAUSED
    experiment.save()
    assert "The usual heading" in look(visitor)


def test_raising_coverage_takes_nobodys_arm_away(slot):
    experiment = run(slot, coverage=30.0)
    visitors = [make_visitor(personalization=False) for _ in range(40)]
    before = {visitor.pk: arm_of(visitor) for visitor in visitors}
    experiment.coverage = 100.0
    experiment.save()
    after = {visitor.pk: arm_of(visitor) for visitor in visitors}
    assert None in before.values()
    assert None not in after.values()
    assert all(after[pk] == arm for pk, arm in before.items() if arm)


def arm_of(visitor) -> str | None:
    return read(decide(visitor).token, now=timezone.now()).arm_key or None


def test_what_fails_in_an_experiment_ends_in_the_fallback(slot, monkeypatch, caplog):
    run(slot)

    def fail(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(assignment, "bucket", fail)
    decision = decide(make_visitor())
    assert (decision.reason, len(decision.items)) == ("experiment_failed", 3)


def test_twenty_experiments_cost_no_query_more():
    items = make_items(30)
    keys = [f"slot-{number}" for number in range(20)]
    for key in keys:
        run(make_slot(key, size=1, policy="newest", languages="any"), key=key)
    visitor = make_visitor(read=tuple(items[:3]))
    client, url = client_of(visitor), f"/page/?slots={','.join(keys[:12])}"
    client.get(url)
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    assert len(queries) == 3
    assert Event.objects.filter(kind="exposure").count() == 12


def test_somebody_who_logs_in_keeps_the_first_arm(slot):
    run(slot)
    user = get_user_model().objects.create_user("reader")
    earlier = make_visitor(created_at=timezone.now() - timedelta(days=9))
    own = make_visitor(user=user)
    first = arm_of(earlier)
    joined = join_at_login(visitor=Visitor.objects.whole().get(pk=earlier.pk), user=user)
    assert joined.pk == own.pk
    assert arm_of(joined) == first
    # The other way round the user's own arm stands.
    later = make_visitor()
    assert arm_of(join_at_login(visitor=Visitor.objects.whole().get(pk=later.pk), user=user)) == first


def test_a_bandit_draws_each_day_by_its_newest_shares_and_notes_the_chance(slot):
    experiment = run(slot, allocation="thompson", holdback=0.0)
    Batch.objects.create(
        phase=experiment.phase, day=timezone.now().date() - timedelta(days=1), shares={"control": 0.1, "b": 0.9}
    )
    experiment.save()
    for _ in range(30):
        look(make_visitor(personalization=False))
    arms = Counter(row.arm_key.partition(":")[2] for row in exposures())
    assert arms["b"] > 18
    assert all(
        row.context["propensity"] == pytest.approx(0.9 if row.arm_key.endswith(":b") else 0.1) for row in exposures()
    )
    assert not any(row.context["holdback"] for row in exposures())
