"""Which groups an item belongs to, for an audit: by what editors defined, or by a property of the item."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model
from django.utils.translation import gettext as _

from personalization.catalog.keys import page_model
from personalization.catalog.models import Item
from personalization.catalog.snapshot import Catalog
from personalization.monitoring.models import FairnessAudit, ItemGroup

Grouping = FairnessAudit.Grouping
Groups = list[tuple[str, ...]]

# What pages and snippets call their author; the first that a model has counts.
AUTHOR_FIELDS = ("author", "byline", "owner")
CHUNK = 400
# More groups than people can compare are taken together, the smallest first.
MOST_GROUPS = 20


def groups_of(grouping: str, names: Sequence[str], catalog: Catalog) -> Groups:
    """The groups of each collaborative item, by the first of its rows; an item the catalog does not know has none."""
    rows = [catalog.rows_of_group[name][0] if name in catalog.rows_of_group else None for name in names]
    of_row = _of_rows(grouping, catalog)
    return _largest([of_row[row] if row is not None else () for row in rows])


def _of_rows(grouping: str, catalog: Catalog) -> Groups:
    if grouping == Grouping.TAG:
        return list(catalog.items.tags)
    if grouping == Grouping.LOCALE:
        return _single(catalog.locale.tolist())
    if grouping == Grouping.TYPE:
        return _single(card.type for card in catalog.cards)
    if grouping == Grouping.SECTION:
        return _single(_sections(catalog))
    authors = _authors()
    by_author = _single(authors.get(card.key, "") for card in catalog.cards)
    return by_author if grouping == Grouping.AUTHOR else _defined(catalog, by_author)


def _single(values: Iterable[str]) -> Groups:
    return [(value,) if value else () for value in values]


def _sections(catalog: Catalog) -> Iterator[str]:
    """The title of the page that each item lies below."""
    above = {path[:-4] for path in catalog.tree_paths.tolist() if path}
    pages = page_model()._default_manager.filter(path__in=above)
    titles = dict(pages.values_list("path", "title"))
    return (titles.get(path[:-4], "") for path in catalog.tree_paths.tolist())


def _defined(catalog: Catalog, by_author: Groups) -> Groups:
    """Every group of the editors whose conditions an item meets."""
    wanted = [(group, _folded(group.tags.split(","))) for group in ItemGroup.objects.all()]
    return [
        tuple(
            group.name
            for group, tags in wanted
            if (not tags or tags & _folded(catalog.items.tags[row]))
            and (not group.locale or group.locale == catalog.locale[row])
            and (not group.author or group.author.casefold() in _folded(by_author[row]))
        )
        for row in range(len(catalog))
    ]


def _folded(words: Iterable[str]) -> set[str]:
    return {word.strip().casefold() for word in words if word.strip()}


def _authors() -> dict[str, str]:
    """Who wrote each live item, by key; of models without any such field, nobody."""
    by_type: dict[int, dict[str, str]] = defaultdict(dict)
    for key, type_id, object_id in Item.objects.live().values_list("key", "content_type_id", "object_id").iterator():
        by_type[type_id][object_id] = key
    return {
        keys[str(pk)]: str(author)
        for type_id, keys in by_type.items()
        for pk, author in _written(ContentType.objects.get_for_id(type_id).model_class(), list(keys))
        if author
    }


def _written(model: type[Model] | None, pks: list[str]) -> Iterator[tuple[Any, Any]]:
    field = _author_field(model) if model else None
    if field is None:
        return
    objects = model._base_manager.only("pk", field.name)
    objects = objects.select_related(field.name) if field.is_relation else objects
    for start in range(0, len(pks), CHUNK):
        for obj in objects.filter(pk__in=pks[start : start + CHUNK]):
            yield obj.pk, getattr(obj, field.name)


def _author_field(model: type[Model]) -> Field | None:
    for name in AUTHOR_FIELDS:
        try:
            field = model._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        if field.concrete and not field.many_to_many:
            return field
    return None


def _largest(groups: Groups) -> Groups:
    counts = Counter(chain.from_iterable(groups))
    if len(counts) <= MOST_GROUPS:
        return groups
    kept = {name for name, _number in counts.most_common(MOST_GROUPS - 1)}
    rest = _("all others")
    return [tuple(dict.fromkeys(name if name in kept else rest for name in own)) for own in groups]
