"""A slot as an editor defines it."""

import pytest
from django.core.exceptions import ValidationError
from django.forms import fields_for_model
from django.test import RequestFactory
from waffle.models import Flag

from personalization.catalog.models import Epoch
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.serve import serve
from tests.slots.world import make_items, make_slot

pytestmark = pytest.mark.django_db


def problems(**fields) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        make_slot(**fields)
    return caught.value.message_dict


def slots_epoch() -> int:
    return Epoch.objects.numbers().get("slots", 0)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"size": 0}, "size", "greater than or equal to 1"),
        ({"size": 25}, "size", "less than or equal to 24"),
        ({"policy": "magic"}, "policy", "not a valid choice"),
        ({"heading": "{visitor.first_name}"}, "heading", "needs words"),
        ({"text": "{visitor.income|x}"}, "text", "is not known"),
        ({"diversity": 1.5}, "diversity", "less than or equal to 1"),
        ({"template": "admin/base.html"}, "template", "not a valid choice"),
        ({"flag": "no-such-flag"}, "flag", "Make it first"),
        ({"pool_types": ["auth.user"]}, "pool_types", "not a type that this site shows"),
        ({"pool_types": "auth.user"}, "pool_types", "must be a list"),
        ({"key": "with space"}, "key", "slug"),
    ],
)
def test_what_cannot_work_is_refused_in_words(fields, field, words):
    assert any(words in message for message in problems(**fields)[field])


def test_rules_that_contradict_each_other_or_the_size_are_refused():
    items = make_items(4)

    def pin(position: int, item=items[0]) -> tuple:
        return ("pin", {"position": position, "item": item})

    assert "does not exist" in problems(size=3, rules=[pin(4)])["rules"][0]
    assert "does not exist" in problems(size=3, rules=[pin(0)])["rules"][0]
    assert "more than one item" in problems(size=3, rules=[pin(1), pin(1, items[1])])["rules"][0]
    assert "never to be shown" in problems(rules=[pin(1), ("exclude", items[0])])["rules"][0]
    assert "never to be shown" in problems(rules=[("fallback", items[0]), ("exclude", items[0])])["rules"][0]
    for factor in (0, -1, 11, None):
        assert "between" in problems(rules=[("boost_tag", {"tag": "space", "factor": factor})])["rules"][0]


def test_a_template_named_in_settings_is_offered_and_must_exist(settings):
    offered = {"personalization/slot.html": "Cards", "no/such.html": "Gone"}
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"SLOT_TEMPLATES": offered}
    make_slot(template="personalization/slot.html")
    assert "does not exist" in problems(key="other", template="no/such.html")["template"][0]


def test_every_label_of_the_form_begins_with_a_capital():
    labels = [str(field.label) for field in fields_for_model(Slot).values()]
    assert [label for label in labels if label[0].islower()] == []


def test_a_flag_for_a_percentage_is_refused_for_it_needs_a_cookie():
    Flag.objects.create(name="some", percent=50)
    assert "cookie without consent" in problems(flag="some")["flag"][0]


def test_a_percentage_given_to_a_flag_later_sets_no_cookie(client):
    flag = Flag.objects.create(name="some", everyone=True)
    make_items(4)
    make_slot("lifted", flag="some")
    flag.everyone, flag.percent = None, 99.9
    flag.save()
    response = client.get("/api/personalization/v1/slots/lifted/fragment/?url=/")
    assert response.status_code == 200
    assert response.cookies == {}


def test_a_flag_that_exists_is_accepted():
    Flag.objects.create(name="cards")
    make_slot(flag="cards")


def test_every_change_is_told_to_every_process():
    slot = make_slot()
    seen = [slots_epoch()]
    slot.size = 5
    slot.save()
    seen.append(slots_epoch())
    slot.unpublish()
    seen.append(slots_epoch())
    Slot.objects.filter(pk=slot.pk).delete()
    seen.append(slots_epoch())
    assert seen == sorted(set(seen))


def test_a_draft_changes_nothing_until_it_is_published():
    make_items(6)
    slot = make_slot(size=2, policy="newest")
    slot.size = 4
    revision = slot.save_revision()
    assert shown() == 2
    revision.publish()
    assert shown() == 4


def shown() -> int:
    return len(serve(["home-top"], ServingContext.for_preview(locale="en"))[0].items)


def test_rules_survive_a_revision_and_keep_their_items():
    items = make_items(4)
    slot = make_slot(size=2, rules=[("pin", {"position": 1, "item": items[3]})], pool=[("item", items[2])])
    copy = slot.save_revision().as_object()
    assert copy.rules[0].value["item"] == items[3]
    assert copy.pool[0].value == items[2]


def test_the_editor_sees_a_draft_before_it_is_saved():
    make_items(4)
    slot = Slot(key="draft", heading="Not saved yet", size=2, policy="newest", live=False)
    response = slot.make_preview_request(RequestFactory().get("/"))
    page = response.content.decode()
    assert "Not saved yet" in page
    assert page.count("data-slot-item") == 2


def test_an_empty_preview_says_what_to_do():
    page = Slot(key="empty", pool_tags="none").make_preview_request(RequestFactory().get("/")).content.decode()
    assert "Widen the pool" in page
