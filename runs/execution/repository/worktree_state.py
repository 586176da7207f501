"""What is in a worktree, and making it clean: fingerprints, leftovers, git's own files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.processes.runner.footprint import git_state, tree_fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator


def remove_tree(path: Path) -> None:
    """Remove a folder of ours, read-only parts and symbolic links included; follows none."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        return

    def writable_first(function: object, failed: str, _error: object) -> None:
        del function
        target = Path(failed)
        for each in (target.parent, target):
            with contextlib.suppress(OSError):
                each.chmod(stat.S_IRWXU)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target, ignore_errors=True)
        else:
            target.unlink(missing_ok=True)

    if path.exists():
        shutil.rmtree(path, onerror=writable_first)


def fingerprint_digest(root: Path, git_dir: Path) -> str:
    """`tree_fingerprint` and `git_state` in 64 letters; '' when the tree is too large for it."""
    found = tree_fingerprint(str(root))
    if found is None:
        return ""
    both = [sorted(found), sorted(git_state(str(git_dir)))]
    return hashlib.sha256(repr(both).encode(errors="surrogateescape")).hexdigest()


# What stays when a worktree's git state is forgotten: without these it is no worktree.
ESSENTIAL = frozenset({"HEAD", "commondir", "gitdir", "logs", "refs"})


def forget_git_state(git_dir: Path) -> None:
    """Remove the index and whatever else commands may have left: the next checkout makes all anew,
    file by file."""
    for entry in list(git_dir.iterdir()):
        if entry.name not in ESSENTIAL:
            remove_tree(entry)


def sweep(tree: Path) -> None:
    """Remove what `git clean` leaves below `tree`: pipes, sockets, devices, and repositories in
    folders that are tracked."""
    folders = [str(tree)]
    while folders:
        folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name == ".git":
                    if folder != str(tree):
                        remove_tree(Path(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif not (entry.is_symlink() or entry.is_file(follow_symlinks=False)):
                    Path(entry.path).unlink(missing_ok=True)


class NestedRepository(Exception):
    """A command has made a repository of its own in the tree; no git of ours may look into it."""


def pointers_restore(pointers: dict[Path, bytes]) -> None:
    """Put the `.git` files of submodules right: git obeys the configuration of whatever repository
    it finds in a submodule's place."""
    for pointer, wanted in pointers.items():
        _restore(pointer, wanted)


def nested_strangers(tree: Path, pointers: dict[Path, bytes]) -> list[Path]:
    """The folders below the top of `tree` that hold a `.git` which is none of `pointers`."""
    return [found.parent for found in _nested(tree) if found not in pointers]


def _restore(pointer: Path, wanted: bytes) -> None:
    if not pointer.is_symlink() and pointer.is_file() and pointer.read_bytes() == wanted:
        return
    if os.path.lexists(pointer):
        remove_tree(pointer)
    if pointer.parent.is_dir() and not pointer.parent.is_symlink():
        pointer.write_bytes(wanted)


def _nested(tree: Path) -> Iterator[Path]:
    """Every `.git` below the top of `tree`, whatever it is; links are not followed."""
    for folder, names, files in os.walk(tree):
        has_one = ".git" in names or ".git" in files
        names[:] = [name for name in names if name != ".git"]
        if has_one and Path(folder) != tree:
            yield Path(folder) / ".git"


def unnest(tree: Path) -> None:
    """Make ordinary folders of repositories below `tree`, so that git adds what is in them."""
    for found in list(_nested(tree)):
        if found.is_dir() and not found.is_symlink():
            found.rename(found.with_name("dot-git"))
