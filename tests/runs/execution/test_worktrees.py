"""The pool of worktrees: reused, never shared, clean each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings

from runs.execution.worktrees import pool_dir, workspace_acquire
from tests.repositories import GitRepository, snapshot
from tests.runs.execution.other_process import process
from tests.runs.execution.slots import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from runs.execution.repository.mirrors import Mirror

    Crash = Callable[[str], str]


# --- Clean each time --------------------------------------------------------------------------


def test_a_slot_is_used_again_and_holds_what_the_commit_holds(mirror: Mirror, base: str) -> None:
    first = workspace_acquire(mirror, base)
    tree = first.tree
    assert files(first) == {f"f{n}.txt" for n in range(4)}
    (tree / "f0.txt").write_text("changed")
    (tree / "f1.txt").unlink()
    (tree / "untracked.txt").write_text("untracked")
    first.pristine = False
    first.release()
    second = workspace_acquire(mirror, base)
    assert second.tree == tree
    assert files(second) == {f"f{n}.txt" for n in range(4)}
    assert (tree / "f0.txt").read_text() == "line 0\n"
    second.release()


LEAVINGS = {
    "a nested repository": "git init -q nested && touch nested/x",
    "a nested repository with a commit": (
        "git init -q n && cd n && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x"
    ),
    "a nested repository in a nested one": "git init -q a && git init -q a/b && touch a/b/x",
    "a repository in a folder that is tracked": "git init -q folder",
    "a bare repository": "git init -q --bare bare.git",
    "ignored files": "mkdir -p build && touch build/out x.ignored",
    "a folder that cannot be written": "mkdir sealed && touch sealed/x && chmod 500 sealed",
    "a file that cannot be read": "touch unreadable && chmod 000 unreadable",
    "a changed mode": "chmod +x f0.txt",
    "a link in the place of a folder": "rm -rf folder && ln -s /etc folder",
    "a folder in the place of a file": "rm f0.txt && mkdir f0.txt && touch f0.txt/x",
    "a fifo": "mkfifo pipe",
    "an ignore file that hides the rest": "echo '*' > .gitignore && touch hidden",
    "names with odd letters": "touch -- -dash ' space' \"$(printf 'new\\nline')\"",
    "a very deep folder": "d=.; for i in $(seq 60); do d=$d/deep_deep_deep_$i; done; mkdir -p $d",
    "an assumption that a file is unchanged": (
        "git update-index --assume-unchanged f0.txt && echo changed > f0.txt"
    ),
    "a skipped worktree bit": "git update-index --skip-worktree f0.txt && echo changed > f0.txt",
    "a removed index": 'rm "$(git rev-parse --git-dir)/index"',
    "a broken index": 'echo broken > "$(git rev-parse --git-dir)/index"',
    "a lock on the index": 'touch "$(git rev-parse --git-dir)/index.lock"',
    "a sparse checkout": "git sparse-checkout set --no-cone /f0.txt",
    "a merge under way": 'git rev-parse HEAD > "$(git rev-parse --git-dir)/MERGE_HEAD"',
    "a branch checked out": "git checkout -q -b theirs",
}


@pytest.mark.skipif(sys.platform == "win32", reason="the leavings are made by a shell")
@pytest.mark.parametrize("leaving", LEAVINGS)
def test_nothing_that_a_run_leaves_is_there_for_the_next(
    leaving: str, mirror: Mirror, repository: GitRepository
) -> None:
    base = repository.commit(
        "more", **{".gitignore": "*.ignored\nbuild/\n", "folder/tracked.txt": "tracked\n"}
    )
    mirror.fetch(base, "")
    first = workspace_acquire(mirror, base)
    clean = snapshot(first.tree)
    with first.watched():  # as the engine does around every command
        subprocess.run(["sh", "-c", LEAVINGS[leaving]], cwd=first.tree, check=True)
    first.release()
    second = workspace_acquire(mirror, base)
    assert second.tree == first.tree
    assert snapshot(second.tree) == clean
    assert second.git.text("status", "--porcelain", "--ignored") == ""
    assert second.git.text("rev-parse", "HEAD") == base
    assert second.git.text("rev-parse", "--abbrev-ref", "HEAD") == "HEAD", "detached"
    second.release()


def test_a_pointer_that_a_run_has_swapped_is_put_right_for_the_next(
    mirror: Mirror, base: str
) -> None:
    first = workspace_acquire(mirror, base)
    pointer = first.tree / ".git"
    right = pointer.read_bytes()
    for wrong in ("file", "folder", "link", "nothing"):
        with first.watched():
            if pointer.is_dir() and not pointer.is_symlink():
                shutil.rmtree(pointer)
            else:
                pointer.unlink(missing_ok=True)
            if wrong == "file":
                pointer.write_text("gitdir: /somewhere/hostile\n")
            elif wrong == "folder":
                subprocess.run(["git", "init", "-q"], cwd=first.tree, check=True)
            elif wrong == "link":
                pointer.symlink_to("/somewhere/hostile")
        first.release()
        first = workspace_acquire(mirror, base)
        assert not pointer.is_symlink(), wrong
        assert pointer.read_bytes() == right, wrong
    first.release()


def test_another_commit_is_checked_out_when_it_is_asked_for(
    mirror: Mirror, base: str, repository: GitRepository
) -> None:
    first = workspace_acquire(mirror, base)
    first.release()
    newer = repository.commit("newer", f0__txt="newer\n", new__txt="new\n")
    mirror.fetch(newer, "")
    second = workspace_acquire(mirror, newer)
    assert (second.tree / "f0.txt").read_text() == "newer\n"
    assert (second.tree / "new.txt").exists()
    second.reset(base)
    assert files(second) == {f"f{n}.txt" for n in range(4)}
    second.release()


# --- Whose it is ------------------------------------------------------------------------------


def test_slots_that_are_held_are_not_given_to_another(mirror: Mirror, base: str) -> None:
    held = [workspace_acquire(mirror, base) for _ in range(3)]
    assert len({workspace.tree for workspace in held}) == 3
    held[1].release()
    again = workspace_acquire(mirror, base)
    assert again.tree == held[1].tree
    for workspace in (held[0], again, held[2]):
        workspace.release()


def test_a_live_worktree_whose_pointer_is_gone_survives_the_making_of_others(
    mirror: Mirror, base: str
) -> None:
    # `git worktree prune` takes a worktree without its pointer for one that is gone.
    live = workspace_acquire(mirror, base)
    (live.tree / "work.txt").write_text("work\n")
    (live.tree / ".git").unlink()
    other = workspace_acquire(mirror, base)
    live.stage_all()
    assert live.git.text("diff", "--cached", "--name-only") == "work.txt"
    live.release()
    other.release()


def test_many_threads_take_use_and_give_back_slots_without_a_lock_error(
    mirror: Mirror, base: str
) -> None:
    faults: list[BaseException] = []
    seen: set[str] = set()

    def cycle(worker: int) -> None:
        try:
            for number in range(4):
                workspace = workspace_acquire(mirror, base)
                (workspace.tree / "mine.txt").write_text(f"{worker} {number}")
                workspace.pristine = False
                workspace.stage_all()
                tree = workspace.git.text("write-tree")
                commit = workspace.git.text("commit-tree", "-p", base, "-m", "x", tree)
                workspace.keep(f"refs/autopack/test/{worker}-{number}", commit)
                seen.add(commit)
                assert (workspace.tree / "mine.txt").read_text() == f"{worker} {number}"
                workspace.release()
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            faults.append(fault)

    threads = [threading.Thread(target=cycle, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not faults, faults
    assert len(seen) == 32
    assert len(mirror.git.text("for-each-ref", "refs/autopack/test").splitlines()) == 32


WORKER = """
import sys
import django
django.setup()
from runs.execution.repository.mirrors import mirror_open
from runs.execution.repository.sources import source_open
from runs.execution.worktrees import workspace_acquire, workspace_remove

