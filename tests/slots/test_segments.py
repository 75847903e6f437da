"""Slots for some visitors only, and rules for some visitors besides: from the request to what is shown."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from personalization.slots.context import ServingContext
from personalization.slots.decision import Reason
from personalization.slots.serve import serve, serve_placeholder, serve_preview
from personalization.visitors.identity import sign_key
from personalization.visitors.models import Segment
from tests.slots.test_queries import client_of, tables_asked
from tests.slots.test_slot import problems
from tests.slots.world import make_items, make_slot, make_visitor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

LIKES_SPACE = ("tag", {"tag": "space", "share": 50})
EVERY_RULE = [
    LIKES_SPACE,
    ("interactions", {"kind": "any", "least": 1, "most": None}),
    ("last_seen", {"when": "within", "days": 7}),
    ("returns", {"goal": "visit", "state": "overdue"}),
    ("language", "en"),
    ("device", "desktop"),
    ("referrer", "direct"),
    ("campaign", {"parameter": "source", "value": "letter"}),
    ("weekdays", ["0", "1", "2", "3", "4", "5", "6"]),
    ("signed_in", "no"),
]


def make_segment(key: str, *rules: tuple, live: bool = True, **fields) -> Segment:
    segment = Segment(key=key, name=key.title(), live=live, **fields)
    segment.rules = list(rules)
    segment.save()
    return segment


@pytest.fixture
def items() -> list:
    return make_items(16)


@pytest.fixture
def spacefarer(items):
    return make_visitor(read=(items[0], items[4]))


@pytest.fixture
def cook(items):
    return make_visitor(read=(items[1], items[5]))


def decide(slot: str, visitor=None, **context):
    return serve([slot], ServingContext.for_preview(visitor_key=visitor and visitor.key, locale="en", **context))[0]


def test_a_slot_may_be_for_a_segment_only(items, spacefarer, cook):
    make_slot("special", rules=[("only_for", make_segment("spacefarers", LIKES_SPACE))])
    assert decide("special", spacefarer).items
    for somebody_else in (cook, None):
        decision = decide("special", somebody_else)
        assert (decision.reason, decision.fallback, decision.items) == (Reason.OTHER_SEGMENT, True, ())


def test_of_several_segments_any_will_do(items, spacefarer, cook):
    space = make_segment("spacefarers", LIKES_SPACE)
    food = make_segment("cooks", ("tag", {"tag": "food", "share": 50}))
    make_slot("special", rules=[("only_for", space), ("only_for", food)])
    assert decide("special", spacefarer).items
    assert decide("special", cook).items
    assert not decide("special").items


def test_all_others_get_the_fallback_items_and_neither_pins_nor_news(items, cook):
    space = make_segment("spacefarers", LIKES_SPACE)
    rules = [("only_for", space), ("fallback", items[7]), ("pin", {"position": 1, "item": items[3]})]
    make_slot("special", size=3, rules=rules)
    assert [item.key for item in decide("special", cook).items] == [items[7].key]


def test_the_shared_part_of_a_cached_page_shows_nothing_of_it(items, spacefarer):
    make_slot("special", rules=[("only_for", make_segment("anybody", ("language", "en")))])
    decision = serve_placeholder("special", ServingContext.for_preview(visitor_key=spacefarer.key, locale="en"))
    assert (decision.reason, decision.items) == (Reason.PLACEHOLDER, ())


@pytest.mark.parametrize("gone", ["deleted", "unpublished"])
def test_without_its_segment_a_slot_is_for_nobody(items, spacefarer, gone):
    segment = make_segment("spacefarers", LIKES_SPACE)
    make_slot("special", rules=[("only_for", segment)])
    assert decide("special", spacefarer).items
    segment.delete() if gone == "deleted" else segment.unpublish()
    assert not decide("special", spacefarer).items


def test_rules_for_a_segment_hold_for_it_alone(items, spacefarer, cook):
    added = [("pin", {"position": 1, "item": items[7]}), ("exclude", items[2])]
    rule = ("for_segment", {"segment": make_segment("spacefarers", LIKES_SPACE), "rules": added})
    make_slot("varied", size=16, policy="newest", rules=[("pin", {"position": 1, "item": items[9]}), rule])
    mine, theirs = ([item.key for item in decide("varied", who).items] for who in (spacefarer, cook))
    assert mine[0] == items[7].key
    assert items[2].key not in mine
    assert theirs[0] == items[9].key
    assert items[2].key in theirs


def test_boosts_for_a_segment_multiply_those_for_all_and_are_explained(items, spacefarer, cook):
    boost = ("boost_tag", {"tag": "gardens", "factor": 10.0})
    rule = ("for_segment", {"segment": make_segment("spacefarers", LIKES_SPACE), "rules": [boost]})
    make_slot("varied", size=4, policy="newest", rules=[("boost_tag", {"tag": "Gardens", "factor": 0.5}), rule])
    first = decide("varied", spacefarer).items[0]
    assert first.title.startswith("Gardens")
    assert "boost" in {why.scorer for why in first.why}
    assert not decide("varied", cook).items[0].title.startswith("Gardens")


def test_of_two_segments_pins_the_rule_that_stands_first_holds(items, spacefarer):
    segments = [make_segment("spacefarers", LIKES_SPACE), make_segment("english", ("language", "en"))]
    pins = [[("pin", {"position": 1, "item": items[n]})] for n in (7, 9)]
    rules = [("for_segment", {"segment": s, "rules": p}) for s, p in zip(segments, pins, strict=True)]
    make_slot("varied", size=3, policy="newest", rules=rules)
    assert decide("varied", spacefarer).items[0].key == items[7].key
    assert decide("varied").items[0].key == items[9].key


def test_without_consent_nobody_is_in_a_segment_of_what_was_learned(items):
    make_segment("spacefarers", LIKES_SPACE)
    make_segment("new", ("interactions", {"kind": "any", "least": 0, "most": 0}))
    make_segment("desktops", ("device", "desktop"))
    refusing = make_visitor(read=(items[0],), personalization=False)
    context = ServingContext.for_preview(visitor_key=refusing.key, locale="en")
    assert context.segments == ()
    assert ServingContext.for_preview(visitor_key=make_visitor().key, locale="en").segments == ("new",)


def test_a_browser_that_objects_is_in_none_either(items, spacefarer, rf):
    make_segment("spacefarers", LIKES_SPACE)
    cookies = {"personalization_visitor": sign_key(spacefarer.key)}
    agreeing, objecting = rf.get("/"), rf.get("/", headers={"Sec-GPC": "1"})
    for request in (agreeing, objecting):
        request.COOKIES.update(cookies)
    assert ServingContext.from_request(agreeing).segments == ("spacefarers",)
    assert ServingContext.from_request(objecting).segments == ()


@pytest.mark.parametrize(
    ("address", "headers", "expected"),
    [
        ("/page/", {"User-Agent": "Mozilla/5.0 (iPhone) Mobile"}, {"phones", "direct"}),
        ("/page/", {"Referer": "https://www.google.co.uk/search?q=x"}, {"search"}),
        ("/page/", {"Referer": "https://t.co/abc"}, {"social"}),
        ("/page/", {"Referer": "https://friend.example/"}, set()),
        ("/page/", {"Referer": "http://testserver/other/"}, {"internal"}),
        ("/page/?utm_source=Letter", {}, {"letter", "direct"}),
        ("/page/", {"Referer": "http://[broken"}, {"direct"}),
    ],
)
def test_what_a_request_tells(items, rf, address, headers, expected):
    make_segment("phones", ("device", "phone"))
    for kind in ("direct", "search", "social", "internal"):
        make_segment(kind, ("referrer", kind))
    make_segment("letter", ("campaign", {"parameter": "source", "value": "letter"}))
    assert set(ServingContext.from_request(rf.get(address, headers=headers)).segments) == expected


def test_a_fragment_is_told_the_campaign_by_its_pages_address(items, rf):
    make_segment("letter", ("campaign", {"parameter": "source", "value": "letter"}))
    make_segment("internal", ("referrer", "internal"))
    request = rf.get("/fragment/", headers={"Referer": "http://testserver/page/?utm_source=letter"})
    assert ServingContext.from_request(request, url="/page/").segments == ("letter",)


def test_the_language_is_that_of_the_page(items, rf):
    make_segment("french", ("language", "fr"))
    context = ServingContext.from_request(rf.get("/"))
    assert context.segments == ()
    context.look_at(locale="fr")
    assert context.segments == ("french",)


@pytest.mark.parametrize("match", ["all", "any"])
def test_segments_cost_no_query(spacefarer, match):
    for number, rule in enumerate(EVERY_RULE):
        make_segment(f"one-{number}", rule)
    segment = make_segment("of-every-rule", *EVERY_RULE, match=match)
    make_slot("special", rules=[("only_for", segment)])
    make_slot(
        "varied", rules=[("for_segment", {"segment": segment, "rules": [("boost_tag", {"tag": "a", "factor": 2})]})]
    )
    url = "/page/?slots=special,varied"
    assert tables_asked(lambda: client_of(spacefarer).get(url)) == ["epoch", "visitor", "event"]
    assert tables_asked(lambda: Client().get(url)) == ["epoch"]


def test_scorers_are_told_the_first_lasting_segment_else_the_language(items, spacefarer, cook):
    make_segment("english", ("language", "en"))
    make_segment("spacefarers", LIKES_SPACE)
    contexts = [ServingContext.for_preview(visitor_key=who.key, locale="en") for who in (spacefarer, cook)]
    assert [context.history.segment for context in contexts] == ["spacefarers", "en"]


def test_a_preview_may_stand_in_several_segments(items):
    first, second = make_segment("first", LIKES_SPACE), make_segment("second", ("device", "phone"))
    slot = make_slot("special", rules=[("only_for", second)])
    context = ServingContext.for_preview(segments=["second", "first"], locale="en")
    assert context.segments == (first.key, second.key)
    assert serve_preview(slot, context).items
    assert serve_preview(slot, ServingContext.for_preview(locale="en")).reason == Reason.OTHER_SEGMENT


def test_a_changed_segment_is_served_at_once(items, spacefarer):
    segment = make_segment("spacefarers", ("tag", {"tag": "film", "share": 50}))
    make_slot("special", rules=[("only_for", segment)])
    assert not decide("special", spacefarer).items
    segment.rules = [LIKES_SPACE]
    segment.save()
    assert decide("special", spacefarer).items


def test_slots_and_segments_are_read_in_few_queries_however_many(items):
    segment = make_segment("spacefarers", LIKES_SPACE)
    for number in range(5):
        make_slot(f"slot-{number}", rules=[("only_for", segment)])
    with CaptureQueriesContext(connection) as queries:
        decide("slot-0")
    assert sum('FROM "personalization_segment"' in query["sql"] for query in queries) == 2


def test_a_segments_pins_must_fit_the_slot(items):
    pin = ("pin", {"position": 4, "item": items[0]})
    rule = ("for_segment", {"segment": make_segment("spacefarers", LIKES_SPACE), "rules": [pin]})
    assert "does not exist" in problems(size=3, rules=[rule])["rules"][0]
