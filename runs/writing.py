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
