"""What a page pays: at most three queries for all of its slots, once the process is warm."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from personalization.blocks import SlotBlock
from personalization.slots import policies
from personalization.visitors.identity import sign_key
from tests.slots.world import make_items, make_slot, make_visitor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

KEYS = [f"slot-{number}" for number in range(6)]
POLICIES = ["for-you", "similar", "popular", "trending", "newest", "editorial"]


@pytest.fixture
def reader():
    items = make_items(40)
    for key, policy in zip(KEYS, POLICIES, strict=True):
        make_slot(key, size=3, policy=policy, languages="any", rules=[("pin", {"position": 2, "item": items[9]})])
    return make_visitor(read=tuple(items[:4]))


def client_of(visitor) -> Client:
    client = Client()
    if visitor:
        client.cookies["personalization_visitor"] = sign_key(visitor.key)
    return client


def tables_asked(call) -> list[str]:
    """Which tables the queries are about, once the process is warm."""
    call()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        call()
    tables = ("epoch", "visitor", "event")
    return [next(table for table in tables if f'personalization_{table}"' in query["sql"]) for query in queries]


@pytest.mark.parametrize("number", [1, 6])
def test_a_page_pays_three_queries_however_many_slots(reader, number):
    client = client_of(reader)
    assert tables_asked(lambda: client.get(f"/page/?slots={','.join(KEYS[:number])}")) == ["epoch", "visitor", "event"]


def test_tuned_slots_pay_nothing_more(reader):
    tuned = {"diversity_method": "dpp", "calibration": 50, "fatigue": 50, "exploration": 20, "fair_by": "section"}
    for number in range(3):
        make_slot(f"tuned-{number}", size=3, dismissible=True, **tuned)
    client = client_of(reader)
    assert tables_asked(lambda: client.get("/page/?slots=tuned-0,tuned-1,tuned-2")) == ["epoch", "visitor", "event"]


@pytest.mark.parametrize("number", [1, 6])
def test_a_strangers_page_pays_one(reader, number):
    assert tables_asked(lambda: Client().get(f"/page/?slots={','.join(KEYS[:number])}")) == ["epoch"]


@pytest.mark.parametrize("number", [1, 6])
def test_the_client_and_the_banner_pay_nothing_more(reader, number):
    client = client_of(reader)
    url = f"/page/?chrome=1&slots={','.join(KEYS[:number])}"
    assert tables_asked(lambda: client.get(url)) == ["epoch", "visitor", "event"]


@pytest.mark.parametrize("number", [1, 6])
@pytest.mark.parametrize(("known", "expected"), [(True, ["epoch", "visitor", "event"]), (False, ["epoch"])])
def test_the_api_pays_the_same(reader, number, known, expected):
    client = client_of(reader if known else None)
    body = {"slots": KEYS[:number], "context": {"url": "/space/0/", "locale": "en"}}
    url = "/api/personalization/v1/decisions/"
    assert tables_asked(lambda: client.post(url, body, content_type="application/json")) == expected


def test_a_page_of_fragments_pays_one_query_and_does_not_ask_who_is_there(reader):
    client = client_of(reader)
    assert tables_asked(lambda: client.get(f"/page/?mode=fragment&chrome=1&slots={','.join(KEYS)}")) == ["epoch"]


def test_blocks_in_a_pages_body_pay_nothing_for_themselves(reader, rf):
    make_slot("placed")
    block = SlotBlock()
    pks = list(type(make_slot("other")).objects.values_list("pk", flat=True))

    def render() -> None:
        request = rf.get("/")
        for value in block.bulk_to_python(pks):
            block.render(value, {"request": request})

    assert tables_asked(render) == ["epoch"]


def test_slots_of_one_policy_share_its_scores(reader, monkeypatch):
    computed = []
    newest = policies.BUILT_IN["newest"]
    counting = policies.Policy("newest", "Newest", (lambda s: computed.append(1) or newest.rank(s),), fixed_order=True)
    monkeypatch.setitem(policies.BUILT_IN, "newest", counting)
    for number in range(3):
        make_slot(f"new-{number}", size=2, policy="newest")
    client_of(reader).get("/page/?slots=new-0,new-1,new-2")
    assert len(computed) == 1
