"""Approved words in a slot, by page and by API: who sees them, and everything that takes them out again."""

import time
import uuid
from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from waffle.models import Switch
from wagtail.models import Locale, Site

from personalization import conf
from personalization.catalog.models import Epoch, Item
from personalization.events.models import Event
from personalization.slots.context import ServingContext
from personalization.slots.serve import serve
from personalization.variants import reviewing
from personalization.variants.choices import AI_IMAGE, Act, State
from personalization.variants.models import Variant, VariantSettings
from personalization.variants.records import record
from personalization.variants.serving import SWITCH
from personalization.visitors.identity import sign_key
from personalization.visitors.models import Segment
from tests.factories import ArticlePageFactory, ImageFactory
from tests.slots.test_segments import LIKES_SPACE, make_segment
from tests.slots.world import make_item, make_items, make_slot, make_visitor
from tests.variants.world import approved, make_draft, reviewer, submitted

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.slots.urls")]

PAGE = "/page/?slots=home-top"
LABEL = "Written with AI, checked by an editor"


@pytest.fixture
def item(site) -> Item:
    make_slot(size=16, heading="For you", text="What is new", languages="any")
    return make_items()[0]


def browser(visitor=None, **headers) -> Client:
    client = Client(headers=headers)
    if visitor:
        client.cookies["personalization_visitor"] = sign_key(visitor.key)
    return client


def page(client: Client | None = None) -> str:
    """What a slot shows now, as HTML, to somebody new unless told otherwise."""
    response = (client or Client()).get(PAGE)
    assert response.status_code == 200
    return response.content.decode()


def decided(client: Client | None = None, locale: str = "en") -> dict:
    """The same slot's decision, by the API."""
    body = {"slots": ["home-top"], "context": {"locale": locale}}
    answer = (client or Client()).post("/api/personalization/v1/decisions/", body, content_type="application/json")
    return answer.json()["decisions"][0]


def card(item: Item, **asked) -> dict:
    return next(shown for shown in decided(**asked)["items"] if shown["key"] == item.key)


def test_a_draft_is_not_shown_before_somebody_approves_it(item):
    variant = make_draft(item, headline="Stars at hand")
    assert "Stars at hand" not in page()
    submitted(variant)
    assert "Stars at hand" not in page()
    assert item.title in page()


def test_approved_words_are_shown_by_page_and_api_and_say_what_they_are(item):
    variant = approved(item, headline="Stars at hand", call_to_action="Look up", image_description="A night sky")
    assert (variant.state, variant.live) == (State.APPROVED, True)
    shown = page()
    assert {word in shown for word in ("Stars at hand", "Look up", LABEL)} == {True}
    assert "Headline, Call to action and Image description: made with AI and approved by an editor" in shown
    told = card(item)
    assert (told["title"], told["summary"], told["call_to_action"]) == ("Stars at hand", item.summary, "Look up")
    assert (told["variant"], told["ai_label"], told["image_description"]) == (variant.key, LABEL, "A night sky")
    assert told["why_words"].endswith("for all readers.")


def test_other_cards_keep_their_own_words_and_no_label(item):
    approved(item, headline="Stars at hand")
    others = [shown for shown in decided()["items"] if shown["key"] != item.key]
    assert {(shown["variant"], shown["ai_label"], shown["why_words"]) for shown in others} == {(None, "", "")}
    assert page().count(LABEL) == 1


def test_a_slots_own_words_may_vary_too(item):
    slot = make_slot("other", heading="Old", text="Old text")
    approved(slot=slot, headline="A better heading", summary="A better text")
    shown = Client().get("/page/?slots=other").content.decode()
    assert {word in shown for word in ("A better heading", "A better text", LABEL)} == {True}
    slot.heading = "New"
    slot.save()
    shown = Client().get("/page/?slots=other").content.decode()
    assert "A better heading" not in shown
    assert "New" in shown


def test_what_is_escaped_in_a_headline_stays_text(item):
    approved(item, headline="Fish & chips > soup")
    shown = page()
    assert "Fish &amp; chips &gt; soup" in shown
    assert card(item)["title"] == "Fish & chips > soup"


def test_words_for_a_segment_reach_it_and_nobody_else(item):
    space = make_segment("space", LIKES_SPACE)
    approved(item, headline="For everybody")
    approved(item, headline="For stargazers", segment=space)
    reader = make_visitor(read=tuple(Item.objects.filter(title__in=("Space 4", "Space 8"))))
    assert "For stargazers" in page(browser(reader))
    assert card(item, client=browser(reader))["why_words"].endswith("for readers like you.")
    assert "For everybody" in page()
    assert "For stargazers" not in page()


