from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone
from wagtail.models import Locale, Page, Site

from personalization.catalog import snapshot
from personalization.catalog.snapshot import Catalog
from tests import factories


@pytest.fixture
def shown(site: Site) -> Callable[..., set[str]]:
    """The titles that a visitor of a site may be shown at this moment."""

    def titles(at: Site = site, *, now=None, locale: str | None = None) -> set[str]:
        catalog = snapshot.current()
        mask = catalog.eligible(site_id=at.pk, locale=locale, now=now or timezone.now())
        return {card.title for card, seen in zip(catalog.cards, mask, strict=True) if seen}

    return titles


@pytest.fixture
def section(site: Site) -> Page:
    return factories.SectionPageFactory(title="Space")


@pytest.fixture
def article(section: Page) -> Page:
    return factories.ArticlePageFactory(title="The Moon", parent=section, words="Dust and tides.", tags=["space"])


@pytest.fixture
def french(site: Site) -> Locale:
    return Locale.objects.get_or_create(language_code="fr")[0]


@pytest.fixture
def admin(client: Client, db: None) -> Client:
    client.force_login(get_user_model().objects.create_superuser("editor", "editor@example.org", "secret"))
    return client


def card_of(page: Page) -> snapshot.Card:
    catalog: Catalog = snapshot.current()
    return catalog.cards[catalog.row_of[f"page:{page.pk}"]]


def publish(page: Page) -> Page:
    """Publish the page as it is in memory, by way of a revision, as the admin does."""
    page.save_revision().publish()
    return type(page).objects.get(pk=page.pk)
