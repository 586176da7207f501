"""The project's own untracked files arrive in the worktree, and nothing else does."""

import os
import stat
from pathlib import Path

import pytest

from runs.execution.environment.project_files import ProjectFileRefused, project_files_place


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, Path]:
    source, worktree = tmp_path / "source", tmp_path / "worktree"
    (source / "config").mkdir(parents=True)
    worktree.mkdir()
    (source / ".env").write_text("KEY=1")
    (source / "config" / "local.yml").write_text("a: 1")
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("secret")
    (tmp_path / "outside").write_text("secret")
    return source, worktree


def test_named_files_are_copied_for_their_owner_alone(roots: tuple[Path, Path]) -> None:
    source, worktree = roots
    assert project_files_place(source, worktree, [".env", "config/local.yml", "absent"]) == (
        ".env", "config/local.yml",
    )  # fmt: skip
    assert (worktree / "config/local.yml").read_text() == "a: 1"
    if os.name != "nt":
        assert stat.S_IMODE((worktree / ".env").stat().st_mode) == 0o600


def test_what_the_commit_holds_is_never_overwritten(roots: tuple[Path, Path]) -> None:
    source, worktree = roots
    (worktree / ".env").write_text("from the commit")
    assert project_files_place(source, worktree, [".env"]) == ()
    assert (worktree / ".env").read_text() == "from the commit"
    assert project_files_place(source, worktree, ["config/local.yml"],
                               tracked={"config/local.yml"}) == ()  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["../outside", "/etc/passwd", "config/../../outside", ".git/config", "sub/.GIT/config",
     ".git./config", "", "C:/x", "config"],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(roots: tuple[Path, Path], name: str) -> None:
    with pytest.raises(ProjectFileRefused):
        project_files_place(*roots, [name])
    assert list(roots[1].iterdir()) == []


@pytest.mark.parametrize("target", ["../outside", "../source/.git/config"])
def test_links_out_of_the_checkout_are_refused(roots: tuple[Path, Path], target: str) -> None:
    source, worktree = roots
    (source / "link").symlink_to(target)
    with pytest.raises(ProjectFileRefused):
        project_files_place(source, worktree, ["link"])


def test_a_link_inside_the_checkout_is_copied_as_a_file(roots: tuple[Path, Path]) -> None:
    source, worktree = roots
    (source / ".env.local").symlink_to(".env")
    assert project_files_place(source, worktree, [".env.local"]) == (".env.local",)
    assert not (worktree / ".env.local").is_symlink()


def test_links_of_a_commit_are_not_written_through(roots: tuple[Path, Path]) -> None:
    source, worktree = roots
    (worktree / "config").symlink_to("../victim")
    (worktree.parent / "victim").mkdir()
    with pytest.raises(ProjectFileRefused, match="symbolic link"):
        project_files_place(source, worktree, ["config/local.yml"])
    (worktree / ".env").symlink_to("../victim/new")
    assert project_files_place(source, worktree, [".env"]) == ()
    assert list((worktree.parent / "victim").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="named pipes are POSIX's")
def test_a_pipe_is_refused_and_not_waited_for(roots: tuple[Path, Path]) -> None:
    os.mkfifo(roots[0] / "pipe")
    with pytest.raises(ProjectFileRefused, match="no plain file"):
        project_files_place(*roots, ["pipe"])
