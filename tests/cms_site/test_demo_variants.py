"""The demonstration's words by hand: approved by somebody else, shown to their segment, and never called AI's."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cms_site.demo.accounts import ACCOUNTS, create_accounts
from cms_site.demo.articles import read_articles
from cms_site.demo.slots import create_slots
from cms_site.demo.variants import ASKED_FOR, CAMPAIGN, TEMPLATE, WORDS, ask_model, create_variants
from cms_site.home import content
from personalization.variants.choices import PartStatus, State
from personalization.variants.models import ApprovalRecord, GenerationPart, PromptTemplate, Variant
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def magazine(monkeypatch):
    """The few articles that the demonstration words otherwise: a cover takes a moment to draw."""
    wanted = {*ASKED_FOR, *(words.slug for words in WORDS)}
    articles = [article for article in read_articles() if article.slug in wanted]
    monkeypatch.setattr(content, "read_articles", lambda: list(articles))
    factories.root_collection()
    factories.root_page()
    home = content.build_magazine()
    create_accounts()
    create_slots(home)
    create_variants()
    return home


def test_words_by_hand_are_approved_by_somebody_else_and_shown_to_their_segment(magazine):
    assert create_variants() == 0
    for words in WORDS:
        variant = Variant.objects.get(headline=words.headline)
        assert not variant.is_ai
        assert variant.state == (State.APPROVED if words.approves else State.IN_REVIEW)
    acts = ApprovalRecord.objects.filter(act="approved")
    assert {(act.requested_by, act.user_name) for act in acts} == {("Editor", "Reviewer")}
    stranger = Client().get("/").content.decode()
    reader = Client().get(f"/?utm_campaign={CAMPAIGN}").content.decode()
    for words in WORDS:
        assert words.headline not in stranger
        assert (words.headline in reader) == words.approves
    assert "Written with AI" not in reader


def test_roles_can_do_their_part_and_no_more():
    create_accounts()
    users = {account.username: User.objects.get(username=account.username) for account in ACCOUNTS}
    can = {
        name: {word for word in ("generate", "approve") if users[name].has_perm(f"personalization.{word}_variant")}
        for name in ("editor", "reviewer", "reader")
    }
    assert can == {"editor": {"generate"}, "reviewer": {"approve"}, "reader": set()}
    for name in ("editor", "reviewer"):
        for model in ("prompttemplate", "ruleset", "budget"):
            assert not users[name].has_perm(f"personalization.change_{model}")


def test_what_the_model_writes_is_drafted_once_and_waits_for_a_reviewer(magazine, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "GENERATOR": "personalization.variants.generators.dummy.DummyGenerator"
    }
    told = []
    drafts = ask_model(progress=lambda done, total: told.append((done, total)))
    assert drafts == len(ASKED_FOR) == len(told)
    assert ask_model() == 0
    assert set(GenerationPart.objects.values_list("status", flat=True)) == {PartStatus.DONE}
    written = Variant.objects.filter(part__isnull=False)
    assert all(variant.is_ai and not variant.live for variant in written)
    for variant in written:
        assert variant.state == (State.DRAFT if variant.is_blocked else State.IN_REVIEW)
    assert PromptTemplate.objects.get(name=TEMPLATE).latest_revision
