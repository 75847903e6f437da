"""Looking at a slot through somebody's eyes."""

import re
from html import unescape
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from wagtail.admin.models import FormState

from personalization.events.models import Event
from personalization.slots.models import Slot
from personalization.visitors.models import Consent, Visitor
from tests.editor.conftest import EDITOR, login, staff
from tests.slots.world import make_item, make_items, make_slot, make_visitor
from tests.variants.world import approved

SLOT = "wagtailsnippets_personalization_slot"
CHOOSE = reverse(f"{SLOT}:preview_as_choose")


def text(response) -> str:
    return " ".join(unescape(response.content.decode()).split())


def address(slot: Slot) -> str:
    return reverse(f"{SLOT}:preview_as", args=[slot.pk])


def look(client: Client, slot: Slot, **persona) -> str:
    """Choose a persona as the form does, and read the page it leads to."""
    answer = client.post(CHOOSE, {"who": "new", "next": address(slot)} | persona, follow=True)
    assert answer.status_code == 200
    return text(answer)


def shown(page: str) -> str:
    """The part of the page with the cards."""
    return page.split('<section class="slot-look"')[1].split("</section>")[0]


@pytest.fixture
def world(site):
    return make_items(12)


def test_a_new_visitor_gets_what_anybody_gets(admin, world):
    page = look(admin, make_slot(size=2))
    assert "Seen by <strong>a new visitor</strong>" in page
    assert world[0].title in shown(page)
    assert "The newest first" in page


def test_a_visitor_who_likes_a_tag_gets_it_with_scores_and_reasons(admin, world):
    page = look(admin, make_slot(size=2), who="tags", tags="Film, ")
    assert "a visitor who likes Film" in page
    cards = shown(page)
    assert cards.count('href="/film/') == 2
    assert "Content (texts)" in cards
    assert "Close to what you like to read" in cards
    assert '<rect class="slot-addend__fill" width="100"' in cards


def test_a_given_visitor_is_found_by_key_or_name(admin, world):
    visitor = make_visitor(read=(world[1],))
    slot = make_slot(size=2, demote_read=False)
    expected = f"the visitor {visitor.key[:8]}"
    assert expected in look(admin, slot, who="visitor", visitor=visitor.key[:6])
    assert expected in look(admin, slot, who="visitor", visitor=f"  {visitor.key.upper()} ")
    visitor.user = User.objects.create_user("robin")
    visitor.save()
    page = look(admin, slot, who="visitor", visitor="robin")
    assert expected in page
    assert world[1].title in shown(page)


def test_a_visitor_who_did_not_agree_gets_what_a_new_one_gets(admin, world):
    visitor = make_visitor(personalization=False)
    page = look(admin, make_slot(size=2), who="visitor", visitor=visitor.key)
    assert "has not agreed to personalization" in page


@pytest.mark.parametrize(
    ("persona", "complaint"),
    [
        ({"who": "tags", "tags": " , "}, "Name at least one tag."),
        ({"who": "tags", "tags": "film, <zebra>"}, "Nothing that can be shown carries: <zebra>."),
        ({"who": "visitor", "visitor": ""}, "at least 4 characters"),
        ({"who": "visitor", "visitor": "abc"}, "at least 4 characters"),
        ({"who": "visitor", "visitor": "0000"}, "More than one visitor’s key begins like this"),
        ({"who": "visitor", "visitor": "ffff"}, "There is no visitor of this name or key."),
        ({"who": "somebody"}, "somebody is not one of the available choices"),
        ({"who": "new", "locale": "xx"}, "xx is not one of the available choices"),
        ({"who": "tags", "tags": "x" * 9999}, "Nothing that can be shown carries"),
    ],
)
def test_a_choice_that_does_not_hold_is_explained_and_loses_nothing(admin, world, persona, complaint):
    for end in ("1", "2"):
        Consent.objects.create(visitor=Visitor.objects.create(key="0000" + end * 28), personalization=True)
    page = look(admin, make_slot(size=2), **persona)
    assert complaint in page
    assert "Seen by <strong>a new visitor</strong>" in page
    assert world[0].title in shown(page)


@pytest.mark.parametrize("item", ["none", "-1", "999999999", "٣", "9" * 300])
def test_an_item_that_is_none_is_forgotten(admin, world, item):
    assert world[0].title in shown(look(admin, make_slot(size=2), item=item))


def test_a_withdrawn_item_is_explained(admin, world):
    world[3].live = False
    world[3].save()
    assert "That choice is not one of the available choices" in look(admin, make_slot(), item=world[3].pk)


