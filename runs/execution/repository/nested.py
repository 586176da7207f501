"""Repositories inside a worktree: submodules, which are wanted, and others, which are traps.

git obeys the configuration of whatever repository it finds in a submodule's place, so before any
git of ours looks into a tree in which commands ran, each place is put right.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.repository.worktree_state import (
    NestedRepository,
    nested_strangers,
    pointers_restore,
    remove_tree,
)

if TYPE_CHECKING:
    from runs.execution.worktrees import Workspace


def submodules_update(workspace: Workspace) -> None:
    """Bring the submodules of the tree's commit, clean; note their pointers. Raises GitFailed."""
    workspace.pointers.clear()
    protocols = "file:http:https:ssh" if workspace.mirror.source.is_local else "http:https:ssh"
    # git submodule needs discovery, so the pointer file (just put right) is used here alone.
    workspace.git.call(
        "submodule", "--quiet", "update", "--init", "--recursive", "--force",
        contained=True, wall_seconds=3600.0,
        extra_env={"GIT_ALLOW_PROTOCOL": protocols},
    )  # fmt: skip
    workspace.git.call(
        "submodule", "--quiet", "foreach", "--recursive", "git clean -q -ffdx", wall_seconds=3600.0
    )
    for folder, names, files in os.walk(workspace.tree):
        if ".git" in names:
            names.remove(".git")
        pointer = Path(folder) / ".git"
        if ".git" in files and Path(folder) != workspace.tree:
            workspace.pointers[pointer] = pointer.read_bytes()


def submodules_disarm(workspace: Workspace) -> None:
    """Before git looks at the tree after commands ran: in a submodule's place there is its own
    repository or none. What else is nested is not looked into, and goes with the next reset."""
    pointers_restore(workspace.pointers)
    if not nested_strangers(workspace.tree, workspace.pointers):
        return
    for line in workspace.git.call("ls-files", "--stage", "-z").stdout.split(b"\0"):
        if line.startswith(b"160000 "):
            place = workspace.tree / os.fsdecode(line.partition(b"\t")[2]) / ".git"
            if place not in workspace.pointers and os.path.lexists(place):
                remove_tree(place)


def nested_refuse(workspace: Workspace) -> None:
    """The same before staging, where a nested repository would become part of the commit."""
    submodules_disarm(workspace)
    strangers = nested_strangers(workspace.tree, workspace.pointers)
    if not strangers:
        return
    names = [folder.relative_to(workspace.tree).as_posix() for folder in strangers]
    ignored = workspace.git.call(
        "check-ignore", "--stdin", "-z", expected=(0, 1),
        stdin=b"".join(os.fsencode(name) + b"\0" for name in names),
    ).stdout.split(b"\0")  # fmt: skip
    seen = [name for name in names if os.fsencode(name) not in ignored]
    if seen:
        raise NestedRepository(
            f"The build has made a git repository of its own in {seen[0]!r}. What to do: have "
            "it remove that .git again, so that its files can be committed, or ignore it."
        )
