"""Snippets are items too: with drafts and translations, and without."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from personalization.catalog import snapshot
from personalization.catalog.models import Item
from tests.shop.models import Offer, Product

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def declared(settings):
    extractor = "personalization.catalog.extractors.SnippetExtractor"
    declared = {"shop.Offer": extractor, "shop.Product": extractor}
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"CATALOG": declared}


def test_a_snippet_is_shown_on_every_site_in_every_language(shown):
    product = Product.objects.create(name="Telescope", description="It shows the Moon.")
    item = Item.objects.get()
    assert (item.key, item.group) == (f"shop.product:{product.pk}",) * 2
    assert (item.text, item.summary, item.url) == ("It shows the Moon.", "It shows the Moon.", f"/shop/{product.pk}/")
    assert shown() == shown(locale="fr") == {"Telescope"}


def test_a_changed_and_a_deleted_snippet(shown):
    product = Product.objects.create(name="Telescope")
    product.name = "Binoculars"
    product.save()
    assert shown() == {"Binoculars"}
    product.delete()
    assert shown() == set()
    assert not Item.objects.get().live


def test_snippets_deleted_as_a_query(shown):
    Product.objects.create(name="Telescope")
    Product.objects.all().delete()
    assert shown() == set()


def test_a_snippets_tags_follow():
    product = Product.objects.create(name="Telescope")
    product.tags.add("optics", "night")
    assert snapshot.current().cards[0].tags == ("night", "optics")
    product.tags.remove("night")
    assert snapshot.current().cards[0].tags == ("optics",)


def test_a_snippet_with_drafts(shown, french):
    offer = Offer(title="Ten per cent", introduction="This week.", live=False)
    offer.save()
    assert shown() == set()
    offer.save_revision().publish()
    assert shown() == {"Ten per cent"}
    assert Item.objects.get().summary == "This week."
    offer.refresh_from_db()
    offer.title = "Secret offer"
    offer.save_revision()
    assert shown() == {"Ten per cent"}
    Offer.objects.get().unpublish()
    assert shown() == set()


def test_a_snippet_expires(shown):
    offer = Offer.objects.create(title="Ten per cent", expire_at=timezone.now() + timedelta(hours=1))
    assert shown() == {"Ten per cent"}
    assert shown(now=timezone.now() + timedelta(hours=2)) == set()
    Offer.objects.filter(pk=offer.pk).update(expire_at=timezone.now() - timedelta(hours=1))
    call_command("publish_scheduled")
    assert shown() == set()


def test_translations_of_a_snippet_share_a_group(shown, french):
    offer = Offer.objects.create(title="Ten per cent")
    translation = offer.copy_for_translation(french)
    translation.title = "Dix pour cent"
    translation.save()
    assert shown(locale="fr") == {"Dix pour cent"}
    assert shown(locale="en") == {"Ten per cent"}
    assert set(Item.objects.values_list("group", flat=True)) == {f"shop.offer:{offer.translation_key}"}


def test_a_title_longer_than_a_card_has_room_for_is_cut(shown):
    Offer.objects.create(title="x" * 300)
    assert Item.objects.get().title == "x" * 255


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x"]
)
def test_a_snippet_whose_address_would_run_a_script_is_not_shown(shown, monkeypatch, caplog, address):
    monkeypatch.setattr(Product, "get_absolute_url", lambda product: address)
    Product.objects.create(name="Telescope")
    assert shown() == set()
    assert "cannot be read" in caplog.text
