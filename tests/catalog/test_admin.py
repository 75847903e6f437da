"""What editors click in the admin reaches the catalog in the same request."""

import pytest
from django.urls import reverse
from wagtail.models import Page, PageViewRestriction
from wagtail.test.utils.form_data import nested_form_data, streamfield

from cms_site.home.models import ArticlePage
from personalization.catalog.models import Item
from tests import factories

pytestmark = pytest.mark.django_db


def form(**fields) -> dict[str, str]:
    return nested_form_data(
        {
            "title": "The Moon",
            "slug": "the-moon",
            "summary": "What it is.",
            "byline": "",
            "date": "2030-01-01 12:00",
            "tags": "space",
            "body": streamfield([]),
            **fields,
        }
    )


def bulk(client, action: str, *pages: Page, **fields) -> None:
    ids = "&".join(f"id={page.pk}" for page in pages)
    address = reverse("wagtail_bulk_action", args=["wagtailcore", "page", action])
    assert client.post(f"{address}?{ids}", fields).status_code == 302


def test_creating_publishing_and_unpublishing(admin, section, shown):
    create = reverse("wagtailadmin_pages:add", args=["home", "articlepage", section.pk])
    assert admin.post(create, form()).status_code == 302
    page = ArticlePage.objects.get(slug="the-moon")
    assert shown() == set()
    edit = reverse("wagtailadmin_pages:edit", args=[page.pk])
    admin.post(edit, form() | {"action-publish": "1"})
    assert shown() == {"The Moon"}
    assert Item.objects.get().tags == ["space"]
    admin.post(edit, form(title="Only a draft", tags="secret"))
    assert (shown(), Item.objects.get().tags) == ({"The Moon"}, ["space"])
    admin.post(reverse("wagtailadmin_pages:unpublish", args=[page.pk]))
    assert shown() == set()


def test_privacy_set_on_a_section(admin, article, section, shown, django_capture_on_commit_callbacks):
    address = reverse("wagtailadmin_pages:set_privacy", args=[section.pk])
    admin.post(address, {"restriction_type": "login", "password": "", "groups": []})
    assert PageViewRestriction.objects.exists()
    assert shown() == set()
    with django_capture_on_commit_callbacks(execute=True):
        admin.post(address, {"restriction_type": "none", "password": "", "groups": []})
    assert shown() == {"The Moon"}


def test_deleting_a_section(admin, article, section, shown):
    admin.post(reverse("wagtailadmin_pages:delete", args=[section.pk]))
    assert not Page.objects.filter(pk=article.pk).exists()
    assert shown() == set()


def test_moving_a_page(admin, article, shown):
    target = factories.SectionPageFactory(title="Science", parent=factories.home_page())
    admin.post(reverse("wagtailadmin_pages:move_confirm", args=[article.pk, target.pk]))
    assert Item.objects.get().url == "/science/the-moon/"
    assert shown() == {"The Moon"}


def test_bulk_actions(admin, article, section, shown):
    mars = factories.ArticlePageFactory(title="Mars", parent=section)
    assert shown() == {"The Moon", "Mars"}
    bulk(admin, "unpublish", article, mars)
    assert shown() == set()
    bulk(admin, "publish", article, mars)
    assert shown() == {"The Moon", "Mars"}
    science = factories.SectionPageFactory(title="Science", parent=factories.home_page())
    bulk(admin, "move", mars, chooser=science.pk)
    assert set(Item.objects.values_list("url", flat=True)) == {"/space/the-moon/", "/science/mars/"}
    bulk(admin, "delete", article, mars)
    assert shown() == set()


def test_unpublishing_a_section_with_its_pages(admin, article, section, shown):
    admin.post(reverse("wagtailadmin_pages:unpublish", args=[section.pk]), {"include_descendants": "on"})
    assert shown() == set()


def test_a_translation_made_in_the_admin_is_shown_once_published(admin, article, french, shown):
    address = reverse("simple_translation:submit_page_translation", args=[factories.home_page().pk])
    admin.post(address, {"locales": [french.pk], "include_subtree": "on"})
    translation = ArticlePage.objects.get(locale=french)
    assert shown(locale="fr") == set()
    home = translation.get_ancestors().get(locale=french, depth=2)
    for page in (home, translation):
        page.specific.save_revision().publish()
    assert shown(locale="fr") == {"The Moon"}
    assert len(set(Item.objects.values_list("group", flat=True))) == 1
