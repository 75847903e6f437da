"""How the catalog reads an object. A site overrides one method of an extractor and names its class in CATALOG."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model, QuerySet
from django.utils.text import Truncator
from taggit.managers import TaggableManager
from wagtail.images.models import AbstractImage
from wagtail.models import AbstractPage
from wagtail.search import index

from personalization import conf
from personalization.catalog.keys import group_of

logger = logging.getLogger(__name__)

# More than any embedding model reads in one go; a book in a text field must not become a book in every query.
LONGEST_TEXT = 20_000
DERIVED_SUMMARY = 200


@dataclass(frozen=True, kw_only=True)
class Extract:
    """What the catalog knows of one object."""

    title: str
    summary: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    image: str = ""
    url: str = ""
    published_at: datetime | None = None
    expires_at: datetime | None = None
    locale: str = ""
    site_id: int | None = None
    tree_path: str = ""
    live: bool = True
    group: str = ""


class Extractor(Protocol):
    """Reads one object. That restricted pages and pages outside every site are not shown is not left to it."""

    def extract(self, obj: Any) -> Extract:
        """What the catalog should know of this object, as it stands in the database."""


class ContentExtractor:
    """The defaults that pages and snippets share; each method may be overridden on its own."""

    summary_fields: tuple[str, ...] = ("summary", "introduction", "intro", "search_description")
    image_fields: tuple[str, ...] | None = None  # None: the first foreign key to an image
    published_fields: tuple[str, ...] = ("first_published_at",)

    def extract(self, obj: Any) -> Extract:
        text = self.text(obj)
        return Extract(
            title=self.title(obj),
            summary=self.summary(obj) or Truncator(text).chars(DERIVED_SUMMARY),
            text=text,
            tags=self.tags(obj),
            image=self.image(obj),
            url=self.url(obj),
            published_at=self.published_at(obj),
            expires_at=getattr(obj, "expire_at", None),
            locale=self.locale(obj),
            site_id=self.site_id(obj),
            tree_path=getattr(obj, "path", "") if isinstance(obj, AbstractPage) else "",
            live=self.live(obj),
            group=group_of(obj),
        )

    def prepare(self, queryset: QuerySet) -> QuerySet:
        """The same objects with what `extract` will touch read along, for when many are indexed."""
        related = [
            name for name in ("locale", *self._image_fields(queryset.model)) if _is_relation(queryset.model, name)
        ]
        return queryset.select_related(*related) if related else queryset

    def title(self, obj: Any) -> str:
        return str(obj)

    def summary(self, obj: Any) -> str:
        return next((words for name in self.summary_fields if (words := plain_text(obj, name))), "")

    def text(self, obj: Any) -> str:
        """What search reads: the model's search_fields, or, where it has none, all its long texts."""
        skipped = {"title", *self.summary_fields}
        fields = [field.field_name for field in getattr(obj, "search_fields", ()) if type(field) is index.SearchField]
        names = [name for name in dict.fromkeys(fields) if name not in skipped] or [
            field.name for field in obj._meta.local_fields if _is_long(field) and field.name not in skipped
        ]
        return " ".join(words for name in names if (words := plain_text(obj, name)))[:LONGEST_TEXT]

    def tags(self, obj: Any) -> tuple[str, ...]:
        managers = [field.name for field in obj._meta.get_fields() if isinstance(field, TaggableManager)]
        return tuple(sorted({tag.name for name in managers for tag in getattr(obj, name).all()}))

    def image(self, obj: Any) -> str:
        image = next((found for name in self._image_fields(type(obj)) if (found := getattr(obj, name))), None)
        return rendition_url(image) if image else ""

    def url(self, obj: Any) -> str:
        return obj.get_absolute_url() if hasattr(obj, "get_absolute_url") else ""

    def published_at(self, obj: Any) -> datetime | None:
        return next((found for name in self.published_fields if (found := getattr(obj, name, None))), None)

    def locale(self, obj: Any) -> str:
        return obj.locale.language_code if getattr(obj, "locale_id", None) else ""

    def site_id(self, obj: Any) -> int | None:
        """The Wagtail site it belongs to; None means every site, and for a page: none."""
        return None

    def live(self, obj: Any) -> bool:
        return getattr(obj, "live", True)

    def _image_fields(self, model: type[Model]) -> Iterable[str]:
        if self.image_fields is not None:
            return self.image_fields
        fields = (field for field in model._meta.get_fields() if field.many_to_one and field.concrete)
        return [field.name for field in fields if issubclass(field.related_model, AbstractImage)]


class PageExtractor(ContentExtractor):
    """Any page type, from Wagtail's own fields."""

    def title(self, obj: AbstractPage) -> str:
        return obj.title

    def url(self, obj: AbstractPage) -> str:
        """The path within its site: an item is only ever shown on its own site."""
        parts = obj.get_url_parts()
        return (parts[2] or "") if parts else ""

    def site_id(self, obj: AbstractPage) -> int | None:
        parts = obj.get_url_parts()
        return parts[0] if parts else None


class SnippetExtractor(ContentExtractor):
    """Any other model. It belongs to every site, and to every language unless it is translatable."""


def rendition_url(image: AbstractImage) -> str:
    """The image's address in the cards' format, or "" where it cannot be made: no picture must hold back a text."""
    try:
        return image.get_rendition(conf.get().image_filter).url
    except Exception as error:  # image libraries raise whatever they like about damaged files
        logger.warning("No card image for image %s: %r. Replace its file, or set IMAGE_FILTER.", image.pk, error)
        return ""


def plain_text(obj: Any, name: str) -> str:
    """A field's or property's words without markup, on one line."""
    value = index.SearchField(name).get_value(obj)
    parts = value if isinstance(value, (list, tuple)) else [value]
    return " ".join(" ".join(str(part).split()) for part in parts if part)


def _is_long(field: Any) -> bool:
    return field.get_internal_type() in ("TextField", "JSONField") and not field.choices


def _is_relation(model: type[Model], name: str) -> bool:
    return any(field.name == name and field.many_to_one for field in model._meta.get_fields())