def test_the_first_segment_in_the_editors_order_counts(item):
    for number, key in enumerate(("second", "first")):
        segment = make_segment(key, ("device", "desktop"), sort_order=1 - number)
        approved(item, headline=f"For the {key}", segment=segment)
    assert [segment.key for segment in Segment.objects.all()] == ["first", "second"]
    assert card(item)["title"] == "For the first"


def test_of_two_that_fit_the_one_approved_last_is_shown(item):
    approved(item, headline="Earlier")
    approved(item, headline="Later")
    assert card(item)["title"] == "Later"


def test_a_browser_that_objects_is_of_no_segment_by_taste(item):
    approved(item, headline="For stargazers", segment=make_segment("space", LIKES_SPACE))
    reader = make_visitor(read=tuple(Item.objects.all()[:1]))
    assert "For stargazers" not in page(browser(reader, **{"sec-gpc": "1"}))


@pytest.fixture
def german(settings) -> Locale:
    settings.WAGTAIL_CONTENT_LANGUAGES = settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    return Locale.objects.get_or_create(language_code="de")[0]


def test_words_stay_in_their_language(item, german):
    everywhere = make_item(50, locale="", title="A thing of all languages")
    approved(everywhere, headline="Ein Ding", locale=german)
    approved(item, headline="Sterne", locale=german)
    assert card(everywhere)["title"] == "A thing of all languages"
    assert card(everywhere, locale="de")["title"] == "Ein Ding"
    # An English item stands on a German page where the slot shows any language: the words are the reader's.
    assert card(item, locale="de")["title"] == "Sterne"
    assert card(item)["title"] == item.title


def test_an_expired_variant_is_gone_without_a_worker(item):
    now = timezone.now()
    variant = make_draft(item, headline="Stars at hand")
    variant.expire_at = now + timedelta(hours=3)
    variant.save_revision()
    approve(variant)
    assert "Stars at hand" in titles_at(now + timedelta(hours=2))
    assert "Stars at hand" not in titles_at(now + timedelta(hours=4))


def test_words_that_begin_later_are_shown_from_then_on(item):
    begins = timezone.now() + timedelta(seconds=5)
    variant = make_draft(item, headline="Stars at hand")
    variant.go_live_at = begins
    variant.save_revision()
    approve(variant)
    shown = page()
    assert timezone.now() >= begins or "Stars at hand" not in shown
    time.sleep(max(0.0, (begins - timezone.now()).total_seconds()))
    call_command("publish_scheduled")
    assert "Stars at hand" in page()
    assert "Stars at hand" not in titles_at(begins - timedelta(minutes=1))


def approve(variant: Variant) -> None:
    reviewing.approve(task_state=submitted(variant), user=reviewer())


def titles_at(moment: datetime) -> list[str]:
    context = ServingContext.for_preview(locale="en")
    context.now = moment
    return [shown.title for shown in serve(["home-top"], context)[0].items]


def test_a_changed_source_takes_them_out_at_once(item):
    approved(item, headline="Stars at hand")
    Item.objects.filter(pk=item.pk).update(text_hash="changed", epoch=Epoch.objects.advance("catalog"))
    assert "Stars at hand" not in page()


def test_a_source_that_is_withdrawn_and_comes_back_unchanged_keeps_its_words(site):
    make_slot(size=16, languages="any")
    article = ArticlePageFactory(title="A night outside", words="Look at the stars.")
    item = Item.objects.get(key=f"page:{article.pk}")
    approved(item, headline="Stars at hand")
    assert "Stars at hand" in page()
    article.unpublish()
    assert "Stars at hand" not in page()
    article.save_revision().publish()
    assert "Stars at hand" in page()
    article.title = "A night inside"
    article.save_revision().publish()
    shown = page()
    assert "A night inside" in shown
    assert "Stars at hand" not in shown


def test_an_edit_takes_them_out_at_once(item):
    variant = approved(item, headline="Stars at hand")
    variant.headline = "Stars nearby"
    variant.save_revision()
    assert not any(words in page() for words in ("Stars at hand", "Stars nearby"))
    variant.refresh_from_db()
    assert (variant.state, variant.live) == (State.DRAFT, False)


def test_what_is_retired_or_deleted_is_gone_at_once(item):
    reviewing.retire(variant=approved(item, headline="Stars at hand"), user=reviewer())
    assert "Stars at hand" not in page()
    approved(item, headline="Stars nearby").delete()
    assert "Stars nearby" not in page()


