"""Who may decide about which words, and what becomes of them."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.utils import timezone
from wagtail.models import Locale, ModelLogEntry, Site

from personalization.catalog.models import Item
from personalization.slots.context import ServingContext
from personalization.slots.serve import serve
from personalization.variants import reviewing, services
from personalization.variants.choices import Act, Rejection, State
from personalization.variants.four_eyes import obstacle_for
from personalization.variants.models import ApprovalRecord, Variant
from personalization.variants.reviewing import ReviewError
from personalization.variants.workflow import VariantReviewTask, ensure_workflow
from tests.factories import ImageFactory
from tests.slots.world import make_items, make_slot
from tests.variants.world import EDITOR, REVIEWER, approved, editor, make_draft, person, reviewer, submitted, task_state

# Words that no guardrail finds too much alike.
UNLIKE = ("Stars at hand", "Look up tonight", "Beyond the moon")

pytestmark = pytest.mark.django_db


def titles() -> list[str]:
    context = replace(ServingContext.for_preview(locale="en"), now=timezone.now())
    return [item.title for item in serve(["home-top"], context)[0].items]


def acts(variant: Variant) -> list[str]:
    return list(ApprovalRecord.objects.filter(variant_key=variant.key).order_by("pk").values_list("act", flat=True))


def fresh(variant: Variant) -> Variant:
    return Variant.objects.get(pk=variant.pk)


def edit(variant: Variant, user: User | None = None, **words) -> Variant:
    edited = fresh(variant)
    for name, text in words.items():
        setattr(edited, name, text)
    edited.save_revision(user=user)
    return fresh(variant)


@pytest.fixture
def item(site) -> Item:
    make_slot(size=12)
    return make_items()[0]


@pytest.fixture
def clock(monkeypatch):
    """Moves everybody's clock to a moment."""
    return lambda moment: monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.fixture
def step() -> VariantReviewTask:
    return VariantReviewTask.objects.get(workflow_tasks__workflow=ensure_workflow())


def test_whoever_asked_does_not_approve(item):
    state = submitted(make_draft(item))
    both = person("editor")
    both.user_permissions.set(reviewer().user_permissions.all())
    with pytest.raises(PermissionDenied, match="asked"):
        reviewing.approve(task_state=state, user=User.objects.get(pk=both.pk))


def test_a_superuser_does_not_approve_what_they_asked_for(item):
    root = User.objects.create_superuser("root")
    state = submitted(make_draft(item, requested_by=root))
    with pytest.raises(PermissionDenied, match="asked"):
        reviewing.approve(task_state=state, user=root)
    assert fresh(state.workflow_state.content_object).state == State.IN_REVIEW


def test_whoever_edited_last_does_not_approve(item):
    root = User.objects.create_superuser("root")
    variant = edit(make_draft(item), root, headline="Stars nearby")
    state = submitted(variant)
    with pytest.raises(PermissionDenied, match="edited"):
        reviewing.approve(task_state=state, user=root)


def test_a_save_that_changes_nothing_does_not_make_the_words_somebody_elses(item):
    writer, other = reviewer(), person("other", *EDITOR)
    variant = edit(make_draft(item), writer, headline="Stars nearby")
    edit(variant, other)
    state = submitted(variant)
    for user in (writer, other):
        assert obstacle_for(fresh(variant), user)
    reviewing.approve(task_state=state, user=person("third", *REVIEWER))


def test_who_edited_earlier_words_may_approve_later_ones(item):
    writer, other = reviewer(), person("other", *EDITOR)
    variant = edit(make_draft(item), writer, headline="Stars nearby")
    edit(variant, other, headline="Stars at hand")
    reviewing.approve(task_state=submitted(variant), user=writer)
    assert fresh(variant).live


def test_an_own_revision_that_is_written_over_keeps_its_writer(item):
    variant = edit(make_draft(item), reviewer(), headline="Stars nearby")
    variant.headline = "Stars at hand"
    variant.save_revision(user=reviewer(), overwrite_revision=variant.latest_revision)
    assert "edited" in obstacle_for(fresh(variant), reviewer())
    with pytest.raises(PermissionDenied):
        variant.save_revision(user=person("other", *EDITOR), overwrite_revision=variant.latest_revision)


def test_a_revision_that_is_written_over_revokes_an_approval(item):
    variant = approved(item, headline="Stars at hand")
    edited = edit(variant, editor())
    assert edited.state == State.APPROVED
    edited.headline = "Anything"
    edited.save_revision(user=editor(), overwrite_revision=edited.latest_revision)
    assert fresh(variant).state == State.DRAFT
    assert "Anything" not in titles()


