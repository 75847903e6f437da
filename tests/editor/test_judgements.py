"""Thumbs beside recommendations and on drafts: who may give them, and what a bad request gets."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from personalization.editor.judgements import LONGEST, judgeable_variant
from personalization.slots.models import Slot
from personalization.variants.models import Judgement
from tests.editor.conftest import login, staff
from tests.slots.world import make_items, make_slot
from tests.variants.world import make_draft

JUDGE = reverse("personalization_judge")
SCRIPT = {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}


@pytest.fixture
def world(site):
    make_slot(size=2)
    return make_items(4)


def look(client) -> str:
    slot = Slot.objects.get()
    page = client.get(reverse("wagtailsnippets_personalization_slot:preview_as", args=[slot.pk]))
    return unescape(page.content.decode())


def thumb(item, **given) -> dict[str, str]:
    return {"kind": "item", "key": item.key, "slot": "home-top", "opinion": "good"} | given


def pressed(html: str) -> list[tuple[str, str]]:
    """Which thumb says what when pressed, and whether it is."""
    return re.findall(r'value="(\w+)" data-thumb="(?:good|bad)" aria-pressed="(\w+)"', html)


def test_thumbs_stand_beside_each_recommendation_and_work_without_scripts(clients, world):
    editor = clients["editor"]
    page = look(editor)
    assert page.count('class="slot-judgement"') == 2
    assert f"Your opinion of “{world[0].title}”" in page
    back = re.search(r'name="next" value="([^"]+)"', page)[1]
    answer = editor.post(JUDGE, thumb(world[0], next=back, comment="Just right"))
    assert (answer.status_code, answer.url) == (302, back)
    judgement = Judgement.objects.get()
    assert (judgement.item, judgement.slot_key, judgement.is_good) == (world[0], "home-top", True)
    assert judgement.comment == "Just right"
    again = look(editor)
    assert pressed(again)[:2] == [("none", "true"), ("bad", "false")]
    assert "Just right" in again
    # What one editor thinks is nobody else's thumb.
    assert "Just right" not in look(clients["admin"])


def test_a_second_press_takes_it_back(clients, world):
    for opinion, kept in (("bad", 1), ("none", 0), ("none", 0)):
        answer = clients["editor"].post(JUDGE, thumb(world[0], opinion=opinion), **SCRIPT)
        assert answer.status_code == 200
        assert Judgement.objects.count() == kept
    assert pressed(answer.content.decode()) == [("good", "false"), ("bad", "false")]


def test_a_script_gets_the_form_alone(clients, world):
    answer = clients["editor"].post(JUDGE, thumb(world[0], next="/cms/"), **SCRIPT).content.decode()
    assert "<html" not in answer
    assert pressed(answer) == [("none", "true"), ("bad", "false")]
    assert 'name="next" value="/cms/"' in answer


def test_a_comment_that_is_too_long_is_not_lost(clients, world):
    words = "<b>long</b> " * 50
    for headers in (SCRIPT, {}):
        answer = clients["editor"].post(JUDGE, thumb(world[0], comment=words, next="/cms/"), **headers)
        page = answer.content.decode()
        assert answer.status_code == 400
        assert f"A comment has {LONGEST} characters at most, yours {len(words.strip())}." in page
        assert words.strip() in unescape(page)
        assert "<b>long" not in page
    assert not Judgement.objects.exists()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"opinion": "splendid"}, 400),
        ({"kind": "slot"}, 400),
        ({"key": ""}, 400),
        ({"slot": "no slug!"}, 400),
        ({"key": "page:none"}, 404),
        ({"key": "page:\x00"}, 400),
        ({"slot": "elsewhere"}, 404),
        ({"slot": ""}, 404),
        ({"kind": "variant", "key": "9" * 100}, 404),
        ({"kind": "variant", "key": "½"}, 404),
        ({"kind": "variant", "key": "-1"}, 404),
        ({"next": "https://elsewhere.example/"}, 200),
    ],
)
def test_what_makes_no_sense_is_refused(clients, world, given, status):
    answer = clients["admin"].post(JUDGE, thumb(world[0], **given))
    assert answer.status_code == status
    assert Judgement.objects.count() == (status == 200)


def test_nothing_is_kept_on_get(clients, world):
    assert clients["admin"].get(JUDGE, thumb(world[0])).status_code == 405


def test_only_who_may_change_slots_judges_recommendations(clients, world):
    # Whoever else may look sees no thumbs, and gets nowhere without them.
    onlooker = login(staff("onlooker", "view_slot"))
    assert "slot-judgement" not in look(onlooker)
    for client in (onlooker, clients["outsider"], clients["anonymous"]):
        assert client.post(JUDGE, thumb(world[0])).status_code in (302, 403)
    assert not Judgement.objects.exists()


def test_whoever_may_see_a_variant_may_say_what_they_think_of_it(clients, world):
    draft = make_draft(world[0])
    told = {"kind": "variant", "key": draft.key, "opinion": "bad", "comment": "Stiff"}
    seer = staff("seer", "view_variant")
    assert login(seer).post(JUDGE, told, **SCRIPT).status_code == 200
    assert clients["outsider"].post(JUDGE, told, **SCRIPT).status_code in (302, 403)
    assert [(one.editor, one.variant, one.is_good) for one in Judgement.objects.all()] == [(seer, draft, False)]
    judged = judgeable_variant(draft, User.objects.get(pk=seer.pk))
    assert (judged.opinion, judged.comment, judged.title) == ("bad", "Stiff", "Other words")
    assert judgeable_variant(draft, User.objects.get(username="outsider")) is None


def test_a_slot_that_does_not_exist_yet_has_no_thumbs(clients, world):
    add = reverse("wagtailsnippets_personalization_slot:preview_on_add")
    form = {"name": "New", "key": "new", "size": "2", "policy": "newest", "rules-count": "0", "pool-count": "0"}
    clients["admin"].post(add, form)
    assert "slot-judgement" not in clients["admin"].get(add).content.decode()
