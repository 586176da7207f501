"""Reads that are made all the time: built by the ORM once, then executed with other values.

Building such a query takes Django five to ten times as long as SQLite takes to execute it. What is
kept is the statement and what turns the columns into Python's values, a database vendor; every
execution still goes through Django's cursor, so it is logged and counted like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

# What stands in a query for the value that is given when it is executed.
GIVEN_NUMBER = -(2**62) + 4711
GIVEN_TEXT = "\x01given\x01"


class KeptQuery:
    """A query of named columns with one value that varies.

    `build` makes it with GIVEN_NUMBER or GIVEN_TEXT where that value belongs, and ends in
    `values_list` (the columns as rows have them).
    """

    def __init__(self, build: Callable[[], QuerySet[Any, Any]]) -> None:
        self._build = build
        self._kept: dict[str, tuple[str, tuple[Any, ...], tuple[Any, ...]]] = {}

    def rows(self, value: int | str) -> list[list[Any]]:
        """The rows for `value`, each a list of the columns' values."""
        sql, parameters, converters = self._kept.get(connection.vendor) or self._keep()
        with connection.cursor() as cursor:
            cursor.execute(
                sql, [value if each in (GIVEN_NUMBER, GIVEN_TEXT) else each for each in parameters]
            )
            found = [list(row) for row in cursor.fetchall()]
        for row in found:
            for at, functions, expression in converters:
                for convert in functions:
                    row[at] = convert(row[at], expression, connection)
        return found

    def row(self, value: int | str) -> list[Any] | None:
        """The first row, or None."""
        return next(iter(self.rows(value)), None)

    def _keep(self) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
        compiler = self._build().query.get_compiler(using=connection.alias)
        sql, parameters = compiler.as_sql()
        columns = [column[0] for column in compiler.select]
        converters = tuple(
            (at, tuple(functions), expression)
            for at, (functions, expression) in compiler.get_converters(columns).items()
        )
        self._kept[connection.vendor] = kept = (sql, tuple(parameters), converters)
        return kept
