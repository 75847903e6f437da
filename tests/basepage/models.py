"""A site whose pages are not Wagtail's: no search_description, no seo_title, nothing but what AbstractPage gives."""

from django.db import models
from wagtail.models import AbstractPage
from wagtail.search import index


class BasePage(AbstractPage):
    teaser = models.TextField(blank=True)


class StoryPage(BasePage):
    words = models.TextField(blank=True)

    search_fields = [*BasePage.search_fields, index.SearchField("words")]
