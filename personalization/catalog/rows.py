"""What the catalog's rows should say, compared with what they say. Reads only; `services` writes."""

import hashlib
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from wagtail.models import AbstractPage

from personalization.catalog.extractors import ContentExtractor, Extract
from personalization.catalog.keys import key_for, key_of
from personalization.catalog.models import Item
from personalization.catalog.places import is_public, restricted_paths
from personalization.catalog.registry import extractor_for

logger = logging.getLogger(__name__)

ROW_FIELDS = [field.name for field in Item._meta.concrete_fields if field.name not in ("id", "key", "epoch")]
LONGEST_TITLE = Item._meta.get_field("title").max_length
LINKS = ("", "http", "https")
LONGEST_ADDRESS = Item._meta.get_field("url").max_length


@dataclass
class Differences:
    """Rows to be written: new ones, changed ones, the keys of objects that are gone, and how many could not be read."""

    new: list[Item] = field(default_factory=list)
    changed: list[Item] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unreadable: int = 0

    def __len__(self) -> int:
        return len(self.new) + len(self.changed) + len(self.gone)

    @property
    def pks(self) -> list[str]:
        """Primary keys of the objects these differences are about."""
        return [item.object_id for item in self.new + self.changed] + [key.rpartition(":")[2] for key in self.gone]


def differences(model: type[Model], pks: Collection[Any]) -> Differences:
    """Compare some objects of one model, as they stand in the database, with their rows."""
    found = Differences()
    objects = {key_of(obj): obj for obj in _read(model, pks)}
    items = {item.key: item for item in Item.objects.filter(key__in=[key_for(model, pk) for pk in pks])}
    restricted = restricted_paths() if issubclass(model, AbstractPage) else frozenset()
    for key, obj in objects.items():
        _compare(obj, key, items.get(key), restricted, found)
    found.gone = [key for key, item in items.items() if key not in objects and (item.live or item.text)]
    return found


def _read(model: type[Model], pks: Collection[Any]) -> Iterable[Model]:
    queryset = model._base_manager.filter(pk__in=pks)
    extractor = extractor_for(model)
    return extractor.prepare(queryset) if isinstance(extractor, ContentExtractor) else queryset


def _compare(obj: Model, key: str, item: Item | None, restricted: frozenset[str], found: Differences) -> None:
    row = None
    if not isinstance(obj, AbstractPage) or is_public(obj, restricted=restricted, now=timezone.now()):
        row = _describe(obj)
        found.unreadable += row is None
    if row is None or not row.pop("live"):
        if item and item.live:
            item.live = False
            found.changed.append(item)
    elif item is None:
        found.new.append(Item(key=key, live=True, **row))
    elif not item.live or any(getattr(item, name) != value for name, value in row.items()):
        for name, value in (row | {"live": True}).items():
            setattr(item, name, value)
        found.changed.append(item)


def _describe(obj: Model) -> dict[str, Any] | None:
    """The row an object should have; None, and a log entry, where its extractor fails: what is unsure is not shown."""
    # A query that fails inside a transaction would spoil the editor's; alone, it needs no write lock.
    savepoint = transaction.atomic() if transaction.get_connection().in_atomic_block else nullcontext()
    try:
        with savepoint:
            return _row(obj, extractor_for(type(obj)).extract(obj))
    except Exception:
        logger.exception(
            "%s cannot be read, so it is not shown. Correct the extractor, run index_catalog.", key_of(obj)
        )
        return None


def _row(obj: Model, extract: Extract) -> dict[str, Any]:
    row: Mapping[str, Any] = vars(extract) | {
        "content_type_id": ContentType.objects.get_for_model(obj).pk,
        "object_id": str(obj.pk),
        "title": extract.title[:LONGEST_TITLE],
        "tags": list(extract.tags),
    }
    if max(len(extract.url), len(extract.image)) > LONGEST_ADDRESS:
        raise ValueError(f"An address is longer than {LONGEST_ADDRESS} characters.")
    # A card is a link on everybody's page: an address that an editor typed must not become a script.
    if urlsplit(extract.url).scheme not in LINKS:
        raise ValueError("An address leads neither to a path nor to http or https.")
    if extract.expires_at is not None and extract.expires_at <= timezone.now():
        row["live"] = False
    words = Item(title=row["title"], summary=extract.summary, text=extract.text).words
    return row | {"text_hash": hashlib.sha256(words.encode("utf-8", "replace")).hexdigest()}
