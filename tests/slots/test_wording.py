"""What varied words must never cost, break or leak, and how they are switched off."""

import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from datetime import UTC, timedelta

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from waffle.models import Switch

from personalization.catalog.models import Epoch, Item
from personalization.events.models import Event
from personalization.experiments import learning
from personalization.experiments.models import Batch, Metric, Phase
from personalization.slots import memory, serve, variation
from personalization.slots.context import ServingContext
from personalization.variants import serving
from personalization.variants.models import Variant
from tests.factories import ImageFactory
from tests.slots.test_doors import CACHING
from tests.slots.test_experiments import client_of as browser_of
from tests.slots.test_experiments import exposures, look, run
from tests.slots.test_queries import client_of, tables_asked
from tests.slots.test_segments import LIKES_SPACE, make_segment
from tests.slots.world import make_items, make_slot, make_visitor
from tests.training.test_processes import database_address
from tests.variants.test_serving import approved_by_hand
from tests.variants.world import approved, make_draft

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

PAGE = "/page/?slots=home-top"


@pytest.fixture
def items(site) -> list[Item]:
    return make_items(16)


@pytest.fixture
def slot(items):
    return make_slot(size=4, policy="newest", heading="For you", languages="any")


@pytest.fixture
def words(slot, items) -> Variant:
    return approved(items[0], headline="Stars at hand")


def decide(**about):
    return serve.serve(["home-top"], ServingContext.for_preview(locale="en", **about))[0]


def titles(**about) -> list[str]:
    return [item.title for item in decide(**about).items]


def test_many_variants_cost_a_page_no_query_more(items):
    make_slot("one", size=6, policy="for-you", languages="any")
    make_slot("two", size=6, policy="newest", languages="any")
    space = make_segment("space", LIKES_SPACE)
    for item in items:
        approved(item, headline=f"{item.title} in other words")
        approved(item, headline=f"{item.title} for stargazers", segment=space)
    client = client_of(make_visitor(read=(items[0], items[4])))
    asked = tables_asked(lambda: client.get("/page/?slots=one,two"))
    assert asked == ["epoch", "visitor", "event"]
    assert client.get("/page/?slots=one,two").content.decode().count("for stargazers") == 12
    assert tables_asked(lambda: Client().get("/page/?slots=one,two")) == ["epoch"]


def test_reading_them_anew_costs_as_many_queries_for_five_as_for_one(slot, items):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert serving.serving_variants()
        return len(queries)

    approved(items[0], headline="The first", image=ImageFactory())
    few = asked()
    for item in items[1:5]:
        approved(item, headline="Another", image=ImageFactory())
    assert asked() == few <= 6


def test_new_words_leave_everything_else_in_memory_as_it_is(slot, items):
    before = ServingContext.for_preview().memory
    approved(items[0], headline="Stars at hand")
    after = ServingContext.for_preview().memory
    assert after is not before
    assert after.definitions is before.definitions
    assert after.variants


def test_drafts_do_not_make_anybody_read_anew(slot, items, words):
    before = Epoch.objects.numbers()
    make_draft(items[1], headline="Only a draft")
    assert Epoch.objects.numbers() == before


@pytest.mark.parametrize(
    "state", ["held_out", "not_personalized", "switched_off", "late", "placeholder", "other_segment"]
)
def test_where_nothing_is_personalized_the_originals_stand(slot, items, words, state, settings):
    if state == "held_out":
        settings.PERSONALIZATION = settings.PERSONALIZATION | {"GLOBAL_HOLDOUT": 0.999999}
        shown = look(make_visitor())
    elif state == "switched_off":
        Switch.objects.create(name="personalization", active=False)
        shown = look(make_visitor())
    elif state == "placeholder":
        shown = Client().get(f"{PAGE}&mode=fragment").content.decode()
    else:
        if state == "late":
            settings.PERSONALIZATION = settings.PERSONALIZATION | {"DEADLINE_MS": 0.000001}
        elif state == "not_personalized":
            slot.personalizes = False
        else:
            slot.rules = [("only_for", make_segment("nobody", ("device", "phone"))), ("fallback", items[0])]
        slot.save()
        shown = look(make_visitor())
    assert items[0].title in shown
    assert "Stars at hand" not in shown


def test_a_page_that_is_cached_holds_originals_and_each_fragment_the_visitors_words(slot, items, settings):
    settings.MIDDLEWARE = CACHING
    space, food = (make_segment(key, ("tag", {"tag": key, "share": 50})) for key in ("space", "food"))
    approved(items[0], headline="For stargazers", segment=space)
    approved(items[0], headline="For cooks", segment=food)
    stargazer, cook = (make_visitor(read=(items[n], items[n + 4])) for n in (4, 5))
    for visitor in (stargazer, cook, stargazer):
        page = browser_of(visitor).get("/public/?slots=home-top&mode=fragment")
        assert items[0].title in page.content.decode()
        assert not any(words in page.content.decode() for words in ("For stargazers", "For cooks", "AI"))
    for visitor, theirs in ((stargazer, "For stargazers"), (cook, "For cooks"), (stargazer, "For stargazers")):
        fragment = browser_of(visitor).get("/api/personalization/v1/slots/home-top/fragment/?url=/public/")
        assert theirs in fragment.content.decode()
        assert "no-store" in fragment["Cache-Control"]
        inline = browser_of(visitor).get("/public/?slots=home-top")
        assert theirs in inline.content.decode()
        assert "no-store" in inline["Cache-Control"]


