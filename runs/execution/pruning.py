"""Giving disk back: idle worktrees, and the ends of attempts whose retention is over.

Slots in use are held by a lock and passed over. A slot that a crash left busy is rescued first.
Before git collects anything, every commit that a row still knows has a ref.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from filelock import FileLock, Timeout

from runs.execution.environments import templates_prune
from runs.execution.repository.git import GitFailed
from runs.execution.repository.mirrors import Mirror
from runs.execution.repository.sources import Source
from runs.execution.repository.worktree_state import remove_tree
from runs.execution.worktrees import (
    pool_dir,
    slot_open,
    workspace_remove,
    workspace_rescue_or_set_aside,
)
from runs.models import Attempt, Run
from runs.states import RUN_TERMINAL, RunState

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

REFS_AT_ONCE = 1000
GC_PATIENCE_SECONDS = 2.0


@dataclass(slots=True)
class Pruned:
    """What was (or, in a dry run, would be) given back."""

    worktrees: list[Path] = field(default_factory=list)
    rescued: list[str] = field(default_factory=list)
    in_use: int = 0
    refs: int = 0
    environments: int = 0
    uncollected: int = 0
    freed_bytes: int = 0


def worktrees_prune(
    *, is_dry_run: bool, keep_days: int, collect: bool, keep_worktrees: bool = False
) -> Pruned:
    """Remove idle worktrees of every mirror (unless `keep_worktrees`), and refs of attempts of runs
    that ended more than `keep_days` ago and whose work was delivered. `collect` lets git drop what
    nothing leads to, once no worktree is left."""
    pruned = Pruned()
    for mirror in mirrors_all():
        before = pruned.in_use
        try:
            for folder in () if keep_worktrees else _slots(mirror):
                _prune_slot(mirror, folder, pruned, is_dry_run=is_dry_run)
            in_use = pruned.in_use > before
            _prune_refs(mirror, pruned, keep_days, is_dry_run=is_dry_run)
            if collect and not is_dry_run and not in_use:
                _collect(mirror, pruned)
            if not is_dry_run:
                cache = Path(settings.AUTOPACK_HOME) / "cache" / mirror.path.stem
                pruned.environments += templates_prune(cache, unused_seconds=keep_days * 86_400.0)
        finally:
            mirror.close()
    return pruned


def mirrors_all() -> Iterator[Mirror]:
    for path in sorted((Path(settings.AUTOPACK_HOME) / "repositories").glob("*.git")):
        if (path / "autopack-ready").exists():
            # Its source may be gone; for pruning it is not needed.
            yield Mirror(path, Source("", None))


def _slots(mirror: Mirror) -> list[Path]:
    pool = pool_dir(mirror)
    return sorted(folder for folder in pool.glob("w*") if folder.is_dir()) if pool.is_dir() else []


def _prune_slot(mirror: Mirror, folder: Path, pruned: Pruned, *, is_dry_run: bool) -> None:
    lock = FileLock(folder / "lock", thread_local=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        pruned.in_use += 1
        return
    try:
        if not (folder / "tree").exists():
            return
        pruned.worktrees.append(folder / "tree")
        pruned.freed_bytes += folder_bytes(folder)
        if is_dry_run:
            return
        workspace = slot_open(mirror, folder, lock)
        if workspace is not None:
            if kept := workspace_rescue_or_set_aside(workspace):
                pruned.rescued.append(kept)
            workspace_remove(workspace)
            for private in ("home", "environment"):
                remove_tree(folder / private)
            (folder / "busy").unlink(missing_ok=True)
    finally:
        lock.release()


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below `folder`; symbolic links are not followed."""
    return sum(
        path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file()
    )


def _prune_refs(mirror: Mirror, pruned: Pruned, keep_days: int, *, is_dry_run: bool) -> None:
    listing = mirror.git.text("for-each-ref", "--format=%(refname)", "refs/autopack/attempts/")
    by_run: dict[str, list[str]] = {}
    for ref in listing.splitlines():
        by_run.setdefault(ref.split("/")[3], []).append(ref)
    over = set(
        Run.objects.filter(
            run_id__in=by_run,
            state__in=[state.value for state in RUN_TERMINAL],
            ended_at__lt=timezone.now() - timedelta(days=keep_days),
        ).values_list("run_id", flat=True)
    )
    kept_heads = {
        run.run_id
        for run in Run.objects.filter(run_id__in=over)
        # What was integrated and not delivered exists here only.
        if run.head_commit not in ("", run.base_commit, run.published_commit)
    }
    doomed = [ref for run_id in over - kept_heads for ref in by_run[run_id]]
    pruned.refs += len(doomed)
    needed = set(
        Run.objects.exclude(state=RunState.SUCCEEDED.value).values_list("base_commit", flat=True)
    )
    bases = mirror.git.text("for-each-ref", "--format=%(refname)", "refs/autopack/bases/")
    # A base that is wanted again is fetched again.
    doomed += [ref for ref in bases.splitlines() if ref.rsplit("/", 1)[1] not in needed]
    if not is_dry_run:
        for start in range(0, len(doomed), REFS_AT_ONCE):
            lines = "".join(f"delete {ref}\n" for ref in doomed[start : start + REFS_AT_ONCE])
            mirror.git.call("update-ref", "--stdin", stdin=lines.encode())


def _collect(mirror: Mirror, pruned: Pruned) -> None:
    """git gc, after every commit of a row whose refs are not over has one.

    Only while nothing works in the mirror: gc removes folders that others are about to write to.
    Whoever begins now waits for the locks, for all worktrees are gone.
    """
    project_runs = Run.objects.exclude(state__in=[state.value for state in RUN_TERMINAL])
    wanted = {
        f"refs/autopack/attempts/{run_id}/{key}/{number}": commit
        for run_id, key, number, commit in Attempt.objects.filter(phase__run__in=project_runs)
        .exclude(commit="")
        .values_list("phase__run__run_id", "phase__key", "number", "commit")
        if mirror.has(commit)
    }
    mirror.keep(wanted)
    try:
        with mirror.fetch_lock(timeout=GC_PATIENCE_SECONDS), mirror.admin_lock(GC_PATIENCE_SECONDS):
            mirror.git.call(
                "gc", "--quiet", "--prune=2.weeks.ago", contained=True, wall_seconds=3600.0
            )
    except (Timeout, GitFailed) as busy:
        logger.info("%s was not collected this time: %s", mirror.path, busy)
        pruned.uncollected += 1
