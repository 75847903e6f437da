"""Several people at one variant at the same moment, here as threads with connections of their own, on PostgreSQL."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import transaction
from wagtail.models import TaskState, WorkflowState

from cms_site.home.models import ArticlePage
from personalization.catalog.models import Item
from personalization.slots.models import Slot
from personalization.variants import reviewing, services
from personalization.variants.choices import Act, Rejection, State
from personalization.variants.hashing import content_digest
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.reviewing import ReviewError
from personalization.variants.serving import serving_variants
from personalization.variants.verifying import find_faults
from personalization.variants.workflow import VariantReviewTask, ensure_workflow
from tests.events.test_concurrency import at_once
from tests.factories import ArticlePageFactory, default_site
from tests.slots.world import make_slot
from tests.variants.world import REVIEWER, approved, editor, make_draft, person, reviewer, submitted, task_state

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.services]
ROUNDS = 10
# Of each of those who are all at work at once.
TURNS = 5
REFUSALS = (ReviewError, PermissionDenied)


@pytest.fixture
def article() -> ArticlePage:
    default_site()
    editor(), reviewer(), person("second", *REVIEWER)
    page = ArticlePageFactory(title="A night of stars", words="Everybody looks up tonight.")
    page.save_revision().publish()
    return ArticlePage.objects.get(pk=page.pk)


@pytest.fixture
def item(article) -> Item:
    return Item.objects.get(object_id=str(article.pk))


def attempt(call: Callable[[], Any]) -> Callable[[], str]:
    """The call, whose refusal is an answer too; anything else, such as a deadlock, fails the test."""

    def run() -> str:
        try:
            call()
        except REFUSALS as refusal:
            return str(refusal) or "refused"
        return ""

    return run


def waiting(item: Item) -> Iterator[tuple[Variant, TaskState]]:
    """One variant after the other in the queue, the one before out of its way."""
    for _round in range(ROUNDS):
        variant = make_draft(item, headline="Stars at hand")
        yield fresh(variant), submitted(variant)
        assert list(find_faults()) == []
        Variant.objects.filter(pk=variant.pk).delete()


def fresh(variant: Variant) -> Variant:
    return Variant.objects.select_related("item").get(pk=variant.pk)


def approve(variant: Variant, state: TaskState, user: Any = None, seen: str = "") -> Callable[[], Any]:
    return partial(reviewing.approve, task_state=state, user=user or reviewer(), seen=seen)


def decisions(variant: Variant) -> list[str]:
    made = ApprovalRecord.objects.filter(variant_key=variant.key).exclude(act=Act.SUBMITTED).order_by("pk")
    return list(made.values_list("act", flat=True))


def shown() -> list[str]:
    return [one.headline for variants in serving_variants().values() for one in variants]


def test_two_reviewers_take_one_decision(item):
    first, second = reviewer(), person("second", *REVIEWER)
    outcomes = set()
    for variant, state in waiting(item):
        reject = partial(reviewing.reject, task_state=fresh_state(state), user=second, reason=Rejection.TONE)
        told = at_once(attempt(approve(variant, fresh_state(state), first)), attempt(reject))
        assert sorted(map(bool, told)) == [False, True], told
        (made,) = decisions(variant)
        assert made in (Act.APPROVED, Act.REJECTED)
        found = fresh(variant)
        assert (found.state, found.live) == (made, made == Act.APPROVED)
        assert not WorkflowState.objects.active().exists()
        outcomes.add(made)
    assert outcomes


def fresh_state(state: TaskState) -> TaskState:
    return TaskState.objects.get(pk=state.pk)


def test_two_approvals_are_one(item):
    first, second = reviewer(), person("second", *REVIEWER)
    for variant, state in waiting(item):
        told = at_once(*(attempt(approve(variant, fresh_state(state), user)) for user in (first, second)))
        assert sorted(map(bool, told)) == [False, True], told
        assert decisions(variant) == [Act.APPROVED]
        assert fresh(variant).live


def edit(variant: Variant, user: Any) -> None:
    """As Wagtail's form does it: the row, where it is not live, then a revision."""
    with transaction.atomic():
        variant.headline = "Anything at all"
        if not variant.live:
            variant.save()
        variant.save_revision(user=user)


@pytest.mark.parametrize("names_what_it_saw", [True, False])
def test_an_edit_during_an_approval_shows_nothing_unseen(item, names_what_it_saw):
    user, ends = editor(), set()
    for variant, state in waiting(item):
        seen = reviewing.seen_by(variant) if names_what_it_saw else ""
        refused, _edited = at_once(
            attempt(approve(variant, fresh_state(state), seen=seen)), partial(edit, fresh(variant), user)
        )
        found = fresh(variant)
        ends.add((bool(refused), found.state))
        assert found.headline == "Anything at all"
        if names_what_it_saw:
            assert (found.state, found.live) == (State.IN_REVIEW if refused else State.DRAFT, False)
            assert shown() == []
            assert decisions(variant) == ([] if refused else [Act.APPROVED, Act.REVOKED])
        else:
            last = ApprovalRecord.objects.filter(variant_key=variant.key).latest("pk")
            assert found.live == (last.act == Act.APPROVED)
            assert shown() == ([last.words["headline"]] if found.live else [])
            assert not found.live or last.content_hash == content_digest(found)
    assert ends


