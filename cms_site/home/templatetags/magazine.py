"""What every page of the magazine shows around its content."""

from typing import Any

from django import template
from django.utils.translation import get_language
from wagtail.models import Locale, Site

from cms_site.home.models import HomePage, SectionPage, TagIndexPage

register = template.Library()


@register.simple_tag(takes_context=True)
def site_home(context: dict[str, Any]) -> HomePage | None:
    """The home page of this site in the page's language, with its ``menu`` and ``tag_index``; read once a request."""
    request = context.get("request")
    if request is None:
        return None
    if not hasattr(request, "_magazine_home"):
        request._magazine_home = _read_home(request, context.get("page"))
    return request._magazine_home


def _read_home(request: Any, page: Any) -> HomePage | None:
    site = Site.find_for_request(request)
    if site is None:
        return None
    homes = HomePage.objects.live().filter(translation_key=site.root_page.translation_key).select_related("locale")
    locale_id = page.locale_id if page is not None else _active_locale_id()
    home = homes.filter(locale_id=locale_id).first() or homes.filter(pk=site.root_page_id).first()
    if home is not None:
        _read_children(home)
    return home


def _active_locale_id() -> int | None:
    """The language the visitor reads, on pages that are not in the tree (an error page, the login)."""
    return Locale.objects.filter(language_code=get_language()).values_list("pk", flat=True).first()


def _read_children(home: HomePage) -> None:
    """Set ``menu``, the children that editors put into menus (sections with their colour), and ``tag_index``."""
    children = list(home.get_children().live())
    home.tag_index = next((child for child in children if child.specific_class is TagIndexPage), None)
    home.menu = [child for child in children if child.show_in_menus]
    sections = SectionPage.objects.in_bulk([child.pk for child in home.menu])
    home.menu = [sections.get(child.pk, child) for child in home.menu]
