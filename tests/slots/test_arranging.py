"""What an editor can tune in a slot: variety, the visitor's own mix, fatigue, fairness, trying out, dismissals."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from personalization.events import tokens
from personalization.events.models import Event
from personalization.events.services import NewEvent, log_exposures, record_events
from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision, Origin
from personalization.slots.serve import serve, serve_preview
from personalization.visitors.identity import sign_key
from personalization.visitors.models import Profile, Visitor
from tests.slots.world import make_item, make_items, make_slot, make_visitor, topic_vector

pytestmark = pytest.mark.django_db

# Draws depend on the hour, and here on no clock.
NOW = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)


def decide(key: str = "home-top", *, visitor=None, tracked: bool = False, now: datetime | None = None) -> Decision:
    context = ServingContext.for_preview(visitor_key=visitor and visitor.key, locale="en")
    context.is_tracked, context.now = tracked, now or context.now
    return serve([key], context)[0]


def titles(decision: Decision) -> list[str]:
    return [item.title for item in decision.items]


def topics(decision: Decision) -> Counter[str]:
    return Counter(title.split()[0].casefold() for title in titles(decision))


def origins(decision: Decision) -> list[str]:
    return [item.origin for item in decision.items]


def forget(visitor: Visitor, **fields) -> Visitor:
    Profile.objects.filter(visitor=visitor).update(**fields)
    return Visitor.objects.whole().get(pk=visitor.pk)


def test_both_measures_of_diversity_mix_and_say_so():
    items = make_items(16)
    reader = make_visitor(read=(items[0],))
    for method in ("mmr", "dpp"):
        make_slot(method, size=4, diversity=0.9, diversity_method=method)
        decision = decide(method, visitor=reader)
        assert len(topics(decision)) == 4
        assert Origin.VARIED in origins(decision)
    make_slot("alike", size=3, diversity=0, diversity_method="dpp")
    assert topics(decide("alike", visitor=reader)) == {"space": 3}


def test_a_visitors_own_mix_is_kept():
    items = make_items(40)
    films_and_some_food = (*items[3:30:4], items[1], items[5], items[9])
    reader = make_visitor(read=(*films_and_some_food[7:], *films_and_some_food[:7]))
    make_slot("plain", size=6, diversity=0, demote_read=False)
    make_slot("mixed", size=6, diversity=0, demote_read=False, calibration=90)
    assert topics(decide("plain", visitor=reader)) == {"film": 6}
    mixed = decide("mixed", visitor=reader)
    assert topics(mixed) == {"film": 4, "food": 2}
    assert origins(mixed).count(Origin.CALIBRATED) == 2


def test_the_mix_is_of_what_was_read_lately_and_of_what_a_persona_likes():
    items = make_items(24)
    reader = make_visitor(read=(items[0], items[1]))
    long_ago = (timezone.now() - timedelta(days=200)).timestamp()
    recent = [[items[0].key, 1.0, long_ago], *reader.profile.recent[1:]]
    context = ServingContext.for_preview(visitor_key=forget(reader, recent=recent).key, locale="en")
    assert context.own_mix["food"] > 0.99
    assert ServingContext.for_preview(tags=["Film", "food"], locale="en").own_mix == {"film": 1.0, "food": 1.0}
    assert ServingContext.for_preview(locale="en").own_mix == {}


def test_what_is_seen_and_ignored_sinks_for_that_visitor_and_its_score_says_so():
    items = make_items(12)
    make_slot(size=3, diversity=0, fatigue=100, policy="popular", pool_tags="space")
    make_slot("newest", size=3, fatigue=100, policy="newest")
    tired = forget(make_visitor(), shown={items[0].key: 9})
    assert titles(decide(visitor=make_visitor())) == ["Space 0", "Space 4", "Space 8"]
    decision = decide(visitor=tired)
    assert titles(decision) == ["Space 4", "Space 0", "Space 8"]
    lowered = decision.items[1]
    assert {why.scorer for why in lowered.why} == {"newest", "ignored"}
    assert sum(why.contribution for why in lowered.why) == pytest.approx(lowered.score)
    assert lowered.reasons == ["New"]
    assert titles(decide("newest", visitor=tired))[0] == "Space 0", "a fixed order is left alone"


@pytest.mark.parametrize("how", ["section", "tags"])
def test_groups_share_attention_over_all_visitors(how):
    """Twenty pages of one section and ten of another, all of them older and so ranked behind."""
    for number in range(30):
        first = number < 20
        where = {"tree_path": f"0001000{1 if first else 2}{number:04}", "topic": "space" if first else "food"}
        make_item(number, **where, vector=topic_vector("space", number))
    make_slot("plain", size=3, policy="popular", diversity=0)
    make_slot("fair", size=3, policy="popular", diversity=0, fair_by=how, fair_tags="Food, film" * (how == "tags"))
    assert topics(decide("plain", tracked=True)) == {"space": 3}
    lists = [decide("fair", tracked=True) for _ in range(60)]
    weights = 1 / np.log2([2, 3, 4])
    given = sum(
        weight for one in lists for weight, item in zip(weights, one.items, strict=True) if item.title[:4] == "Food"
    )
    assert 0.8 / 3 - 0.01 < given / (60 * weights.sum()) < 1 / 3 + 0.01
    assert any(Origin.FAIR in origins(one) for one in lists)
    assert all(item.title.startswith("Food") for one in lists for item in one.items if item.origin == Origin.FAIR)


def test_looking_at_a_slot_moves_no_attention():
    for number in range(6):
        make_item(number, tree_path=f"0001000{number // 3}{number:04}")
    make_slot(size=1, policy="popular", diversity=0, fair_by="section")
    assert len({tuple(titles(decide())) for _ in range(5)}) == 1
    assert len({tuple(titles(decide(tracked=True))) for _ in range(5)}) == 2


def test_pins_and_fixed_orders_stand_above_fairness_and_trying_out():
    items = make_items(20)
    rules = [("pin", {"position": 2, "item": items[7]})]
    tuned = {"fair_by": "tags", "fair_tags": "food", "exploration": 20, "calibration": 50}
    make_slot("pinned", size=3, policy="popular", rules=rules, **tuned)
    make_slot("fixed", size=3, policy="newest", **tuned)
    for _ in range(5):
        reader = make_visitor()
        pinned = decide("pinned", visitor=reader, tracked=True)
        assert (pinned.items[1].title, pinned.items[1].origin) == ("Film 7", Origin.PINNED)
        fixed = decide("fixed", visitor=reader, tracked=True)
        assert titles(fixed) == ["Space 0", "Food 1", "Gardens 2"]
        assert [item.propensity for item in fixed.items] == [None] * 3


@pytest.fixture
def explored():
    """A slot that explores, and what twenty visitors get."""
    for number in range(30):
        make_item(number, published_at=NOW - timedelta(days=number))
    make_slot(size=3, policy="popular", diversity=0, exploration=20)
    visitors = [make_visitor(key=f"{number:032x}") for number in range(20)]
    return [(visitor, decide(visitor=visitor, now=NOW)) for visitor in visitors]


def test_some_places_are_tried_out_with_a_known_probability(explored):
    items = [item for _visitor, decision in explored for item in decision.items]
    tried = [item for item in items if item.origin == Origin.EXPLORED]
    assert 0 < len(tried) < 30
    assert {item.propensity for item in items if item.origin == Origin.RANKED} == {0.8}
    assert {item.propensity for item in tried} <= {float(f"{0.2 / left:.6g}") for left in (27, 26, 25)}
    assert all("Something different, to try out" in item.reasons for item in tried)
    assert all(sum(why.contribution for why in item.why) == pytest.approx(item.score) for item in tried)


def test_who_loads_a_page_again_gets_the_same(explored):
    assert all(titles(decide(visitor=visitor, now=NOW)) == titles(shown) for visitor, shown in explored)
    later = [titles(decide(visitor=visitor, now=NOW + timedelta(hours=1))) for visitor, _shown in explored]
    assert later != [titles(shown) for _visitor, shown in explored]


def test_only_visitors_whose_events_are_recorded_are_tried_out_on(explored):
    assert {origin for _ in range(20) for origin in origins(decide())} == {Origin.RANKED}
    assert decide().items[0].propensity is None
    silent = make_visitor(analytics=False, personalization=False)
    assert decide(visitor=silent).items[0].propensity is None


def test_the_probability_goes_with_token_impression_click_and_exposure(explored):
    visitor = explored[0][0]
    context = ServingContext.for_preview(visitor_key=visitor.key, locale="en")
    context.is_tracked, context.now = True, NOW
    decision = serve(["home-top"], context)[0]
    chances = tuple(item.propensity for item in decision.items)
    assert tokens.read(decision.token, now=timezone.now()).propensities == chances
    shown = decision.items[2].key
    claims = [NewEvent(kind=kind, token=decision.token, item_key=shown) for kind in ("impression", "click")]
    assert record_events(visitor=visitor, events=claims, personalize=True).accepted == 2
    log_exposures(visitor=visitor, tokens=context.tokens)
    stored = dict(Event.objects.values_list("kind", "propensity"))
    assert stored == {"impression": chances[2], "click": chances[2], "exposure": pytest.approx(np.prod(chances))}


def test_a_slot_that_leaves_nothing_to_chance_tells_no_probability():
    make_items(4)
    make_slot(size=2)
    visitor = make_visitor()
    token = decide(visitor=visitor, tracked=True).token
    assert tokens.read(token, now=timezone.now()).propensities == ()


def test_what_a_visitor_dismissed_is_shown_to_them_no_more_not_even_pinned_or_as_fallback():
    items = make_items(6)
    make_item(50, topic="space", group=items[0].group, locale="fr", title="Espace")
    make_slot("ranked", size=6, policy="newest", languages="any")
    make_slot("pinned", size=2, policy="newest", rules=[("pin", {"position": 1, "item": items[0]})])
    make_slot("empty", size=2, pool_tags="none", rules=[("fallback", items[0]), ("fallback", items[1])])
    reader = forget(make_visitor(), dismissed={items[0].key: timezone.now().timestamp()})
    assert not {"Space 0", "Espace"} & set(titles(decide("ranked", visitor=reader)))
    assert titles(decide("pinned", visitor=reader))[0] != "Space 0"
    assert titles(decide("empty", visitor=reader)) == ["Food 1"]
    assert titles(decide("pinned", visitor=make_visitor()))[0] == "Space 0"
    context = ServingContext.for_preview(visitor_key=reader.key, locale="en")
    assert set(context.history.dismissed.tolist()) == set(context.dismissed_rows)


def test_a_preview_names_what_was_dismissed_and_how_each_item_came_onto_the_list():
    items = make_items(16)
    slot = make_slot(size=4, diversity=0.9)
    reader = forget(make_visitor(read=(items[0],)), dismissed={items[4].key: timezone.now().timestamp()})
    candidates = serve_preview(slot, ServingContext.for_preview(visitor_key=reader.key, locale="en")).candidates
    outcomes = {candidate.title: candidate.outcome for candidate in candidates}
    assert outcomes["Space 4"] == "dismissed"
    assert {"varied", "gave_way", "lower_score"} <= set(outcomes.values())


@pytest.mark.parametrize(("dismissible", "personal"), [(True, True), (True, False), (False, True)])
def test_a_button_is_offered_to_those_for_whom_it_does_something(dismissible, personal, settings):
    make_items(4)
    make_slot(size=2, policy="newest", dismissible=dismissible)
    client = Client()
    client.cookies["personalization_visitor"] = sign_key(make_visitor(personalization=personal).key)
    page = client.get("/api/personalization/v1/slots/home-top/fragment/?url=/").content.decode()
    assert page.count("data-dismiss") == (2 if dismissible and personal else 0)
    assert ('aria-label="Not interested in Space 0"' in page) is (dismissible and personal)


def fragment(key: str, client: Client, *shown: str) -> str:
    headers = {"X-Personalization-Shown": " ".join(shown)}
    return client.get(f"/api/personalization/v1/slots/{key}/fragment/?url=/", headers=headers).content.decode()


def test_a_fragment_repeats_nothing_that_the_page_proves_to_show():
    make_items(8)
    for key in ("one", "two"):
        make_slot(key, size=3, policy="newest")
    first = fragment("one", Client())
    token = first.split('data-slot-token="')[1].split('"')[0]
    second = fragment("two", Client(), "not-a-token", token)
    assert "Space 0" in first
    assert "Space 0" not in second
    assert "Film 3" in second
    assert fragment("two", Client(), "not-a-token", token[:-1]).count("Space 0") == 1


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"calibration": 101}, "calibration", "less than or equal to 100"),
        ({"exploration": 21}, "exploration", "less than or equal to 20"),
        ({"fatigue": 101}, "fatigue", "less than or equal to 100"),
        ({"diversity_method": "xyz"}, "diversity_method", "not a valid choice"),
        ({"fair_by": "age"}, "fair_by", "not a valid choice"),
        ({"fair_by": "tags", "fair_tags": " , "}, "fair_tags", "Name at least one tag"),
    ],
)
def test_what_cannot_work_is_refused_in_words(fields, field, words):
    with pytest.raises(ValidationError) as caught:
        make_slot(**fields)
    assert any(words in message for message in caught.value.message_dict[field])
