"""The queue: who sees what, in which order, and what becomes of many at once."""

import pytest
from django.test import Client
from django.urls import reverse

from personalization.variants import services
from personalization.variants.choices import State
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.reviewing import seen_by
from tests.editor.conftest import login, staff
from tests.editor.test_variants import again, save, text
from tests.slots.world import make_item
from tests.variants.world import REVIEWER, approved, editor, make_draft, person, reviewer, submitted

QUEUE = "personalization_queue:index"


@pytest.fixture
def item(site):
    return make_item(1, title="Trains at night", summary="All about sleeping on trains.")


@pytest.fixture
def judge(site) -> Client:
    return login(reviewer())


def waiting(item, headline: str, **given) -> Variant:
    variant = make_draft(item, headline=headline, **given)
    submitted(variant)
    return again(variant)


def decide(client: Client, decision: str, *variants: Variant, **answers):
    data = {"decision": decision, "variant": [variant.pk for variant in variants]}
    data |= {f"seen-{variant.pk}": seen_by(variant) for variant in variants}
    return client.post(reverse(QUEUE), data | {f"{decision}-{name}": value for name, value in answers.items()})


def test_what_waits_longest_comes_first(judge, item):
    first, second = (make_draft(item, headline=words) for words in ("Drafted first", "Drafted second"))
    submitted(second)
    submitted(first)
    page = text(judge.get(reverse(QUEUE)))
    assert "2 variants wait for a decision." in page
    assert page.index("Drafted second") < page.index("Drafted first")


def test_a_row_shows_the_words_and_what_they_stand_for(judge, item):
    variant = waiting(item, "Sleep on a train", summary="About trains.", call_to_action="Read on")
    page = text(judge.get(reverse(QUEUE)))
    for words in ("Sleep on a train", "About trains.", "Read on", "instead of: Trains at night", "everybody"):
        assert words in page
    assert seen_by(variant) in page


def test_stale_words_are_marked(judge, item):
    approved(item, headline="Old words")
    item.title, item.text_hash = "Ships at night", "changed"
    item.save()
    services.notice_changed_sources()
    assert "Stale: the original has changed" in text(judge.get(reverse(QUEUE)))


def test_own_requests_are_for_others(item, site):
    asker = person("asker", *REVIEWER, "generate_variant")
    waiting(item, "Mine", requested_by=asker)
    client = login(asker)
    page = text(client.get(reverse(QUEUE)))
    assert "1 variant waits for a decision; 0 of them you may judge" in page
    assert "Mine" not in page
    page = text(client.get(reverse(QUEUE), {"all": ""}))
    assert "You asked for this variant: somebody else has to judge it." in page
    assert 'name="variant"' not in page


def test_who_may_not_approve_sees_what_waits_and_no_way_to_judge(item, site):
    waiting(item, "For others")
    page = text(login(editor()).get(reverse(QUEUE)))
    assert "waits for somebody who may approve it" in page
    assert "For others" in page
    assert 'name="decision"' not in page


@pytest.mark.parametrize(("who", "status"), [("anonymous", 302), ("outsider", 302), ("admin", 200)])
def test_who_may_see_the_queue(clients, who, status):
    assert clients[who].get(reverse(QUEUE)).status_code == status


def test_an_empty_queue_teaches(judge):
    assert "Drafts come here when somebody submits them" in text(judge.get(reverse(QUEUE)))


def test_many_are_approved_at_once(judge, item):
    variants = [waiting(item, words) for words in ("One of many", "Another of them")]
    page = text(decide(judge, "approve", *variants, comment="Good work"))
    assert ">Approved: 2</h2>" in page
    assert {again(variant).state for variant in variants} == {State.APPROVED}
    assert ApprovalRecord.objects.filter(act="approved", comment="Good work").count() == 2