def test_a_site_that_names_no_content_languages_is_looked_at_in_its_own(admin, world, settings):
    del settings.WAGTAIL_CONTENT_LANGUAGES
    del settings.WAGTAIL_I18N_ENABLED
    settings.LANGUAGE_CODE = "en-us"
    page = look(admin, make_slot(size=2))
    assert world[0].title in shown(page)
    assert 'name="locale"' not in page


def test_what_was_typed_is_escaped(admin, world):
    answer = admin.post(CHOOSE, {"who": "tags", "tags": "<script>", "next": address(make_slot())}, follow=True)
    assert b"<script>," not in answer.content
    assert b"&lt;script&gt;" in answer.content


def test_only_those_who_may_see_visitors_look_through_a_given_one(clients, world):
    visitor = make_visitor(read=(world[1],))
    slot = make_slot(size=2)
    page = look(clients["editor"], slot, who="visitor", visitor=visitor.key)
    assert "Seen by <strong>a new visitor</strong>" in page
    assert visitor.key[:8] not in page.replace(visitor.key, "")
    assert "Because you read" not in page
    trusted = login(staff("trusted", *EDITOR, "view_visitor"))
    assert visitor.key[:8] in look(trusted, slot, who="visitor", visitor=visitor.key)


def test_a_visitor_erased_meanwhile_is_not_looked_through(admin, world):
    visitor = make_visitor(read=(world[1],))
    slot = make_slot(size=2)
    look(admin, slot, who="visitor", visitor=visitor.key)
    visitor.delete()
    assert "There is no visitor of this name or key." in text(admin.get(address(slot)))


def test_on_the_page_of_an_item_it_is_not_recommended_to_itself(admin, world):
    slot = make_slot(size=3, policy="similar")
    page = look(admin, slot, item=world[0].pk)
    assert "Similar to this page" in page
    assert world[0].title not in [*shown(page).split("slot-look__title")[1:]]
    assert f">{world[0].title}</a>" not in shown(page)


def test_the_rules_that_acted_are_named(admin, world):
    rules = (
        ("pin", {"position": 1, "item": world[7]}),
        ("exclude", world[0]),
        ("boost_tag", {"tag": "food", "factor": 3.0}),
    )
    page = look(admin, make_slot(size=2, policy="newest", rules=rules))
    acts = page.split("Rules that made a difference")[1].split("</section>")[0]
    assert f"Pinned to their places</dt> <dd>{world[7].title}" in acts
    assert f"Shut out by an exclusion</dt> <dd>{world[0].title}" in acts
    assert "Moved by a boost" in acts
    assert "Boost" in shown(page)
    assert world[0].title not in shown(page)


def test_what_came_onto_the_list_for_the_sake_of_variety_is_told(admin, world):
    page = look(admin, make_slot(size=4, diversity=0.9), who="tags", tags="film")
    assert "shown for variety" in shown(page)
    assert "Shown for variety" in page.split("Rules that made a difference")[1]
    assert "gave way to others" in page.split("Why not these")[1]


def test_the_advanced_choices_are_folded_up_in_the_form(admin, world):
    page = text(admin.get(reverse(f"{SLOT}:edit", args=[make_slot().pk])))
    assert re.search(r'<section class="w-panel[^"]*collapsed[^"]*" id="[^"]*advanced-section"', page)
    advanced = page.split('id="panel-advanced-section"')[1].split('id="panel-kill_switch-section"')[0]
    assert all(f'name="{name}"' in advanced for name in ("calibration", "exploration", "fair_by", "dismissible"))


def test_the_others_are_told_why_they_lost(admin, world):
    page = look(admin, make_slot(size=2, policy="newest", rules=(("exclude", world[0]),)))
    others = page.split("Why not these")[1]
    assert "scored lower" in others
    assert "excluded" in others
    assert world[5].title in others


def test_an_empty_pool_is_explained(admin, site):
    assert "Nothing may be shown" in look(admin, make_slot())


def test_the_latest_draft_is_shown_not_what_is_published(admin, world):
    slot = make_slot(size=2, heading="Published")
    slot.heading = "Draft"
    slot.save_revision()
    assert "Draft" in shown(text(admin.get(address(slot))))


def test_looking_leaves_no_trace(admin, world):
    visitor = make_visitor(read=(world[1],))
    shown_before = visitor.profile.shown
    look(admin, make_slot(size=2), who="visitor", visitor=visitor.key)
    visitor.profile.refresh_from_db()
    assert visitor.profile.shown == shown_before
    assert not Event.objects.exists()


def test_choosing_leads_nowhere_else(admin, world):
    answer = admin.post(CHOOSE, {"who": "new", "next": "https://evil.example/"})
    assert answer.url == reverse(f"{SLOT}:list")


