"""Makers of the demonstration site's pages, and of whatever else more than one room's tests need.

They stand on their own: they work in a database with Wagtail's migrations (which bring a root and a site) and without.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import factory
import wagtail_factories
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django.utils.text import slugify
from wagtail.models import Collection, Locale, Page, Site

from cms_site.home.models import ArticlePage, FilmIndexPage, FilmPage, HomePage, SectionPage, TagIndexPage
from personalization.catalog.embedders.base import current as current_embedder
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.catalog.services import embed_items
from personalization.slots.models import Slot
from personalization.visitors.models import Visitor
from personalization.visitors.services import change_consent


def default_locale() -> Locale:
    return Locale.objects.get_or_create(language_code=settings.LANGUAGE_CODE)[0]


def root_page() -> Page:
    """The root of the page tree."""
    return Page.get_first_root_node() or Page.add_root(
        instance=Page(title="Root", slug="root", locale=default_locale(), draft_title="Root")
    )


def root_collection() -> Collection:
    return Collection.get_first_root_node() or Collection.add_root(instance=Collection(name="Root"))


def default_site() -> Site:
    """The site at ``localhost``, whose root is a HomePage."""
    site = Site.objects.filter(is_default_site=True).select_related("root_page").first()
    if site and issubclass(site.root_page.specific_class, HomePage):
        return site
    home = HomePageFactory(title="Fernway", slug="fernway")
    return Site.objects.update_or_create(
        is_default_site=True, defaults={"hostname": "localhost", "port": 80, "site_name": "Fernway", "root_page": home}
    )[0]


def home_page() -> HomePage:
    """The home page of the default site."""
    return default_site().root_page.specific


def first_of(factory_class: type) -> Page:
    """The first page of a kind under the default site's home page, made if there is none."""
    home = home_page()
    return factory_class._meta.model.objects.child_of(home).first() or factory_class(parent=home)


class ImageFactory(wagtail_factories.ImageFactory):
    title = factory.Sequence(lambda n: f"Picture {n}")
    collection = factory.LazyFunction(root_collection)


class PageFactory(wagtail_factories.PageFactory):
    slug = factory.LazyAttribute(lambda page: slugify(page.title))
    locale = factory.LazyFunction(default_locale)

    class Meta:
        abstract = True


class HomePageFactory(PageFactory):
    title = factory.Sequence(lambda n: f"Home {n}")
    parent = factory.LazyFunction(root_page)

    class Meta:
        model = HomePage


class SectionPageFactory(PageFactory):
    title = factory.Sequence(lambda n: f"Section {n}")
    description = "What this section is about."
    parent = factory.LazyFunction(home_page)

    class Meta:
        model = SectionPage


class TagIndexPageFactory(PageFactory):
    title = "Tags"
    parent = factory.LazyFunction(home_page)

    class Meta:
        model = TagIndexPage


class FilmIndexPageFactory(PageFactory):
    title = "Films"
    parent = factory.LazyFunction(home_page)

    class Meta:
        model = FilmIndexPage


class TaggedPageFactory(PageFactory):
    """Takes ``tags=["space", "moon"]``; the page is live, but no revision of it has been published."""

    first_published_at = factory.LazyFunction(timezone.now)
    last_published_at = factory.SelfAttribute("first_published_at")

    class Meta:
        abstract = True
        skip_postgeneration_save = True

    @factory.post_generation
    def tags(page, create, names, **kwargs):
        if create and names:
            page.tags.add(*names)
            page.save()


class ArticlePageFactory(TaggedPageFactory):
    """An article under the first section of the default site; ``words="..."`` becomes its text."""

    title = factory.Sequence(lambda n: f"Article {n}")
    summary = factory.LazyAttribute(lambda article: f"What {article.title} is about.")
    byline = "The test desk"
    parent = factory.LazyFunction(lambda: first_of(SectionPageFactory))
    body = factory.LazyAttribute(lambda article: [("paragraph", f"<p>{article.words}</p>")])

    class Meta:
        model = ArticlePage

    class Params:
        words = "A few plain words."


class FilmPageFactory(TaggedPageFactory):
    title = factory.Sequence(lambda n: f"Film {n}")
    year = 1999
    plot = factory.LazyAttribute(lambda film: f"What happens in {film.title}.")
    parent = factory.LazyFunction(lambda: first_of(FilmIndexPageFactory))

    class Meta:
        model = FilmPage


def make_item(key: str, *, words: str = "", tags: Sequence[str] = (), **fields: Any) -> Item:
    """A row of the catalog without a page behind it, embedded from its words by the settings' embedder."""
    item = Item.objects.create(
        key=key,
        content_type=ContentType.objects.get_for_model(ArticlePage),
        epoch=Epoch.objects.advance("catalog"),
        **{"group": key, "object_id": key, "title": key, "url": f"/{key}/", "tags": list(tags), **fields},
    )
    if words:
        vector = current_embedder().embed([words])[0]
        Embedding.objects.create(item=item, model=current_embedder().name, text_hash=key, vector=vector.tobytes())
    return item


def make_visitor(*, analytics: bool = True, personalization: bool = True, user: Any = None) -> Visitor:
    """A visitor who allowed this much."""
    return change_consent(visitor=None, analytics=analytics, personalization=personalization, user=user)


TOPICS = {
    "science-fiction": "starship alien robot galaxy android laser planet cyborg",
    "cooking": "oven dough butter recipe flour simmer spice knife",
    "gardening": "seed soil compost blossom prune root hedge lawn",
}


def make_magazine(*, articles: int = 6) -> dict[str, list[ArticlePage]]:
    """Sections with articles that share a vocabulary, published, indexed and embedded; topic -> its articles."""
    magazine = {}
    for number, (topic, words) in enumerate(TOPICS.items()):
        section = SectionPageFactory(title=topic.title(), slug=topic)
        vocabulary = words.split()
        magazine[topic] = [
            ArticlePageFactory(
                title=f"{topic.title()} story {index}",
                slug=f"{topic}-{index}",
                parent=section,
                summary="One of several.",
                words=" ".join((vocabulary * 2)[index : index + 6]),
                tags=[topic],
                # Turn by turn, so that the newest are of every topic.
                first_published_at=timezone.now() - timedelta(hours=1 + 3 * index + number),
            )
            for index in range(articles)
        ]
    embed_items()
    return magazine


def make_slot(key: str, **fields: Any) -> Slot:
    """A live slot."""
    return Slot.objects.create(
        **{"key": key, "heading": "For you", "size": 3, "live": True, "diversity": 0.0, **fields}
    )
