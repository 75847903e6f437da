"""Putting events into the database, each fact once."""

from collections.abc import Sequence
from typing import Any

from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper

from personalization.events.models import Event

# SQLite's statements have room for so many values.
INSERTED_AT_ONCE = 500
FIELDS = [field for field in Event._meta.concrete_fields if not field.primary_key]
# Only these are stored otherwise than Python holds them, and only by some databases.
ADAPTED = (models.UUIDField, models.DateTimeField)


def store_new(rows: dict[int, Event]) -> list[int]:
    """Insert the rows of which none was told before; return the indexes of those that went in.

    Django's `bulk_create` can pass over repeats, but cannot say which rows it passed over. Both databases can: the
    statement is theirs. Of two rows of one batch that tell the same fact, the first goes in.
    """
    connection = connections[router.db_for_write(Event)]
    indexes = list(rows)
    stored: list[int] = []
    for start in range(0, len(indexes), INSERTED_AT_ONCE):
        part = indexes[start : start + INSERTED_AT_ONCE]
        stored += _insert(connection, {index: rows[index] for index in part})
    return sorted(stored)


def _insert(connection: BaseDatabaseWrapper, rows: dict[int, Event]) -> list[int]:
    values = [_values(connection, row) for row in rows.values()]
    position = FIELDS.index(Event._meta.get_field("event_id"))
    # Backwards, so that of one id told twice the first index remains.
    index_of = {row[position]: index for index, row in reversed(list(zip(rows, values, strict=True)))}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Columns for rows, as Django does: the driver takes ever longer over a statement of many parameters.
            cursor.execute(
                _statement(connection, _arrays(connection)), [list(column) for column in zip(*values, strict=True)]
            )
        else:
            cursor.execute(_statement(connection, _tuples(len(rows))), [value for row in values for value in row])
        return [index_of[name] for (name,) in cursor.fetchall()]


def _statement(connection: BaseDatabaseWrapper, source: str) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in FIELDS)
    table, name = quote(Event._meta.db_table), quote("event_id")
    return f"INSERT INTO {table} ({columns}) {source} ON CONFLICT DO NOTHING RETURNING {name}"


def _tuples(rows: int) -> str:
    one = f"({', '.join(['%s'] * len(FIELDS))})"
    return f"VALUES {', '.join([one] * rows)}"


def _arrays(connection: BaseDatabaseWrapper) -> str:
    return f"SELECT * FROM UNNEST({', '.join(f'%s::{field.db_type(connection)}[]' for field in FIELDS)})"  # noqa: S608


def _values(connection: BaseDatabaseWrapper, row: Event) -> Sequence[Any]:
    return [
        field.get_db_prep_save(getattr(row, field.attname), connection)
        if isinstance(field, ADAPTED)
        else getattr(row, field.attname)
        for field in FIELDS
    ]
