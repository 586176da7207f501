"""What hands and crashes do to worktrees: made anew, and no work lost."""

from __future__ import annotations

import shutil
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings

from runs.execution.worktrees import workspace_acquire
from tests.runs.execution.other_process import process
from tests.runs.execution.slots import files

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from runs.execution.repository.mirrors import Mirror
    from tests.repositories import GitRepository

    Crash = Callable[[str], str]


# --- What hands and crashes do ----------------------------------------------------------------


def test_a_worktree_folder_deleted_by_hand_is_made_anew(mirror: Mirror, base: str) -> None:
    first = workspace_acquire(mirror, base)
    first.release()
    shutil.rmtree(first.tree)
    second = workspace_acquire(mirror, base)
    assert second.tree == first.tree
    assert files(second) == {f"f{n}.txt" for n in range(4)}
    second.release()


def test_the_whole_base_deleted_by_hand_is_made_anew(mirror: Mirror, base: str) -> None:
    workspace_acquire(mirror, base).release()
    shutil.rmtree(django_settings.AUTOPACK_WORKTREE_BASE)
    again = workspace_acquire(mirror, base)
    assert files(again) == {f"f{n}.txt" for n in range(4)}
    again.release()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"git_dir": 5}', '{"git_dir": "/nowhere"}']
)
def test_a_slot_whose_note_is_broken_is_made_anew(content: str, mirror: Mirror, base: str) -> None:
    first = workspace_acquire(mirror, base)
    first.release()
    (first.folder / "slot.json").write_text(content)
    second = workspace_acquire(mirror, base)
    assert files(second) == {f"f{n}.txt" for n in range(4)}
    second.release()


HOLDER = """
import pathlib, subprocess, sys, time
import django
django.setup()
from runs.execution.repository.mirrors import mirror_open
from runs.execution.repository.sources import source_open
from runs.execution.worktrees import workspace_acquire

mirror = mirror_open("demo", source_open(sys.argv[1]))
workspace = workspace_acquire(mirror, sys.argv[2])
(workspace.tree / ".env").write_text("TOKEN=private")
workspace.place((".env",))
subprocess.run(["sh", "-c", sys.argv[3]], cwd=workspace.tree, check=True)
print(workspace.tree, flush=True)
time.sleep(60)
"""


@pytest.fixture
def crash(repository: GitRepository, base: str) -> Iterator[Crash]:
    """Have another process take a slot, do what a shell script says there, and die of SIGKILL."""
    holders: list[subprocess.Popen[str]] = []

    def killed(script: str) -> str:
        holder = process(HOLDER, repository.folder, base, script)
        holders.append(holder)
        assert holder.stdout is not None
        tree = holder.stdout.readline().strip()
        assert tree, holder.communicate()[1]
        holder.kill()
        holder.communicate()
        return tree

    yield killed
    for holder in holders:
        if holder.poll() is None:
            holder.kill()
            holder.communicate()


def rescued(mirror: Mirror) -> list[str]:
    listing = mirror.git.text("for-each-ref", "--format=%(refname)", "refs/autopack/rescued/")
    return listing.splitlines()


WORK = "echo uncommitted > work.txt && rm f1.txt && echo changed >> f0.txt"


@pytest.mark.parametrize(
    "more",
    [
        "true",
        'touch "$(git rev-parse --git-dir)/index.lock"',
        'touch "$(git rev-parse --git-dir)/HEAD.lock"',
        "git init -q empty-nested",
        "rm .git",
        "rm .git && git init -q",
        "echo work.txt > .git-ignored; git config --file x a.b c",
    ],
)
def test_the_work_of_a_killed_worker_is_kept_and_its_placed_files_are_not(
    more: str, mirror: Mirror, base: str, crash: Crash
) -> None:
    tree = crash(f"{WORK} && {more}")
    second = workspace_acquire(mirror, base)
    assert str(second.tree) == tree, "the same slot"
    assert files(second) == {f"f{n}.txt" for n in range(4)}
    refs = rescued(mirror)
    if refs:
        (ref,) = refs
        names = mirror.git.text("ls-tree", "-r", "--name-only", ref).splitlines()
        assert "work.txt" in names
        assert "f1.txt" not in names
        assert ".env" not in names
        assert mirror.git.text("show", f"{ref}:work.txt") == "uncommitted"
    else:
        (aside,) = second.folder.glob("aside-*")
        assert (aside / "work.txt").read_text() == "uncommitted\n"
    second.release()


def test_the_work_of_a_killed_worker_with_a_nested_repository_is_kept_where_git_can_show_it(
    mirror: Mirror, base: str, crash: Crash
) -> None:
    crash(f"{WORK} && git init -q empty-nested")
    workspace_acquire(mirror, base).release()
    (ref,) = rescued(mirror)
    assert mirror.git.text("show", f"{ref}:work.txt") == "uncommitted"


def test_commits_that_a_killed_worker_made_itself_are_kept_with_what_came_after(
    mirror: Mirror, base: str, crash: Crash
) -> None:
    commit = "git -c user.name=a -c user.email=a@b commit -q -m theirs"
    crash(f"{WORK} && git add work.txt && {commit} && echo later > later.txt")
    workspace_acquire(mirror, base).release()
    (ref,) = rescued(mirror)
    assert mirror.git.text("log", "--format=%s", f"{base}..{ref}").splitlines()[1:] == ["theirs"]
    assert mirror.git.text("show", f"{ref}:later.txt") == "later"


def test_a_killed_worker_that_had_done_nothing_leaves_nothing_to_keep(
    mirror: Mirror, base: str, crash: Crash
) -> None:
    crash("true")
    workspace_acquire(mirror, base).release()
    assert rescued(mirror) == []


def test_a_slot_given_back_properly_is_not_rescued(mirror: Mirror, base: str) -> None:
    first = workspace_acquire(mirror, base)
    (first.tree / "leftover.txt").write_text("x")
    first.pristine = False
    first.release()
    workspace_acquire(mirror, base).release()
    assert rescued(mirror) == []


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process with a POSIX signal")
def test_a_slot_of_a_process_that_stands_still_is_left_alone(
    mirror: Mirror, base: str, repository: GitRepository
) -> None:
    holder = process(HOLDER, repository.folder, base, "true")
    try:
        assert holder.stdout is not None
        tree = holder.stdout.readline().strip()
        holder.send_signal(signal.SIGSTOP)
        other = workspace_acquire(mirror, base)
        assert str(other.tree) != tree
        other.release()
    finally:
        holder.kill()
        holder.communicate()
