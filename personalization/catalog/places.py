"""Where pages are and whether anybody may see them: the part of the catalog that is never left to an extractor."""

from datetime import datetime

from django.db.models import Q
from wagtail.models import AbstractPage, PageViewRestriction

from personalization.catalog.keys import page_model


def restricted_paths() -> frozenset[str]:
    """Tree paths of the pages that carry a view restriction.

    An alias carries its source's restrictions and none of its own, as in ``Page.get_view_restrictions``.
    """
    restricted = PageViewRestriction.objects.exclude(restriction_type=PageViewRestriction.NONE).values("page")
    return frozenset(paths_with_aliases(Q(pk__in=restricted, alias_of=None)))


def paths_with_aliases(chosen: Q) -> list[str]:
    """Tree paths of the chosen pages, of their aliases, and of the aliases of those."""
    pages = page_model()._base_manager
    found = dict(pages.filter(chosen).values_list("pk", "path"))
    sources = set(found)
    while sources:
        aliases = dict(pages.filter(alias_of__in=sources).values_list("pk", "path"))
        sources = aliases.keys() - found.keys()
        found |= aliases
    return list(found.values())


def is_restricted(page: AbstractPage, restricted: frozenset[str]) -> bool:
    """Whether the page or a page above it carries a view restriction."""
    step = page.steplen
    return any(page.path[:end] in restricted for end in range(step, len(page.path) + 1, step)) if restricted else False


def is_public(page: AbstractPage, *, restricted: frozenset[str], now: datetime) -> bool:
    """Whether anybody may open the page: live, not expired, not restricted, inside a site."""
    expired = page.expire_at is not None and page.expire_at <= now
    return page.live and not expired and not is_restricted(page, restricted) and page.get_url_parts() is not None
