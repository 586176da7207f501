"""Fixtures for the tests of commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.runs.fleet.manage import Manage, manage_of_test, own_environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def manage(transactional_db: None, home: Path, tmp_path: Path) -> Iterator[Manage]:
    """`manage.py` on the test's own database and home; what it leaves running is killed."""
    del transactional_db
    manage = manage_of_test(home, tmp_path / "cwd")
    yield manage
    manage.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Manage]:
    """`manage.py` on a machine that has nothing: no database, no home."""
    (tmp_path / "cwd").mkdir()
    manage = Manage(own_environment(tmp_path / "fresh"), tmp_path / "cwd")
    yield manage
    manage.close()
