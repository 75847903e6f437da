"""Whatever fails, the page stands: with the editor's fallback, and with the reason on record."""

import logging
import time
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.test import RequestFactory
from django.utils import timezone
from prometheus_client import REGISTRY
from waffle.models import Switch
from waffle.testutils import override_flag, override_switch

from personalization.catalog import snapshot
from personalization.catalog.models import EpochQuerySet
from personalization.slots import building, fallback, policies, serve
from personalization.slots import context as contexts
from personalization.slots.context import ServingContext
from personalization.slots.policies import Policy
from tests.slots.world import make_items, make_slot, make_visitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def items():
    return make_items(8)


@pytest.fixture
def slot(items):
    return make_slot(size=3, rules=[("fallback", items[5]), ("fallback", items[2])])


def decide(key: str = "home-top", **place):
    return serve.serve([key], ServingContext.for_preview(locale="en", **place))[0]


def titles(decision) -> list[str]:
    return [item.title for item in decision.items]


def fail(*args, **kwargs):
    raise RuntimeError("the disk is full")


def counted(slot: str, reason: str) -> float:
    labels = {"slot": slot, "reason": reason, "fallback": "true"}
    return REGISTRY.get_sample_value("personalization_decisions_total", labels) or 0.0


@pytest.mark.parametrize(
    ("module", "name", "reason"),
    [
        (serve, "find_candidates", "candidates_failed"),
        (serve.policies, "find", "policy_failed"),
        (serve, "order_items", "ranking_failed"),
        (serve, "explain_rows", "explain_failed"),
        (contexts, "history_of", "visitor_failed"),
    ],
)
def test_a_stage_that_fails_ends_in_the_editors_fallback(slot, items, monkeypatch, caplog, module, name, reason):
    monkeypatch.setattr(module, name, fail)
    before = counted("home-top", reason)
    visitor = make_visitor(read=(items[0],))
    decision = decide(visitor_key=visitor.key)
    assert (titles(decision), decision.fallback, decision.reason) == (["Food 5", "Gardens 2"], True, reason)
    assert reason in caplog.text
    assert "the disk is full" in caplog.text
    assert counted("home-top", reason) == before + 1


def test_without_fallback_items_the_newest_of_the_pool_are_shown(items, monkeypatch):
    make_slot("food", size=2, pool_tags="food")
    monkeypatch.setattr(serve, "order_items", fail)
    assert titles(decide("food")) == ["Food 1", "Food 5"]


def test_pins_stay_where_they_are_when_the_ranking_fails(items, monkeypatch):
    make_slot("pinned", size=2, rules=[("pin", {"position": 1, "item": items[7]}), ("fallback", items[2])])
    monkeypatch.setattr(serve, "order_items", fail)
    assert titles(decide("pinned")) == ["Film 7", "Gardens 2"]


def test_fallback_items_that_are_not_public_are_left_out(items, slot, monkeypatch):
    type(items[5]).objects.filter(pk=items[5].pk).update(live=False)
    monkeypatch.setattr(serve, "order_items", fail)
    assert titles(decide()) == ["Gardens 2"]


def test_a_policy_that_takes_too_long_is_not_waited_for_by_later_slots(slot, items, settings, monkeypatch, caplog):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"DEADLINE_MS": 50}

    def dawdle(situation):
        time.sleep(0.06)
        return policies.by_newest(situation)

    monkeypatch.setitem(policies.BUILT_IN, "for-you", Policy("for-you", "For you", (dawdle,)))
    make_slot("second", size=2, policy="newest")
    context = ServingContext.for_preview(locale="en")
    first, second = serve.serve(["home-top", "second"], context)
    assert (first.reason, titles(first)) == ("late", ["Food 5", "Gardens 2"])
    assert (second.reason, titles(second)) == ("late", ["Space 0", "Food 1"])
    assert "late" in caplog.text


def test_a_policy_that_no_longer_exists_ends_in_the_fallback(slot):
    type(slot).objects.filter(pk=slot.pk).update(policy="gone")
    assert decide().reason == "policy_failed"


def test_the_visitors_key_is_not_logged_even_when_an_error_quotes_it(slot, items, monkeypatch, caplog):
    visitor = make_visitor(read=(items[0],))

    def quote(*args, **kwargs):
        raise ValueError(f"no row for {visitor.key}")

    monkeypatch.setattr(serve, "order_items", quote)
    caplog.set_level(logging.DEBUG)
    decide(visitor_key=visitor.key)
    assert "no row for" in caplog.text
    assert visitor.key not in caplog.text


