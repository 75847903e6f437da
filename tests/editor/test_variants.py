"""Variants in the admin: written, checked and submitted there, and never published by a form."""

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import Locale

from personalization.variants.choices import State
from personalization.variants.models import ApprovalRecord, Variant
from personalization.visitors.models import Segment
from tests.editor.conftest import login, staff
from tests.slots.world import make_item, make_slot
from tests.variants.world import approved, make_draft, person, reviewer, submitted

WRITER = ("view_variant", "add_variant", "change_variant", "generate_variant", "view_item")
NEW = {"item": "", "slot": "", "segment": "", "label": "", "image": "", "go_live_at": "", "expire_at": ""}
WORDS = {"headline": "Other words", "summary": "", "call_to_action": "", "image_description": ""}


def to(name: str, variant: Variant | None = None) -> str:
    return reverse(f"personalization_variants:{name}", args=[variant.pk] if variant else [])


def text(response) -> str:
    return " ".join(response.content.decode().split())


def again(variant: Variant) -> Variant:
    return Variant.objects.get(pk=variant.pk)


@pytest.fixture
def writer(site) -> Client:
    return login(staff("writer", *WRITER))


@pytest.fixture
def boss(site) -> Client:
    return login(staff("boss", *WRITER, "publish_variant", "approve_variant"))


@pytest.fixture
def item(site):
    return make_item(1, title="Trains at night", summary="All about sleeping on trains.", locale="en")


def save(client: Client, variant: Variant, action: str = "", **words):
    data = {name: value for name, value in NEW.items() if name not in ("item", "slot")} | WORDS | words
    return client.post(to("edit", variant), data | ({action: action} if action else {}), follow=True)


def test_an_empty_list_teaches(writer):
    page = text(writer.get(to("list")))
    assert "a second person approves" in page
    assert "No language model is set up" in page


def test_the_list_tells_what_matters(writer, item):
    segment = Segment.objects.create(key="hurried", name="In a hurry", live=True)
    variant = make_draft(item, headline="Sleep on a train", segment=segment, model="small-1")
    submitted(variant)
    page = text(writer.get(to("list")))
    for words in ("Sleep on a train", "In review", "Trains at night", "In a hurry", "English", "small-1", "<time"):
        assert words in page


def test_the_list_is_filtered(writer, item):
    make_draft(item, headline="A draft", model="small-1", label="short")
    submitted(make_draft(item, headline="One that waits", model="small-2"))
    for query, found in (
        ({"state": "in_review"}, "One that waits"),
        ({"state": "draft"}, "A draft"),
        ({"model": "small-1"}, "A draft"),
        ({"label": "short"}, "A draft"),
        ({"q": "waits"}, "One that waits"),
    ):
        page = text(writer.get(to("list_results"), query))
        assert [words for words in ("A draft", "One that waits") if words in page] == [found]


def test_the_list_tells_made_by_hand_from_made_by_a_model(writer, item):
    make_draft(item, headline="By a model")
    Variant.objects.create(item=item, headline="By hand", locale=Locale.get_default(), live=False)
    assert "By hand" not in text(writer.get(to("list_results"), {"is_ai": "true"}))
    assert "By a model" not in text(writer.get(to("list_results"), {"is_ai": "false"}))


def test_the_list_asks_as_much_for_many_as_for_few(writer, item, django_assert_max_num_queries):
    for letter in "ab":
        submitted(make_draft(item, headline=f"Words {letter}"))
    writer.get(to("list"))
    with django_assert_max_num_queries(60) as few:
        writer.get(to("list"))
    for letter in "cdefghij":
        submitted(make_draft(item, headline=f"Words {letter}"))
    with django_assert_max_num_queries(len(few)):
        writer.get(to("list"))


def test_somebody_writes_words_by_hand(writer, item):
    answer = writer.post(to("add"), NEW | WORDS | {"item": item.pk}, follow=True)
    variant = Variant.objects.get()
    assert answer.redirect_chain[-1][0] == to("edit", variant)
    assert (variant.item, variant.headline, variant.state) == (item, "Other words", State.DRAFT)
    assert not variant.is_ai
    assert not variant.live
    assert variant.requested_by.username == "writer"
    assert variant.source_hash == item.text_hash
    assert variant.is_checked


def test_words_of_an_item_are_in_its_language(writer, item):
    Locale.objects.get_or_create(language_code="fr")
    item.locale = "fr"
    item.save()
    writer.post(to("add"), NEW | WORDS | {"item": item.pk})
    assert Variant.objects.get().locale.language_code == "fr"


def test_words_of_a_slot(writer, site):
    slot = make_slot(heading="For you", live=True)
    writer.post(to("add"), NEW | WORDS | {"slot": slot.pk})
    assert Variant.objects.get().slot == slot


