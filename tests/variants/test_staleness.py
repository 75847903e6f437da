"""An approval is of words for a source: when the source says something else, it ends."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from wagtail.models import WorkflowTask

from cms_site.home.models import ArticlePage
from personalization.catalog.models import Item
from personalization.slots.context import ServingContext
from personalization.slots.models import Slot
from personalization.slots.serve import serve
from personalization.tasks import index_catalog
from personalization.variants import reviewing, services
from personalization.variants.choices import Act, State
from personalization.variants.four_eyes import obstacle_for
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.records import last_approval
from personalization.variants.workflow import VariantReviewTask, ensure_workflow
from tests.factories import ArticlePageFactory
from tests.slots.world import make_slot
from tests.variants.world import REVIEWER, approved, make_draft, person, reviewer, submitted, task_state

pytestmark = pytest.mark.django_db


@pytest.fixture
def article(site) -> ArticlePage:
    make_slot(size=12)
    page = ArticlePageFactory(title="A night of stars", words="Everybody looks up tonight.")
    page.save_revision().publish()
    return ArticlePage.objects.get(pk=page.pk)


@pytest.fixture
def variant(article) -> Variant:
    return approved(item_of(article), headline="Stars at hand")


def item_of(page: ArticlePage) -> Item:
    return Item.objects.get(object_id=str(page.pk))


def shown() -> list[str]:
    return [item.title for item in serve(["home-top"], ServingContext.for_preview(locale="en"))[0].items]


def publish(page: ArticlePage, **changes) -> None:
    page = ArticlePage.objects.get(pk=page.pk)
    for name, value in changes.items():
        setattr(page, name, value)
    page.save_revision().publish()


def state_of(variant: Variant) -> str:
    return Variant.objects.values_list("state", flat=True).get(pk=variant.pk)


def test_a_changed_page_takes_its_variant_out_and_back_into_the_queue(article, variant):
    assert "Stars at hand" in shown()
    publish(article, title="A night of clouds")
    assert "Stars at hand" not in shown()
    assert "A night of clouds" in shown()
    assert state_of(variant) == State.STALE
    assert task_state(variant) is not None
    assert list(services.waiting()) == [variant]
    assert last_approval(variant).source_words["title"] == "A night of stars"
    assert ApprovalRecord.objects.first().act == Act.STALE


def test_what_is_stale_is_approved_for_what_the_source_says_now(article, variant):
    publish(article, title="A night of clouds")
    reviewing.approve(task_state=task_state(variant), user=reviewer())
    assert "Stars at hand" in shown()
    assert last_approval(variant).source_words["title"] == "A night of clouds"
    decisions = ApprovalRecord.objects.filter(source_key=item_of(article).key).exclude(act=Act.SUBMITTED)
    assert [entry.act for entry in decisions] == [Act.APPROVED, Act.STALE, Act.APPROVED]


def test_published_again_without_a_change_it_stays(article, variant):
    publish(article)
    publish(article, slug="elsewhere")
    index_catalog()
    assert state_of(variant) == State.APPROVED
    assert "Stars at hand" in shown()


def test_a_draft_of_the_page_changes_nothing(article, variant):
    page = ArticlePage.objects.get(pk=article.pk)
    page.title = "A night of clouds"
    page.save_revision()
    assert "Stars at hand" in shown()


def test_a_source_that_says_the_same_again_leaves_it_in_the_queue(article, variant):
    publish(article, title="A night of clouds")
    publish(article, title="A night of stars")
    assert state_of(variant) == State.STALE
    assert "Stars at hand" not in shown()
    reviewing.approve(task_state=task_state(variant), user=reviewer())
    assert "Stars at hand" in shown()


def test_an_unpublished_source_that_comes_back_with_the_same_words_is_shown_so_again(article, variant):
    page = ArticlePage.objects.get(pk=article.pk)
    page.unpublish()
    index_catalog()
    assert state_of(variant) == State.APPROVED
    assert not {"Stars at hand", "A night of stars"} & set(shown())
    publish(article)
    assert state_of(variant) == State.APPROVED
    assert "Stars at hand" in shown()


def test_an_unpublished_source_that_comes_back_with_other_words_makes_it_stale(article, variant):
    ArticlePage.objects.get(pk=article.pk).unpublish()
    publish(article, title="A night of clouds")
    assert state_of(variant) == State.STALE


def test_a_deleted_source_is_not_shown(article, variant):
    ArticlePage.objects.get(pk=article.pk).delete()
    index_catalog()
    assert state_of(variant) == State.APPROVED
    assert "Stars at hand" not in shown()


def test_a_change_that_nobody_told_of_is_found_by_the_schedule(article, variant):
    ArticlePage.objects.filter(pk=article.pk).update(title="A night of clouds")
    assert state_of(variant) == State.APPROVED
    index_catalog()
    assert state_of(variant) == State.STALE


def test_words_in_the_queue_are_checked_against_the_new_source(article):
    variant = make_draft(item_of(article), headline="Stars at hand")
    state = submitted(variant)
    seen = reviewing.seen_by(Variant.objects.get(pk=variant.pk))
    publish(article, title="A night of clouds")
    waiting = Variant.objects.get(pk=variant.pk)
    assert (waiting.state, waiting.is_checked) == (State.IN_REVIEW, True)
    with pytest.raises(reviewing.ReviewError, match="changed since"):
        reviewing.approve(task_state=state, user=reviewer(), seen=seen)


def test_a_slots_own_words_are_a_source_too(site):
    slot = make_slot("about", heading="Read on", text="The best of the week.", size=3)
    variant = approved(None, slot=slot, headline="Stars at hand")
    slot.name = "Renamed"
    slot.save()
    assert state_of(variant) == State.APPROVED
    slot.heading = "Look up"
    slot.save()
    assert state_of(variant) == State.STALE
    assert last_approval(variant).source_words["title"] == "Read on"


def test_a_slot_that_was_changed_without_a_signal_is_found_by_the_schedule(site):
    slot = make_slot("about", heading="Read on", size=3)
    variant = approved(None, slot=slot, headline="Stars at hand")
    Slot.objects.filter(pk=slot.pk).update(heading="Look up")
    index_catalog()
    assert state_of(variant) == State.STALE


def test_where_nothing_is_approved_a_changed_page_costs_one_query(article, django_assert_num_queries):
    with django_assert_num_queries(1):
        services.notice_changed_sources(item_keys=[item_of_key(article)])
    with django_assert_num_queries(1):
        services.notice_changed_sources()


def item_of_key(page: ArticlePage) -> str:
    return f"page:{page.pk}"


def test_a_variant_that_no_step_would_take_waits_all_the_same(article, variant):
    workflow = ensure_workflow()
    workflow.workflow_tasks.all().delete()
    publish(article, title="A night of clouds")
    assert state_of(variant) == State.STALE
    assert task_state(variant) is None
    assert list(services.waiting()) == [variant]
    assert "Stars at hand" not in shown()
    step = VariantReviewTask.objects.get()
    WorkflowTask.objects.create(workflow=workflow, task=step, sort_order=0)
    index_catalog()
    reviewing.approve(task_state=task_state(variant), user=reviewer())
    assert "Stars at hand" in shown()


def test_the_return_to_the_queue_is_told_to_administrators(article, variant, settings):
    User.objects.create_superuser("root", email="root@example.org")
    mail.outbox.clear()
    publish(article, title="A night of clouds")
    assert all("root@example.org" in message.to for message in mail.outbox)


def test_what_is_stale_can_be_edited_and_then_judged_by_others(article, variant):
    publish(article, title="A night of clouds")
    stale = Variant.objects.get(pk=variant.pk)
    stale.headline = "Clouds at hand"
    stale.save_revision(user=reviewer())
    assert obstacle_for(stale, reviewer())
    reviewing.approve(task_state=task_state(variant), user=person("third", *REVIEWER))
    assert "Clouds at hand" in shown()