def test_a_visitor_who_cannot_be_read_is_asked_for_once_and_gets_fallbacks(slot, items, caplog):
    asked = []

    def break_down():
        asked.append(1)
        raise DatabaseError("gone away")

    make_slot("second", size=2, policy="newest")
    context = ServingContext.for_preview(locale="en")
    context.find_visitor = break_down
    first, second = serve.serve(["home-top", "second"], context)
    assert (first.reason, second.reason, len(asked)) == ("visitor_failed", "visitor_failed", 1)
    assert titles(second) == ["Space 0", "Food 1"]


def test_with_the_database_down_nothing_is_shown_and_nothing_raised(slot, monkeypatch, caplog):
    def break_down(self):
        raise DatabaseError("could not connect")

    monkeypatch.setattr(EpochQuerySet, "numbers", break_down)
    assert (decide().items, decide().reason) == ((), "memory_failed")
    assert "could not connect" in caplog.text


def test_with_a_broken_catalog_nothing_is_shown_and_nothing_raised(slot, monkeypatch):
    monkeypatch.setattr(snapshot, "current", fail)
    assert decide().reason == "memory_failed"


def test_when_even_the_fallback_fails_nothing_is_shown(slot, monkeypatch):
    monkeypatch.setattr(serve, "order_items", fail)
    monkeypatch.setattr(fallback, "find_pins", fail)
    assert (decide().items, decide().reason) == ((), "fallback_failed")


def test_decisions_go_on_without_a_token_service_only_as_nothing(slot, monkeypatch):
    monkeypatch.setattr(building, "issue", fail)
    context = ServingContext.from_request(RequestFactory().get("/"))
    decision = serve.serve(["home-top"], context)[0]
    assert (decision.items, decision.token) == ((), "")


def test_an_unknown_slot_is_named_and_leaves_no_label_in_the_metrics(items):
    decision = decide("no-such-slot")
    assert (decision.slot, decision.reason, decision.items) == ("no-such-slot", "unknown_slot", ())
    assert counted("no-such-slot", "unknown_slot") == 0


def test_a_slot_that_is_not_published_or_outside_its_dates_shows_nothing(items):

    now = timezone.now()
    day = timedelta(days=1)
    make_slot("draft", live=False)
    make_slot("over", expire_at=now - day)
    make_slot("later", go_live_at=now + day)
    make_slot("running", go_live_at=now - day, expire_at=now + day)
    shown = {key: decide(key).reason for key in ("draft", "over", "later", "running")}
    assert shown == {"draft": "not_live", "over": "not_live", "later": "not_live", "running": "newest"}


def test_a_flag_turns_one_slot_off(items, slot):
    with override_flag("cards", active=True):
        make_slot("flagged", size=2, flag="cards", rules=[("fallback", items[3])])
        request = RequestFactory().get("/")
        assert serve.serve(["flagged"], ServingContext.from_request(request))[0].reason == "newest"
    with override_flag("cards", active=False):
        request = RequestFactory().get("/")
        decision = serve.serve(["flagged"], ServingContext.from_request(request))[0]
        assert (decision.reason, titles(decision)) == ("flag_off", ["Film 3"])


def test_the_switch_turns_everything_off_and_is_on_where_nobody_made_it(slot):
    assert decide().reason == "newest"
    switch = Switch.objects.create(name="personalization", active=False)
    switch.flush()
    assert (decide().reason, titles(decide())) == ("switched_off", ["Food 5", "Gardens 2"])
    with override_switch("personalization", active=True):
        assert decide().reason == "newest"


def test_a_switch_that_cannot_be_read_ends_in_the_fallback(slot, monkeypatch):
    monkeypatch.setattr(contexts.waffle, "get_waffle_switch_model", fail)
    assert (decide().reason, titles(decide())) == ("flag_failed", ["Food 5", "Gardens 2"])


def test_a_score_that_is_no_number_is_not_shown(items, monkeypatch):
    def half(situation):
        ranking = policies.by_newest(situation)
        ranking.scores[:4] = float("nan")
        return ranking

    monkeypatch.setitem(policies.BUILT_IN, "for-you", Policy("for-you", "For you", (half,)))
    make_slot("odd", size=8)
    assert len(decide("odd").items) == 4


def test_ordering_survives_an_empty_catalog(db):
    make_slot(size=3, freshness=1.0)
    assert decide().reason == "no_candidates"
