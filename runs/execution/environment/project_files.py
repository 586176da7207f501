"""The project's own untracked files (`.env`, local settings): copied from the user's checkout."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

FILE_BYTES_MAX = 4 * 1024 * 1024
"""They are settings; larger files are refused."""


class ProjectFileRefused(Exception):
    """A named file must not or cannot be placed; the message says which and why."""


def project_files_place(
    source_root: Path, worktree: Path, names: Sequence[str], *, tracked: Collection[str] = ()
) -> tuple[str, ...]:
    """Copy plain files of the checkout into the worktree, mode 0600; give the names that are there.

    The caller keeps those names out of `git add`. A name that the checkout does not have is passed
    over; one that is in `tracked`, or that the worktree already has, is left as it is and not
    given. Raises ProjectFileRefused for names that lead out of the checkout (by `..` or by a
    symbolic link), into `.git`, or to something that is no plain file.
    """
    placed: list[str] = []
    for name in dict.fromkeys(names):
        relative = _relative(name)
        source = _source(source_root, relative)
        if source is None or str(relative) in tracked:
            continue
        target = worktree.joinpath(*relative.parts)
        _refuse_links(worktree, relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        if _copy(source, target):
            placed.append(str(relative))
    return tuple(placed)


def _relative(name: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    parts = path.parts
    if path.is_absolute() or not parts or ".." in parts or ":" in parts[0] or "\0" in name:
        raise ProjectFileRefused(f"{name!r} is no path inside the checkout: name it relative to it")
    # Case-insensitive file systems would follow .GIT as well; Windows drops dots and spaces.
    if any(part.lower().rstrip(". ") == ".git" for part in parts):
        raise ProjectFileRefused(f"{name!r} lies in git's own folder: take it off the list")
    return path


def _source(root: Path, relative: PurePosixPath) -> Path | None:
    path = root.joinpath(*relative.parts)
    if not path.exists():
        return None
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise ProjectFileRefused(f"{str(relative)!r} leads out of the checkout by a symbolic link")
    if ".git" in resolved.relative_to(root.resolve()).parts:
        raise ProjectFileRefused(f"{str(relative)!r} leads into git's own folder")
    if not stat.S_ISREG(resolved.stat().st_mode):
        raise ProjectFileRefused(f"{str(relative)!r} is no plain file: name the files one by one")
    if resolved.stat().st_size > FILE_BYTES_MAX:
        raise ProjectFileRefused(f"{str(relative)!r} is larger than {FILE_BYTES_MAX} bytes")
    return resolved


def _refuse_links(worktree: Path, relative: PurePosixPath) -> None:
    """A worktree comes from a commit, and a commit may hold links that lead anywhere."""
    for folder in list(relative.parents)[:-1]:
        if worktree.joinpath(*folder.parts).is_symlink():
            raise ProjectFileRefused(
                f"{str(relative)!r} would be written through the symbolic link {str(folder)!r}"
            )


def _copy(source: Path, target: Path) -> bool:
    """False when the target exists: what the commit holds is never overwritten."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    if sys.platform == "win32":
        flags |= os.O_BINARY
    try:
        descriptor = os.open(target, flags, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as output, source.open("rb") as content:
        shutil.copyfileobj(content, output)
    return True
