"""The site's addresses, and one page in three kinds.

``slots``: three personalized slots. ``lists``: three lists of pages that an editor chose, with their covers, as any
Wagtail site shows them. ``rows``: the same cards read, ready made, from the catalog's own table; no site has these
without the catalog, so this is the leanest page there could be.
"""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from cms_site.home.models import ArticlePage, HomePage
from cms_site.urls import urlpatterns as site_urls
from personalization.catalog.models import Item

# The primary keys of three lists of pages; the benchmark fills them in.
CHOSEN: list[list[int]] = []
CARD = ("key", "title", "url", "summary", "image")


def with_slots(request: HttpRequest) -> HttpResponse:
    return render(request, "benchmark/slots.html", {"page": HomePage.objects.get()})


def with_lists(request: HttpRequest) -> HttpResponse:
    articles = ArticlePage.objects.showable().with_covers()
    lists = [articles.filter(pk__in=keys) for keys in CHOSEN]
    return render(request, "benchmark/lists.html", {"page": HomePage.objects.get(), "lists": lists})


def with_rows(request: HttpRequest) -> HttpResponse:
    rows = Item.objects.values(*CARD)
    keys = [[f"page:{key}" for key in keys] for keys in CHOSEN]
    lists = [{"heading": "Articles", "items": rows.filter(key__in=some)} for some in keys]
    return render(request, "benchmark/rows.html", {"page": HomePage.objects.get(), "lists": lists})


urlpatterns = [
    path("benchmark/slots/", with_slots),
    path("benchmark/lists/", with_lists),
    path("benchmark/rows/", with_rows),
    *site_urls,
]
