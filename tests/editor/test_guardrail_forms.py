"""Guardrails in the admin: severities in words, lists, a place to try them out, and another look at old drafts."""

from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from wagtail.models import Locale

from personalization.editor.guardrail_form import FAMILIES, GRAVITIES
from personalization.variants.guardrails.registry import RULES
from personalization.variants.models import RuleSet, Variant
from tests.editor.conftest import login, staff
from tests.editor.test_permissions import judge
from tests.variants.world import make_draft

KEEPER = [f"{action}_ruleset" for action in ("view", "add", "change", "delete")]
NOTHING = {"banned": "", "required": "", "claims": "", "profanity": "", "allowed_domains": "", "hardest": ""}


def to(name: str, rules: RuleSet | None = None) -> str:
    return reverse(f"wagtailsnippets_personalization_ruleset:{name}", args=[rules.pk] if rules else [])


def text(response) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def keeper(site) -> Client:
    return login(staff("keeper", *KEEPER))


def filled_in(**changes) -> dict:
    """The form as it stands when it is opened for a new set, but for some changes."""
    rules = {f"severities-{name}": rule.default for name, rule in RULES.items() if len(rule.severities) > 1}
    return {"name": "House rules", "locale": "", "least_similarity": "0.35", **NOTHING, **rules, **changes}


def test_every_rule_belongs_to_a_family_and_has_words_for_its_severities():
    assert sorted(name for names in FAMILIES.values() for name in names) == sorted(RULES)
    assert {severity for rule in RULES.values() for severity in rule.severities} == set(GRAVITIES)


def test_an_empty_list_says_what_holds_without_any(keeper):
    assert "The built-in guardrails hold" in text(keeper.get(to("list")))


def test_every_rule_that_yields_can_be_set_and_no_other(keeper):
    page = text(keeper.get(to("add")))
    for name, rule in RULES.items():
        assert (f'name="severities-{name}"' in page) == (len(rule.severities) > 1)


def test_only_what_differs_from_the_built_in_rules_is_kept(keeper):
    answer = keeper.post(to("add"), filled_in(**{"severities-claims": "block", "banned": "cheap\nbargain"}))
    assert answer.status_code == 302
    rules = RuleSet.objects.get()
    assert rules.severities == {"claims": "block"}
    assert rules.banned.splitlines() == ["cheap", "bargain"]
    assert rules.revisions.count() == 1
    page = text(keeper.get(to("edit", rules)))
    row = page[page.index('name="severities-claims"') :]
    assert row.index('value="block" selected') < row.index("</select>")
    assert "1 of " in text(keeper.get(to("list")))


@pytest.mark.parametrize(
    "forged",
    [
        {"severities-markup": "off"},
        {"severities-active_content": "warn"},
        {"severities-claims": "nonsense"},
        {"severities-claims": ""},
        {"hardest": "5"},
        {"least_similarity": "1.5"},
        {"least_similarity": "nan"},
        {"locale": str(10**30)},
        {"name": ""},
    ],
)
def test_what_the_rules_do_not_allow_is_refused(keeper, forged):
    answer = keeper.post(to("add"), filled_in(**forged))
    assert answer.status_code == 200
    assert not RuleSet.objects.exists()


def test_names_of_rules_that_do_not_exist_are_left_aside(keeper):
    keeper.post(to("add"), filled_in(**{"severities-nonsense": "off"}))
    assert RuleSet.objects.get().severities == {}


def test_one_set_for_each_language_and_one_for_the_rest(keeper):
    keeper.post(to("add"), filled_in())
    answer = keeper.post(to("add"), filled_in(name="Others"))
    assert "There are guardrails for this language already: edit those." in text(answer)
    english = Locale.objects.get(language_code="en")
    assert keeper.post(to("add"), filled_in(name="English", locale=english.pk)).status_code == 302
    assert RuleSet.objects.count() == 2


@pytest.fixture
def source(make_item):
    return make_item("Night sky", summary="Stars above the town.", text="The town has 300 lamps. Mira counts them.")


def tried(item, **words) -> dict:
    return {"item": item.pk, "locale": Locale.objects.get(language_code="en").pk, **words}


def test_words_are_tried_out_and_nothing_is_stored(keeper, source):
    answer = text(keeper.post(to("trial"), tried(source, headline="Over 900 lamps shine on the town")))
    assert "The source does not state “900”." in answer
    assert "Such a draft could not be submitted." in answer
    assert "the built-in guardrails" in answer
    assert not Variant.objects.exists()


def test_the_rules_of_the_language_are_tried(keeper, source):
    RuleSet.objects.create(name="English rules", locale=Locale.objects.get(language_code="en"), banned="lamps")
    answer = text(keeper.post(to("trial"), tried(source, headline="All the lamps of the town")))
    assert "“lamps” must not be said." in answer
    assert "Held against: English rules." in answer


def test_what_would_be_taken_out_is_shown(keeper, source):
    answer = text(keeper.post(to("trial"), tried(source, headline="<b>Stars</b> above the town tonight")))
    assert "The words as they would be kept" in answer
    assert "Stars above the town tonight" in answer


def test_scripts_that_are_tried_out_do_not_run(keeper, source):
    answer = keeper.post(to("trial"), tried(source, headline='<script>alert("x")</script> Stars')).content.decode()
    assert '<script>alert("x")' not in answer
    assert "Such a draft could not be submitted." in answer


@pytest.mark.parametrize(
    "forged", [{"item": "-1"}, {"item": "x"}, {"item": str(10**30)}, {"item": ""}, {"headline": "x" * 256}]
)
def test_what_cannot_be_tried_is_said_beside_the_form(keeper, source, forged):
    answer = keeper.post(to("trial"), tried(source, headline="Stars") | forged)
    assert answer.status_code == 200
    assert "What the guardrails find" not in text(answer)


def test_old_drafts_are_checked_again(keeper, source, django_capture_on_commit_callbacks):
    draft = make_draft(source, headline="All the lamps of the town")
    assert not any(finding["rule"] == "banned" for finding in draft.findings)
    keeper.post(to("add"), filled_in(banned="lamps"))
    with django_capture_on_commit_callbacks(execute=True):
        keeper.post(to("recheck"))
    draft.refresh_from_db()
    assert any(finding["rule"] == "banned" for finding in draft.findings)


def test_nothing_is_checked_again_by_following_a_link(keeper):
    assert keeper.get(to("recheck")).status_code == 405


@pytest.mark.parametrize("page", ["list", "add", "trial"])
def test_editors_who_ask_do_not_see_guardrails(site, page):
    assert judge(login(staff("asker", "generate_variant")).get(to(page))) == "refused"


def test_whoever_only_reads_guardrails_changes_nothing(site):
    reader = login(staff("reader", "view_ruleset"))
    assert judge(reader.get(to("trial"))) == "allowed"
    assert judge(reader.post(to("recheck"))) == "refused"
    assert "Check old drafts again" not in text(reader.get(to("list")))
