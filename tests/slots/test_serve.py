"""What a slot shows, to whom, and why."""

from datetime import timedelta

import pytest
from django.utils import timezone

from personalization.slots.context import ServingContext
from personalization.slots.decision import Decision
from personalization.slots.serve import serve
from personalization.visitors.models import Profile
from tests.slots.world import make_item, make_items, make_slot, make_visitor

pytestmark = pytest.mark.django_db


def decide(*keys: str, visitor=None, **place) -> Decision | list[Decision]:
    context = ServingContext.for_preview(visitor_key=visitor and visitor.key, locale="en", **place)
    decisions = serve(keys or ["home-top"], context)
    return decisions if len(keys) > 1 else decisions[0]


def titles(decision: Decision) -> list[str]:
    return [item.title for item in decision.items]


def topics(decision: Decision) -> set[str]:
    return {title.split()[0] for title in titles(decision)}


def test_a_visitor_gets_what_resembles_their_reading_and_not_what_they_have_read():
    items = make_items(16)
    make_slot(size=2, diversity=0)
    decision = decide(visitor=make_visitor(read=(items[0], items[4])))
    assert (decision.reason, decision.fallback) == ("content", False)
    assert set(titles(decision)) == {"Space 8", "Space 12"}


def test_another_visitor_gets_something_else():
    items = make_items(16)
    make_slot(size=3, diversity=0)
    assert "Food 5" in titles(decide(visitor=make_visitor(read=(items[1],))))
    assert "Film 7" in titles(decide(visitor=make_visitor(read=(items[3],))))


def test_a_stranger_on_a_page_gets_what_resembles_the_page():
    items = make_items(16)
    make_slot(size=3, diversity=0)
    decision = decide(item_key=items[2].key)
    assert decision.reason == "context"
    assert set(titles(decision)) == {"Gardens 6", "Gardens 10", "Gardens 14"}


def test_a_stranger_elsewhere_gets_the_newest_where_nothing_is_popular_yet():
    make_items(6)
    make_slot(size=2)
    decision = decide()
    assert decision.reason == "newest"
    assert not decision.fallback
    assert decision.model_version is None


def test_the_item_being_viewed_is_never_recommended_to_itself():
    items = make_items(4)
    make_slot(size=10, policy="newest")
    assert items[0].key not in {item.key for item in decide(item_key=items[0].key).items}


def test_several_slots_of_a_page_repeat_nothing():
    make_items(8)
    make_slot("first", size=3, policy="newest")
    make_slot("second", size=3, policy="popular")
    make_slot("third", size=3, policy="editorial")
    shown = [item.key for decision in decide("first", "second", "third") for item in decision.items]
    assert len(shown) == len(set(shown)) == 8


def test_without_consent_to_personalization_the_profile_is_not_used():
    items = make_items(16)
    make_slot(size=3, diversity=0)
    visitor = make_visitor(personalization=False)
    Profile.objects.create(visitor=visitor, recent=[[items[1].key, 1.0, 0.0]], tags={"food": 5.0})
    assert titles(decide(visitor=visitor)) == titles(decide())


def test_excluded_items_never_appear_not_even_pinned_ones_of_another_language():
    items = make_items(4)
    make_item(50, topic="space", group=items[0].group, locale="fr")
    make_slot(size=10, policy="newest", languages="any", rules=[("exclude", items[0])])
    assert topics(decide()) == {"Food", "Gardens", "Film"}


def test_a_pinned_item_stands_at_its_position_because_the_editors_want_it():
    items = make_items(8)
    make_slot(size=3, policy="newest", rules=[("pin", {"position": 2, "item": items[7]})])
    decision = decide()
    assert titles(decision) == ["Space 0", "Film 7", "Food 1"]
    assert decision.items[1].reasons == ["Chosen by the editors"]


def test_a_pinned_item_from_outside_the_pool_is_shown_and_one_that_is_not_public_is_not():
    items = make_items(8)
    hidden = make_item(20, live=False)
    rules = [("pin", {"position": 1, "item": items[1]}), ("pin", {"position": 2, "item": hidden})]
    make_slot(size=3, policy="newest", pool_tags="space", rules=rules)
    assert titles(decide()) == ["Food 1", "Space 0", "Space 4"]


