"""Segments and demand in the admin: who belongs while the rules are written, and what is expected to be read."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from personalization.events.models import TagForecast
from personalization.visitors.models import Profile, Segment
from tests.editor.conftest import login, staff
from tests.editor.test_training import text
from tests.factories import make_visitor

NAMES = "wagtailsnippets_personalization_segment"
LIST = reverse(f"{NAMES}:list")
LIKES_SPACE = ("tag", {"tag": "space", "share": 50})
PHONES = ("device", "phone")


def make_segment(key: str, *rules: tuple, **fields) -> Segment:
    segment = Segment(key=key, **{"name": key.title(), **fields})
    segment.rules = list(rules)
    segment.save()
    return segment


@pytest.fixture
def visitors(db) -> list:
    made = [make_visitor() for _ in range(4)]
    for number, visitor in enumerate(made):
        tags, device = {"space" if number < 3 else "tea": 1.0}, "phone" if number == 0 else "desktop"
        Profile.objects.create(visitor=visitor, tags=tags, device=device, last_interaction_at=timezone.now())
    return made


def form(key: str, *rules: tuple, **fields) -> dict:
    """The form as a browser sends it, with its rules' blocks."""
    data = {"name": key.title(), "key": key, "description": "", "match": "all", "rules-count": str(len(rules))}
    for number, (kind, value) in enumerate(rules):
        block = {"type": kind, "order": str(number), "deleted": "", "id": ""}
        parts = {f"value-{name}": part for name, part in value.items()} if isinstance(value, dict) else {"value": value}
        data |= {f"rules-{number}-{name}": part for name, part in (block | parts).items()}
    return {**data, **fields}


def test_without_segments_the_list_explains_them(admin):
    assert "a segment is a set of visitors" in text(admin.get(LIST))


def test_an_editor_describes_and_publishes_a_segment(admin):
    admin.post(reverse(f"{NAMES}:add"), form("spacefarers", LIKES_SPACE, PHONES, **{"action-publish": "1"}))
    segment = Segment.objects.get()
    assert segment.live
    assert [block.block_type for block in segment.rules] == ["tag", "device"]


def test_a_rule_that_cannot_hold_is_refused_in_words(admin):
    answer = admin.post(reverse(f"{NAMES}:add"), form("beta", ("flag", "nothing"), **{"action-publish": "1"}))
    assert "There is no flag of this name" in text(answer)
    assert not Segment.objects.exists()


def test_the_list_says_how_many_belong(admin, visitors):
    make_segment("spacefarers", LIKES_SPACE, live=True)
    make_segment("noon", ("hours", {"begin": "11:00", "end": "13:00"}))
    answer = text(admin.get(LIST))
    assert "about 3 (75 %)" in answer
    assert "depends on the request" in answer


def test_the_page_of_a_segment_says_who_belongs_and_where_else(admin, visitors):
    segment = make_segment("spacefarers", LIKES_SPACE, live=True, description="Look up at night.")
    make_segment("phones", PHONES, live=True)
    answer = text(admin.get(reverse(f"{NAMES}:inspect", args=[segment.pk])))
    assert "About <strong>3</strong> of 4 visitors who allow personalization (75 %)" in answer
    assert "Look up at night." in answer
    assert "Phones" in answer
    assert "33 %" in answer
    assert visitors[0].key[:8] in answer
    assert visitors[3].key[:8] not in answer


def test_examples_are_for_those_who_may_look_at_visitors(visitors, site):
    segment = make_segment("spacefarers", LIKES_SPACE)
    address = reverse(f"{NAMES}:inspect", args=[segment.pk])
    for codenames, shown in ((["change_segment"], False), (["change_segment", "view_visitor"], True)):
        answer = login(staff(f"editor-{shown}", *codenames)).get(address).content.decode()
        assert "About <strong>3</strong>" in answer
        assert (visitors[0].key[:8] in answer) is shown


def test_the_panel_beside_the_form_counts_the_rules_as_they_stand(admin, visitors):
    segment = make_segment("spacefarers", LIKES_SPACE)
    address = reverse(f"{NAMES}:preview_on_edit", args=[segment.pk])
    changed = form("spacefarers", LIKES_SPACE, PHONES, ("hours", {"begin": "08:00", "end": "12:00"}))
    assert admin.post(address, changed).json()["is_valid"]
    answer = text(admin.get(address))
    assert "About <strong>1</strong> of 4" in answer
    assert "Not counted, for it depends on the request: Time of day." in answer
    assert [block.block_type for block in Segment.objects.get().rules] == ["tag"]


def test_the_panel_works_before_the_first_saving_too(admin, visitors):
    address = reverse(f"{NAMES}:preview_on_add")
    assert admin.post(address, form("phones", PHONES)).json()["is_valid"]
    assert "About <strong>1</strong> of 4" in text(admin.get(address))
    admin.post(address, form("empty"))
    assert "a segment without rules is empty" in text(admin.get(address))


def test_an_earlier_state_can_be_looked_at(admin, visitors):
    segment = make_segment("spacefarers", LIKES_SPACE)
    revision = segment.save_revision()
    answer = text(admin.get(reverse(f"{NAMES}:revisions_view", args=[segment.pk, revision.pk])))
    assert "About <strong>3</strong> of 4" in answer


