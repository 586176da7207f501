"""Fixtures shared by all tests: real git repositories in tmp_path, a private AUTOPACK_HOME."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from tests.repositories import GitRepository, copied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from runs.models import Project, Run


class MakeRun(Protocol):
    def __call__(
        self, *phases: dict[str, Any], run_id: str = ..., project: Project | None = ..., **plan: Any
    ) -> Run: ...


@pytest.fixture(scope="session")
def _base_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template") / "repository"
    GitRepository.create(
        folder, f0__txt="line 0\n", f1__txt="line 1\n", f2__txt="line 2\n", f3__txt="line 3\n"
    )
    return folder


@pytest.fixture
def repository(tmp_path: Path, _base_repository: Path) -> GitRepository:
    """A repository on branch main with one commit of f0.txt to f3.txt ("line 0" to "line 3")."""
    return copied(_base_repository, tmp_path / "repository")


@pytest.fixture
def home(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An AUTOPACK_HOME and a worktree base of the test's own, no sandbox, and nothing remembered.

    What the product caches for a process (open mirrors, detections, git's environment) is as new,
    and is closed at the end.
    """
    from runs.execution import session
    from runs.execution.repository import mirrors
    from runs.execution.repository.git import git_environment

    settings.AUTOPACK_HOME = tmp_path / "home"
    settings.AUTOPACK_WORKTREE_BASE = tmp_path / "worktrees"
    settings.AUTOPACK_SANDBOX = "none"
    settings.AUTOPACK_HOME.mkdir(mode=0o700)
    opened: list[mirrors.Mirror] = []
    really_open = mirrors._open.__wrapped__

    @lru_cache
    def open_and_note(*arguments: Any) -> mirrors.Mirror:
        opened.append(really_open(*arguments))
        return opened[-1]

    with monkeypatch.context() as patch:
        patch.setattr(mirrors, "_open", open_and_note)
        patch.setattr(session, "_remembered", lru_cache(session._remembered.__wrapped__))
        git_environment.cache_clear()
        yield settings.AUTOPACK_HOME
    for mirror in opened:
        mirror.close()
    git_environment.cache_clear()


@pytest.fixture
def make_run(transactional_db: None, home: Path, repository: GitRepository) -> MakeRun:
    """Makes a PENDING run of phases (see tests.runs.execution.plans) on `repository`."""
    del transactional_db, home
    from runs import services

    def make(
        *phases: dict[str, Any],
        run_id: str = "first",
        project: Project | None = None,
        **plan: Any,
    ) -> Run:
        return services.run_create(
            project=project or services.project_ensure(source=str(repository.folder)),
            structured_plan={
                "schema_version": 1, "goal": "Try it", "phases": list(phases), **plan
            },
            run_id=run_id,
        )  # fmt: skip

    return make