def test_the_permission_is_needed(item):
    state = submitted(make_draft(item))
    with pytest.raises(PermissionDenied, match="may not approve"):
        reviewing.approve(task_state=state, user=person("other", *EDITOR))
    with pytest.raises(PermissionDenied, match="retire"):
        reviewing.retire(variant=approved(item), user=editor())


def test_submitting_needs_the_permission_to_change(item):
    with pytest.raises(PermissionDenied):
        services.submit_variant(variant=make_draft(item), user=person("reader", "view_variant"))


def test_a_decision_is_taken_once(item):
    state = submitted(make_draft(item))
    reviewing.approve(task_state=state, user=reviewer())
    with pytest.raises(ReviewError, match="already"):
        reviewing.reject(task_state=state, user=reviewer(), reason=Rejection.TONE)


def test_nothing_else_than_what_was_seen_is_approved(item):
    variant = make_draft(item, headline="Stars at hand")
    state = submitted(variant)
    seen = reviewing.seen_by(fresh(variant))
    edit(variant, editor(), headline="Stars nearby")
    with pytest.raises(ReviewError, match="changed since"):
        reviewing.approve(task_state=state, user=reviewer(), seen=seen)
    Item.objects.filter(pk=item.pk).update(text_hash="other")
    with pytest.raises(ReviewError, match="changed since"):
        reviewing.approve(task_state=state, user=reviewer(), seen=seen)
    reviewing.approve(task_state=state, user=reviewer(), seen=reviewing.seen_by(fresh(variant)))
    assert "Stars nearby" in titles()


def test_requested_changes_are_made_and_submitted_again(item):
    variant = make_draft(item, headline="Stars at hand")
    reviewing.request_changes(task_state=submitted(variant), user=reviewer(), comment="Shorter, please.")
    assert fresh(variant).state == State.CHANGES
    assert task_state(variant) is None
    edit(variant, editor(), headline="Stars")
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert "Stars" in titles()
    assert acts(variant) == [Act.SUBMITTED, Act.CHANGES, Act.SUBMITTED, Act.APPROVED]


def test_a_rejected_variant_comes_back_only_by_an_edit(item):
    variant = make_draft(item, headline="Stars at hand")
    reviewing.reject(task_state=submitted(variant), user=reviewer(), reason=Rejection.TONE, comment="Too loud.")
    assert fresh(variant).state == State.REJECTED
    with pytest.raises(ReviewError, match="Only a draft"):
        services.submit_variant(variant=variant, user=editor())
    entry = ApprovalRecord.objects.first()
    assert (entry.act, entry.reason, entry.comment) == (Act.REJECTED, Rejection.TONE, "Too loud.")
    assert edit(variant, editor()).state == State.REJECTED
    assert edit(variant, editor(), headline="Stars").state == State.DRAFT
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    assert "Stars" in titles()


def test_a_form_that_saves_the_row_before_its_revision_revokes_too(item):
    variant = approved(item, headline="Stars at hand")
    variant.headline = "Anything"
    variant.save()
    variant.save_revision(user=editor())
    assert fresh(variant).state == State.DRAFT
    assert not {"Anything", "Stars at hand"} & set(titles())
    assert acts(variant)[-1] == Act.REVOKED


def test_a_form_that_was_opened_before_the_decision_does_not_undo_it(item):
    variant = make_draft(item, headline="Stars at hand")
    state = submitted(variant)
    opened = fresh(variant)
    reviewing.approve(task_state=state, user=reviewer())
    opened.save()
    assert (opened.state, opened.live) == (State.APPROVED, True)
    assert "Stars at hand" in titles()


def test_a_form_that_was_opened_while_it_was_approved_does_not_bring_it_back(item):
    variant = approved(item, headline="Stars at hand")
    opened = fresh(variant)
    reviewing.retire(variant=variant, user=reviewer())
    opened.save()
    assert (fresh(variant).state, fresh(variant).live) == (State.RETIRED, False)
    assert "Stars at hand" not in titles()


def test_every_part_of_the_content_revokes(item):
    for change in (
        {"summary": "More."},
        {"call_to_action": "Go"},
        {"label": "short"},
        {"image_description": "A star"},
        {"expire_at": timezone.now() + timedelta(days=1)},
    ):
        variant = approved(item)
        assert edit(variant, editor(), **change).state == State.DRAFT, change


def test_reverting_to_earlier_words_revokes_and_does_not_bring_back_their_approval(item):
    variant = approved(item, headline="Stars at hand")
    first = variant.latest_revision
    reviewing.approve(
        task_state=submitted(edit(variant, editor(), headline="Stars nearby")), user=person("third", *REVIEWER)
    )
    assert "Stars nearby" in titles()
    earlier = first.as_object()
    assert earlier.state == State.APPROVED  # the row's own, not the revision's
    earlier.save_revision(user=editor(), previous_revision=first, log_action=True)
    assert fresh(variant).headline == "Stars at hand"
    assert fresh(variant).state == State.DRAFT
    assert not {"Stars at hand", "Stars nearby"} & set(titles())


