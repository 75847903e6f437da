"""What a variant's page says of its clicks, and where a proposal to retire it is told."""

import pytest
from django.test import Client
from django.urls import reverse

from personalization.experiments.models import Arm
from personalization.tasks import judge_variants
from personalization.variants.choices import State
from personalization.variants.models import Variant
from tests.editor.conftest import login, staff
from tests.experiments.test_variant_results import show, show_both
from tests.experiments.world import make_experiment
from tests.slots.world import make_item
from tests.variants.world import approved

pytestmark = pytest.mark.django_db


def text(response) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.fixture
def variant(site) -> Variant:
    return approved(make_item(1), headline="In other words")


@pytest.fixture
def judge(variant) -> Client:
    return login(staff("judge", "view_variant", "change_variant", "approve_variant"))


def look(client: Client, variant: Variant) -> str:
    return text(client.get(reverse("personalization_variants:review", args=[variant.pk])))


def test_without_visitors_the_page_says_what_will_be_there(judge, variant):
    assert "Nobody who allows analytics has seen these words yet." in look(judge, variant)


def test_few_visitors_tell_nothing_yet(judge, variant):
    show(variant, 0.5, n=20)
    page = look(judge, variant)
    assert "Too few visitors for a conclusion: each wording needs 100, both together 20 clicks." in page
    assert "Not a test: the two were shown to different people" in page


def test_a_test_is_told_with_plot_table_and_interval(judge, variant):
    loser(variant)
    page = look(judge, variant)
    assert "Chance chose the words, in: “Test”." in page
    assert "Fewer click than on the original: -" in page
    assert page.count('class="slot-plot__bar"') == 2
    assert "The figures as a table" in page
    assert '<td class="slot-number">600</td>' in page


def loser(variant: Variant) -> None:
    make_experiment()
    Arm.objects.filter(key="control").update(wording="original")
    show_both(variant, 0.1, 0.3, n=600)


def test_a_proposal_is_told_on_the_dashboard_in_the_list_and_on_the_page(judge, variant):
    home, listed = reverse("wagtailadmin_home"), reverse("personalization_variants:list")
    other = approved(make_item(2), headline="Does no harm")
    assert "does worse than its original" not in text(judge.get(home))
    loser(variant)
    assert judge_variants() == 1
    assert "1 variant does worse than its original:" in text(judge.get(home))
    assert "Approved; retirement proposed" in text(judge.get(listed))
    losing = text(judge.get(listed, {"is_losing": "true"}))
    assert "In other words" in losing
    assert "Does no harm" not in losing
    assert "Does no harm" in text(judge.get(listed, {"is_losing": "false"}))
    assert "It goes on being shown until somebody retires it." in look(judge, variant)
    variant.refresh_from_db()
    assert (variant.state, other.state) == (State.APPROVED, State.APPROVED)


def test_who_may_not_retire_is_not_asked_to(variant):
    loser(variant)
    judge_variants()
    writer = login(staff("writer", "view_variant", "change_variant"))
    assert "does worse than its original" not in text(writer.get(reverse("wagtailadmin_home")))
