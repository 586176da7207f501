"""What the settings ask of SQLite is in force on every connection."""

from __future__ import annotations

import sqlite3

import pytest
from django.db import connection, transaction

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite"),
]


def pragma(name: str) -> object:
    with connection.cursor() as cursor:
        return cursor.execute(f"PRAGMA {name}").fetchone()[0]


def test_readers_and_writers_do_not_wait_for_each_other() -> None:
    assert pragma("journal_mode") == "wal"


def test_a_commit_is_not_a_wait_for_the_disk() -> None:
    assert pragma("synchronous") == 1


def test_a_writer_waits_twenty_seconds_for_another_one() -> None:
    assert pragma("busy_timeout") == 20_000


def test_foreign_keys_are_checked() -> None:
    assert pragma("foreign_keys") == 1


def test_a_transaction_takes_its_write_lock_when_it_begins() -> None:
    other = sqlite3.connect(str(connection.settings_dict["NAME"]), timeout=0)
    try:
        with transaction.atomic(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE").close()
    finally:
        other.close()