def test_a_retired_variant_leaves_its_slot_and_the_queue(item):
    shown, waiting = approved(item, headline="Stars at hand"), make_draft(item)
    submitted(waiting)
    for variant in (shown, waiting):
        reviewing.retire(variant=variant, user=reviewer(), comment="Old news.")
        assert fresh(variant).state == State.RETIRED
        assert task_state(variant) is None
        with pytest.raises(ReviewError, match="already"):
            reviewing.retire(variant=variant, user=reviewer())
    assert "Stars at hand" not in titles()


def test_words_for_something_unpublished_are_not_approved(item):
    state = submitted(make_draft(item))
    Item.objects.filter(pk=item.pk).update(live=False)
    with pytest.raises(ReviewError, match="not published"):
        reviewing.approve(task_state=state, user=reviewer())


def test_a_schedule_publishes_and_ends_a_variant(item, clock):
    now = timezone.now()
    dates = {"go_live_at": now + timedelta(days=1), "expire_at": now + timedelta(days=3)}
    variant = edit(approved(item, headline="Plain"), editor(), headline="Soon", **dates)
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    call_command("publish_scheduled")
    assert (fresh(variant).state, fresh(variant).live) == (State.APPROVED, False)
    assert not {"Plain", "Soon"} & set(titles())
    clock(now + timedelta(days=2))
    call_command("publish_scheduled")
    assert fresh(variant).live
    assert "Soon" in titles()
    clock(now + timedelta(days=4))
    assert "Soon" not in titles()
    call_command("publish_scheduled")
    assert (fresh(variant).state, fresh(variant).live) == (State.RETIRED, False)
    assert "date" in ApprovalRecord.objects.first().comment


def test_a_revoked_approval_is_not_published_by_its_schedule(item, clock):
    now = timezone.now()
    variant = edit(make_draft(item), editor(), headline="Soon", go_live_at=now + timedelta(days=1))
    reviewing.approve(task_state=submitted(variant), user=reviewer())
    edit(variant, editor(), headline="Other")
    clock(now + timedelta(days=2))
    call_command("publish_scheduled")
    assert not {"Soon", "Other"} & set(titles())
    assert fresh(variant).state == State.DRAFT


def test_only_an_approval_publishes(item):
    root = User.objects.create_superuser("root")
    variant = make_draft(item)
    with pytest.raises(PermissionDenied, match="Only an approval"):
        variant.latest_revision.publish(user=root)
    with pytest.raises(PermissionDenied):
        variant.latest_revision.publish(user=root, skip_permission_checks=True)
    shown = approved(item, headline="Stars at hand")
    old = shown.latest_revision
    reviewing.approve(
        task_state=submitted(edit(shown, editor(), headline="Stars nearby")), user=person("third", *REVIEWER)
    )
    with pytest.raises(PermissionDenied):
        old.publish(user=root)
    assert "Stars nearby" in titles()


def test_unpublishing_retires(item):
    variant = approved(item, headline="Stars at hand")
    variant.unpublish()
    assert fresh(variant).state == State.RETIRED
    assert acts(variant)[-1] == Act.RETIRED
    assert "Stars at hand" not in titles()


def test_a_translation_is_a_draft_of_the_same_item_in_that_language(item):
    french = Locale.objects.get_or_create(language_code="fr")[0]
    twin = Item.objects.create(
        key="page:fr", group=item.group, content_type=item.content_type, object_id="1", title="Étoiles", locale="fr"
    )
    original = approved(item, headline="Stars at hand")
    copy = original.copy_for_translation(french)
    copy.save()
    copy.refresh_from_db()
    assert (copy.item, copy.state, copy.live, copy.latest_revision) == (twin, State.DRAFT, False, None)
    assert acts(copy) == []
    assert copy.is_ai
    assert fresh(original).state == State.APPROVED
    with pytest.raises(ReviewError):
        reviewing.waiting_task(copy)


def test_what_is_deleted_in_bulk_is_gone_and_its_record_stays(item):
    variants = [approved(item, headline=words) for words in UNLIKE]
    Variant.objects.filter(pk__in=[variant.pk for variant in variants]).delete()
    assert not set(UNLIKE) & set(titles())
    assert acts(variants[0]) == [Act.SUBMITTED, Act.APPROVED, Act.RETIRED]


