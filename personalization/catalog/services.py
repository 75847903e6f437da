"""Writes the catalog's rows, at once and cheaply.

Every write takes the epoch's lock first and reads what it writes about afterwards. So a slow reconciliation never
overwrites what an editor has changed meanwhile, and two writers wait for one another instead of dead-locking.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from django.utils import timezone
from wagtail.models import AbstractPage, Site

from personalization.catalog.embedding import Progress, embed_items, in_silence
from personalization.catalog.extractors import PageExtractor
from personalization.catalog.keys import key_for, key_of, page_model
from personalization.catalog.models import Embedding, Epoch, Item
from personalization.catalog.places import is_public, restricted_paths
from personalization.catalog.registry import catalog_models, catalog_page_models, extractor_for
from personalization.catalog.rows import ROW_FIELDS, differences

__all__ = [
    "IndexReport",
    "embed_items",
    "index_all",
    "index_object",
    "index_subtree",
    "place_subtree",
    "withdraw_object",
]

CHUNK = 100
PLACE_FIELDS = ("site_id", "tree_path", "url")


@dataclass(frozen=True)
class IndexReport:
    """How many objects were compared, rows changed and objects not to be read, and how long it took."""

    objects: int
    changed: int
    unreadable: int
    seconds: float


def index_object(*, obj: Model) -> Item | None:
    """Bring one object's row in line with the database. What is only in memory, such as a draft, is not looked at."""
    model = obj.specific_class if isinstance(obj, AbstractPage) else type(obj)
    if extractor_for(model) is None:
        return None
    _sync(model, [obj.pk])
    return Item.objects.filter(key=key_for(model, obj.pk)).first()


def withdraw_object(*, obj: Model) -> None:
    """Take a deleted object out of the catalog; its row stays, without its words, so that history keeps its keys."""
    key = key_of(obj)
    if Item.objects.filter(key=key).exists():
        with transaction.atomic():
            _withdraw([key], Epoch.objects.advance("catalog"))


def place_subtree(*, path_prefix: str = "") -> int:
    """Write at once where the pages below now are, and withdraw those that may no longer be seen; no text is read.

    It withdraws only. What may be seen again is shown once `index_subtree` has read it.
    """
    with transaction.atomic():
        epoch = Epoch.objects.advance("catalog")
        pages = page_model()._base_manager.filter(path__startswith=path_prefix)
        restricted, changed = restricted_paths(), 0
        for pks in _chunks(list(pages.values_list("pk", flat=True))):
            withdrawn, moved = _misplaced(pks, restricted)
            Item.objects.filter(pk__in=withdrawn).update(live=False, epoch=epoch)
            _save(moved, PLACE_FIELDS, epoch)
            changed += len(withdrawn) + len(moved)
    return changed


def index_subtree(*, path_prefix: str, progress: Progress = in_silence) -> IndexReport:
    """Bring the rows of all pages of a part of the tree in line with the database."""
    return _index(
        {model: _pks(model, {"path__startswith": path_prefix}, path_prefix) for model in catalog_page_models()},
        progress,
    )


def index_all(*, progress: Progress = in_silence) -> IndexReport:
    """Bring the whole catalog in line with the database and withdraw what is no longer declared."""
    report = _index({model: _pks(model) for model in catalog_models()}, progress)
    declared = ContentType.objects.get_for_models(*catalog_models()).values()
    strangers = Item.objects.live().exclude(content_type__in=declared)
    if strangers.exists():
        with transaction.atomic():
            strangers.update(live=False, epoch=Epoch.objects.advance("catalog"))
    return report


def _index(pks: dict[type[Model], list[Any]], progress: Progress) -> IndexReport:
    # Another process may have changed a site while this one still remembers where it was.
    Site.clear_site_root_paths_cache()
    started, done, changed, unreadable = monotonic(), 0, 0, 0
    total = sum(map(len, pks.values()))
    progress(done, total)
    for model, chunk in [(model, chunk) for model, keys in pks.items() for chunk in _chunks(keys)]:
        written, failed = _sync(model, chunk)
        done, changed, unreadable = done + len(chunk), changed + written, unreadable + failed
        progress(done, total)
    return IndexReport(done, changed, unreadable, monotonic() - started)


def _pks(model: type[Model], within: dict[str, str] | None = None, path_prefix: str = "") -> list[Any]:
    """What could be shown, and what is shown though it may be gone."""
    content_type = ContentType.objects.get_for_model(model)
    objects = model._base_manager.filter(**within or {})
    if issubclass(model, AbstractPage):
        objects = objects.filter(content_type=content_type, live=True)
    shown = Item.objects.live().filter(content_type=content_type, tree_path__startswith=path_prefix)
    pks = dict.fromkeys(map(str, objects.values_list("pk", flat=True)))
    return list(pks | dict.fromkeys(shown.values_list("object_id", flat=True)))


def _sync(model: type[Model], pks: Sequence[Any]) -> tuple[int, int]:
    """Write what differs; return the number of rows written and of objects that could not be read."""
    found = differences(model, pks)
    if not found:
        return 0, found.unreadable
    with transaction.atomic():
        epoch = Epoch.objects.advance("catalog")
        fresh = differences(model, found.pks)
        Item.objects.bulk_create(fresh.new)
        Item.objects.filter(key__in=[item.key for item in fresh.new]).update(epoch=epoch)
        _save(fresh.changed, ROW_FIELDS, epoch)
        _withdraw(fresh.gone, epoch)
    return len(fresh), found.unreadable


def _save(items: Sequence[Item], names: Sequence[str], epoch: int) -> None:
    for item in items:
        item.epoch = epoch
    Item.objects.bulk_update(items, [*names, "epoch"], batch_size=CHUNK)


def _withdraw(keys: Sequence[str], epoch: int) -> None:
    gone = Item.objects.filter(key__in=keys)
    Embedding.objects.filter(item__in=gone).delete()
    gone.update(live=False, summary="", text="", text_hash="", image="", epoch=epoch)


def _misplaced(pks: Sequence[Any], restricted: frozenset[str]) -> tuple[list[int], list[Item]]:
    """Which live items must be withdrawn, and which have a new place."""
    keys = {key_for(page_model(), pk): pk for pk in pks}
    items = {item.key: item for item in Item.objects.live().filter(key__in=keys).defer("summary", "text")}
    pages = page_model().objects.filter(pk__in=[keys[key] for key in items]).specific(defer=True)
    withdrawn, moved = [], []
    for page in pages:
        item = items[key_of(page)]
        if not is_public(page, restricted=restricted, now=timezone.now()):
            withdrawn.append(item.pk)
        elif _move(item, page):
            moved.append(item)
    return withdrawn, moved


def _move(item: Item, page: AbstractPage) -> bool:
    """Correct an item's place; say whether it had to be."""
    before = [getattr(item, name) for name in PLACE_FIELDS]
    item.site_id, _, address = page.get_url_parts()
    item.tree_path = page.path
    if getattr(type(extractor_for(type(page))), "url", None) is PageExtractor.url:
        item.url = address or ""
    return before != [getattr(item, name) for name in PLACE_FIELDS]


def _chunks(pks: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (pks[start : start + CHUNK] for start in range(0, len(pks), CHUNK))