def test_a_boost_lifts_an_item_and_lowers_another():
    items = make_items(8)
    rules = [("boost_item", {"item": items[7], "factor": 10.0}), ("boost_tag", {"tag": "Space", "factor": 0.1})]
    make_slot(size=8, policy="newest", rules=rules)
    ranked = titles(decide())
    assert ranked[0] == "Film 7"
    assert ranked.index("Space 0") > ranked.index("Gardens 6")


def test_a_pool_of_tags_takes_items_with_any_or_with_all_of_them():
    make_item(1, tags=["Space", "moon"])
    make_item(2, tags=["space"])
    make_item(3, tags=["food"])
    make_slot("any", size=9, policy="newest", pool_tags="SPACE, food")
    make_slot("all", size=9, policy="newest", pool_tags="space, moon", pool_tags_match="all")
    assert titles(decide("any")) == ["Space 1", "Space 2", "Space 3"]
    assert titles(decide("all")) == ["Space 1"]


def test_a_pool_of_named_items_is_just_those_and_joins_what_filters_find():
    items = make_items(8)
    named = [("item", items[6]), ("item", items[3])]
    make_slot("named", size=9, policy="editorial", pool=named)
    make_slot("joined", size=9, policy="newest", pool=named, pool_tags="space")
    assert titles(decide("named")) == ["Gardens 6", "Film 3"]
    assert set(titles(decide("joined"))) == {"Gardens 6", "Film 3", "Space 0", "Space 4"}


def test_a_pool_of_types_and_age_leaves_out_what_does_not_fit():
    make_items(8)
    make_slot("fits", size=9, policy="newest", pool_types=["home.articlepage"], max_age_days=2)
    make_slot("other", size=9, policy="newest", pool_types=["home.filmpage"])
    assert titles(decide("fits")) == ["Space 0", "Food 1"]
    assert (decide("other").items, decide("other").reason) == ((), "no_candidates")


def test_caps_hold_for_tags_and_for_sections():
    for number in range(8):
        make_item(number, topic="space" if number < 6 else "food", tree_path=f"000{number // 5}{number:04}")
    make_slot("tags", size=4, policy="newest", max_per_tag=2)
    make_slot("sections", size=4, policy="newest", max_per_section=1)
    assert titles(decide("tags")) == ["Space 0", "Space 1", "Food 6", "Food 7"]
    assert titles(decide("sections")) == ["Space 0", "Space 5"]


def test_diversity_mixes_what_relevance_alone_would_repeat():
    items = make_items(16)
    make_slot("alike", size=3, diversity=0, demote_read=False)
    make_slot("mixed", size=3, diversity=1, demote_read=False)
    reader = make_visitor(read=(items[0],))
    assert topics(decide("alike", visitor=reader)) == {"Space"}
    assert len(topics(decide("mixed", visitor=reader))) == 3


def test_freshness_lifts_what_is_new():
    items = make_items(16)
    reader = make_visitor(read=(items[3],))
    make_item(40, topic="film", published_at=timezone.now())
    make_slot("plain", size=1, diversity=0, pool_tags="film")
    make_slot("fresh", size=1, diversity=0, pool_tags="film", freshness=1.0)
    assert titles(decide("fresh", visitor=reader)) == ["Film 40"]
    assert decide("fresh", visitor=reader).items[0].why[0].text


def test_an_item_shown_too_often_without_a_click_is_held_back_from_that_visitor_only():
    items = make_items(4)
    make_slot(size=4, policy="newest", frequency_cap=3)
    tired, fresh = make_visitor(), make_visitor()
    Profile.objects.filter(visitor=tired).update(shown={items[0].key: 3, items[1].key: 2})
    assert titles(decide(visitor=tired)) == ["Food 1", "Gardens 2", "Film 3"]
    assert len(decide(visitor=fresh).items) == 4


