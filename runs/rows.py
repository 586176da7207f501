"""Plain statements for what every attempt reads and writes.

The ORM takes ten times as long to build a statement as the database to run it, and an attempt
makes a dozen of them. Here each shape is built once and kept: equality conditions joined
by AND, columns set to values. Fields still prepare their own values, so what is stored is what
the ORM would store. Names of columns come from our own code only, never from data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models.expressions import Col

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Field, Model


@dataclass(frozen=True, slots=True)
class Now:
    """The database's clock, `plus_seconds` later. (SQLite's is the host's.)"""

    plus_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Increment:
    """The column's own value, and `by` more."""

    by: int = 1


def update(model: type[Model], *, where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set `values` on the rows that equal `where`; returns how many there were."""
    database = _database()
    sql = _update_sql(model, tuple(where), _shape(values), database.vendor)
    parameters = _parameters(database, model, (values, where))
    return int(_executed(database, sql, parameters, attrgetter("rowcount")))


def insert(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert rows, each naming every column but the id, in one order; returns their ids."""
    if not rows:
        return []
    database = _database()
    sql = _insert_sql(model, _shape(rows[0]), len(rows), database.vendor)
    parameters = _parameters(database, model, rows)
    return [row[0] for row in _executed(database, sql, parameters, _all_rows)]


def text(model: type[Model], pk: int, name: str) -> str | None:
    """A column of text of one row; None when the row is gone."""
    database = _database()
    sql, _ = _select(model, (name,), database.vendor)
    found = _executed(database, sql, [pk], _one_row)
    return str(found[0]) if found else None


def refresh(row: Model, names: tuple[str, ...]) -> None:
    """Read columns of a row again. Raises LookupError when it is gone."""
    database = _database()
    model = type(row)
    sql, converters = _select(model, names, database.vendor)
    found = _executed(database, sql, [row.pk], _one_row)
    if found is None:
        raise LookupError(f"{model.__name__} {row.pk} is gone.")
    for name, value, (convert, column) in zip(names, found, converters, strict=True):
        for function in convert:
            value = function(value, column, database)  # noqa: PLW2901 (one converter feeds the next)
        setattr(row, name, value)


def _database() -> BaseDatabaseWrapper:
    """This thread's connection itself: its proxy looks it up again for every attribute."""
    return connections[DEFAULT_DB_ALIAS]


def _executed(
    database: BaseDatabaseWrapper,
    sql: str,
    parameters: list[Any],
    take: Callable[[Any], Any],
) -> Any:
    """What `take` has of the driver's own cursor after a statement in the driver's own words:
    Django's rewrites each statement with a regular expression, which costs more than SQLite takes
    to run it."""
    database.validate_no_broken_transaction()
    if database.connection is None:
        database.ensure_connection()
    with database.wrap_database_errors:
        cursor = database.connection.cursor()
        try:
            cursor.execute(sql, parameters)
            return take(cursor)
        finally:
            cursor.close()


def _all_rows(cursor: Any) -> list[tuple[Any, ...]]:
    return list(cursor.fetchall())


def _one_row(cursor: Any) -> tuple[Any, ...] | None:
    found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def _mark(vendor: str) -> str:
    """The driver's placeholder."""
    return "?" if vendor == "sqlite" else "%s"


@cache
def _field(model: type[Model], name: str) -> Field[Any, Any]:
    for field in model._meta.concrete_fields:
        if name in (field.attname, field.name) or (name == "pk" and field.primary_key):
            return field
    raise LookupError(f"{model.__name__} has no column {name!r}.")


def _shape(values: Mapping[str, Any]) -> tuple[tuple[str, type], ...]:
    return tuple((name, type(value)) for name, value in values.items())


def _parameters(
    database: BaseDatabaseWrapper, model: type[Model], rows: Iterable[Mapping[str, Any]]
) -> list[Any]:
    """The values of `rows` one after the other, as the driver takes them."""
    prepared: list[Any] = []
    for row in rows:
        for name, value in row.items():
            kind = type(value)
            if value is None or kind is int or kind is str:
                prepared.append(value)
            elif kind is Now:
                prepared.append(_time(value.plus_seconds, database.vendor))
            elif kind is Increment:
                prepared.append(value.by)
            else:
                prepared.append(_field(model, name).get_db_prep_save(value, database))
    return prepared


def _time(plus_seconds: float, vendor: str) -> object:
    if vendor != "sqlite":
        return plus_seconds
    # As Django's own adapter for SQLite writes a time: naive, in UTC.
    return str((datetime.now(UTC) + timedelta(seconds=plus_seconds)).replace(tzinfo=None))


def _placeholder(kind: type, column: str, vendor: str) -> str:
    if kind is Increment:
        return f"{column} + {_mark(vendor)}"
    if kind is Now and vendor != "sqlite":
        return "STATEMENT_TIMESTAMP() + %s * INTERVAL '1 second'"
    return _mark(vendor)


@cache
def _select(
    model: type[Model], names: tuple[str, ...], vendor: str
) -> tuple[str, tuple[tuple[tuple[Any, ...], Col], ...]]:
    quote = connection.ops.quote_name
    table = model._meta.db_table
    columns = [Col(table, _field(model, name)) for name in names]
    # What the ORM's own compiler does to each value that comes from the database.
    converters = tuple(
        (
            (
                *connection.ops.get_db_converters(column),
                *column.get_db_converters(connection),
            ),
            column,
        )
        for column in columns
    )
    listed = ", ".join(quote(str(column.target.column)) for column in columns)
    key = quote(str(_field(model, "pk").column))
    sql = f"SELECT {listed} FROM {quote(table)} WHERE {key} = {_mark(vendor)}"  # noqa: S608
    return sql, converters


@cache
def _update_sql(
    model: type[Model], where: tuple[str, ...], shape: tuple[tuple[str, type], ...], vendor: str
) -> str:
    quote = connection.ops.quote_name
    columns = [(quote(str(_field(model, name).column)), kind) for name, kind in shape]
    settings = ", ".join(f"{name} = {_placeholder(kind, name, vendor)}" for name, kind in columns)
    conditions = " AND ".join(
        f"{quote(str(_field(model, name).column))} = {_mark(vendor)}" for name in where
    )
    return f"UPDATE {quote(model._meta.db_table)} SET {settings} WHERE {conditions}"  # noqa: S608


@cache
def _insert_sql(
    model: type[Model], shape: tuple[tuple[str, type], ...], count: int, vendor: str
) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(_field(model, name).column)) for name, _ in shape)
    row = ", ".join(_placeholder(kind, "", vendor) for _, kind in shape)
    table, key = quote(model._meta.db_table), quote(str(_field(model, "pk").column))
    rows = ", ".join([f"({row})"] * count)
    return f"INSERT INTO {table} ({columns}) VALUES {rows} RETURNING {key}"  # noqa: S608
