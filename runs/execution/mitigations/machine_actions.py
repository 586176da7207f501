"""Actions on the surroundings: waiting, locks of git, room on the disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from runs.execution.environments import templates_prune
from runs.execution.mitigations.hostile import number
from runs.execution.mitigations.types import Applied, NotPossible
from runs.execution.pruning import worktrees_prune
from runs.execution.worktrees import pool_dir

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runs.execution.mitigations.types import Step

MOST_PAUSES = 5
# A template that was not used for so long is not being copied: that takes seconds.
UNUSED_SECONDS = 600.0


def wait_and_retry(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Wait before each of some tries, twice as long each time, up to the configured limit."""
    del step
    delay = number(parameters["delay_seconds"], 0, 3600)
    tries = min(number(parameters["attempts"], 1, 100), MOST_PAUSES)
    most = float(settings.AUTOPACK_MITIGATION_WAIT_SECONDS)
    pauses = tuple(min(delay * 2.0**count, most) for count in range(tries))
    told = ", ".join(f"{pause:g} s" for pause in pauses)
    return Applied("tried at once", f"tried again after {told}", pauses=pauses)


def remove_git_lock(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Remove a lock of this worktree's own git folder: the slot is ours, so nobody works there
    while its commands are over. A lock of the repository is others' too and is left alone."""
    git_dir = step.trial.bench.workspace.git.git_dir
    path = _lock_in(git_dir, parameters["path"])
    content = path.read_bytes()
    path.unlink()
    return Applied(f"{path.name} is there", f"{path.name} is removed", lambda: _put(path, content))


def _put(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _lock_in(git_dir: Path, text: str) -> Path:
    """The lock that `.git/...` of a message means, below the worktree's git folder."""
    inside = text.replace("\\", "/").rsplit(".git/", 1)[-1]
    parts = inside.split("/")
    if parts[:1] == ["worktrees"] and parts[1:2] == [git_dir.name]:
        parts = parts[2:]
    is_plain = parts and all(part not in ("", ".", "..") for part in parts)
    if not is_plain or not parts[-1].endswith(".lock"):
        raise NotPossible(f"{text[:200]!r} is no lock of this worktree.")
    path = git_dir.joinpath(*parts)
    resolved = path.resolve()
    if path.is_symlink() or not path.is_file() or not resolved.is_relative_to(git_dir.resolve()):
        raise NotPossible(f"{text[:200]!r} is no lock of this worktree.")
    return path


def prune_caches(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Give disk back: idle worktrees of all projects, templates that nobody copies now. What is
    removed is made again when it is needed, so there is nothing to undo."""
    del parameters
    mirror = step.trial.session.mirror
    pruned = worktrees_prune(
        is_dry_run=False, keep_days=settings.AUTOPACK_RETENTION_DAYS, collect=False
    )
    cache = Path(settings.AUTOPACK_HOME) / "cache" / mirror.path.stem
    environments = pruned.environments + templates_prune(cache, unused_seconds=UNUSED_SECONDS)
    if not pruned.worktrees and not environments:
        raise NotPossible("Autopack holds nothing on this disk that it could give back.")
    return Applied(
        f"{pool_dir(mirror).name}: caches and idle worktrees fill the disk",
        f"{len(pruned.worktrees)} worktrees and {environments} environments are removed",
    )
