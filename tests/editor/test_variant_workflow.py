"""Wagtail's own doors to the review: its dashboard, its windows and its pages never publish, and never fall over."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization.variants import reviewing
from personalization.variants.choices import State
from personalization.variants.models import Variant
from tests.editor.conftest import login
from tests.slots.world import make_items
from tests.variants.world import approved, editor, make_draft, reviewer, submitted, task_state

pytestmark = pytest.mark.django_db
WINDOW = {"x-requested-with": "XMLHttpRequest"}


@pytest.fixture
def variant(site) -> Variant:
    variant = make_draft(make_items(1)[0], headline="Stars at hand")
    submitted(variant)
    return fresh(variant)


@pytest.fixture
def judge(variant) -> Client:
    return login(reviewer())


def fresh(variant: Variant) -> Variant:
    return Variant.objects.get(pk=variant.pk)


def action_url(variant: Variant, action: str = "approve", state: int | None = None) -> str:
    name = Variant.snippet_viewset.get_url_name("workflow_action")
    return reverse(name, args=[variant.pk, action, state or task_state(variant).pk])


def told(client: Client) -> str:
    return client.get(reverse("wagtailadmin_home")).content.decode()


def test_the_dashboard_lists_what_waits_for_its_reader(variant, judge):
    assert action_url(variant) in told(judge)
    assert action_url(variant) not in told(login(User.objects.create_user("nobody")))
    assert action_url(variant) not in told(login(editor()))


def test_the_window_shows_what_is_approved(variant, judge):
    shown = judge.get(action_url(variant)).json()["html"]
    assert "Stars" in shown
    assert reviewing.seen_by(variant) in shown
    done = judge.post(action_url(variant), {"seen": reviewing.seen_by(variant)}, headers=WINDOW)
    assert done.json()["step"] == "success"
    assert fresh(variant).state == State.APPROVED


def test_words_that_changed_since_the_window_opened_are_not_approved(variant, judge):
    url, seen = action_url(variant), reviewing.seen_by(variant)
    variant.headline = "Stars nearby"
    variant.save_revision(user=editor())
    assert judge.post(url, {"seen": seen}, headers=WINDOW).json()["step"] == "success"
    assert "have changed since" in told(judge)
    assert fresh(variant).state == State.IN_REVIEW


@pytest.mark.parametrize("headers", [WINDOW, {}])
def test_who_may_not_judge_is_told_why(variant, headers):
    client = login(User.objects.create_superuser("root"))
    Variant.objects.update(requested_by=User.objects.get(username="root"))
    url = action_url(variant)
    for answer in (client.get(url, headers=headers), client.post(url, {"seen": "x"}, headers=headers)):
        assert answer.status_code in (200, 302)
    assert "You asked for this variant" in told(client)
    assert fresh(variant).state == State.IN_REVIEW


@pytest.mark.parametrize("headers", [WINDOW, {}])
@pytest.mark.parametrize("action", ["approve", "reject", "refuse", "publish", "nonsense"])
def test_an_empty_form_decides_nothing(variant, judge, action, headers):
    answer = judge.post(action_url(variant, action), {}, headers=headers)
    assert answer.status_code in (200, 302)
    assert fresh(variant).state == State.IN_REVIEW


def test_a_step_of_something_else_decides_nothing(variant, judge):
    other = make_draft(variant.item, headline="Look up tonight")
    state = submitted(other)
    judge.post(action_url(variant, state=state.pk), {"seen": reviewing.seen_by(variant)})
    assert {fresh(variant).state, fresh(other).state} == {State.IN_REVIEW}
    assert judge.get(action_url(variant, state=10**9)).status_code == 404


def test_what_was_decided_meanwhile_is_told(variant, judge):
    url, seen = action_url(variant), reviewing.seen_by(variant)
    reviewing.approve(task_state=task_state(variant), user=User.objects.create_superuser("root"))
    judge.post(url, {"seen": seen})
    assert "not currently awaiting moderation" in told(judge)
    assert fresh(variant).state == State.APPROVED


def test_a_reason_is_asked_for_and_kept(variant, judge):
    assert 'name="reason"' in judge.get(action_url(variant, "refuse")).json()["html"]
    judge.post(action_url(variant, "refuse"), {"reason": "tone", "comment": "Too loud."}, headers=WINDOW)
    assert fresh(variant).state == State.REJECTED


@pytest.mark.parametrize("name", ["unpublish", "edit", "history", "workflow_history"])
def test_nobody_publishes_or_falls_over_at_wagtails_other_pages(variant, name):
    shown = approved(variant.item, headline="Look up tonight")
    client = login(User.objects.create_superuser("root"))
    url = reverse(Variant.snippet_viewset.get_url_name(name), args=[shown.pk])
    assert client.get(url).status_code in (200, 302)
    answer = client.post(url, {"action-publish": "1"})
    assert answer.status_code in (200, 302, 403, 405)
    assert fresh(shown).headline == "Look up tonight"


def test_the_history_page_tells_of_decisions(variant, judge):
    reviewing.reject(task_state=task_state(variant), user=reviewer(), reason="tone", comment="Too loud.")
    page = judge.get(reverse(Variant.snippet_viewset.get_url_name("history"), args=[variant.pk])).content.decode()
    assert "Rejected for good (Wrong tone)" in page
    assert "Too loud." in page
