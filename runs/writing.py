"""Transactions that write."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

_writes = threading.RLock()


def _forget_lock() -> None:
    global _writes  # noqa: PLW0603 (in a fork its holder does not exist)
    _writes = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_lock)


@contextmanager
def writing() -> Iterator[None]:
    """A transaction that writes.

    SQLite has one writer at a time, and who finds it taken sleeps for 1 to 100 ms before looking
    again. Threads of one process need not: here they wait for each other without sleeping.
    """
    if connection.vendor != "sqlite":
        with transaction.atomic():
            yield
        return
    with _writes, transaction.atomic():
        yield


# Numbers of PostgreSQL's advisory locks: any that nobody else uses on this database.
CLAIMS_LOCK = 0x4155_0001
STARTS_LOCK = 0x4155_0002


def lock_together(number: int) -> None:
    """Inside `writing()`: let no other transaction that locks the same number run beside us.

    SQLite has one writer anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
