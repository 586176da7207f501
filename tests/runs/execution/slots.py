"""What is in a worktree of the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runs.execution.worktrees import Workspace


def files(workspace: Workspace) -> set[str]:
    """The paths in its tree, folders too, without git's own."""
    names = {path.relative_to(workspace.tree).as_posix() for path in workspace.tree.rglob("*")}
    return names - {".git"}
