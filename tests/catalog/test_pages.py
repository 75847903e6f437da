"""Items follow their pages, at once, whatever Wagtail does to them."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from taggit.models import Tag
from wagtail.actions.convert_alias import ConvertAliasPageAction
from wagtail.images.tests.utils import get_test_image_file
from wagtail.models import Page, PageViewRestriction, Site

from cms_site.home.models import ArticlePage
from personalization.catalog import snapshot
from personalization.catalog.models import Embedding, Item
from tests import factories
from tests.catalog.conftest import card_of, publish

pytestmark = pytest.mark.django_db


def item_of(page: Page) -> Item:
    return Item.objects.get(key=f"page:{page.pk}")


def test_a_new_page_is_shown_once_it_is_published(section, shown):
    page = ArticlePage(title="Draft", summary="Not yet.", live=False)
    section.add_child(instance=page)
    page.save_revision()
    assert shown() == set()
    assert not Item.objects.exists()
    publish(page)
    assert shown() == {"Draft"}


def test_the_card_says_what_the_page_says(article, section):
    card = card_of(article)
    assert (card.key, card.type, card.title) == (f"page:{article.pk}", "home.articlepage", "The Moon")
    assert (card.summary, card.tags) == ("What The Moon is about.", ("space",))
    assert (card.url, card.published_at) == ("/space/the-moon/", article.first_published_at)
    item = item_of(article)
    assert item.text == "Dust and tides."
    assert (item.locale, item.tree_path) == ("en", article.path)


def test_what_is_only_drafted_of_a_live_page_stays_out_of_the_catalog(article, shown):
    article.title, article.summary = "Secret plans", "Not to be known."
    article.save_revision()
    assert shown() == {"The Moon"}
    assert "Not to be known." not in item_of(article).summary
    publish(article)
    assert shown() == {"Secret plans"}


def test_an_unpublished_page_is_gone_at_once_and_comes_back(article, shown):
    article.unpublish()
    assert shown() == set()
    publish(article)
    assert shown() == {"The Moon"}


def test_a_deleted_subtree_is_gone_and_leaves_only_its_keys(article, section, shown):
    key = f"page:{article.pk}"
    Embedding.objects.create(item=item_of(article), model="any", text_hash="x", vector=b"")
    section.delete()
    assert shown() == set()
    grave = Item.objects.get(key=key)
    assert (grave.live, grave.summary, grave.text, grave.image) == (False, "", "", "")
    assert not Embedding.objects.exists()
    assert key in snapshot.current().row_of


def test_moving_a_section_moves_its_items(article, section, shown, django_capture_on_commit_callbacks):
    science = factories.SectionPageFactory(title="Science", parent=factories.home_page())
    article.move(science, pos="last-child")
    assert card_of(article).url == "/science/the-moon/"
    science.refresh_from_db()
    assert item_of(article).tree_path.startswith(science.path)
    assert shown() == {"The Moon"}


def test_sorting_siblings_keeps_every_items_place(site, section, article):
    others = [factories.ArticlePageFactory(title=f"Article {n}", parent=section) for n in range(3)]
    last = Page.objects.get(pk=others[-1].pk)
    last.move(Page.objects.get(pk=article.pk), pos="left")
    places = {f"page:{pk}": path for pk, path in ArticlePage.objects.values_list("pk", "path")}
    assert dict(Item.objects.values_list("key", "tree_path")) == places


def test_a_page_moved_out_of_every_site_is_not_shown(article, shown, django_capture_on_commit_callbacks):
    elsewhere = factories.HomePageFactory(title="Archive", parent=Page.get_first_root_node())
    with django_capture_on_commit_callbacks(execute=True):
        article.move(elsewhere, pos="last-child")
    assert shown() == set()
    with django_capture_on_commit_callbacks(execute=True):
        Page.objects.get(pk=article.pk).move(factories.first_of(factories.SectionPageFactory), pos="last-child")
    assert shown() == {"The Moon"}


def test_a_page_moved_to_another_site_is_shown_there_only(article, site, shown):
    other_home = factories.HomePageFactory(title="Other", parent=Page.get_first_root_node())
    other = Site.objects.create(hostname="other.example.org", root_page=other_home)
    assert shown(other) == set()
    article.move(other_home, pos="last-child")
    assert shown(site) == set()
    assert shown(other) == {"The Moon"}


def test_a_copied_section_brings_copies_with_keys_and_groups_of_their_own(article, section, shown):
    section.copy(recursive=True, update_attrs={"title": "Space again", "slug": "space-again"})
    items = Item.objects.filter(title="The Moon")
    assert items.count() == 2
    assert len(set(items.values_list("group", flat=True))) == 2
    assert set(items.values_list("url", flat=True)) == {"/space/the-moon/", "/space-again/the-moon/"}
    assert [item.tags for item in items] == [["space"], ["space"]]


def test_a_copy_kept_as_draft_is_not_shown(article, shown):
    article.copy(keep_live=False, update_attrs={"title": "Copy", "slug": "copy"})
    assert shown() == {"The Moon"}


def test_an_alias_follows_its_source(article, section, shown):
    alias = article.create_alias(update_slug="moon-alias")
    assert card_of(alias).url == "/space/moon-alias/"
    article.title = "The new Moon"
    publish(article)
    assert card_of(alias).title == "The new Moon"
    ArticlePage.objects.get(pk=article.pk).unpublish()
    assert shown() == set()


def test_an_alias_of_a_section_brings_aliases_of_its_pages(article, section, shown):
    section.create_alias(recursive=True, update_slug="mirror")
    assert set(Item.objects.live().values_list("url", flat=True)) == {"/space/the-moon/", "/mirror/the-moon/"}


def test_translations_have_rows_of_their_own_and_share_a_group(article, french, shown):
    translation = article.copy_for_translation(french, copy_parents=True)
    assert shown(locale="fr") == set()
    translation.title = "La Lune"
    publish(translation)
    assert (shown(locale="en"), shown(locale="fr")) == ({"The Moon"}, {"La Lune"})
    catalog = snapshot.current()
    assert len(catalog.rows_of_group[f"page:{article.translation_key}"]) == 2


@pytest.mark.parametrize("kind", [PageViewRestriction.LOGIN, PageViewRestriction.PASSWORD, PageViewRestriction.GROUPS])
@pytest.mark.parametrize("where", ["page", "section", "home"])
def test_a_restricted_page_is_not_shown_until_the_restriction_is_gone(
    article, section, shown, where, kind, django_capture_on_commit_callbacks
):
    page = {"page": article, "section": section, "home": factories.home_page()}[where]
    restriction = PageViewRestriction.objects.create(page=page, restriction_type=kind)
    assert shown() == set()
    publish(article)
    assert shown() == set()
    with django_capture_on_commit_callbacks(execute=True):
        restriction.delete()
    assert shown() == {"The Moon"}


def test_a_page_made_under_a_restricted_section_is_never_shown(section, shown):
    PageViewRestriction.objects.create(page=section, restriction_type=PageViewRestriction.LOGIN)
    factories.ArticlePageFactory(title="Inside", parent=section)
    assert shown() == set()
    assert not Item.objects.exists()


def test_an_alias_shares_its_sources_restriction_as_it_does_on_the_site(article, section, shown):
    alias = article.create_alias(parent=factories.SectionPageFactory(title="Open", parent=factories.home_page()))
    assert Item.objects.live().count() == 2
    PageViewRestriction.objects.create(page=article, restriction_type=PageViewRestriction.LOGIN)
    assert shown() == set()
    assert alias.get_view_restrictions().exists()


def test_an_alias_that_becomes_a_page_answers_for_its_own_restrictions(
    article, shown, django_capture_on_commit_callbacks
):
    alias = article.create_alias(update_slug="alias")
    PageViewRestriction.objects.create(page=alias, restriction_type=PageViewRestriction.LOGIN)
    assert Item.objects.live().count() == 2, "an alias has no restrictions of its own"
    ConvertAliasPageAction(alias).execute(skip_permission_checks=True)
    assert not item_of(alias).live
    assert item_of(article).live


def test_a_page_past_its_expiry_is_not_shown_even_before_the_scheduler_has_run(article, shown):
    article.expire_at = timezone.now() + timedelta(hours=1)
    publish(article)
    assert shown() == {"The Moon"}
    assert shown(now=timezone.now() + timedelta(hours=2)) == set()
    ArticlePage.objects.filter(pk=article.pk).update(expire_at=timezone.now() - timedelta(minutes=1))
    call_command("publish_scheduled")
    assert shown() == set()
    assert not item_of(article).live


def test_a_live_page_whose_expiry_is_past_is_not_shown(article, shown):
    article.expire_at = timezone.now() - timedelta(minutes=1)
    article.save()
    assert article.live
    assert shown() == set()


def test_a_scheduled_page_is_shown_once_the_scheduler_has_run(section, shown):
    page = ArticlePage(title="Tomorrow", summary="Soon.", live=False, go_live_at=timezone.now() + timedelta(days=1))
    section.add_child(instance=page)
    revision = page.save_revision()
    revision.publish()
    assert shown() == set()
    past = timezone.now() - timedelta(minutes=1)
    revision.content |= {"go_live_at": past.isoformat()}
    revision.approved_go_live_at = past
    revision.save()
    call_command("publish_scheduled")
    assert shown() == {"Tomorrow"}


def test_a_new_root_page_of_the_site_changes_what_belongs_to_it(
    article, site, shown, django_capture_on_commit_callbacks
):
    old, new = site.root_page, factories.HomePageFactory(title="New", parent=Page.get_first_root_node())
    with django_capture_on_commit_callbacks(execute=True):
        site.root_page = new
        site.save()
    assert shown() == set()
    with django_capture_on_commit_callbacks(execute=True):
        site.root_page = old
        site.save()
    assert shown() == {"The Moon"}


def test_a_site_under_a_section_takes_its_pages_along(article, section, site, shown):
    other = Site.objects.create(hostname="space.example.org", root_page=section)
    assert shown(site) == set()
    assert shown(other) == {"The Moon"}
    assert card_of(article).url == "/the-moon/"
    other.delete()
    assert shown(site) == {"The Moon"}
    assert card_of(article).url == "/space/the-moon/"


def test_a_new_hostname_leaves_the_cards_addresses_right(article, site, shown):
    site.hostname = "magazine.example.org"
    site.save()
    assert card_of(article).url == "/space/the-moon/"
    assert shown() == {"The Moon"}


def test_pages_of_a_deleted_site_are_not_shown(article, site, shown):
    site.delete()
    assert shown(site) == set()


def test_a_sections_new_slug_changes_its_pages_addresses(article, section, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        section.slug = "cosmos"
        publish(section)
    assert card_of(article).url == "/cosmos/the-moon/"


def test_tags_follow(article, django_capture_on_commit_callbacks):
    article.tags.add("moon")
    article.save()
    assert card_of(article).tags == ("moon", "space")
    article.tags.remove("space")
    publish(article)
    assert card_of(article).tags == ("moon",)
    with django_capture_on_commit_callbacks(execute=True):
        tag = Tag.objects.get(name="moon")
        tag.name = "luna"
        tag.save()
    assert card_of(article).tags == ("luna",)
    Tag.objects.get(name="luna").delete()
    assert card_of(article).tags == ()


def test_the_cards_image_follows(article, admin):
    article.cover = factories.ImageFactory()
    publish(article)
    first = card_of(article).image
    image = article.cover
    assert first == image.get_rendition("fill-640x400").url
    picture = SimpleUploadedFile("another.png", get_test_image_file().file.getvalue(), "image/png")
    admin.post(
        reverse("wagtailimages:edit", args=[image.pk]),
        {"title": "Moon", "file": picture, "collection": factories.root_collection().pk},
    )
    second = card_of(article).image
    assert "another" in second
    image.refresh_from_db()
    assert second == image.get_rendition("fill-640x400").url
    image.delete()
    assert card_of(article).image == ""


def test_a_damaged_image_does_not_hold_back_the_article(article, shown):
    image = factories.ImageFactory()
    image.file.storage.delete(image.file.name)
    article.cover = image
    publish(article)
    assert shown() == {"The Moon"}
    assert card_of(article).image == ""


def test_pages_of_undeclared_types_are_no_items(section, shown):
    publish(section)
    assert shown() == set()


def test_saving_without_a_change_advances_nothing(article):
    before = snapshot.current().epoch
    ArticlePage.objects.get(pk=article.pk).save()
    assert snapshot.current().epoch == before


def test_a_rolled_back_change_is_undone_in_memory_too(article, shown):
    assert shown() == {"The Moon"}
    with transaction.atomic():
        article.unpublish()
        assert shown() == set()
        transaction.set_rollback(True)
    assert shown() == {"The Moon"}
