"""What tests of worktrees start from: a mirror of the usual repository, and its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs.execution.repository.mirrors import Mirror, mirror_open
from runs.execution.repository.sources import source_open

if TYPE_CHECKING:
    from pathlib import Path

    from tests.repositories import GitRepository


@pytest.fixture
def mirror(home: Path, repository: GitRepository) -> Mirror:
    del home
    opened = mirror_open("demo", source_open(str(repository.folder)))
    opened.fetch(repository.head, "")
    return opened


@pytest.fixture
def base(repository: GitRepository) -> str:
    return repository.head
