"""The pool of worktrees: reused, because creating and deleting trees is the expensive habit.

A slot is a folder with a lock that the kernel frees with its holder, a worktree, and room for an
environment. Whoever holds the lock owns the slot. Nothing is reset or removed that holds a commit
or a change which no ref has: what a crash left is first kept under refs/autopack/rescued/.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from filelock import FileLock, Timeout

from runs.execution.processes.runner.footprint import git_state, tree_fingerprint
from runs.execution.repository.coprocess import CoprocessFailed
from runs.execution.repository.git import Git, GitFailed
from runs.execution.repository.nested import nested_refuse, submodules_disarm, submodules_update
from runs.execution.repository.worktree_state import (
    fingerprint_digest,
    forget_git_state,
    remove_tree,
    sweep,
    unnest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.execution.repository.mirrors import Mirror

logger = logging.getLogger(__name__)

MAX_SLOTS = 512


class PoolUnusable(Exception):
    """No worktree can be had: the pool is full, or its folder is not ours alone."""


@dataclass(slots=True)
class Workspace:
    """A slot that we hold: a worktree at a known commit, ours until it is released."""

    mirror: Mirror
    folder: Path
    tree: Path
    git: Git
    lock: FileLock
    head: str = ""
    # Nothing but the commit is in the tree: true after a reset, until a command leaves something.
    pristine: bool = False
    pending_refs: dict[str, str] = field(default_factory=dict)
    # A command has changed git's own files of this worktree (only without a sandbox): its index
    # may say that changed files are unchanged, so it is not believed any more.
    tampered: bool = False
    # Commands have run here since the last reset: what they left may be a trap for our own git.
    visited: bool = False
    # The `.git` files of initialised submodules, and what must be in them.
    pointers: dict[Path, bytes] = field(default_factory=dict)
    # The project's own untracked files (.env): given to the tree, never part of a commit.
    placed: tuple[str, ...] = ()

    @property
    def environment_dir(self) -> Path:
        return self.folder / "environment"

    def switch(self, commit: str) -> None:
        """Make the tracked files those of `commit`; what is untracked (installed packages, placed
        files) stays. Raises GitFailed."""
        _restore_pointer(self)
        if self.visited:
            submodules_disarm(self)
        self.git.call("checkout", "--quiet", "--force", "--detach", commit, wall_seconds=3600.0)
        self.head = commit

    def reset(self, commit: str) -> None:
        """Make the tree exactly `commit`: tracked files, nothing else. Raises GitFailed."""
        if self.pristine and self.head == commit:
            return
        if self.tampered:
            forget_git_state(self.git.git_dir)
            self.point_head(commit)
            self.tampered = False
        self.switch(commit)
        if not self.pristine:
            # One f leaves nested repositories behind: a leak from one run into the next.
            self.git.call("clean", "--quiet", "-ffdx", wall_seconds=3600.0)
            sweep(self.tree)
        if (self.tree / ".gitmodules").is_file():
            submodules_update(self)
        self.pristine, self.visited = True, False

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Around whatever runs commands in the tree: notices whether they left anything."""
        before = tree_fingerprint(str(self.tree)) if self.pristine else None
        state = git_state(str(self.git.git_dir))
        self.visited = True
        try:
            yield
        finally:
            if before is None or tree_fingerprint(str(self.tree)) != before:
                self.pristine = False
            if git_state(str(self.git.git_dir)) != state:
                self.tampered, self.pristine = True, False

    def footprints(self, *, has_tree: bool | None, has_state: bool | None) -> None:
        """Take note of what a runner has seen of a command: whether it changed the tree, and git's
        own files of it (None: not known)."""
        self.visited = True
        if has_tree is not False:
            self.pristine = False
        if has_state is not False:
            self.tampered, self.pristine = True, False

    def place(self, names: tuple[str, ...]) -> None:
        """Note files that are in the tree but must stay out of every commit."""
        self.placed = names
        self.pristine = self.pristine and not names
        (self.folder / "busy").write_text(json.dumps(names), encoding="utf-8")

    def read_head(self) -> str:
        """What HEAD says: a commit when it is detached, as it is in all of our worktrees."""
        return (self.git.git_dir / "HEAD").read_text(encoding="ascii").strip()

    def point_head(self, commit: str) -> None:
        """Detach HEAD at `commit`, whatever a command has made of it; index and tree stay."""
        git_dir = self.git.git_dir
        # The way git itself does it: a lock beside it, then a rename.
        lock = git_dir / "HEAD.lock"
        lock.write_text(f"{commit}\n", encoding="ascii")
        lock.replace(git_dir / "HEAD")
        for name in ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD") if self.visited else ():
            (git_dir / name).unlink(missing_ok=True)
        self.head = commit

    def stage_all(self) -> None:
        """Put every change of the tree into the index, but for the placed files.

        Raises NestedRepository, GitFailed.
        """
        if self.visited:
            nested_refuse(self)
        # A git of the build's own that was killed; nobody else works in our slot.
        (self.git.git_dir / "index.lock").unlink(missing_ok=True)
        excluded = [f":(exclude,top,literal){name}" for name in self.placed]
        # 1: an excluded one is ignored by the project as well, which git finds worth saying.
        expected = (0, 1) if excluded else (0,)
        self.git.call("add", "--all", "--", ":/", *excluded, expected=expected, wall_seconds=3600.0)

    def keep(self, ref: str, commit: str) -> None:
        """Have `ref` point at `commit` when the slot is released (or before anything is lost)."""
        self.pending_refs[ref] = commit

    def flush_refs(self) -> None:
        if self.pending_refs:
            self.mirror.keep(self.pending_refs)
            self.pending_refs.clear()

    def release(self) -> None:
        """Give the slot back; its kept commits get their refs first. Never raises for the disk."""
        try:
            self.flush_refs()
            remove_tree(self.folder / "home")
            if self.tampered:
                forget_git_state(self.git.git_dir)
            elif self.pristine:
                self._remember_pristine()
            (self.folder / "busy").unlink(missing_ok=True)
        except (GitFailed, CoprocessFailed, OSError) as error:
            # The slot stays marked as busy, so its next holder rescues what is in it; the commits
            # are on the rows of their attempts all the same.
            logger.warning("The worktree %s was not put away: %s", self.tree, error)
        finally:
            self.lock.release()

    def _remember_pristine(self) -> None:
        """Spare the next holder a clean of a tree that needs none: what it was like is noted."""
        digest = fingerprint_digest(self.tree, self.git.git_dir)
        if digest:
            noted = {"fingerprint": digest}
            (self.folder / "pristine").write_text(json.dumps(noted), encoding="utf-8")

    def recall_pristine(self) -> None:
        """Believe the note of the last holder, if nobody has touched the tree since."""
        note = self.folder / "pristine"
        try:
            noted = json.loads(note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        note.unlink()
        if noted["fingerprint"] == fingerprint_digest(self.tree, self.git.git_dir):
            self.head, self.pristine = self.read_head(), True


def pool_dir(mirror: Mirror) -> Path:
    """Where the slots of a mirror are; apart for each AUTOPACK_HOME that shares the base."""
    home = hashlib.sha256(str(settings.AUTOPACK_HOME).encode()).hexdigest()[:8]
    return Path(settings.AUTOPACK_WORKTREE_BASE) / home / mirror.path.stem


def workspace_acquire(mirror: Mirror, commit: str) -> Workspace:
    """Take a free slot of the pool and make its tree `commit`.

    Slots that exist come first; a new one is made when all are held. Raises PoolUnusable at
    512 slots or when the folder belongs to another user, GitFailed when git does.
    """
    pool = pool_dir(mirror)
    pool.mkdir(parents=True, exist_ok=True, mode=0o700)
    _refuse_foreign(pool)
    for number in range(MAX_SLOTS):
        folder = pool / f"w{number}"
        folder.mkdir(exist_ok=True, mode=0o700)
        lock = FileLock(folder / "lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        try:
            return _occupy(mirror, folder, lock, commit)
        except BaseException:
            lock.release()
            raise
    raise PoolUnusable(f"All {MAX_SLOTS} worktrees of {pool} are in use; lower the concurrency.")


def _refuse_foreign(pool: Path) -> None:
    """The default base is in the system's temporary folder, where anyone may come first."""
    if not hasattr(os, "getuid"):
        return
    for folder in (pool, pool.parent, pool.parent.parent):
        info = folder.lstat()
        if info.st_uid != os.getuid() or stat.S_ISLNK(info.st_mode):
            raise PoolUnusable(
                f"{folder} belongs to another user (uid {info.st_uid}) or is a link, so worktrees "
                "there are not safe. Set AUTOPACK_WORKTREE_BASE to a folder of your own."
            )


def _occupy(mirror: Mirror, folder: Path, lock: FileLock, commit: str) -> Workspace:
    workspace = slot_open(mirror, folder, lock)
    if workspace is not None:
        workspace_rescue_or_set_aside(workspace)
    if workspace is not None and workspace.tree.is_dir():
        try:
            workspace.recall_pristine()
            workspace.place(())
            workspace.reset(commit)
            return workspace
        except GitFailed as failure:
            # Whatever is wrong with this tree (files that cannot be removed, a broken index), its
            # commits are in the mirror and its changes were rescued: make it anew.
            logger.warning("Worktree %s is made anew: %s", folder, failure)
            workspace_remove(workspace)
    return _create(mirror, folder, lock, commit)


def workspace_rescue_or_set_aside(workspace: Workspace) -> str:
    """Rescue what a dead holder left; a tree that git cannot read is moved aside, never removed.

    Returns the ref or the folder that holds it, '' when nothing needed keeping.
    """
    try:
        return workspace_rescue(workspace)
    except GitFailed as failure:
        aside = workspace.folder / f"aside-{time.time_ns()}"
        workspace.tree.rename(aside)
        (workspace.folder / "busy").unlink(missing_ok=True)
        logger.warning(
            "%s could not be rescued (%s); it is kept as %s", workspace.tree, failure, aside
        )
        return str(aside)


def slot_open(mirror: Mirror, folder: Path, lock: FileLock) -> Workspace | None:
    try:
        known = json.loads((folder / "slot.json").read_text(encoding="utf-8"))
        git_dir, made_at = Path(known["git_dir"]), float(known["made_at"])
        wants_refresh = bool(known["refresh"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    tree = folder / "tree"
    if not tree.is_dir() or not (git_dir / "HEAD").is_file():
        return None
    git = Git(git_dir, tree)
    workspace = Workspace(mirror, folder, tree, git, lock)
    if wants_refresh and time.time() - made_at > 1.5:
        # Files as new as the index make git read them again at every look; once refreshed, never.
        git.call("update-index", "-q", "--refresh", expected=(0, 1), wall_seconds=3600.0)
        _remember(folder, git_dir, made_at, refresh=False)
    return workspace


def _create(mirror: Mirror, folder: Path, lock: FileLock, commit: str) -> Workspace:
    tree = folder / "tree"
    with mirror.admin_lock():
        # What a hand or a crash left half: the folder without its entry, the entry without it.
        remove_tree(tree)
        mirror.git.call("worktree", "prune", "--expire=now")
        mirror.git.call(
            "worktree", "add", "--quiet", "--no-checkout", "--detach", str(tree), commit
        )
    git_dir = Path((tree / ".git").read_text(encoding="utf-8").removeprefix("gitdir:").strip())
    workspace = Workspace(mirror, folder, tree, Git(git_dir, tree), lock)
    workspace.place(())
    # The checkout is outside the lock: it takes seconds where the lock takes milliseconds.
    workspace.reset(commit)
    _remember(folder, git_dir, time.time(), refresh=True)
    return workspace


def _remember(folder: Path, git_dir: Path, made_at: float, *, refresh: bool) -> None:
    known = {"git_dir": str(git_dir), "made_at": made_at, "refresh": refresh}
    (folder / "slot.json").write_text(json.dumps(known), encoding="utf-8")


def _restore_pointer(workspace: Workspace) -> None:
    """Our own git does not read the tree's `.git`; the project's tools do, so it is put right."""
    pointer = workspace.tree / ".git"
    wanted = f"gitdir: {workspace.git.git_dir.as_posix()}\n"
    if pointer.is_dir() and not pointer.is_symlink():
        remove_tree(pointer)
    elif not pointer.is_symlink() and pointer.exists():
        if pointer.read_bytes() == wanted.encode():
            return
        pointer.unlink()
    else:
        pointer.unlink(missing_ok=True)
    pointer.write_bytes(wanted.encode())


def workspace_rescue(workspace: Workspace) -> str:
    """Keep what a holder that died left in the tree, commits and changes alike.

    Returns the ref it is under now (refs/autopack/rescued/...), '' when nothing needed keeping.
    """
    if not (workspace.folder / "busy").exists():
        return ""
    git = workspace.git
    for stale in git.git_dir.glob("*.lock"):
        stale.unlink()  # its holder is dead: we have the slot's lock
    head = git.text("rev-parse", "HEAD")
    with contextlib.suppress(ValueError):
        workspace.placed = tuple(json.loads((workspace.folder / "busy").read_text()))
    workspace.visited = True
    unnest(workspace.tree)
    workspace.stage_all()
    tree = git.text("write-tree")
    commit = head
    if tree != git.text("rev-parse", "HEAD^{tree}"):
        commit = git.text("commit-tree", "-p", head, "-m", "autopack: rescued after a crash", tree)
    held = git.text("for-each-ref", "--count=1", "--contains", commit, "--format=%(refname)")
    if held:
        return ""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    ref = f"refs/autopack/rescued/{workspace.folder.name}-{stamp}-{commit[:8]}"
    workspace.mirror.keep({ref: commit})
    logger.warning("Kept what a dead worker left: %s", ref)
    return ref


def workspace_remove(workspace: Workspace) -> None:
    """Remove a slot's worktree for good. The caller holds the slot and has rescued it."""
    with workspace.mirror.admin_lock():
        remove_tree(workspace.tree)
        workspace.mirror.git.call("worktree", "prune", "--expire=now")
    (workspace.folder / "slot.json").unlink(missing_ok=True)
    workspace.pristine = False
