"""Filling the site with the magazine: complete, repeatable, and gentle with what editors changed."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from wagtail.images import get_image_model
from wagtail.models import Page, Site

from cms_site.demo.articles import read_articles
from cms_site.home import content
from cms_site.home.covers import genre_cover
from cms_site.home.models import ArticlePage, HomePage, SectionPage, TagIndexPage
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def three(monkeypatch):
    """The magazine cut down to three articles: a cover takes a moment to draw."""
    articles = read_articles()[:3]
    monkeypatch.setattr(content, "read_articles", lambda: list(articles))
    return articles


@pytest.fixture
def root(db):
    factories.root_collection()
    return factories.root_page()


def build():
    return content.build_magazine()


def test_a_bare_database_becomes_the_default_site_with_every_section(root, three):
    home = build()
    site = Site.objects.get(is_default_site=True)
    assert site.root_page_id == home.pk
    assert (site.hostname, site.port) == ("localhost", 8000)
    assert SectionPage.objects.child_of(home).live().count() == 9
    assert TagIndexPage.objects.child_of(home).live().count() == 1
    assert home.readers_are_simulated


def test_wagtails_welcome_page_gives_way(root, three):
    Site.objects.all().delete()
    HomePage.objects.all().delete()
    welcome = factories.root_page().add_child(instance=Page(title="Welcome", slug="welcome"))
    Site.objects.create(hostname="localhost", root_page=welcome, is_default_site=True)
    home = build()
    assert Site.objects.get().root_page_id == home.pk
    assert not Page.objects.filter(slug="welcome").exists()


def test_articles_are_published_as_written(root, three):
    build()
    for written in three:
        page = ArticlePage.objects.get(slug=written.slug)
        assert page.live
        assert page.live_revision_id
        assert page.get_parent().slug == written.section
        assert (page.title, page.summary, page.byline) == (written.title, written.summary, written.byline)
        assert set(page.tags.names()) == set(written.tags)
        assert page.cover.title == f"Cover: {written.title}"
        age = timezone.now() - page.date
        assert timedelta() <= age - timedelta(days=written.days_ago) < timedelta(minutes=5)
        assert page.first_published_at == page.date
        text = "".join(str(block.value) for block in page.body if block.block_type == "paragraph")
        assert text
        assert "<h2>" not in text


def test_the_second_run_adds_nothing_and_keeps_what_editors_changed(root, three):
    build()
    page = ArticlePage.objects.get(slug=three[0].slug)
    page.title = "An editor's title"
    page.save_revision().publish()
    counts = (Page.objects.count(), get_image_model().objects.count())
    seen = []
    content.build_magazine(progress=lambda *step: seen.append(step))
    assert (Page.objects.count(), get_image_model().objects.count()) == counts
    assert ArticlePage.objects.get(pk=page.pk).title == "An editor's title"
    assert seen == []


def test_an_interrupted_run_is_finished_by_the_next(root, three):
    def stop(title, done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        content.build_magazine(progress=stop)
    assert ArticlePage.objects.live().count() == 2
    build()
    assert ArticlePage.objects.live().count() == 3
    assert get_image_model().objects.count() == 3


def test_the_command_says_where_the_magazine_stands(root, three):
    output = io.StringIO()
    call_command("load_magazine", stdout=output)
    assert "http://localhost:8000/ with 3 articles." in output.getvalue()


def test_films_of_a_genre_share_covers(root):
    first = genre_cover(genre="Horror")
    assert genre_cover(genre="Horror") == first
    assert genre_cover(genre="Horror", number=1) != first
