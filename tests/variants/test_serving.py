"""Approved words in a slot, and everything that takes them out again."""

import pytest

from personalization.catalog.models import Epoch, Item
from personalization.slots.context import ServingContext
from personalization.slots.serve import serve
from personalization.variants.choices import State
from tests.slots.world import make_items, make_slot
from tests.variants.world import approved, make_draft, submitted

pytestmark = pytest.mark.django_db


def titles(**about) -> list[str]:
    """What a slot shows now, to somebody new."""
    decision = serve(["home-top"], ServingContext.for_preview(locale="en", **about))[0]
    return [item.title for item in decision.items]


@pytest.fixture
def item(site) -> Item:
    make_slot(size=12)
    return make_items()[0]


def test_a_draft_is_not_shown_before_somebody_approves_it(item):
    variant = make_draft(item, headline="Stars at hand")
    assert "Stars at hand" not in titles()
    submitted(variant)
    assert "Stars at hand" not in titles()


def test_approved_words_are_shown(item):
    variant = approved(item, headline="Stars at hand")
    assert variant.state == State.APPROVED
    assert variant.live
    assert "Stars at hand" in titles()
    assert item.title not in titles()


def test_a_changed_source_takes_them_out_at_once(item):
    approved(item, headline="Stars at hand")
    Item.objects.filter(pk=item.pk).update(text_hash="changed", epoch=Epoch.objects.advance("catalog"))
    assert "Stars at hand" not in titles()


def test_an_edit_takes_them_out_at_once(item):
    variant = approved(item, headline="Stars at hand")
    variant.headline = "Stars nearby"
    variant.save_revision()
    assert not {"Stars at hand", "Stars nearby"} & set(titles())
    variant.refresh_from_db()
    assert variant.state == State.DRAFT
    assert not variant.live


def test_words_written_past_the_forms_are_not_shown(item):
    variant = approved(item, headline="Stars at hand")
    type(variant).objects.filter(pk=variant.pk).update(headline="Anything")
    Epoch.objects.advance("slots")
    assert not {"Stars at hand", "Anything"} & set(titles())
