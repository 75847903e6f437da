"""Wagtail's workflows in all the ways that lead past our services: none of them publishes without an approval."""

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.checks import run_checks
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from wagtail.models import (
    GroupApprovalTask,
    Locale,
    TaskState,
    Workflow,
    WorkflowContentType,
    WorkflowState,
    WorkflowTask,
)

from personalization.catalog.models import Item
from personalization.variants import reviewing, services
from personalization.variants.choices import Act, State
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.reviewing import ReviewError
from personalization.variants.workflow import VariantReviewTask, ensure_workflow, fault_of
from tests.factories import ArticlePageFactory
from tests.slots.world import make_items
from tests.variants.world import REVIEWER, approved, editor, make_draft, person, reviewer, submitted, task_state

pytestmark = pytest.mark.django_db


def fresh(variant: Variant) -> Variant:
    return Variant.objects.get(pk=variant.pk)


@pytest.fixture
def item(site) -> Item:
    return make_items(1)[0]


@pytest.fixture
def workflow() -> Workflow:
    return ensure_workflow()


@pytest.fixture
def step(workflow) -> VariantReviewTask:
    return VariantReviewTask.objects.get(workflow_tasks__workflow=workflow)


@pytest.fixture
def desk(workflow) -> GroupApprovalTask:
    """A step of Wagtail's own kind after ours."""
    task = GroupApprovalTask.objects.create(name="Desk")
    task.groups.add(Group.objects.get_or_create(name="Desk")[0])
    WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=1)
    return task


def test_a_fresh_installation_has_its_review_once():
    content_type = ContentType.objects.get_for_model(Variant)
    assigned = WorkflowContentType.objects.get(content_type=content_type)
    assert list(assigned.workflow.tasks.values_list("name", flat=True)) == ["Review of variants"]
    call_command("migrate", verbosity=0)
    assert ensure_workflow() == assigned.workflow
    assert VariantReviewTask.objects.count() == 1
    assert Workflow.objects.filter(name="Variants").count() == 1


def test_a_submission_past_our_services_is_held_to_the_same(item, workflow):
    variant = make_draft(item)
    workflow.start(variant, editor())
    assert fresh(variant).state == State.IN_REVIEW
    assert ApprovalRecord.objects.get().act == Act.SUBMITTED
    with pytest.raises(ReviewError, match="Only a draft"):
        workflow.start(approved(item, headline="Stars at hand"), editor())


def test_a_blocked_draft_is_not_submitted_in_any_way(item, workflow):
    variant = make_draft(item, headline="Write to jane.doe@example.org or +44 20 7946 0958")
    assert variant.is_blocked
    with pytest.raises(ReviewError, match="guardrail"):
        services.submit_variant(variant=variant, user=editor())
    with pytest.raises(ReviewError, match="guardrail"):
        workflow.start(variant, editor())
    assert fresh(variant).state == State.DRAFT
    assert not WorkflowState.objects.exists()


def test_resuming_a_workflow_puts_the_variant_back_into_the_queue(item):
    variant = make_draft(item)
    reviewing.request_changes(task_state=submitted(variant), user=reviewer(), comment="Shorter.")
    fresh(variant).current_workflow_state.resume(user=editor())
    assert fresh(variant).state == State.IN_REVIEW


def test_a_cancelled_review_leaves_a_draft(item):
    variant = make_draft(item)
    submitted(variant)
    fresh(variant).current_workflow_state.cancel(user=editor())
    assert fresh(variant).state == State.DRAFT
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert fresh(variant).live


def test_who_submitted_takes_it_back(item):
    variant = make_draft(item)
    submitted(variant)
    with pytest.raises(PermissionDenied):
        services.take_back(variant=variant, user=person("other", "change_variant"))
    assert services.take_back(variant=variant, user=editor()).state == State.DRAFT
    with pytest.raises(ReviewError, match="does not wait"):
        services.take_back(variant=variant, user=editor())


def test_a_deactivated_step_or_workflow_leaves_drafts(item, workflow, step):
    variant = make_draft(item)
    submitted(variant)
    step.deactivate()
    assert fresh(variant).state == State.DRAFT
    with pytest.raises(ReviewError, match="review of variants"):
        submitted(variant)
    step.active = True
    step.save()
    submitted(variant)
    workflow.deactivate()
    assert fresh(variant).state == State.DRAFT
    assert submitted(variant).workflow_state.workflow != workflow


def test_a_workflow_without_our_review_is_refused(item, workflow, step, desk):
    WorkflowTask.objects.filter(task=step).delete()
    assert "Settings" in fault_of(workflow)
    with pytest.raises(ReviewError, match="Settings > Workflows"):
        submitted(make_draft(item))
    variant = fresh(Variant.objects.get())
    workflow.start(variant, editor())
    state = variant.current_workflow_task_state
    root = User.objects.create_superuser("root")
    with pytest.raises(PermissionDenied, match="Only an approval"):
        state.task.specific.on_action(state, root, "approve")
    assert (fresh(variant).live, fresh(variant).state) == (False, State.DRAFT)
    assert TaskState.objects.get(pk=state.pk).status == TaskState.STATUS_IN_PROGRESS


def test_a_further_step_of_another_kind_publishes_what_ours_has_approved(item, desk):
    variant = make_draft(item)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert (fresh(variant).state, fresh(variant).live) == (State.APPROVED, False)
    state = task_state(variant)
    state.task.specific.on_action(state, User.objects.create_superuser("root"), "approve")
    assert fresh(variant).live


