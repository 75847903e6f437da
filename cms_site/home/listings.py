"""Reading many pages for one screen, in a number of queries that does not grow with the pages."""

from collections.abc import Iterable
from typing import Any

from django.core.paginator import Page as Screen
from django.core.paginator import Paginator
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from wagtail.images import get_image_model
from wagtail.models import PageManager
from wagtail.query import PageQuerySet

# The sizes of covers that cards and article heads show; one list, so that they can be read ahead of rendering.
CARD_SIZES = ("fill-640x400", "fill-1200x750")


class CardQuerySet(PageQuerySet):
    """Pages that are shown as cards: each has a ``cover``."""

    def showable(self) -> "CardQuerySet":
        """Published, and open to everybody."""
        return self.live().public()

    def with_covers(self) -> "CardQuerySet":
        """Covers and their renditions, in two further queries for the whole listing."""
        covers = get_image_model().objects.prefetch_renditions(*CARD_SIZES)
        return self.prefetch_related(Prefetch("cover", queryset=covers))


CardManager = PageManager.from_queryset(CardQuerySet)


def paginate(request: HttpRequest, pages: QuerySet, *, size: int) -> Screen:
    """The screen of a listing that ``?page=`` asks for; nonsense asks for the first, too much for the last."""
    return Paginator(pages, size).get_page(request.GET.get("page"))


def attach_parents(pages: Iterable[Any], parents: QuerySet, *, name: str) -> list[Any]:
    """Give each page its parent as the attribute ``name``, in one query for all of them."""
    pages = list(pages)
    paths = {page.path[: -page.steplen] for page in pages}
    by_path = {parent.path: parent for parent in parents.filter(path__in=paths)}
    for page in pages:
        setattr(page, name, by_path.get(page.path[: -page.steplen]))
    return pages
