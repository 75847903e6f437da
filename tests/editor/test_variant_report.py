"""The report on variants in the admin: the figures of the command, drawn and as tables."""

from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from personalization.variants import reviewing
from personalization.variants.choices import CallStatus
from personalization.variants.judging import judge as give_opinion
from personalization.variants.models import GenerationCall, PromptTemplate
from tests.editor.conftest import login, staff
from tests.variants.world import approved, editor, make_draft, reviewer, submitted

REPORT = reverse("personalization_variant_report:index")


def text(response) -> str:
    return " ".join(unescape(response.content.decode()).split())


@pytest.fixture
def reader(site) -> Client:
    return login(staff("reader", "view_approvalrecord"))


@pytest.fixture
def decided(site, make_item):
    """Two drafts of one model: one approved, one rejected; their calls cost 3 cents, and one more is not known."""
    template = PromptTemplate.objects.create(name="House style")
    about = {"model": "small", "template_version": f"{template.pk}.1"}
    item = make_item("Night sky", text="Stars above the town.")
    variant = approved(item, headline="Stars above the sleeping town", **about)
    state = submitted(make_draft(item, headline="The town sleeps below the stars", **about))
    reviewing.reject(task_state=state, user=reviewer(), reason="tone")
    for money in ("0.01", "0.02", None):
        GenerationCall.objects.create(
            generator="dummy",
            model="small",
            template_version=f"{template.pk}.1",
            status=CallStatus.OK,
            money=money and Decimal(money),
        )
    return variant


def test_without_decisions_the_page_teaches(reader):
    page = text(reader.get(REPORT))
    assert "Nothing was decided in this time" in page
    assert "Nobody has judged a draft or a recommendation yet" in page


def test_figures_are_those_of_the_command(reader, decided):
    page = text(reader.get(REPORT))
    assert "<dt>Decisions</dt><dd>2</dd>" in page
    assert "<dt>Accepted</dt><dd>50 %</dd>" in page
    assert "<dt>Cost of each</dt><dd>0.03 USD</dd>" in page
    assert "1 of 3 calls has no known cost: it is in no sum." in page
    assert '<th scope="row">House style</th>' in page
    assert '<th scope="row">small</th>' in page


def test_plots_have_their_tables_beside_them(reader, decided):
    page = text(reader.get(REPORT))
    assert page.count('<svg class="slot-plot__drawing"') == page.count("The figures as a table") == 4
    assert "Decisions each day" in page
    assert "Decisions each week, by its Monday" in text(reader.get(REPORT, {"days": "91"}))


@pytest.mark.parametrize("days", ["", "0", "-7", "36500", "x", "7 OR 1=1"])
def test_what_is_no_period_shows_the_usual_one(reader, decided, days):
    page = text(reader.get(REPORT, {"days": days}))
    assert '<option value="28" selected>' in page


def test_what_was_decided_before_the_period_does_not_count(reader, decided, monkeypatch):
    later = timezone.now() + timedelta(days=10)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert "Nothing was decided in this time" in text(reader.get(REPORT, {"days": "7"}))


def test_opinions_and_comments_are_shown_as_text(reader, decided):
    give_opinion(user=editor(), variant=decided, is_good=True, comment="<b>Lovely</b>")
    raw = reader.get(REPORT).content.decode()
    assert "<b>Lovely</b>" not in raw
    assert "&lt;b&gt;Lovely" in raw
    assert "Thumbs up" in raw


def test_the_report_is_for_those_who_may_read_the_records(site):
    assert login(staff("asker", "generate_variant")).get(REPORT).url == reverse("wagtailadmin_home")