mirror = mirror_open("demo", source_open(sys.argv[1]))
for number in range(int(sys.argv[3])):
    workspace = workspace_acquire(mirror, sys.argv[2])
    (workspace.tree / "mine.txt").write_text(sys.argv[4])
    workspace.pristine = False
    workspace.stage_all()
    assert workspace.git.text("diff", "--cached", "--name-only") == "mine.txt"
    if number % 2:
        workspace_remove(workspace)
    workspace.release()
print("done")
"""


def test_processes_that_add_and_remove_worktrees_at_once_do_not_meet(
    mirror: Mirror, base: str, repository: GitRepository
) -> None:
    names = ("one", "two", "three")
    workers = [process(WORKER, repository.folder, base, 8, name) for name in names]
    for worker in workers:
        out, err = worker.communicate(timeout=60)
        assert (worker.returncode, out) == (0, "done\n"), err
    listed = mirror.git.text("worktree", "list", "--porcelain").count("worktree ") - 1
    assert listed == len(list(pool_dir(mirror).glob("w*/tree"))), "no entry without its folder"


# --- Files and folders of ours ----------------------------------------------------------------


@pytest.mark.parametrize("ignored", [True, False])
def test_placed_files_stay_out_of_the_index_whether_git_ignores_them_or_not(
    ignored: bool,  # noqa: FBT001 -- a parameter of the test
    mirror: Mirror,
    repository: GitRepository,
) -> None:
    rules = ".env\nconf/\n" if ignored else "nothing\n"
    base = repository.commit("rules", **{".gitignore": rules})
    mirror.fetch(base, "")
    workspace = workspace_acquire(mirror, base)
    for name in (".env", "conf/local [1].ini", ":(top)x", "*"):
        path = workspace.tree / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("private")
    workspace.place((".env", "conf/local [1].ini", ":(top)x", "*"))
    (workspace.tree / "work.txt").write_text("work")
    workspace.stage_all()
    assert workspace.git.text("diff", "--cached", "--name-only") == "work.txt"
    workspace.release()


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="needs root, to chown")
def test_a_worktree_base_of_someone_else_is_refused(mirror: Mirror, base: str) -> None:
    from runs.execution.worktrees import PoolUnusable

    workspace_acquire(mirror, base).release()
    os.chown(django_settings.AUTOPACK_WORKTREE_BASE, 12345, 12345)
    with pytest.raises(PoolUnusable, match="AUTOPACK_WORKTREE_BASE"):
        workspace_acquire(mirror, base)


def test_two_homes_that_share_a_base_do_not_share_worktrees(
    mirror: Mirror, base: str, settings: Settings, tmp_path: Path
) -> None:
    ours = workspace_acquire(mirror, base)
    settings.AUTOPACK_HOME = tmp_path / "another"
    assert pool_dir(mirror) not in ours.tree.parents
    ours.release()


def test_the_note_of_a_slot_is_plain_json(mirror: Mirror, base: str) -> None:
    workspace = workspace_acquire(mirror, base)
    note = json.loads((workspace.folder / "slot.json").read_text())
    assert note["git_dir"] == str(workspace.git.git_dir)
    assert json.loads((workspace.folder / "busy").read_text()) == []
    workspace.release()
    assert not (workspace.folder / "busy").exists()
