"""The catalog's rows, read from the database into columns, of which a refresh replaces only what has changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from numpy.typing import NDArray

EVERY_SITE = 0
NUMBER_BYTES = 4
NAMES = (
    *("pk", "key", "group", "content_type_id", "title", "summary", "url", "image", "tags", "published_at", "text_hash"),
    *("expires_at", "live", "site_id", "locale", "tree_path", "embedding__model", "embedding__vector"),
)


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of one item."""

    key: str
    type: str
    title: str
    summary: str
    url: str
    image: str
    published_at: datetime | None
    tags: tuple[str, ...]
    text_hash: str = ""


class Row(NamedTuple):
    """One item: a cell for each column."""

    cards: Card
    groups: str
    live: bool
    sites: int
    locales: str
    tree_paths: str
    expires: float
    published: float


NOTHING = Row(*((),) * len(Row._fields))


@dataclass(frozen=True, eq=False)
class Columns:
    """All rows in the order of their primary keys; ``vectors`` as they came from the embedder, zeros for none."""

    position: Mapping[int, int] = field(default_factory=dict)
    cells: Row = NOTHING
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def __len__(self) -> int:
        return len(self.position)

    def fits(self, pks: list[int]) -> bool:
        """Whether these rows are known or come after all that are."""
        last = next(reversed(self.position), 0)
        return all(pk > last or pk in self.position for pk in pks)


def read(items: QuerySet, model: str) -> tuple[dict[int, Row], dict[int, bytes]]:
    """The rows of some items, and the vectors that `model` has made of them, by primary key."""
    rows, vectors = {}, {}
    # Sorted here, for a database asked for an order may read the whole table in that order to find a few rows.
    for pk, *values, made_by, vector in sorted(items.order_by().values_list(*NAMES), key=itemgetter(0)):
        rows[pk] = _row(values)
        vectors[pk] = bytes(vector) if vector is not None and made_by == model else b""
    return rows, vectors


def patched(old: Columns, rows: Mapping[int, Row], vectors: Mapping[int, bytes]) -> Columns:
    """The columns with some rows replaced and new ones added; vectors that did not change are the same array."""
    added = [pk for pk in rows if pk not in old.position]
    position = dict(old.position) | {pk: n for n, pk in enumerate(added, start=len(old))} if added else old.position
    cells = []
    for number, column in enumerate(old.cells):
        values = [*column, *[None] * len(added)]
        for pk, row in rows.items():
            values[position[pk]] = row[number]
        cells.append(tuple(values))
    return Columns(
        position, Row(*cells), _patched(old.vectors, {position[pk]: v for pk, v in vectors.items()}, position)
    )


def _patched(
    old: NDArray[np.float32], changes: Mapping[int, bytes], position: Mapping[int, int]
) -> NDArray[np.float32]:
    lengths = [len(vector) for vector in changes.values() if vector]
    width = old.shape[1] or (lengths[0] // NUMBER_BYTES if lengths else 0)
    # A vector of another length than its fellows' cannot be compared with them: it counts as none.
    wanted = {
        n: vector if len(vector) == width * NUMBER_BYTES else b"\0" * width * NUMBER_BYTES
        for n, vector in changes.items()
    }
    if len(old) == len(position) and old.shape[1] == width and all(old[n].tobytes() == wanted[n] for n in wanted):
        return old
    new = np.zeros((len(position), width), dtype=np.float32)
    if old.shape[1]:
        new[: len(old)] = old
    for n, vector in wanted.items():
        new[n] = np.frombuffer(vector, dtype="<f4")
    new.setflags(write=False)
    return new


def _row(values: list[Any]) -> Row:
    key, group, type_id, title, summary, url, image, tags, published, text_hash, *place = values
    expires, live, site_id, locale, path = place
    content_type = ContentType.objects.get_for_id(type_id)
    label = f"{content_type.app_label}.{content_type.model}"
    return Row(
        cards=Card(key, label, title, summary, url, image, published, tuple(tags), text_hash),
        groups=group,
        live=live,
        sites=EVERY_SITE if site_id is None else site_id,
        locales=locale,
        tree_paths=path,
        expires=expires.timestamp() if expires else np.inf,
        published=published.timestamp() if published else np.nan,
    )