def test_words_written_past_the_forms_are_not_shown(item):
    variant = approved(item, headline="Stars at hand")
    Variant.objects.filter(pk=variant.pk).update(headline="Anything")
    Epoch.objects.advance("variants")
    assert not any(words in page() for words in ("Stars at hand", "Anything"))


def test_markup_that_came_past_everything_is_not_shown(item):
    variant = approved(item, headline="Stars at hand")
    Variant.objects.filter(pk=variant.pk).update(headline="<script>alert(1)</script>Stars\u202e <b>now</b>")
    Variant.objects.get(pk=variant.pk).save()
    # Even a record that says yes to it does not bring it onto a page.
    record(Variant.objects.get(pk=variant.pk), Act.APPROVED, user=reviewer())
    assert card(item)["title"] == item.title


def test_each_site_words_its_label_or_does_without(item, site):
    approved(item, headline="Stars at hand")
    told = VariantSettings.for_site(site)
    told.label = "Drafted by a machine"
    told.save()
    assert "Drafted by a machine" in page()
    told.labels = False
    told.save()
    shown = page()
    assert "Drafted by a machine" not in shown
    assert LABEL not in shown
    # The reasons say so all the same.
    assert "made with AI" in shown


def test_what_another_site_says_is_not_said_here(item, site):
    approved(item, headline="Stars at hand")
    elsewhere = Site.objects.create(hostname="elsewhere.example", port=80, root_page=site.root_page)
    VariantSettings.objects.create(site=elsewhere, labels=False)
    assert LABEL in page()


def test_words_of_a_person_carry_no_label(item):
    approved_by_hand(item, headline="Stars at hand")
    told = card(item)
    assert (told["title"], told["ai_label"]) == ("Stars at hand", "")
    assert told["why_words"] == "An editor wrote other words, for all readers."


def approved_by_hand(item: Item, **words) -> Variant:
    """A variant that no model had a hand in."""
    variant = make_draft(item, **words)
    variant.drafted = {}
    variant.save(update_fields=["drafted"])
    approve(variant)
    return variant


def test_a_variants_image_stands_on_the_card_in_the_cards_format(item):
    image = ImageFactory()
    variant = approved(item, headline="Stars at hand", image=image, image_description="A night sky")
    rendition = image.renditions.get(filter_spec=conf.get().image_filter)
    assert card(item)["image"] == rendition.url
    assert f'src="{rendition.url}" alt="A night sky"' in page()
    image.renditions.all().delete()
    assert card(item)["image"] == image.renditions.get().url
    # Another picture behind the same image was approved by nobody.
    type(image).objects.filter(pk=image.pk).update(file_hash="another")
    Epoch.objects.advance("variants")
    assert card(item)["variant"] is None
    assert variant.pk


def test_a_drawn_image_is_labelled_though_a_person_wrote_the_words(item):
    image = ImageFactory()
    image.tags.add(AI_IMAGE)
    approved_by_hand(item, headline="Stars at hand", image=image)
    told = card(item)
    assert told["ai_label"] == LABEL
    assert told["why_words"] == "Image: made with AI and approved by an editor, for all readers."
    assert f'src="{told["image"]}"' in page()
    Switch.objects.create(name=SWITCH, active=False)
    assert card(item)["variant"] is None


def test_an_image_that_is_deleted_takes_its_variant_along(item):
    image = ImageFactory()
    approved(item, headline="Stars at hand", image=image)
    assert card(item)["image"]
    image.delete()
    assert card(item)["variant"] is None


def test_a_click_says_in_whose_words_the_item_was_shown(item):
    variant = approved(item, headline="Stars at hand")
    reader = make_visitor()
    client = browser(reader)
    told = decided(client)
    other = next(shown["key"] for shown in told["items"] if shown["key"] != item.key)
    events = [
        {"id": str(uuid.uuid4()), "kind": "click", "item": key, "token": told["token"]} for key in (item.key, other)
    ]
    answer = client.post("/api/personalization/v1/events/", {"events": events}, content_type="application/json")
    assert answer.json()["accepted"] == 2
    clicks = Event.objects.filter(kind="click").values_list("item_key", "variant_key")
    assert dict(clicks) == {item.key: variant.key, other: ""}
    exported = client.get("/api/personalization/v1/privacy/export/").json()["events"]
    assert variant.key in {event["variant_key"] for event in exported}
