"""A variant beside its original: what the page shows, who decides, and what is decided about."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.events.models import Event
from personalization.slots.rehearsal import appearances, rehearse
from personalization.variants import services
from personalization.variants.checking import check_variant
from personalization.variants.choices import State
from personalization.variants.models import ApprovalRecord, GenerationCall, RuleSet, Variant
from personalization.variants.reviewing import seen_by
from personalization.visitors.models import Segment, Visitor
from tests.editor.conftest import login, staff
from tests.editor.test_variants import again, save, text, to
from tests.factories import ImageFactory
from tests.slots.world import make_item, make_slot
from tests.variants.world import REVIEWER, approved, editor, make_draft, person, reviewer, submitted


@pytest.fixture
def item(site):
    return make_item(1, title="Slow trains at night", summary="All about sleeping on trains.", text_hash="first")


@pytest.fixture
def judge(site) -> Client:
    return login(reviewer())


@pytest.fixture
def waiting(item) -> Variant:
    variant = make_draft(item, headline="Fast trains at night")
    submitted(variant)
    return again(variant)


def decide(client: Client, decision: str, variant: Variant, **answers):
    data = {"decision": decision, "seen": seen_by(variant)}
    data |= {f"{decision}-{name}": value for name, value in answers.items()}
    return client.post(to("review", variant), data, follow=True)


def test_the_words_stand_beside_the_originals_with_their_differences(judge, waiting):
    page = text(judge.get(to("review", waiting)))
    assert re.search(r"<del><bdi class=\"w-sr-only\">[^<]+</bdi>Slow", page)
    assert re.search(r"<ins><bdi class=\"w-sr-only\">[^<]+</bdi>Fast", page)
    assert "as in the original" in page


def test_everything_that_a_decision_needs_is_there(judge, item):
    segment = Segment.objects.create(key="hurried", name="In a hurry", description="Before nine.", live=True)
    make_slot("home-top", name="Top of the page", live=True)
    call = GenerationCall.objects.create(generator="openai", model="small-1", input_tokens=1234, status="ok")
    variant = make_draft(item, headline="Night trains", segment=segment, model="small-1", call=call, label="short")
    submitted(variant)
    page = text(judge.get(to("review", variant)))
    for words in ("In a hurry", "Before nine.", "small-1", "1,234", "short", "Top of the page", "100 %", "editor"):
        assert words in page
    # What the server did not say is unknown, not nothing.
    assert re.search(r"<dt>Tokens written</dt><dd>unknown</dd>", page)
    assert re.search(r"<dt>Cost</dt><dd>unknown \(for 1 draft\)</dd>", page)
    assert "The original’s own words." in page
    assert "Submitted for review" in page


def test_what_it_takes_the_place_of(judge, item, waiting):
    segment = Segment.objects.create(key="hurried", name="In a hurry", live=True)
    for_all = approved(item, headline="Words for all")
    assert "Other approved words for the same visitors:" in text(judge.get(to("review", waiting)))
    for_some = make_draft(item, headline="Words for some", segment=segment)
    page = text(judge.get(to("review", for_some)))
    assert "for everybody; other visitors keep them" in page
    assert to("review", for_all) in page


def test_approving_publishes_and_leads_to_the_next(judge, item, waiting):
    second = make_draft(item, headline="The next one")
    submitted(second)
    page = decide(judge, "approve", waiting, comment="Good")
    assert page.redirect_chain[-1][0] == to("review", second)
    assert "“Fast trains at night”: Approved." in text(page)
    assert (again(waiting).state, again(waiting).live) == (State.APPROVED, True)
    page = decide(judge, "approve", second)
    assert page.redirect_chain[-1][0] == reverse("personalization_queue:index")
    assert "Nothing else waits for you." in text(page)


def test_changes_are_asked_for_with_a_comment(judge, waiting):
    page = text(decide(judge, "changes", waiting, comment=""))
    assert "Nothing was decided" in page
    assert "This field is required." in page
    assert again(waiting).state == State.IN_REVIEW
    decide(judge, "changes", waiting, comment="Say how fast")
    assert again(waiting).state == State.CHANGES
    assert "Say how fast" in text(login(editor()).get(to("review", waiting)))


def test_rejecting_takes_a_reason(judge, waiting):
    assert "Nothing was decided" in text(decide(judge, "reject", waiting, reason=""))
    decide(judge, "reject", waiting, reason="inaccurate", comment="It is slow")
    assert again(waiting).state == State.REJECTED
    record = ApprovalRecord.objects.get(act="rejected")
    assert (record.reason, record.comment) == ("inaccurate", "It is slow")


def test_looking_decides_nothing(judge, waiting):
    judge.get(to("review", waiting), {"decision": "approve", "seen": seen_by(waiting)})
    assert again(waiting).state == State.IN_REVIEW


def test_only_what_was_seen_is_approved(judge, waiting):
    old = seen_by(waiting)
    save(login(staff("writer", "change_variant", "view_variant")), waiting, headline="Trains that nobody saw")
    page = judge.post(to("review", waiting), {"decision": "approve", "seen": old}, follow=True)
    assert "have changed since you opened this page" in text(page)
    assert again(waiting).state == State.IN_REVIEW
    page = judge.post(to("review", waiting), {"decision": "approve"}, follow=True)
    assert "Nothing was decided" in text(page)
    assert again(waiting).state == State.IN_REVIEW


def test_a_picture_that_was_replaced_meanwhile_is_looked_at_again_and_approved(judge, item):
    image = ImageFactory()
    variant = make_draft(item, headline="Night trains", image=image)
    submitted(variant)
    old = seen_by(again(variant))
    image.file_hash = "another-picture"
    image.save()
    page = judge.post(to("review", variant), {"decision": "approve", "seen": old}, follow=True)
    assert "have changed since you opened this page" in text(page)
    assert "The variant’s image" in text(page)
    decide(judge, "approve", again(variant))
    assert again(variant).state == State.APPROVED


def test_a_second_decision_comes_too_late(judge, waiting):
    decide(judge, "approve", waiting)
    other = login(person("second", *REVIEWER))
    page = text(decide(other, "reject", waiting, reason="tone"))
    assert "Nothing was decided." in page
    assert again(waiting).state == State.APPROVED


def test_the_requester_reads_why_somebody_else_decides(item, site):
    asker = person("asker", *REVIEWER)
    variant = make_draft(item, requested_by=asker)
    submitted(variant)
    client = login(asker)
    page = text(client.get(to("review", variant)))
    assert "You asked for this variant: somebody else has to judge it." in page
    assert 'name="decision"' not in page
    page = text(decide(client, "approve", again(variant)))
    assert "You asked for this variant" in page
    assert again(variant).state == State.IN_REVIEW


def test_even_an_administrator_does_not_judge_their_own_edit(waiting):
    admin = login(User.objects.create_superuser("chief"))
    save(admin, waiting, headline="The boss's words")
    assert "You edited this variant last" in text(admin.get(to("review", waiting)))
    decide(admin, "approve", again(waiting))
    assert again(waiting).state == State.IN_REVIEW


def test_an_editor_reads_that_they_may_not_approve(waiting):
    page = text(login(editor()).get(to("review", waiting)))
    assert "You may not approve variants." in page
    assert 'name="decision"' not in page


def test_a_draft_is_submitted_from_its_page(item):
    variant = make_draft(item)
    client = login(editor())
    assert "Submit for review" in text(client.get(to("review", variant)))
    client.post(to("submit", variant))
    assert again(variant).state == State.IN_REVIEW


def test_blocked_words_cannot_be_approved(judge, waiting):
    RuleSet.objects.create(name="House rules", banned="fast")
    check_variant(variant=waiting)
    page = text(judge.get(to("review", waiting)))
    assert "It cannot be approved: a guardrail blocks it." in page
    assert 'value="approve"' not in page
    decide(judge, "approve", again(waiting))
    assert again(waiting).state == State.IN_REVIEW


def test_a_changed_source_is_shown_with_its_difference(judge, item):
    variant = approved(item, headline="Trains at night")
    item.summary, item.text_hash = "All about sleeping on ships.", "second"
    item.save()
    services.notice_changed_sources()
    page = text(judge.get(to("review", variant)))
    assert "Stale" in page
    assert "What has changed in the original" in page
    assert re.search(r"<del>.*?trains", page)
    assert re.search(r"<ins>.*?ships", page)
    assert "Approval expired: the source has changed" in page
    decide(judge, "approve", again(variant))
    assert again(variant).state == State.APPROVED
    assert "What has changed in the original" not in text(judge.get(to("review", variant)))


def test_an_unknown_decision_changes_nothing(judge, waiting):
    page = text(judge.post(to("review", waiting), {"decision": "publish"}, follow=True))
    assert "Choose one of the decisions below." in page
    assert again(waiting).state == State.IN_REVIEW


def test_strangers_see_neither_page_nor_frame(waiting):
    for client in (Client(), login(staff("outsider"))):
        for name in ("review", "frame"):
            assert client.get(to(name, waiting)).status_code == 302


def test_what_does_not_exist_is_not_found(judge):
    assert judge.get(reverse("personalization_variants:review", args=[999])).status_code == 404
    assert judge.post(reverse("personalization_variants:review", args=[999])).status_code == 404


def test_hostile_words_are_text_on_the_page_and_in_the_frame(judge, item):
    make_slot(live=True)
    item.title, item.summary = "<script>alert(1)</script> trains", "<b>bold</b>"
    item.save()
    variant = make_draft(item, headline="Fine words")
    hostile = '"><script>alert(2)</script>'
    Variant.objects.filter(pk=variant.pk).update(headline=hostile, summary="<img src=x onerror=alert(3)>")
    for name in ("review", "frame"):
        page = judge.get(to(name, variant)).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>bold" not in page


def test_frames_are_for_this_site_and_run_nothing(judge, waiting):
    page = text(judge.get(to("review", waiting)))
    assert page.count("sandbox") == 2
    assert re.findall(r'<iframe[^>]+width="(\d+)"', page) == ["390", "1280"]
    assert judge.get(to("frame", waiting))["X-Frame-Options"] == "SAMEORIGIN"


def test_the_frame_shows_the_slot_with_these_words_and_the_rest_as_it_is(judge, item, waiting):
    make_item(2, title="Ships by day")
    make_slot("home-top", heading="For you", live=True)
    page = text(judge.get(to("frame", waiting), {"slot": "home-top"}))
    for words in ("For you", "Fast trains at night", "Ships by day", "Written with AI, checked by an editor"):
        assert words in page
    assert "Slow trains at night" not in page


def test_a_look_is_neither_counted_nor_remembered(judge, waiting):
    make_slot(live=True)
    page = judge.get(to("frame", waiting))
    assert "data-slot-token" not in page.content.decode()
    assert not Event.objects.exists()
    assert not Visitor.objects.exists()
    assert "personalization" not in page.cookies


def test_words_of_other_variants_make_way_for_a_look(item, waiting):
    approved(item, headline="Approved before")
    slot = make_slot(live=True)
    assert [card.title for card in rehearse(waiting, slot).items if card.key == item.key] == ["Fast trains at night"]


def test_an_item_that_a_slot_does_not_show_is_put_first(item, waiting):
    other = make_item(2, title="Ships by day")
    slot = make_slot(live=True, size=1, rules=[("pin", {"position": 1, "item": other})])
    assert [card.title for card in rehearse(waiting, slot).items] == ["Fast trains at night"]
    assert [(one.slot, one.place) for one in appearances(waiting)] == [(slot, None)]


def test_slots_that_show_an_item_now_come_first(item, waiting):
    other = make_item(2, title="Ships by day")
    make_slot("a", live=True, size=1, rules=[("pin", {"position": 1, "item": other})])
    make_slot("b", live=True, size=2)
    make_slot("c", live=True, rules=[("exclude", item)])
    make_slot("d", live=False)
    found = appearances(waiting)
    assert [one.slot.key for one in found] == ["b", "a"]
    assert found[0].place in (1, 2)


def test_without_a_slot_the_card_stands_alone(judge, waiting):
    assert [card.title for card in rehearse(waiting).items] == ["Fast trains at night"]
    assert "No published slot’s pool holds it at present." in text(judge.get(to("review", waiting)))


def test_a_slots_own_words(judge, item):
    slot = make_slot("home-top", heading="For you", text="Picked today.", live=True)
    variant = make_draft(slot=slot, headline="Good evening", summary="")
    decision = rehearse(variant)
    assert (decision.heading, decision.text) == ("Good evening", "Picked today.")
    page = text(judge.get(to("review", variant)))
    assert "Slot: Top of the home page" in page or "Slot: home-top" in page
    assert "Good evening" in text(judge.get(to("frame", variant)))


def test_words_that_are_to_go_live_later_or_for_a_draft_of_a_segment_are_seen_now(item):
    segment = Segment.objects.create(key="hurried", name="In a hurry", live=False)
    slot = make_slot(live=True)
    later = timezone.now() + timedelta(days=7)
    variant = make_draft(item, headline="Fast trains", segment=segment)
    Variant.objects.filter(pk=variant.pk).update(go_live_at=later)
    assert "Fast trains" in [card.title for card in rehearse(again(variant), slot).items]


def test_a_thumb_can_be_given_on_the_page(judge, waiting):
    assert f"judgement-variant-{waiting.pk}" in text(judge.get(to("review", waiting)))
