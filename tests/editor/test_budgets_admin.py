"""Budgets in the admin: limits for all and for each, and what today has used of them."""

from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from personalization.variants.choices import CallStatus
from personalization.variants.models import Budget, GenerationCall
from tests.editor.conftest import login, staff

LIST = reverse("personalization_budgets:index")
ADD = reverse("personalization_budgets:add")


def text(response) -> str:
    return " ".join(unescape(response.content.decode()).split())


@pytest.fixture
def keeper(site) -> Client:
    return login(staff("keeper", *(f"{action}_budget" for action in ("view", "add", "change", "delete"))))


def called(editor: User, tokens: int, money: str | None = None) -> None:
    told = {"input_tokens": tokens, "output_tokens": 0, "money": money and Decimal(money)}
    GenerationCall.objects.create(editor=editor, generator="dummy", model="dummy", status=CallStatus.OK, **told)


def test_without_budgets_the_page_says_what_they_are_for(keeper):
    page = text(keeper.get(LIST))
    assert "No budgets yet" in page
    assert "0, no limit" in page


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scope": "site", "tokens": "", "money": ""}, "Set at least one limit"),
        ({"scope": "site", "tokens": "-1"}, "greater than or equal to 0"),
        ({"scope": "site", "money": "-0.5"}, "greater than or equal to 0"),
        ({"scope": "site", "tokens": "many"}, "Enter a whole number."),
        ({"scope": "world", "tokens": "5"}, "Select a valid choice."),
        ({"scope": "editor", "editor": "99999999999999999999999999", "tokens": "5"}, "Select a valid choice."),
        ({"scope": "site", "tokens": str(10**30)}, "less than or equal to"),
        ({"scope": "site", "money": "NaN"}, "Enter a number."),
    ],
)
def test_what_is_no_budget_is_refused_in_words(keeper, given, said):
    answer = keeper.post(ADD, {"editor": "", "tokens": "", "money": ""} | given)
    assert answer.status_code == 200
    assert said in text(answer)
    assert not Budget.objects.exists()


def test_the_budget_of_all_names_nobody(keeper):
    answer = keeper.post(ADD, {"scope": "site", "editor": User.objects.get().pk, "tokens": "5", "money": ""})
    assert "names nobody: leave this empty" in text(answer)


@pytest.mark.parametrize("scope", ["site", "editor"])
def test_there_is_one_of_each_kind(keeper, scope):
    given = {"scope": scope, "editor": "", "tokens": "5000", "money": ""}
    assert keeper.post(ADD, given).status_code == 302
    assert "There is such a budget already" in text(keeper.post(ADD, given))
    budget = Budget.objects.get()
    edit = reverse("personalization_budgets:edit", args=[budget.pk])
    assert keeper.post(edit, given | {"tokens": "6000"}).status_code == 302
    budget.refresh_from_db()
    assert budget.tokens == 6000


def test_an_editor_may_have_a_budget_of_their_own(keeper):
    given = {"scope": "editor", "editor": User.objects.get().pk, "tokens": "", "money": "2.5"}
    assert keeper.post(ADD, given).status_code == 302
    assert "There is such a budget already" in text(keeper.post(ADD, given))
    assert Budget.objects.get().money == Decimal("2.5")


def test_what_today_has_used_stands_beside_the_limits(keeper):
    ada, grace = User.objects.create_user("ada"), User.objects.create_user("grace")
    Budget.objects.create(scope="site", tokens=4000)
    Budget.objects.create(scope="editor", tokens=1000, money=Decimal(1))
    Budget.objects.create(scope="editor", editor=grace, tokens=2000)
    called(ada, 900, "0.25")
    called(grace, 500)
    page = text(keeper.get(LIST))
    assert "1,400 of 4,000" in page
    assert "900 of 1,000" in page
    assert "500 of 2,000" in page
    assert "90 %" in page
    assert "35 %" in page


def test_a_limit_of_nothing_is_used_up(keeper):
    Budget.objects.create(scope="site", tokens=0)
    assert "100 %" in text(keeper.get(LIST))
