"""Puts the demonstration magazine into the database, through the same doors an editor uses."""

import html
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from wagtail.models import Page, Site

from cms_site.demo.articles import Article, Section, read_articles, read_sections
from cms_site.home.covers import save_cover
from cms_site.home.models import ArticlePage, HomePage, SectionPage, TagIndexPage, Tone

Progress = Callable[[str, int, int], None]

INTRO = "A small magazine about how things work, and why they are worth a second look."
TAGS_DESCRIPTION = "The threads that run through the magazine, across its sections."
TONES = {
    "space": Tone.NIGHT,
    "food": Tone.EMBER,
    "gardens": Tone.MOSS,
    "cities": Tone.BRICK,
    "film": Tone.PLUM,
    "cycling": Tone.LAGOON,
    "computing": Tone.STEEL,
    "music": Tone.VIOLET,
    "wildlife": Tone.OLIVE,
}
HEADING = re.compile(r"<h2>(.*?)</h2>", re.DOTALL)


def build_magazine(*, progress: Progress | None = None) -> HomePage:
    """Create what is missing of the magazine and leave what exists, edited or not, as it is."""
    home = ensure_home()
    sections = {section.slug: (section, _section(home, section)) for section in read_sections()}
    publish_missing(home, TagIndexPage(title="Tags", slug="tags", description=TAGS_DESCRIPTION))
    existing = set(ArticlePage.objects.descendant_of(home).values_list("slug", flat=True))
    missing = [article for article in reversed(read_articles()) if article.slug not in existing]
    now = timezone.now()
    for done, article in enumerate(missing, start=1):
        look, page = sections[article.section]
        _add_article(page, article, look, now)
        if progress:
            progress(article.title, done, len(missing))
    return home


@transaction.atomic
def ensure_home() -> HomePage:
    """The default site's home page; on a fresh database it takes the place of Wagtail's welcome page."""
    site = Site.objects.select_related("root_page").filter(is_default_site=True).first() or Site(is_default_site=True)
    if site.pk and site.root_page.specific_class is HomePage:
        return site.root_page.specific
    welcome = site.root_page if site.pk else None
    home = HomePage(title=settings.WAGTAIL_SITE_NAME, slug="fernway", intro=INTRO, readers_are_simulated=True)
    home = publish_missing(Page.get_first_root_node(), home)
    address = urlsplit(settings.WAGTAILADMIN_BASE_URL)
    site.hostname, site.port = address.hostname, address.port or (443 if address.scheme == "https" else 80)
    site.site_name, site.root_page = settings.WAGTAIL_SITE_NAME, home
    site.save()
    if welcome and welcome.specific_class is Page and welcome.is_leaf():
        welcome.delete()
    return home


def _section(home: HomePage, section: Section) -> SectionPage:
    tone = TONES.get(section.slug, Tone.INK)
    page = SectionPage(
        title=section.title, slug=section.slug, description=section.description, tone=tone, show_in_menus=True
    )
    return publish_missing(home, page)


@transaction.atomic
def publish_missing(parent: Page, page: Page) -> Page:
    """The child that already has this slug, or the given page, published."""
    existing = type(page).objects.child_of(parent).filter(slug=page.slug).first()
    if existing:
        return existing
    parent.refresh_from_db()
    page.live = False
    parent.add_child(instance=page)
    page.save_revision().publish()
    page.refresh_from_db()
    return page


@transaction.atomic
def _add_article(section: SectionPage, article: Article, look: Section, now: datetime) -> ArticlePage:
    date = now - timedelta(days=article.days_ago)
    cover = save_cover(title=f"Cover: {article.title}", slug=article.slug, palette=look.palette, motif=look.motif)
    page = ArticlePage(
        title=article.title,
        slug=article.slug,
        summary=article.summary,
        byline=article.byline,
        cover=cover,
        date=date,
        first_published_at=date,
        body=_blocks(article.body),
    )
    page.tags.add(*article.tags)
    return publish_missing(section, page)


def _blocks(rich_text: str) -> list[tuple[str, str]]:
    """Rich text as blocks: headings stand alone, what lies between them is text."""
    parts = HEADING.split(rich_text)
    blocks = [("heading", html.unescape(part)) if n % 2 else ("paragraph", part) for n, part in enumerate(parts)]
    return [(kind, text) for kind, text in blocks if text]