def test_recently_viewed_shows_the_own_trail_newest_first_and_nothing_to_strangers():
    items = make_items(8)
    make_slot(size=3, policy="recently-viewed")
    assert titles(decide(visitor=make_visitor(read=(items[5], items[2])))) == ["Gardens 2", "Food 5"]
    assert decide().items == ()


def test_recently_viewed_shows_strangers_the_editors_fallback_but_never_the_newest_as_if_they_had_read_it():
    items = make_items(4)
    make_slot(size=3, policy="recently-viewed", rules=[("fallback", items[2])])
    decision = decide()
    assert (titles(decision), decision.fallback, decision.reason) == (["Gardens 2"], True, "no_candidates")


def test_similar_falls_back_on_the_newest_where_the_page_has_no_text():
    items = make_items(6)
    blank = make_item(30, vector=None)
    make_slot(size=2, policy="similar", diversity=0)
    assert decide(item_key=items[0].key).reason == "similar"
    assert decide(item_key=blank.key).reason == "newest"


def test_one_translation_of_a_page_is_shown_the_pages_own_language_first():
    make_item(1, title="Moon", group="page:moon", locale="en")
    make_item(2, title="Lune", group="page:moon", locale="fr")
    make_item(3, title="Bread", group="page:bread", locale="en")
    for languages in ("page", "fallback", "any"):
        make_slot(languages, size=9, policy="newest", languages=languages)
    french = {"locale": "fr"}
    shown = {key: titles(serve([key], ServingContext.for_preview(**french))[0]) for key in ("page", "fallback", "any")}
    assert shown == {"page": ["Lune"], "fallback": ["Lune", "Bread"], "any": ["Lune", "Bread"]}
    assert titles(decide("any")) == ["Moon", "Bread"]


def test_a_pin_shows_the_translation_that_fits_the_page():
    moon = make_item(1, title="Moon", group="page:moon", locale="en")
    make_item(2, title="Lune", group="page:moon", locale="fr")
    make_slot(size=1, policy="newest", rules=[("pin", {"position": 1, "item": moon})])
    assert titles(serve(["home-top"], ServingContext.for_preview(locale="fr"))[0]) == ["Lune"]


def test_items_of_another_site_expired_items_and_withdrawn_items_never_surface():
    make_item(1)
    make_item(2, site_id=99)
    make_item(3, expires_at=timezone.now() - timedelta(seconds=1))
    make_item(4, live=False)
    make_slot(size=9, policy="newest")
    assert titles(decide()) == ["Space 1"]


def test_what_a_stranger_likes_can_be_tried_out_by_tags():
    make_items(16)
    make_slot(size=3, diversity=0)
    decision = serve(["home-top"], ServingContext.for_preview(tags=["Film"], locale="en"))[0]
    assert topics(decision) == {"Film"}


def test_contributions_add_up_to_the_score_whatever_rules_act():
    items = make_items(16)
    rules = [
        ("boost_tag", {"tag": "space", "factor": 3.0}),
        ("boost_item", {"item": items[5], "factor": 0.2}),
        ("pin", {"position": 4, "item": items[9]}),
    ]
    make_slot(size=16, freshness=0.8, rules=rules)
    decision = decide(visitor=make_visitor(read=tuple(items[:9])), item_key=items[15].key)
    assert len(decision.items) == 15
    for item in decision.items:
        assert sum(why.contribution for why in item.why) == pytest.approx(item.score, rel=1e-6, abs=1e-9)
    scores = [item.score for item in decision.items if item.key != items[9].key]
    assert len(set(scores)) > 10


def test_a_reason_names_what_was_read_and_keeps_quiet_about_what_was_withdrawn():
    items = make_items(16)
    make_slot(size=2, diversity=0)
    reader = make_visitor(read=(items[0],))
    assert decide(visitor=reader).items[0].reasons == ["Because you read “Space 0”"]
    type(items[0]).objects.filter(pk=items[0].pk).update(live=False, epoch=10_000)
    make_item(60, topic="gardens")
    reasons = [reason for item in decide(visitor=reader).items for reason in item.reasons]
    assert not any("Space 0" in reason for reason in reasons)