def form_of(slot: Slot, **changes) -> dict:
    stream = {"count": 0}
    data = {
        "key": slot.key,
        "name": slot.name,
        "heading": slot.heading,
        "text": "",
        "size": slot.size,
        "policy": "newest",
        "pool_tags": "",
        "pool_tags_match": "any",
        "languages": "page",
        "diversity": 0,
        "freshness": 0,
        "max_age_days": "",
        "max_per_tag": "",
        "max_per_section": "",
        "frequency_cap": "",
        "diversity_method": "mmr",
        "calibration": 0,
        "fatigue": 0,
        "exploration": 0,
        "fair_by": "",
        "fair_tags": "",
        "flag": "",
        "template": "",
    }
    return data | {f"{field}-{name}": value for field in ("pool", "rules") for name, value in stream.items()} | changes


def test_the_panel_shows_the_unsaved_form_through_the_chosen_eyes(admin, world):
    slot = make_slot(size=2)
    panel = reverse(f"{SLOT}:preview_on_edit", args=[slot.pk])
    answer = admin.post(panel, form_of(slot, heading="Not saved yet", size=4))
    assert answer.json() == {"is_valid": True, "is_available": True}
    admin.post(CHOOSE, {"who": "tags", "tags": "film"})
    frame = admin.get(panel, {"in_preview_panel": "true", "mode": ""})
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    page = text(frame)
    assert "Not saved yet" in shown(page)
    assert shown(page).count('class="slot-look__card"') == 4
    assert "a visitor who likes film" in page
    assert quote(panel, safe="/") in page
    slot.refresh_from_db()
    assert (slot.heading, slot.size) == ("", 2)
    assert FormState.objects.count() == 1


def test_the_panel_can_show_the_cards_alone(admin, world):
    slot = make_slot(size=2)
    panel = reverse(f"{SLOT}:preview_on_edit", args=[slot.pk])
    admin.post(panel, form_of(slot, heading="Not saved yet"))
    page = text(admin.get(panel, {"in_preview_panel": "true", "mode": "cards"}))
    assert page.count('class="slot-card"') == 2
    assert "Not saved yet" in page
    assert "Why not these" not in page


def test_the_panel_works_for_a_slot_that_does_not_exist_yet(admin, world):
    panel = reverse(f"{SLOT}:preview_on_add")
    admin.post(panel, form_of(Slot(key="new", size=3, name="New", heading="Soon")))
    assert "Soon" in shown(text(admin.get(panel)))
    assert not Slot.objects.exists()


def test_a_form_with_mistakes_has_no_preview_yet(admin, world):
    slot = make_slot(size=2)
    panel = reverse(f"{SLOT}:preview_on_edit", args=[slot.pk])
    answer = admin.post(panel, form_of(slot, heading="Hello {visitor.secret|x}"))
    assert answer.json()["is_valid"] is False


def test_an_earlier_revision_can_be_looked_at(clients, world):
    slot = make_slot(size=2, heading="First")
    revision = slot.save_revision()
    slot.heading = "Second"
    slot.save_revision()
    old = reverse(f"{SLOT}:revisions_view", args=[slot.pk, revision.pk])
    assert "First" in shown(text(clients["editor"].get(old)))
    assert clients["outsider"].get(old).url == reverse("wagtailadmin_home")
    assert clients["anonymous"].get(old).status_code == 302


def test_the_list_says_what_new_visitors_get_now(admin, world):
    make_slot("top", size=2)
    make_slot("draft", size=2, live=False)
    page = text(admin.get(reverse(f"{SLOT}:list")))
    assert "2 items. The newest first" in page
    assert page.count("The newest first") == 1
    assert reverse(f"{SLOT}:preview_as", args=[Slot.objects.get(key="top").pk]) in page


def test_without_slots_the_list_explains_them(admin, site):
    assert "a slot is a named place on a page" in text(admin.get(reverse(f"{SLOT}:list")))


def test_a_title_cannot_smuggle_markup(admin, site):
    make_item(1, title="<img src=x onerror=alert(1)>")
    slot = make_slot(heading="<script>")
    page = admin.get(address(slot)).content.decode()
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_it_says_whose_words_are_shown_and_why(world):
    slot = make_slot(size=2, heading="For you")
    variant = approved(world[0], headline="In other words")
    approved(slot=slot, headline="Another heading")
    page = look(login(User.objects.create_superuser("chief")), slot)
    assert "In other words" in page
    assert "Another heading" in page
    assert page.count("made with AI and approved by an editor, for all readers.") == 2
    assert variant.pk
