"""index_catalog makes good what no signal told of."""

import io
import logging

import pytest
from django.core.management import call_command
from django.db import connection
from wagtail.models import PageViewRestriction

from cms_site.home.models import ArticlePage
from personalization import tasks
from personalization.catalog import services
from personalization.catalog.extractors import Extract, PageExtractor
from personalization.catalog.models import Embedding, Epoch, Item
from tests import factories

pytestmark = pytest.mark.django_db


class Careless(PageExtractor):
    """Says of everything that it may be shown."""

    def live(self, obj):
        return True


class Broken(PageExtractor):
    def text(self, obj):
        if obj.title == "Bad":
            raise KeyError("no such thing")
        return super().text(obj)


class Fussy(PageExtractor):
    summary_fields = ("byline",)

    def title(self, obj):
        return obj.title.upper()

    def live(self, obj):
        return super().live(obj) and obj.byline != "nobody"


class Interrupted(PageExtractor):
    """Unpublishes what it has just read, as an editor might who is faster than a long reconciliation."""

    def extract(self, obj) -> Extract:
        extract = super().extract(obj)
        ArticlePage.objects.filter(pk=obj.pk).update(live=False)
        return extract


def declare(settings, extractor: type) -> None:
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "CATALOG": {"home.ArticlePage": f"{__name__}.{extractor.__name__}"}
    }


def test_a_rebuild_makes_the_same_rows(article, shown):
    before = Item.objects.values().get()
    Item.objects.all().delete()
    report = services.index_all()
    assert (report.objects, report.changed, report.unreadable) == (1, 1, 0)
    same = {key: value for key, value in before.items() if key not in ("id", "epoch")}
    assert same.items() <= Item.objects.values().get().items()


def test_a_second_run_changes_nothing(article):
    services.index_all()
    epoch = Epoch.objects.numbers()["catalog"]
    assert services.index_all().changed == 0
    assert Epoch.objects.numbers()["catalog"] == epoch


def test_what_was_changed_behind_the_signals_is_found(article, section, shown):
    gone = factories.ArticlePageFactory(title="Gone", parent=section)
    hidden = factories.ArticlePageFactory(title="Hidden", parent=section)
    ArticlePage.objects.filter(pk=article.pk).update(title="The Sun")
    ArticlePage.objects.filter(pk=hidden.pk).update(live=False)
    Item.objects.filter(key=f"page:{gone.pk}").update(object_id="987654", key="page:987654")
    ArticlePage.objects.filter(pk=gone.pk).update(live=False)
    services.index_all()
    assert shown() == {"The Sun"}
    assert Item.objects.get(key="page:987654").text == ""


def test_a_type_that_is_no_longer_declared_is_withdrawn(article, shown, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"CATALOG": {}}
    services.index_all()
    assert shown() == set()


def test_a_declared_base_type_stands_for_the_types_below_it(article, section, shown, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {
        "CATALOG": {"wagtailcore.Page": "personalization.catalog.extractors.PageExtractor"}
    }
    services.index_all()
    assert shown() == {"Fernway", "Space", "The Moon"}
    section.unpublish()
    assert shown() == {"Fernway", "The Moon"}


def test_one_subtree_alone(article, section, shown):
    ArticlePage.objects.filter(pk=article.pk).update(title="The Sun")
    other = factories.SectionPageFactory(title="Food", parent=factories.home_page())
    tasks.index_subtree.delay(other.path)
    assert shown() == {"The Moon"}
    tasks.index_subtree.delay(section.path)
    assert shown() == {"The Sun"}


def test_an_extractor_may_be_overridden_method_by_method(section, shown, settings):
    declare(settings, Fussy)
    factories.ArticlePageFactory(title="Somebody", byline="Ada", parent=section)
    factories.ArticlePageFactory(title="Nobody", byline="nobody", parent=section)
    assert shown() == {"SOMEBODY"}
    assert Item.objects.get().summary == "Ada"


def test_no_extractor_can_show_what_the_site_hides(article, section, shown, settings):
    declare(settings, Careless)
    PageViewRestriction.objects.create(page=section, restriction_type="login")
    services.index_all()
    assert shown() == set()


def test_a_failing_extractor_withdraws_its_object_and_nothing_else(article, section, shown, settings, caplog):
    bad = factories.ArticlePageFactory(title="Bad", parent=section)
    declare(settings, Broken)
    with caplog.at_level(logging.ERROR, "personalization"):
        bad.title = "Bad"
        bad.save()
    assert shown() == {"The Moon"}
    assert f"page:{bad.pk} cannot be read" in caplog.text
    assert services.index_all().unreadable == 1


def test_a_change_made_while_reconciling_is_not_overwritten(article, shown, settings):
    Item.objects.update(title="An older title")
    declare(settings, Interrupted)
    services.index_all()
    assert shown() == set()


def test_the_command_shows_its_work_and_embeds(article):
    Embedding.objects.all().delete()
    Item.objects.update(title="Old")
    out = io.StringIO()
    call_command("index_catalog", stdout=out)
    assert "1 objects compared, 1 rows changed, 1 texts embedded." in out.getvalue()
    assert Embedding.objects.count() == 1


def test_the_command_can_leave_embedding_to_the_worker(article):
    call_command("index_catalog", "--no-embed", stdout=io.StringIO())
    assert not Embedding.objects.exists()


def test_the_command_says_what_could_not_be_read(article, settings):
    ArticlePage.objects.update(title="Bad")
    declare(settings, Broken)
    err = io.StringIO()
    call_command("index_catalog", stdout=io.StringIO(), stderr=err)
    assert "1 objects could not be read" in err.getvalue()


def test_a_withdrawal_of_many_pages_takes_few_queries(section, django_assert_max_num_queries):
    for n in range(30):
        factories.ArticlePageFactory(title=f"Article {n}", parent=section)
    with django_assert_max_num_queries(45, connection=connection):
        PageViewRestriction.objects.create(page=section, restriction_type="login")