@pytest.mark.parametrize("broken", ["choose_variant", "ai_label", "why_these_words"])
def test_words_that_cannot_be_had_cost_no_item(slot, items, words, broken, monkeypatch, caplog):
    approved(slot=slot, headline="A better heading")
    assert (decide().heading, titles()[0]) == ("A better heading", "Stars at hand")

    def fail(*args, **kwargs):
        raise RuntimeError("the dictionary is on fire")

    monkeypatch.setattr(variation, broken, fail)
    decision = decide()
    assert (decision.reason, decision.fallback) == ("newest", False)
    assert (decision.heading, decision.items[0].title) == ("For you", items[0].title)
    assert "words_failed" in caplog.text


def test_the_switch_takes_all_ai_words_from_every_process_on_its_next_request(slot, items, words):
    approved(slot=slot, headline="A better heading")
    approved_by_hand(items[1], headline="Written by a person")
    assert titles()[:2] == ["Stars at hand", "Written by a person"]
    held = [memory._held]
    # Another process: it has read the same, and hears of nothing but what the database says.
    memory.forget()
    assert titles()[0] == "Stars at hand"
    held.append(memory._held)
    call_command("waffle_switch", serving.SWITCH, "off", "--create")
    for memory._held in held:
        decision = decide()
        assert [item.title for item in decision.items[:2]] == [items[0].title, "Written by a person"]
        assert decision.heading == "For you"
    held = [memory._held]
    Switch.objects.get(name=serving.SWITCH).delete()
    for memory._held in held:
        assert titles()[0] == "Stars at hand"
    Switch.objects.create(name=serving.SWITCH, active=True)
    assert titles()[0] == "Stars at hand"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_switch_thrown_by_another_process_is_obeyed_by_this_one(site, tmp_path):
    items = make_items(4)
    make_slot(size=4, policy="newest", languages="any")
    approved(items[0], headline="Stars at hand")
    assert titles()[0] == "Stars at hand"
    if connection.vendor == "sqlite":
        address = f"sqlite:///{connection.settings_dict['NAME']}"
    else:
        address = database_address(tmp_path)
    subprocess.run(
        [sys.executable, "manage.py", "waffle_switch", serving.SWITCH, "off", "--create"],
        env={**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "cms_site.settings.test"},
        cwd=django_settings.BASE_DIR,
        check=True,
    )
    assert titles()[0] == items[0].title


WORDINGS = (
    {"key": "control", "is_control": True, "wording": "original"},
    {"key": "short", "wording": "short"},
    {"key": "any"},
)


def test_an_arm_may_show_the_original_the_variants_of_a_label_or_whatever_fits(slot, items):
    approved(items[0], headline="Short", label="short")
    approved(items[0], headline="The newest")
    approved(items[1], headline="Not of that label")
    run(slot, arms=WORDINGS)
    shown = {
        "control": (items[0].title, items[1].title),
        "short": ("Short", items[1].title),
        "any": ("The newest", "Not of that label"),
    }
    visitors = [make_visitor(personalization=False) for _ in range(40)]
    for visitor in visitors:
        page = look(visitor)
        arm = Event.objects.get(kind="exposure", visitor_key=visitor.key).arm_key.partition(":")[2]
        for title in shown[arm]:
            assert f">{title}<" in page
    assert set(Counter(row.arm_key for row in exposures())) == {"test.1:control", "test.1:short", "test.1:any"}


def test_an_arms_own_heading_is_not_worded_otherwise(slot, items):
    approved(slot=slot, headline="A better heading")
    run(slot, arms=({"key": "control", "is_control": True}, {"key": "b", "heading": "The arm's own"}))
    pages = [look(make_visitor(personalization=False)) for _ in range(20)]
    assert {"A better heading" in page for page in pages} == {True, False}
    assert all(("A better heading" in page) != ("The arm&#x27;s own" in page) for page in pages)


def test_a_bandit_learns_which_words_are_clicked_and_shows_them_more(slot, items):
    approved(items[0], headline="Short", label="short")
    experiment = run(slot, arms=WORDINGS[:2], allocation="bandit", floor=5, holdback=10)
    Metric.objects.create(experiment=experiment, measure="clicked", role="goal")
    for number in range(60):
        client = browser_of(make_visitor(personalization=False))
        page = client.get(PAGE).content.decode()
        if ">Short<" in page and number % 5:
            click(client, page, items[0])
    assert {row.context["propensity"] for row in exposures()} == {0.5}
    Event.objects.update(occurred_at=timezone.now() - timedelta(days=1))
    Phase.objects.update(started_at=timezone.now() - timedelta(days=2))
    assert learning.learn_all() == 1
    shares = Batch.objects.get(day=timezone.now().astimezone(UTC).date()).shares
    assert shares["short"] > 0.9
    shown = [">Short<" in look(make_visitor(personalization=False)) for _ in range(30)]
    assert sum(shown) > 20


def click(client: Client, page: str, item: Item) -> None:
    token = re.search(r'data-slot-token="([^"]+)"', page)[1]
    event = {"id": str(uuid.uuid4()), "kind": "click", "item": item.key, "token": token}
    answer = client.post("/api/personalization/v1/events/", {"events": [event]}, content_type="application/json")
    assert answer.json()["accepted"] == 1