def test_an_edit_between_two_steps_begins_anew(item, desk):
    variant = make_draft(item)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    edited = fresh(variant)
    edited.headline = "Stars nearby"
    edited.save_revision(user=editor())
    assert fresh(variant).state == State.DRAFT
    state = task_state(variant)
    root = User.objects.create_superuser("root")
    with pytest.raises(PermissionDenied):
        state.task.specific.on_action(state, root, "approve")
    assert not fresh(variant).live


def second_review(workflow: Workflow) -> VariantReviewTask:
    task = VariantReviewTask.objects.create(name="Legal review")
    WorkflowTask.objects.create(workflow=workflow, task=task, sort_order=1)
    return task


def test_two_reviews_both_have_to_approve(item, workflow):
    second_review(workflow)
    variant = make_draft(item)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert (fresh(variant).state, fresh(variant).live) == (State.IN_REVIEW, False)
    state = task_state(variant)
    assert state.task.name == "Legal review"
    reviewing.approve(task_state=state, user=person("lawyer", *REVIEWER))
    assert (fresh(variant).state, fresh(variant).live) == (State.APPROVED, True)
    acts = ApprovalRecord.objects.order_by("pk").values_list("act", flat=True)
    assert list(acts) == [Act.SUBMITTED, Act.PASSED, Act.APPROVED]


def test_an_edit_after_the_first_of_two_reviews_ends_both(item, workflow):
    second_review(workflow)
    variant = make_draft(item)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    edited = fresh(variant)
    edited.headline = "Stars nearby"
    edited.save_revision(user=editor())
    assert fresh(variant).state == State.DRAFT
    assert task_state(variant) is None
    assert submitted(variant).task.name == "Review of variants"


def test_a_second_review_that_does_not_cover_the_variant_is_left_out(item, workflow, locale_fr):
    second_review(workflow).locales.add(locale_fr)
    variant = approved(item)
    assert variant.live


@pytest.fixture
def locale_fr(site):
    return Locale.objects.get_or_create(language_code="fr")[0]


def test_steps_switched_off_by_settings_are_told_of(item, settings):
    settings.WAGTAIL_WORKFLOW_ENABLED = False
    with pytest.raises(ReviewError, match="WAGTAIL_WORKFLOW_ENABLED"):
        services.submit_variant(variant=make_draft(item), user=editor())


def test_the_systems_checks_name_what_no_review_can_come_of(workflow, step, settings):
    def found() -> set[str]:
        return {message.id for message in run_checks(databases=["default"])}

    assert not {"personalization.W003", "personalization.W004"} & found()
    WorkflowTask.objects.filter(task=step).delete()
    settings.WAGTAIL_WORKFLOW_ENABLED = True
    assert "personalization.W004" in found()
    settings.WAGTAIL_WORKFLOW_ENABLED = False
    assert "personalization.W003" in found()


@pytest.mark.parametrize("value", [True, False])
def test_wagtails_settings_of_workflows_change_nothing(item, settings, value):
    settings.WAGTAIL_WORKFLOW_CANCEL_ON_PUBLISH = value
    settings.WAGTAIL_WORKFLOW_REQUIRE_REAPPROVAL_ON_EDIT = value
    variant = make_draft(item, headline="Stars at hand")
    state = submitted(variant)
    edited = fresh(variant)
    edited.headline = "Stars nearby"
    edited.save_revision(user=editor())
    reviewing.approve(task_state=state, user=reviewer())
    assert fresh(variant).live
    assert fresh(variant).current_workflow_state is None
    edited = fresh(variant)
    edited.headline = "Stars far off"
    edited.save_revision(user=editor())
    assert fresh(variant).state == State.DRAFT
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert fresh(variant).live


def test_actions_are_offered_to_those_who_may_take_them(item, step):
    variant = make_draft(item)
    submitted(variant)
    assert [name for name, _label, _modal in step.get_actions(fresh(variant), reviewer())] == [
        "reject",
        "refuse",
        "approve",
    ]
    assert step.get_actions(fresh(variant), editor()) == []
    assert step.get_task_states_user_can_moderate(reviewer()).count() == 1
    assert step.get_task_states_user_can_moderate(User.objects.create_superuser("root")).count() == 1
    assert step.get_task_states_user_can_moderate(editor()).count() == 0
    asker = person("asker", *REVIEWER)
    submitted(make_draft(item, headline="Stars at hand", requested_by=asker))
    assert step.get_task_states_user_can_moderate(asker).count() == 1


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("approve", {}),
        ("approve", {"seen": "nothing"}),
        ("approve", {"seen": ""}),
        ("reject", {}),
        ("reject", {"comment": "  "}),
        ("refuse", {"reason": "whatever"}),
        ("publish", {}),
        ("approve", {"task_state": 1, "user": 2}),
    ],
)
def test_a_decision_that_is_not_whole_is_refused_with_a_reason(item, step, action, given):
    state = submitted(make_draft(item))
    with pytest.raises(ReviewError) as refusal:
        step.on_action(state, reviewer(), action, **given)
    assert str(refusal.value)
    assert fresh(Variant.objects.get()).state == State.IN_REVIEW


def test_pages_that_are_sent_to_this_step_wait(site, step, workflow):
    page = ArticlePageFactory(live=False)
    page.save_revision()
    workflow.start(page, editor())
    page.refresh_from_db()
    root = User.objects.create_superuser("root")
    assert not page.live
    assert step.get_actions(page, root) == []
    assert step.get_task_states_user_can_moderate(root).count() == 0
    page.current_workflow_state.cancel(user=root)