def test_each_one_tells_what_became_of_it(judge, item):
    fine, changed, decided = (waiting(item, words) for words in ("A fine one", "A changed one", "A decided one"))
    own = waiting(item, "One of my own", requested_by=reviewer())
    seen = {f"seen-{variant.pk}": seen_by(variant) for variant in (fine, changed, decided, own)}
    save(login(staff("writer", "change_variant", "view_variant")), changed, headline="Other words altogether")
    decide(judge, "reject", decided, reason="tone")
    ticked = [str(variant.pk) for variant in (fine, changed, decided, own)] + ["999999"]
    page = text(judge.post(reverse(QUEUE), {"decision": "approve", "variant": ticked} | seen))
    assert "Approved: 1. Nothing decided: 3" in page
    assert "have changed since you opened this page" in page
    assert "does not wait for a decision" in page
    assert "You asked for this variant" in page
    assert "1 that you ticked does not exist any more." in page
    states = [again(variant).state for variant in (fine, changed, decided, own)]
    assert states == [State.APPROVED, State.IN_REVIEW, State.REJECTED, State.IN_REVIEW]


def test_nothing_is_approved_unseen(judge, item):
    variant = waiting(item, "Unseen words")
    page = text(judge.post(reverse(QUEUE), {"decision": "approve", "variant": [variant.pk]}))
    assert "Nothing decided: 1" in page
    assert again(variant).state == State.IN_REVIEW


def test_changes_take_a_comment(judge, item):
    variant = waiting(item, "Nearly good")
    page = text(decide(judge, "changes", variant, comment=""))
    assert "Nothing was judged" in page
    assert f'value="{variant.pk}"' in page
    assert "checked" in page
    assert 'data-slot-queue-open-value="changes"' in page
    assert again(variant).state == State.IN_REVIEW
    page = text(decide(judge, "changes", variant, comment="Shorter, please"))
    assert ">Sent back: 1</h2>" in page
    assert again(variant).state == State.CHANGES


def test_rejecting_takes_a_reason(judge, item):
    variant = waiting(item, "Not good")
    assert "Nothing was judged" in text(decide(judge, "reject", variant, reason="because"))
    assert ">Rejected: 1</h2>" in text(decide(judge, "reject", variant, reason="quality"))
    assert ApprovalRecord.objects.get(act="rejected").reason == "quality"


@pytest.mark.parametrize("data", [{}, {"decision": "approve"}, {"decision": "publish", "variant": ["1"]}])
def test_a_decision_about_nothing(judge, data):
    answer = judge.post(reverse(QUEUE), data)
    assert answer.status_code == 200
    assert "Tick what you want to judge" in text(answer)


@pytest.mark.parametrize("ticked", ["x", "-1", "1e9", "9" * 40, "٣"])
def test_odd_keys_are_no_variants(judge, ticked):
    assert judge.post(reverse(QUEUE), {"decision": "approve", "variant": [ticked]}).status_code == 200


def test_who_may_not_approve_does_not_by_post(item, site):
    variant = waiting(item, "Nearly there")
    page = text(decide(login(editor()), "approve", variant))
    assert "You may not approve variants." in page
    assert again(variant).state == State.IN_REVIEW


def test_hostile_words_are_text_in_the_queue(judge, item):
    item.title = "<script>alert(1)</script>"
    item.save()
    variant = waiting(item, "Fine words")
    Variant.objects.filter(pk=variant.pk).update(
        headline='"><script>alert(2)</script>', summary="<img src=x onerror=a>"
    )
    page = judge.get(reverse(QUEUE)).content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_a_long_queue_asks_no_more_than_a_short_one(judge, item, django_assert_max_num_queries):
    for letter in "ab":
        waiting(item, f"Words {letter}")
    judge.get(reverse(QUEUE))
    with django_assert_max_num_queries(40) as few:
        judge.get(reverse(QUEUE))
    for letter in "cdefghijkl":
        waiting(item, f"Words {letter}")
    with django_assert_max_num_queries(len(few)):
        assert "12 variants wait" in text(judge.get(reverse(QUEUE)))


def test_the_menu_and_the_dashboard_tell_that_something_waits(judge, item):
    waiting(item, "Sleep on a train")
    page = judge.get(reverse("wagtailadmin_home"))
    assert "Review queue (1)" in page.content.decode()
    assert "Variants waiting for you" in text(page)
    assert "Sleep on a train" in text(page)


def test_the_dashboard_is_quiet_where_nothing_waits_for_somebody(item, site):
    waiting(item, "Sleep on a train")
    page = login(editor()).get(reverse("wagtailadmin_home")).content.decode()
    assert "Variants waiting for you" not in page
    assert "Review queue (" not in page
    assert "Review queue" in page