def test_a_deleted_account_leaves_its_name_in_the_record(item):
    variant = approved(item)
    name = ApprovalRecord.objects.get(act=Act.APPROVED).user_name
    User.objects.filter(pk__in=[reviewer().pk, editor().pk]).delete()
    assert (name, fresh(variant).requested_by) == ("reviewer", None)
    assert ApprovalRecord.objects.get(act=Act.APPROVED).user_name == "reviewer"
    assert fresh(variant).state == State.APPROVED


def test_a_replaced_or_deleted_picture_ends_the_approval(item):
    for change in ("replace", "delete"):
        image = ImageFactory()
        variant = make_draft(item, headline="Stars at hand", image=image)
        reviewing.approve(task_state=submitted(variant), user=reviewer())
        assert "Stars at hand" in titles()
        image.title = "Renamed"
        image.save()
        assert fresh(variant).state == State.APPROVED
        if change == "replace":
            image.file_hash = "0" * 40
            image.save()
        else:
            image.delete()
        assert (fresh(variant).state, acts(variant)[-1]) == (State.DRAFT, Act.REVOKED)
        assert "Stars at hand" not in titles()


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_picture_that_changes_in_the_queue_has_to_be_seen_again(item, is_deleted):
    image = ImageFactory()
    variant = make_draft(item, headline="Stars at hand", image=image)
    state = submitted(variant)
    seen = reviewing.seen_by(fresh(variant))
    if is_deleted:
        image.delete()
    else:
        image.file_hash = "0" * 40
        image.save()
    with pytest.raises(ReviewError, match="changed since"):
        reviewing.approve(task_state=state, user=reviewer(), seen=seen)
    reviewing.approve(task_state=state, user=reviewer(), seen=reviewing.seen_by(fresh(variant)))
    assert "Stars at hand" in titles()


def test_a_step_judges_only_within_its_limits(item, step):
    french = Locale.objects.get_or_create(language_code="fr")[0]
    step.locales.set([french])
    with pytest.raises(ReviewError, match="language, site and section"):
        submitted(make_draft(item))
    assert Variant.objects.get().state == State.DRAFT
    step.locales.clear()
    step.sites.set([Site.objects.create(hostname="elsewhere", root_page=Site.objects.get().root_page)])
    with pytest.raises(ReviewError, match="language, site and section"):
        submitted(Variant.objects.get())
    step.sites.set([item.site_id])
    submitted(Variant.objects.get())


def test_a_section_is_a_limit(item, step):
    home = Site.objects.get(pk=item.site_id).root_page
    step.section = home
    step.save()
    with pytest.raises(ReviewError):
        submitted(make_draft(item))
    Item.objects.filter(pk=item.pk).update(tree_path=f"{home.path}0001")
    submitted(Variant.objects.get())


def test_groups_say_who_judges_at_a_step(item, step):
    french = Group.objects.create(name="French desk")
    step.groups.set([french])
    state = submitted(make_draft(item))
    assert not step.get_task_states_user_can_moderate(reviewer()).exists()
    with pytest.raises(PermissionDenied, match="up to others"):
        reviewing.approve(task_state=state, user=reviewer())
    reviewer().groups.add(french)
    assert step.get_task_states_user_can_moderate(reviewer()).get() == state
    reviewing.approve(task_state=state, user=User.objects.get(username="reviewer"))


def test_each_of_many_is_decided_for_itself(item):
    waiting = [make_draft(item, headline=words) for words in UNLIKE]
    for variant in waiting[:2]:
        submitted(variant)
    own = make_draft(item, requested_by=reviewer())
    submitted(own)

    def decide(variant: Variant) -> None:
        reviewing.approve(task_state=reviewing.waiting_task(variant), user=reviewer())

    outcomes = reviewing.decide_each([*waiting, own], decide)
    assert [bool(outcome.refusal) for outcome in outcomes] == [False, False, True, True]
    assert "does not wait" in outcomes[2].refusal
    assert "asked for" in outcomes[3].refusal
    assert {variant.headline for variant in Variant.objects.filter(live=True)} == set(UNLIKE[:2])


def test_the_history_tells_of_decisions(item):
    variant = approved(item)
    edit(variant, editor(), headline="Other")
    reviewing.reject(task_state=submitted(variant), user=reviewer(), reason=Rejection.TONE, comment="Too loud.")
    entries = ModelLogEntry.objects.filter(object_id=variant.key, action__startswith="personalization.variant")
    told = {entry.action.rpartition(".")[2]: entry for entry in entries}
    assert set(told) == {Act.REVOKED, Act.REJECTED}
    assert "Wrong tone" in told[Act.REJECTED].message
    assert told[Act.REJECTED].comment == "Too loud."
    assert told[Act.REJECTED].user == reviewer()
