"""Saying what went wrong with git and the disk in words that help."""

from __future__ import annotations

import errno
import re

# git says a full disk in its own words, and libgit2 in others.
_FULL = re.compile(r"no space left on device|out of disk ?space|disk quota exceeded", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")

DISK_FULL = (
    "The disk is full ({where}). Free some space there, `manage.py prune_worktrees` may help, then "
    "retry the run."
)


def is_disk_full(error: BaseException) -> bool:
    """Whether `error`, of Python, git or libgit2, means that there is no room left."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return bool(_FULL.search(str(error)))


def explain(error: BaseException) -> str:
    """What to tell people of an error of the machinery."""
    if is_disk_full(error):
        where = getattr(error, "filename", None) or without_password(str(error))[-300:]
        return DISK_FULL.format(where=where)
    return without_password(f"{type(error).__name__}: {error}")


def without_password(text: str) -> str:
    """`text` with the passwords of the URLs in it taken out."""
    return _PASSWORD.sub(r"\1:***@", text)
