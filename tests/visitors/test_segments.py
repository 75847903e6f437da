"""Segments: which rules hold for whom, how many belong, and which groups are proposed."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from waffle.models import Flag
from wagtail.models import Site

from personalization.visitors.matching import Facts, keys_of, live_memberships, membership_of
from personalization.visitors.models import Consent, Profile, Segment, Visitor
from personalization.visitors.segments import Estimate, discover_segments, estimate, lasting_segments, sample_visitors
from tests.factories import default_site

NOW = datetime(2026, 3, 4, 13, 30, tzinfo=UTC)  # a Wednesday
DAY = 86_400


def make_segment(key: str = "readers", *rules: tuple, **fields) -> Segment:
    segment = Segment(key=key, name=key.title(), **fields)
    segment.rules = list(rules)
    segment.full_clean()
    segment.save()
    return segment


def profile(**fields) -> Profile:
    return Profile(**{"tags": {}, "counts": {}, **fields})


def facts(known: Profile | None = None, **fields) -> Facts:
    return Facts(**{"now": NOW, "may_personalize": known is not None, "profile": known, **fields})


def admits(rule: tuple, seen: Facts) -> bool:
    stored = [{"type": rule[0], "value": rule[1]}]
    return membership_of(Segment(key="one", name="One", rules=json.dumps(stored))).admits(seen)


def returns(days_ago: float) -> dict:
    return {"visit": {"low": 5.0, "typical": 7.0, "high": 9.0, "last": NOW.timestamp() - days_ago * DAY}}


LIKES_SPACE = ("tag", {"tag": "Space", "share": 50})
NEW = ("interactions", {"kind": "any", "least": 0, "most": 0})
REGULAR = ("interactions", {"kind": "any", "least": 10, "most": None})
BOUGHT = ("interactions", {"kind": "conversion", "least": 1, "most": None})
SEEN = ("last_seen", {"when": "within", "days": 7})
GONE = ("last_seen", {"when": "before", "days": 7})
OVERDUE = ("returns", {"goal": "visit", "state": "overdue"})
EVENING = ("hours", {"begin": "18:00", "end": "02:00"})
LUNCH = ("hours", {"begin": "12:00", "end": "14:00"})
SPRING = ("campaign", {"parameter": "campaign", "value": "Spring"})
PERSONAL = [LIKES_SPACE, NEW, REGULAR, BOUGHT, SEEN, GONE, OVERDUE]


@pytest.mark.parametrize(
    ("rule", "fields", "holds"),
    [
        (LIKES_SPACE, {"tags": {"space": 3.0, "tea": 2.0}}, True),
        (LIKES_SPACE, {"tags": {"space": 2.0, "tea": 3.0}}, False),
        (LIKES_SPACE, {"tags": {"space": 1.0, "SPACE": 1.0, "tea": 1.5}}, True),
        (LIKES_SPACE, {}, False),
        (NEW, {}, True),
        (NEW, {"counts": {"impression": 5, "exposure": 9}}, True),
        (NEW, {"counts": {"view": 1}}, False),
        (REGULAR, {"counts": {"view": 6, "click": 4}}, True),
        (REGULAR, {"counts": {"view": 6, "impression": 40}}, False),
        (BOUGHT, {"counts": {"view": 6, "conversion": 1}}, True),
        (BOUGHT, {"counts": {"view": 6}}, False),
        (SEEN, {"last_interaction_at": NOW - timedelta(days=2)}, True),
        (SEEN, {"last_interaction_at": NOW - timedelta(days=8)}, False),
        (GONE, {"last_interaction_at": NOW - timedelta(days=8)}, True),
        (GONE, {}, False),
        (OVERDUE, {"returns": returns(10.0)}, True),
        (OVERDUE, {"returns": returns(7.0)}, False),
        (OVERDUE, {}, False),
        (("returns", {"goal": "visit", "state": "due"}), {"returns": returns(7.0)}, True),
        (("returns", {"goal": "visit", "state": "early"}), {"returns": returns(1.0)}, True),
        (("returns", {"goal": "conversion", "state": "due"}), {"returns": returns(7.0)}, False),
    ],
)
def test_rules_about_what_was_learned(rule, fields, holds):
    assert admits(rule, facts(profile(**fields))) is holds


@pytest.mark.parametrize(
    ("rule", "fields", "holds"),
    [
        (("language", "fr"), {"locale": "fr"}, True),
        (("language", "fr"), {"locale": "en"}, False),
        (("site", "7"), {"site_id": 7}, True),
        (("site", "7"), {"site_id": None}, False),
        (("device", "phone"), {"device": "phone"}, True),
        (("device", "phone"), {"device": "desktop"}, False),
        (("referrer", "search"), {"referrer": "search"}, True),
        (("referrer", "search"), {}, False),
        (SPRING, {"campaign": {"campaign": "SPRING"}}, True),
        (SPRING, {"campaign": {"source": "spring"}}, False),
        (LUNCH, {}, True),
        (EVENING, {}, False),
        (EVENING, {"now": NOW.replace(hour=23)}, True),
        (EVENING, {"now": NOW.replace(hour=1)}, True),
        (EVENING, {"now": NOW.replace(hour=2, minute=0)}, False),
        (("weekdays", ["2"]), {}, True),
        (("weekdays", ["0", "6"]), {}, False),
        (("signed_in", "yes"), {"is_signed_in": lambda: True}, True),
        (("signed_in", "no"), {"is_signed_in": lambda: True}, False),
        (("flag", "beta"), {"is_flag_active": {"beta"}.__contains__}, True),
        (("flag", "beta"), {}, False),
    ],
)
def test_rules_about_the_request_ask_nobodys_consent(rule, fields, holds):
    assert admits(rule, facts(**fields)) is holds


def test_hours_are_those_of_the_sites_clock(settings):
    settings.TIME_ZONE = "Asia/Tokyo"  # 22:30 there
    assert admits(EVENING, facts())
    assert not admits(LUNCH, facts())


@pytest.mark.parametrize("rule", PERSONAL)
def test_without_consent_no_rule_about_the_visitor_holds(rule):
    known = profile(
        tags={"space": 1.0},
        counts={"view": 20, "conversion": 2},
        last_interaction_at=NOW - timedelta(days=20),
        returns=returns(20.0),
    )
    assert not admits(rule, Facts(now=NOW, may_personalize=False, profile=known))


def test_all_or_any_of_the_rules():
    for match, expected in ((Segment.Match.ALL, False), (Segment.Match.ANY, True)):
        segment = Segment(key="both", match=match)
        segment.rules = [LIKES_SPACE, REGULAR]
        assert membership_of(segment).admits(facts(profile(tags={"space": 1.0}))) is expected


def test_a_segment_without_rules_is_empty():
    assert not membership_of(Segment(key="empty")).admits(facts(profile()))
    assert not membership_of(Segment(key="empty", match=Segment.Match.ANY)).admits(facts(profile()))


@pytest.mark.django_db
def test_only_published_segments_count_in_the_editors_order():
    for key in ("first", "second", "third"):
        make_segment(key, LUNCH, live=key != "second")
    Segment.objects.filter(key="third").update(sort_order=-1)
    with CaptureQueriesContext(connection) as queries:
        memberships = live_memberships()
        assert keys_of(memberships, facts(profile())) == ("third", "first")
    assert len(queries) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (("flag", "nothing"), "no flag of this name"),
        (("flag", "some"), "percentage of visitors"),
        (("tag", {"tag": "space", "share": 0}), "greater than or equal to 1"),
        (("interactions", {"kind": "any", "least": 5, "most": 3}), "must not be less"),
        (("device", "fridge"), "not one of the available choices"),
        (("language", "tlh"), "not one of the available choices"),
        (("site", "99999"), "not one of the available choices"),
    ],
)
def test_rules_that_cannot_hold_are_refused(rule, words):
    Flag.objects.create(name="some", percent=50)
    block = Segment._meta.get_field("rules").stream_block
    with pytest.raises(ValidationError) as caught:
        block.clean(block.to_python([{"type": rule[0], "value": rule[1]}]))
    assert words in str(caught.value.as_json_data())


@pytest.mark.django_db
def test_the_sites_and_languages_of_the_installation_can_be_chosen():
    site = default_site()
    make_segment("here", ("site", str(site.pk)), ("language", "en"))
    assert membership_of(Segment.objects.get()).admits(facts(site_id=Site.objects.get().pk, locale="en"))


@pytest.mark.django_db
def test_an_earlier_state_keeps_todays_place():
    segment = make_segment("a", LUNCH)
    revision = segment.save_revision()
    Segment.objects.update(sort_order=5)
    assert Segment.objects.get().latest_revision.as_object().sort_order == 5
    assert revision.content["sort_order"] == 0


def add_visitor(*, personalization: bool = True, **fields) -> Visitor:
    visitor = Visitor.objects.create()
    Consent.objects.create(visitor=visitor, analytics=True, personalization=personalization)
    Profile.objects.create(visitor=visitor, **fields)
    return visitor


def sized(key: str, *rules: tuple) -> Estimate:
    return estimate(membership=membership_of(make_segment(key, *rules)), sample=sample_visitors())


@pytest.mark.django_db
def test_members_are_counted_among_those_who_allow_it():
    space = [add_visitor(tags={"space": 1.0}, device="phone") for _ in range(3)]
    add_visitor(tags={"tea": 1.0})
    add_visitor(tags={"space": 1.0}, personalization=False)
    likes = membership_of(make_segment("likes", LIKES_SPACE))
    phones = membership_of(make_segment("phones", ("device", "phone")))
    quiet = membership_of(make_segment("quiet", REGULAR))
    told = estimate(membership=likes, sample=sample_visitors(), others=[likes, phones, quiet])
    assert (told.visitors, told.sampled, told.members, told.expected) == (4, 4, 3, 3)
    assert {example.visitor.key for example in told.examples} == {visitor.key for visitor in space}
    assert [(other.key, number) for other, number in told.overlaps] == [("phones", 3)]


@pytest.mark.django_db
def test_rules_about_the_request_are_left_out_of_the_count_and_named():
    add_visitor(tags={"space": 1.0})
    told = sized("likes", LIKES_SPACE, LUNCH, ("language", "en"))
    assert (told.members, told.left_out) == (1, ("hours", "language"))
    alone = sized("noon", LUNCH)
    assert (alone.members, alone.share, alone.expected, alone.left_out) == (None, None, None, ("hours",))


@pytest.mark.django_db
def test_a_large_crowd_is_sampled(monkeypatch):
    monkeypatch.setattr("personalization.visitors.segments.SAMPLE", 10)
    for number in range(40):
        add_visitor(tags={"space" if number < 20 else "tea": 1.0})
    told = sized("likes", LIKES_SPACE)
    assert (told.visitors, told.sampled, told.members, told.expected) == (40, 10, 5, 20)


@pytest.mark.django_db
def test_for_training_the_first_segment_that_rests_on_the_visitor_alone_counts():
    make_segment("noon", LUNCH, live=True)
    make_segment("mixed", LIKES_SPACE, LUNCH, live=True)
    make_segment("likes", LIKES_SPACE, live=True)
    make_segment("bought", BOUGHT, live=True)
    both = add_visitor(tags={"space": 1.0}, counts={"conversion": 1})
    bought = add_visitor(counts={"conversion": 1})
    nothing, refused = add_visitor(), add_visitor(tags={"space": 1.0}, personalization=False)
    keys = [visitor.key for visitor in (both, bought, nothing, refused)]
    assert dict(lasting_segments(keys=keys)) == {both.key: "likes", bought.key: "bought"}


@pytest.fixture
def crowd(db) -> list[Visitor]:
    tastes = [{"space": 4.0, "film": 1.0}] * 30 + [{"tea": 4.0, "bread": 2.0}] * 25
    return [add_visitor(tags=taste) for taste in tastes]


def test_groups_are_proposed_as_drafts(crowd):
    proposed = discover_segments()
    assert [(segment.name, segment.live, segment.source) for segment in proposed] == [
        ("space, film", False, "discovered"),
        ("tea, bread", False, "discovered"),
    ]
    assert [segment.key for segment in proposed] == ["likes-space-film", "likes-tea-bread"]
    told = [estimate(membership=membership_of(segment), sample=sample_visitors()).members for segment in proposed]
    assert told == [30, 25]
    assert live_memberships() == ()


def test_a_published_group_admits_by_the_nearest_centre(crowd):
    space, _tea = discover_segments()
    Segment.objects.filter(pk=space.pk).update(live=True)
    Segment.objects.exclude(pk=space.pk).delete()
    (membership,) = live_memberships()
    assert membership.is_lasting
    assert membership.admits(facts(profile(tags={"film": 2.0, "space": 1.0})))
    assert not membership.admits(facts(profile(tags={"bread": 1.0})))
    assert not membership.admits(facts(profile()))
    assert not membership.admits(Facts(now=NOW, profile=profile(tags={"space": 1.0})))


def test_discovering_again_replaces_only_what_nobody_has_touched(crowd):
    discover_segments()
    space, tea = Segment.objects.all()
    tea.name = "Kitchen people"
    tea.save_revision()
    again = discover_segments()
    assert [segment.name for segment in again] == ["space, film"]
    assert set(Segment.objects.values_list("key", flat=True)) == {"likes-space-film", "likes-tea-bread"}
    assert not Segment.objects.filter(pk=space.pk).exists()
    Segment.objects.update(live=True)
    assert discover_segments() == []
    assert Segment.objects.count() == 2


@pytest.mark.django_db
def test_with_too_few_visitors_nothing_is_proposed():
    for _ in range(10):
        add_visitor(tags={"space": 1.0})
        add_visitor(tags={"tea": 1.0})
    assert discover_segments() == []