@pytest.mark.parametrize("chosen", [(), ("item", "slot")])
def test_a_variant_stands_for_one_thing(writer, item, chosen):
    given = {"item": item.pk, "slot": make_slot(live=True).pk}
    answer = writer.post(to("add"), NEW | WORDS | {name: given[name] for name in chosen})
    assert "Choose either an item or a slot." in text(answer)
    assert not Variant.objects.exists()


def test_words_are_needed(writer, item):
    answer = writer.post(to("add"), NEW | WORDS | {"item": item.pk, "headline": ""})
    assert "Write at least one of the words" in text(answer)


def test_the_form_shows_the_original_the_findings_and_where_it_came_from(writer, item):
    variant = make_draft(item, headline="Trains in 300 towns")
    page = text(writer.get(to("edit", variant)))
    assert "Trains at night" in page
    assert "<mark>300</mark>" in page
    assert "dummy" in page
    assert "unknown" in page
    assert 'data-slot-count-limit-value="120"' in page


def test_an_edit_is_checked_at_once(writer, item):
    variant = make_draft(item, headline="Trains in 300 towns")
    assert variant.is_blocked
    page = text(save(writer, variant, headline="Trains in towns"))
    assert "<mark>300</mark>" not in page
    assert not again(variant).is_blocked


def test_hostile_words_are_text(writer, item):
    item.title = "<script>alert(1)</script>"
    item.save()
    variant = make_draft(item, headline='Words "><img src=x onerror=alert(2)>')
    Variant.objects.filter(pk=variant.pk).update(headline='"><img src=x onerror=alert(3)>')
    for name in ("list", "edit", "review"):
        page = writer.get(to(name, None if name == "list" else variant)).content.decode()
        assert "<script>alert(1)" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize("client_name", ["writer", "boss", "admin"])
def test_no_form_offers_to_publish(client_name, item, request):
    client = request.getfixturevalue(client_name)
    variant = make_draft(item)
    page = text(client.get(to("edit", variant)))
    assert "Save draft" in page
    assert "Submit for review" in page
    assert "action-publish" not in page
    assert 'name="action-publish"' not in text(client.get(to("add")))


@pytest.mark.parametrize("client_name", ["boss", "admin"])
@pytest.mark.parametrize("action", ["action-publish", "action-restart-workflow", "action-workflow-action"])
def test_what_the_form_does_not_offer_is_only_saved(client_name, action, item, request):
    client = request.getfixturevalue(client_name)
    variant = make_draft(item)
    save(client, variant, action, headline="Words that want out", **{"workflow-action-name": "approve"})
    variant = again(variant)
    assert (variant.headline, variant.state, variant.live) == ("Words that want out", State.DRAFT, False)
    assert not ApprovalRecord.objects.exists()


def test_unpublishing_is_not_to_be_had_by_its_address(boss, item):
    variant = approved(item)
    answer = boss.post(to("unpublish", variant))
    assert answer.status_code == 302
    assert answer.url == reverse("wagtailadmin_home")
    assert again(variant).state == State.APPROVED


def test_submitting_from_the_form_saves_and_queues(writer, item):
    variant = make_draft(item)
    page = save(writer, variant, "action-submit", headline="Better words")
    assert page.redirect_chain[-1][0] == to("review", variant)
    assert "waits for review now" in text(page)
    assert (again(variant).headline, again(variant).state) == ("Better words", State.IN_REVIEW)


def test_what_a_guardrail_blocks_is_saved_and_not_queued(writer, item):
    variant = make_draft(item)
    page = save(writer, variant, "action-submit", headline="Trains in 300 towns")
    assert "Not submitted. A guardrail blocks this draft" in text(page)
    assert "<mark>300</mark>" in text(page)
    assert (again(variant).headline, again(variant).state) == ("Trains in 300 towns", State.DRAFT)


def test_a_new_variant_is_submitted_in_one_go(writer, item):
    data = NEW | WORDS | {"item": item.pk, "action-submit": "action-submit"}
    page = writer.post(to("add"), data, follow=True)
    assert "waits for review now" in text(page)
    assert Variant.objects.get().state == State.IN_REVIEW


def test_submitting_takes_a_post(writer, item):
    variant = make_draft(item)
    assert writer.get(to("submit", variant)).status_code == 405
    page = writer.post(to("submit", variant), follow=True)
    assert "waits for review now" in text(page)
    assert again(variant).state == State.IN_REVIEW
    assert "Only a draft can be submitted" in text(writer.post(to("submit", variant), follow=True))


def test_an_edit_of_approved_words_ends_the_approval(writer, item):
    variant = approved(item)
    assert "Exactly these words are approved" in text(writer.get(to("edit", variant)))
    save(writer, variant, headline="Changed words")
    variant = again(variant)
    assert (variant.state, variant.live, variant.headline) == (State.DRAFT, False, "Changed words")


