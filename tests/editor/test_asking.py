"""Asking for variants: the form, what it says it takes, the request's page, and who may stop what."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from wagtail.models import Locale

from personalization.catalog.models import Item
from personalization.variants.choices import PartStatus, RequestStatus
from personalization.variants.models import Budget, GenerationCall, GenerationRequest, PromptTemplate, Variant
from personalization.visitors.models import Segment
from tests.editor.conftest import login, staff

ASK = "personalization_requests:ask"
DUMMY = "personalization.variants.generators.dummy.DummyGenerator"


@pytest.fixture
def generator(settings) -> None:
    """A generator that writes at once and for nothing."""
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR": DUMMY}


@pytest.fixture
def template(db) -> PromptTemplate:
    return PromptTemplate.objects.create(name="House style")


@pytest.fixture
def segment(db) -> Segment:
    return Segment.objects.create(key="new", name="New visitors")


@pytest.fixture
def asker(site, generator) -> Client:
    return login(staff("asker", "generate_variant"))


def form(template: PromptTemplate, *items: Item, **changes) -> dict:
    chosen = {"items": [item.pk for item in items], "template": template.pk, "words": ["headline"], "alternatives": 2}
    return {**chosen, "note": "", "locale": "", **changes}


def the_request() -> GenerationRequest:
    return GenerationRequest.objects.get()


def test_drafts_arrive_on_the_page_that_the_form_leads_to(
    asker, make_item, template, segment, django_capture_on_commit_callbacks
):
    items = [make_item("Night sky"), make_item("Fermentation")]
    with django_capture_on_commit_callbacks(execute=True):
        answer = asker.post(reverse(ASK), form(template, *items, segments=[segment.pk]))
    assert answer.url == reverse("personalization_requests:inspect", args=[the_request().pk])
    page = asker.get(answer.url).content.decode()
    assert "Finished: 2 of 2 done" in page
    assert Variant.objects.filter(segment=segment, requested_by__username="asker").count() == 4
    for draft in Variant.objects.all():
        assert reverse("personalization_variants:review", args=[draft.pk]) in page
    call = GenerationCall.objects.first()
    assert call.request_id in page


def test_what_is_not_known_of_the_cost_is_said_to_be_unknown(
    asker, make_item, template, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        answer = asker.post(reverse(ASK), form(template, make_item("Night sky")))
    page = asker.get(answer.url).content.decode()
    assert "cost unknown" in page
    assert "of 1 call not all is known" in page


def test_without_a_generator_the_page_explains_itself(site, settings, template):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR": ""}
    client = login(staff("asker", "generate_variant", "add_variant"))
    page = client.get(reverse(ASK)).content.decode()
    assert "No language model is set up" in page
    assert reverse("personalization_variants:add") in page
    assert '<form method="post" novalidate class="slot-ask"' not in page
    assert "No language model is set up" in client.post(reverse(ASK), form(template)).content.decode()
    assert not GenerationRequest.objects.exists()


def test_without_a_template_the_page_says_who_makes_one(asker):
    assert "An administrator makes one" in asker.get(reverse(ASK)).content.decode()


def test_links_fill_in_what_exists_and_nothing_else(asker, make_item, template, slot, segment):
    slot.save_revision().publish()
    shown, withdrawn = make_item("Night sky"), make_item("Gone", live=False)
    query = {
        "items": [shown.pk, withdrawn.pk, "-1", "99999999999999999999999", "x' OR 1=1", "²"],
        "slots": [slot.pk],
        "segments": [segment.pk, 10**30],
    }
    page = asker.get(reverse(ASK), query).content.decode()
    assert re.findall(r'<input type="hidden" name="items" value="(\d+)"', page) == [str(shown.pk)]
    assert len(re.findall(r"<input[^>]+checked[^>]*>", page)) == 4  # slot, segment, headline, summary


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"items": []}, "Choose at least one item or slot."),
        ({"items": [10**30]}, "can no longer be shown"),
        ({"items": ["-5"]}, "can no longer be shown"),
        ({"words": []}, "This field is required."),
        ({"words": ["system"]}, "Select a valid choice."),
        ({"alternatives": 6}, "Select a valid choice."),
        ({"alternatives": "many"}, "Select a valid choice."),
        ({"template": 10**30}, "Select a valid choice."),
        ({"locale": "x"}, "Select a valid choice."),
        ({"note": "n" * 501}, "at most 500 characters"),
        ({"note": "a\x00b"}, "Null characters are not allowed."),
        ({"segments": [10**30]}, "is not a valid value"),
    ],
)
def test_what_cannot_be_asked_is_said_beside_the_form(asker, make_item, template, segment, changes, said):
    answer = asker.post(reverse(ASK), form(template, make_item("Night sky")) | changes)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not GenerationRequest.objects.exists()


def test_a_slot_has_no_call_to_action(asker, template, slot):
    slot.save_revision().publish()
    answer = asker.post(reverse(ASK), form(template, slots=[slot.pk], words=["call_to_action"]))
    assert "ask for a headline or a summary" in answer.content.decode()


def test_more_than_can_be_asked_at_once_is_refused(asker, make_item, template):
    items = [make_item(f"Item {number}") for number in range(67)]
    segments = [Segment.objects.create(key=f"s{number}", name=f"Segment {number}") for number in range(3)]
    answer = asker.post(reverse(ASK), form(template, *items, segments=[segment.pk for segment in segments]))
    assert "This asks the model 201 times" in answer.content.decode()


def test_the_estimate_counts_parts_drafts_and_what_is_left(asker, make_item, template, segment, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"GENERATOR_PRICES": {"dummy": {"input": 1, "output": 2}}}
    Budget.objects.create(scope="site", tokens=10)
    query = form(template, make_item("Night sky"), make_item("Fermentation"), segments=[segment.pk])
    page = asker.get(reverse("personalization_requests:estimate"), query).content.decode()
    figures = dict(zip(re.findall(r"<dt>(.*?)</dt>", page), re.findall(r"<dd>(.*?)</dd>", page, re.S), strict=True))
    assert figures["Calls of the model"] == "2"
    assert figures["Drafts"] == "4 at most"
    assert re.fullmatch(r"0\.00\d+ USD", figures["Cost"])
    assert "0 of 10" in figures["All editors together"]
    assert "More than is left of today’s budget (All editors together)" in page
    assert not GenerationRequest.objects.exists()


def test_an_estimate_of_nothing_teaches(asker, template):
    page = asker.get(reverse("personalization_requests:estimate"), {"items": "x"}).content.decode()
    assert "Choose what to write for" in page


def test_images_are_offered_where_the_generator_draws(asker, template, make_item):
    assert "Also an image" in asker.get(reverse(ASK)).content.decode()


@pytest.fixture
def waiting(asker, make_item, template) -> GenerationRequest:
    """A request that no worker has begun."""
    asker.post(reverse(ASK), form(template, make_item("Night sky"), make_item("Fermentation")))
    return the_request()


def act(client: Client, request: GenerationRequest, name: str) -> str:
    answer = client.post(reverse(f"personalization_requests:{name}", args=[request.pk]))
    request.refresh_from_db()
    return answer.url


def test_who_asked_stops_and_resumes(asker, waiting, django_capture_on_commit_callbacks):
    page = reverse("personalization_requests:inspect", args=[waiting.pk])
    assert act(asker, waiting, "stop") == page
    assert waiting.status == RequestStatus.STOPPED
    assert "Stopped: 0 of 2 done" in asker.get(page).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        act(asker, waiting, "resume")
    assert "Finished: 2 of 2 done" in asker.get(page).content.decode()
    assert Variant.objects.count() == 4


def test_others_stop_it_only_with_the_permission(waiting):
    other = login(staff("other", "generate_variant"))
    assert act(other, waiting, "stop") == reverse("wagtailadmin_home")
    assert waiting.status == RequestStatus.QUEUED
    administrator = login(staff("administrator", "view_generationrequest", "change_generationrequest"))
    act(administrator, waiting, "stop")
    assert waiting.status == RequestStatus.STOPPED


def test_buttons_are_shown_to_those_who_may_press_them(asker, waiting):
    page = reverse("personalization_requests:inspect", args=[waiting.pk])
    stop = reverse("personalization_requests:stop", args=[waiting.pk])
    assert stop in asker.get(page).content.decode()
    assert stop not in login(staff("reader", "view_generationrequest")).get(page).content.decode()


def test_nothing_is_stopped_by_following_a_link(asker, waiting):
    assert asker.get(reverse("personalization_requests:stop", args=[waiting.pk])).status_code == 405
    waiting.refresh_from_db()
    assert waiting.status == RequestStatus.QUEUED


def test_failures_say_what_to_do_and_when_it_is_tried_again(asker, waiting, settings):
    later = timezone.now() + timedelta(minutes=5)
    part = waiting.parts.first()
    part.message, part.not_before, part.attempts = "The server is busy.", later, 1
    part.save()
    page = asker.get(reverse("personalization_requests:progress", args=[waiting.pk])).content.decode()
    assert "The server is busy." in page
    assert f"It is tried again at {later:%H:%M:%S}" in page
    waiting.parts.update(status=PartStatus.FAILED, message="The key is refused.", not_before=None)
    page = asker.get(reverse("personalization_requests:progress", args=[waiting.pk])).content.decode()
    assert "2 failed" in page
    assert "Resume what is not done" in page


def test_words_of_a_model_are_shown_as_text(asker, waiting):
    Variant.objects.create(
        item=Item.objects.first(),
        locale=Locale.get_default(),
        part=waiting.parts.first(),
        headline="<script>alert(1)</script>",
    )
    page = asker.get(reverse("personalization_requests:inspect", args=[waiting.pk])).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_list_tells_how_far_each_request_is(asker, waiting, django_capture_on_commit_callbacks):
    page = asker.get(reverse("personalization_requests:index")).content.decode()
    assert "0 of 2" in page
    assert reverse("personalization_requests:inspect", args=[waiting.pk]) in page
    assert reverse(ASK) in page


def test_an_empty_list_teaches(asker):
    assert "Nothing has been asked yet" in asker.get(reverse("personalization_requests:index")).content.decode()


def test_items_and_slots_lead_to_asking_for_them(make_item, slot, generator, site):
    item = make_item("Night sky")
    slot.save_revision().publish()
    everything = ("generate_variant", "view_item", "change_slot", "view_slot")
    ways = {
        reverse("personalization_items:index"): f"?items={item.pk}",
        reverse("personalization_items:inspect", args=[item.pk]): f"?items={item.pk}",
        reverse("wagtailsnippets_personalization_slot:list"): f"?slots={slot.pk}",
        reverse("wagtailsnippets_personalization_slot:edit", args=[slot.pk]): f"?slots={slot.pk}",
    }
    asker, other = login(staff("both", *everything)), login(staff("other", *everything[1:]))
    for page, query in ways.items():
        assert reverse(ASK) + query in asker.get(page).content.decode()
        assert reverse(ASK) not in other.get(page).content.decode()


def test_what_is_not_published_is_not_asked_for(make_item, slot, generator, site):
    item = make_item("Gone", live=False)
    asker = login(staff("both", "generate_variant", "view_item"))
    assert reverse(ASK) not in asker.get(reverse("personalization_items:inspect", args=[item.pk])).content.decode()