def test_with_nobody_to_count_the_page_says_so(admin):
    segment = make_segment("spacefarers", LIKES_SPACE)
    assert "there is nobody to count" in text(admin.get(reverse(f"{NAMES}:inspect", args=[segment.pk])))


def test_groups_are_looked_for_when_an_editor_asks(admin, db, django_capture_on_commit_callbacks):
    for topic in ("space", "tea"):
        for _ in range(20):
            Profile.objects.create(visitor=make_visitor(), tags={topic: 1.0})
    address = reverse(f"{NAMES}:discover")
    assert "compares what 40 visitors who allow personalization read" in text(admin.get(address))
    assert not Segment.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin.post(address)
    assert answer.url == LIST
    assert set(Segment.objects.values_list("key", "live")) == {("likes-space", False), ("likes-tea", False)}
    listed = text(admin.get(LIST))
    assert "Discovered" in listed
    assert "about 20 (50 %)" in listed


def test_a_proposal_is_renamed_and_published_with_its_group(admin, db):
    clusters = {"centroids": [{"space": 1.0}, {"tea": 1.0}], "number": 0, "tags": ["space"]}
    proposed = make_segment("likes-space", source="discovered", clusters=clusters, live=False)
    assert "set apart by space." in text(admin.get(reverse(f"{NAMES}:inspect", args=[proposed.pk])))
    renamed = form("likes-space", name="Stargazers", **{"action-publish": "1"})
    admin.post(reverse(f"{NAMES}:edit", args=[proposed.pk]), renamed)
    proposed.refresh_from_db()
    assert (str(proposed), proposed.live, proposed.clusters) == ("Stargazers", True, clusters)


def test_who_may_not_add_is_not_offered_to_discover(visitors, site):
    client = login(staff("changer", "change_segment"))
    make_segment("phones", PHONES)
    assert reverse(f"{NAMES}:discover") not in client.get(LIST).content.decode()
    assert client.post(reverse(f"{NAMES}:discover")).status_code == 302
    assert client.get(reverse(f"{NAMES}:discover")).url == reverse("wagtailadmin_home")


def test_segments_are_put_in_order_in_the_list(admin, db):
    first, second = make_segment("first", PHONES), make_segment("second", PHONES)
    address = reverse(f"{NAMES}:reorder", args=[second.pk])
    assert admin.post(f"{address}?position=0").json()["success"]
    assert list(Segment.objects.all()) == [second, first]


def test_a_slot_is_looked_at_as_somebody_in_several_segments(admin, slot, visitors):
    space, phones = make_segment("spacefarers", LIKES_SPACE, live=True), make_segment("phones", PHONES, live=True)
    slot.rules = [("only_for", phones)]
    slot.save()
    look = reverse("wagtailsnippets_personalization_slot:preview_as", args=[slot.pk])
    choose = reverse("wagtailsnippets_personalization_slot:preview_as_choose")
    assert "for segments to which this visitor does not belong" in text(admin.get(look))
    admin.post(choose, {"who": "segments", "segments": [space.key, phones.key], "locale": "en", "next": look})
    answer = text(admin.get(look))
    assert "a visitor in Spacefarers, Phones" in answer
    assert "does not belong" not in answer
    admin.post(choose, {"who": "segments", "segments": [], "locale": "en", "next": look})
    assert "Tick at least one segment." in text(admin.get(look))


def test_a_segment_in_use_says_so_before_it_is_deleted(admin, slot):
    segment = make_segment("phones", PHONES)
    slot.rules = [("only_for", segment)]
    slot.save()
    answer = text(admin.get(reverse(f"{NAMES}:usage", args=[segment.pk])))
    assert "Top of the home page" in answer


@pytest.fixture
def forecasts(db) -> list[TagForecast]:
    today = timezone.localdate()
    return [
        TagForecast.objects.create(
            tag=tag, today=today, history=[rate] * 84, mean=[2.0 * rate] * 14, low=[rate] * 14, high=[3.0 * rate] * 14,
            method="ets", lately=14 * rate, expected=28 * rate,
        )
        for tag, rate in (("space", 6.0), ("tea", 2.0))
    ]  # fmt: skip


def test_without_forecasts_the_report_says_how_to_have_one(admin):
    assert "manage.py forecast" in text(admin.get(reverse("personalization_demand:index")))


def test_demand_is_reported_tag_by_tag(admin, forecasts):
    answer = text(admin.get(reverse("personalization_demand:index")))
    assert "What is expected to be read most" in answer
    assert answer.index("space") < answer.index("tea")
    assert reverse("personalization_demand:inspect", args=[forecasts[0].pk]) in answer
    assert "168" in answer
    assert "+100 %" in answer


def test_the_page_of_a_tag_has_its_plot_with_bounds(admin, forecasts):
    answer = text(admin.get(reverse("personalization_demand:inspect", args=[forecasts[0].pk])))
    assert "Readings of “space”, day by day" in answer
    for word in ("Expected", "At least", "At most", "Exponential smoothing"):
        assert word in answer
    assert date_format(timezone.localdate() + timedelta(days=13), "j M") in answer


def test_a_report_is_for_those_who_may_read_it(clients, forecasts):
    for role, status in (("outsider", 302), ("admin", 200)):
        assert clients[role].get(reverse("personalization_demand:index")).status_code == status