def test_a_save_without_a_change_leaves_the_approval(writer, item):
    variant = approved(item)
    save(writer, variant)
    assert again(variant).state == State.APPROVED


@pytest.mark.parametrize("state", [State.REJECTED, State.RETIRED])
def test_an_edit_brings_back_what_was_turned_down(writer, item, state):
    variant = make_draft(item)
    Variant.objects.filter(pk=variant.pk).update(state=state)
    save(writer, variant, headline="A second try")
    assert (again(variant).state, again(variant).headline) == (State.DRAFT, "A second try")


def test_words_that_wait_may_be_mended_and_go_on_waiting(writer, item):
    variant = make_draft(item)
    submitted(variant)
    page = save(writer, variant, headline="Mended words")
    assert "still waits for review" in text(page)
    assert again(variant).state == State.IN_REVIEW
    assert "Submit for review" not in text(writer.get(to("edit", variant)))


def test_dates_are_part_of_what_is_approved(writer, item):
    variant = approved(item)
    page = save(writer, variant, headline=variant.headline, expire_at="2099-01-01 10:00")
    assert page.status_code == 200
    assert (again(variant).expire_at.year, again(variant).state) == (2099, State.DRAFT)
    page = save(writer, variant, headline=variant.headline, expire_at="2001-01-01 10:00")
    assert "Expiry date/time must be in the future." in text(page)
    assert again(variant).expire_at.year == 2099


def test_what_waits_is_taken_back_by_who_submitted_it(writer, item):
    variant = make_draft(item)
    save(writer, variant, "action-submit", headline="Too early")
    assert "Take back from review" in text(writer.get(to("edit", variant)))
    page = save(writer, variant, "action-cancel-workflow", headline="Too early")
    assert "is a draft again" in text(page)
    assert again(variant).state == State.DRAFT
    assert "Take back from review" not in text(writer.get(to("edit", variant)))


def test_what_a_guardrail_blocks_is_not_offered_for_submission(writer, item):
    page = text(writer.get(to("review", make_draft(item, headline="Trains in 300 towns"))))
    assert "It cannot be submitted: a guardrail blocks it." in page
    assert 'class="button">Submit for review' not in page


def test_an_earlier_wording_is_brought_back_as_a_draft(writer, item):
    variant = approved(item, headline="First words")
    first = variant.latest_revision
    save(writer, variant, headline="Second words")
    address = reverse("personalization_variants:revisions_revert", args=[variant.pk, first.pk])
    data = {name: value for name, value in NEW.items() if name not in ("item", "slot")} | WORDS
    writer.post(address, data | {"headline": "First words", "revision": first.pk})
    variant = again(variant)
    assert (variant.headline, variant.state, variant.live) == ("First words", State.DRAFT, False)


def test_the_source_of_a_variant_stays_what_it_is(writer, item):
    variant = make_draft(item)
    other = make_item(2)
    save(writer, variant, item=other.pk)
    assert again(variant).item == item


def test_retiring_asks_first(item, site):
    variant = approved(item)
    client = login(reviewer())
    assert "will leave its slots" in text(client.get(to("retire", variant)))
    assert again(variant).state == State.APPROVED
    page = client.post(to("retire", variant), {"comment": "Out of season"}, follow=True)
    assert "is retired" in text(page)
    assert again(variant).state == State.RETIRED
    assert ApprovalRecord.objects.filter(act="retired", comment="Out of season").exists()
    assert "already" in text(client.post(to("retire", variant), follow=True))


def test_only_who_may_approve_retires(writer, item):
    variant = approved(item)
    assert writer.post(to("retire", variant)).url == reverse("wagtailadmin_home")
    assert again(variant).state == State.APPROVED


def test_the_preview_beside_the_form_shows_the_words_as_they_stand_there(writer, item):
    make_slot(live=True)
    variant = make_draft(item)
    data = {name: value for name, value in NEW.items() if name not in ("item", "slot")}
    address = to("preview_on_edit", variant)
    assert writer.post(address, data | WORDS | {"headline": "Unsaved words"}).json()["is_valid"]
    page = text(writer.get(address))
    assert "Unsaved words" in page
    assert 'class="slot-card' in page
    assert again(variant).headline == "Other words"


def test_the_permission_to_publish_is_not_offered_to_groups(admin):
    page = text(admin.get(reverse("wagtailusers_groups:add")))
    assert "Can approve, reject and retire AI variants" in page
    assert "Can publish variant" not in page


def test_readers_may_look_and_nothing_else(item, site):
    client = login(person("reader", "view_variant"))
    variant = make_draft(item)
    assert client.get(to("list")).status_code == 200
    assert client.get(to("review", variant)).status_code == 200
    for name in ("edit", "submit", "retire", "delete"):
        assert client.post(to(name, variant)).url == reverse("wagtailadmin_home")
    assert client.post(to("add")).url == reverse("wagtailadmin_home")
