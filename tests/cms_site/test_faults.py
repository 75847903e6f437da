"""What a visitor gets while something the site stands on is gone."""

import logging

import pytest
from django.test import Client

from cms_site.settings import base
from tests.factories import home_page, make_magazine, make_slot


@pytest.fixture
def dead_cache(settings, site):
    """The cache as the site's own settings make it, at an address where nobody answers."""
    make_slot("home-top")
    make_magazine(articles=2)
    settings.CACHES = {"default": base.redis_cache("redis://127.0.0.1:1/0")}
    settings.DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = True


def test_pages_answer_with_their_slots_while_redis_is_gone(client: Client, dead_cache, caplog):
    with caplog.at_level(logging.ERROR):
        response = client.get(home_page().url)
    assert response.status_code == 200
    assert b"slot-card__title" in response.content
    assert "redis" in caplog.text.lower(), "the log says what is gone"


@pytest.mark.parametrize("path", ["/privacy/", "/api/personalization/v1/consent/"])
def test_visitors_keep_control_of_their_data_while_redis_is_gone(client: Client, dead_cache, path: str):
    assert client.get(path).status_code == 200
