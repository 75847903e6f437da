"""Tasks are asked for when a change is committed, and a queue that is gone holds nobody up."""

import logging

import pytest
from celery import Celery
from django.db import transaction

from cms_site.celery import app as celery_app
from personalization.catalog.models import Embedding
from tests import factories
from tests.catalog.conftest import publish


@pytest.fixture
def no_broker():
    """Celery as it is when nothing answers at the broker's address."""
    lost = Celery("lost", set_as_current=True)
    # Not broker_url: Celery reads that from the environment first.
    lost.conf.update(broker_write_url="redis://127.0.0.1:1/0", task_publish_retry=False)
    yield
    celery_app.set_current()
    lost.close()


def test_nothing_is_asked_for_before_the_commit(section, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        factories.ArticlePageFactory(parent=section)
    assert not Embedding.objects.exists()
    assert len(callbacks) == 1
    callbacks[0]()
    assert Embedding.objects.exists()


def test_publishing_a_page_with_tags_asks_once(article, django_capture_on_commit_callbacks):
    article.title = "New words"
    article.tags.add("one", "two", "three")
    with django_capture_on_commit_callbacks() as callbacks:
        publish(article)
    assert len(callbacks) == 1


@pytest.mark.django_db(transaction=True)
def test_a_change_that_is_rolled_back_asks_for_nothing(site):
    with transaction.atomic():
        factories.ArticlePageFactory()
        transaction.set_rollback(True)
    assert not Embedding.objects.exists()


def test_a_broker_that_is_gone_is_logged_and_the_row_is_still_right(
    article, shown, no_broker, caplog, django_capture_on_commit_callbacks
):
    with caplog.at_level(logging.ERROR, "personalization"), django_capture_on_commit_callbacks(execute=True):
        article.title = "Published in spite of it"
        publish(article)
    assert "embed_items could not be queued" in caplog.text
    assert shown() == {"Published in spite of it"}
    article.unpublish()
    assert shown() == set()
    assert not Embedding.objects.exists()