def publish(page: ArticlePage, title: str) -> None:
    page.title = title
    page.save_revision().publish()


@pytest.mark.parametrize("names_what_it_saw", [True, False])
def test_a_source_that_changes_during_an_approval_is_not_covered_by_it(item, article, names_what_it_saw):
    for number, (variant, state) in enumerate(waiting(item)):
        seen = reviewing.seen_by(variant) if names_what_it_saw else ""
        page = ArticlePage.objects.get(pk=article.pk)
        at_once(
            attempt(approve(variant, fresh_state(state), seen=seen)),
            partial(publish, page, f"A night of clouds, part {number}"),
        )
        found = fresh(variant)
        assert found.state in (State.STALE, State.IN_REVIEW) or not names_what_it_saw
        if found.state == State.APPROVED:
            last = ApprovalRecord.objects.filter(variant_key=variant.key).latest("pk")
            assert found.source_hash == last.source_hash == found.item.text_hash
        else:
            assert not found.live
            assert task_state(variant) is not None


def test_two_submissions_are_one(item):
    user = editor()
    for _round in range(ROUNDS):
        variant = make_draft(item, headline="Stars at hand")
        submit = partial(services.submit_variant, variant=variant, user=user)
        told = at_once(attempt(submit), attempt(submit))
        assert sorted(map(bool, told)) == [False, True], told
        assert WorkflowState.objects.count() == 1
        assert ApprovalRecord.objects.filter(variant_key=variant.key).count() == 1
        variant.delete()


def test_what_is_deleted_during_an_approval_is_gone(item):
    for variant, state in waiting(item):
        at_once(attempt(approve(variant, fresh_state(state))), fresh(variant).delete)
        assert not Variant.objects.exists()
        assert shown() == []
        assert decisions(variant) in ([], [Act.APPROVED, Act.RETIRED])


def test_what_is_retired_during_an_approval_is_retired(item):
    user = person("second", *REVIEWER)
    for variant, state in waiting(item):
        retire = partial(reviewing.retire, variant=variant, user=user)
        _told, retired = at_once(attempt(approve(variant, fresh_state(state))), attempt(retire))
        assert retired == ""
        assert (fresh(variant).state, fresh(variant).live) == (State.RETIRED, False)
        assert not WorkflowState.objects.active().exists()


def test_what_is_taken_back_during_an_approval_is_either(item):
    user = editor()
    for variant, state in waiting(item):
        take_back = partial(services.take_back, variant=variant, user=user)
        told = at_once(attempt(approve(variant, fresh_state(state))), attempt(take_back))
        assert sorted(map(bool, told)) == [False, True], told
        found = fresh(variant)
        assert (found.state, found.live) in ((State.APPROVED, True), (State.DRAFT, False))


def test_a_review_that_wagtail_cancels_during_an_approval_leaves_nothing_in_between(item):
    for variant, state in waiting(item):
        cancel = WorkflowState.objects.get(pk=state.workflow_state_id).cancel
        at_once(attempt(approve(variant, fresh_state(state))), attempt(cancel))
        found = fresh(variant)
        assert (found.state, found.live) in ((State.APPROVED, True), (State.DRAFT, False))


def change_page(article: ArticlePage) -> None:
    for number in range(TURNS):
        publish(ArticlePage.objects.get(pk=article.pk), f"A night of stars, part {number}")


def change_slot(slot: Slot) -> None:
    for number in range(TURNS):
        with transaction.atomic():
            found = Slot.objects.get(pk=slot.pk)
            found.save()
            found.heading = f"Read on, part {number}"
            found.save()


def change_words(variants: list[Variant], user: Any) -> None:
    for number in range(TURNS):
        with transaction.atomic():
            for variant in reversed(variants):
                found = Variant.objects.get(pk=variant.pk)
                found.summary = f"{'More ' * number}to see"
                found.save_revision(user=user)


def judge_each(variants: list[Variant], user: Any, judge: Any) -> None:
    def decide(variant: Variant) -> None:
        reviewing.approve(task_state=reviewing.waiting_task(variant), user=judge)

    for _round in range(TURNS):
        for variant in variants:
            attempt(partial(services.submit_variant, variant=variant, user=user))()
            attempt(partial(decide, variant))()


def test_many_at_work_never_wait_in_a_circle(item, article):
    slot = make_slot("about", heading="Read on", size=3)
    own = approved(None, slot=slot, headline="Look up tonight")
    variants = [approved(item, headline=words) for words in ("Stars at hand", "Beyond the moon", "Look up now")]
    user, judge = editor(), person("second", *REVIEWER)
    at_once(
        partial(change_page, article),
        partial(change_slot, slot),
        partial(change_words, variants, user),
        partial(judge_each, [own, *variants], user, judge),
    )
    assert list(find_faults()) == []
    assert set(Variant.objects.filter(live=True).values_list("state", flat=True)) <= {State.APPROVED}


def test_a_fresh_installation_that_is_begun_twice_at_once_has_one_review():
    for _round in range(5):
        WorkflowState.objects.all().delete()
        ensure_workflow().delete()
        VariantReviewTask.objects.all().delete()
        first, second = at_once(ensure_workflow, ensure_workflow)
        assert first == second
        assert VariantReviewTask.objects.count() == 1
