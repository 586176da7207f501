"""Git LFS: commits hold pointers, so the files that they point to must arrive too, and first."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from runs.execution.repository.git import GitFailed
from runs.execution.repository.sources import RepositoryProblem
from runs.execution.troubles import without_password

if TYPE_CHECKING:
    from pathlib import Path

    from runs.execution.repository.mirrors import Mirror

_OBJECT_ID = re.compile(r"[0-9a-f]{64}")


def large_files_give(mirror: Mirror, new: str, base: str) -> None:
    """Give the source the LFS files that the commits from `base` to `new` made.

    Raises RepositoryProblem when it does not take them.
    """
    wanted = _made_between(mirror, new, base)
    if mirror.source.is_local:
        common = mirror.source.git().git_dir
        for oid in wanted:
            _copy(mirror, oid, common)
    elif wanted:
        _push(mirror, wanted)


def _made_between(mirror: Mirror, new: str, base: str) -> list[str]:
    """The object ids that pointers of these commits name and that are here."""
    commits = mirror.git.text("rev-list", f"{base}..{new}").split()
    named: set[str] = set()
    for commit in commits:
        listed = mirror.git.text("lfs", "ls-files", "--long", f"{commit}^", commit)
        named |= {line.split(" ", 1)[0] for line in listed.splitlines()}
    return sorted(
        oid for oid in named if _OBJECT_ID.fullmatch(oid) and (mirror.path / _place(oid)).is_file()
    )


def _place(oid: str) -> str:
    return f"lfs/objects/{oid[:2]}/{oid[2:4]}/{oid}"


def _copy(mirror: Mirror, oid: str, common: Path) -> None:
    target = common / _place(oid)
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{oid}.autopack")
    shutil.copyfile(mirror.path / _place(oid), draft)
    draft.replace(target)


def _push(mirror: Mirror, wanted: list[str]) -> None:
    source = mirror.source
    try:
        mirror.git.call(
            "lfs", "push", "--object-id", source.location, *wanted,
            contained=True, wall_seconds=3600.0,
        )  # fmt: skip
    except GitFailed as failure:
        raise RepositoryProblem(
            "lfs_refused",
            f"{source.shown} did not take the large files: {without_password(failure.stderr)}. "
            "They are kept here; put right what it complains of and retry the run.",
        ) from failure
