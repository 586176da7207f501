"""The first stage of an attempt: a clean tree, its environment, its files and its ports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from runs.execution.bench import package_sources
from runs.execution.environment.project_files import project_files_place
from runs.execution.environments import Environment, environment_prepare
from runs.execution.session import commit_tree, detections_carry, detections_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runs.execution.bench import Bench
    from runs.execution.diffs.diff import FileChange
    from runs.execution.session import Session
    from runs.toolchains.types import Detection


def tree_prepare(session: Session, bench: Bench, base: str) -> None:
    """Make the worktree `base` and give it the project's own files. Raises GitFailed."""
    bench.workspace.reset(base)
    project = session.run.project
    if project.placed_files and session.mirror.source.is_local:
        placed = project_files_place(
            Path(session.mirror.source.location), bench.tree, project.placed_files
        )
        bench.workspace.place(tuple(placed))


def environment_give(session: Session, bench: Bench, commit: str) -> tuple[Detection, ...]:
    """Prepare what the toolchains of `commit` need, and put it on the bench.

    Raises EnvironmentFailed, AttemptCancelled.
    """
    detections = detections_of(session.mirror, commit, bench.tree)
    if detections:
        bench.environment = environment_prepare(
            detections,
            worktree=bench.tree,
            environment_dir=bench.workspace.environment_dir,
            cache_root=Path(settings.AUTOPACK_HOME) / "cache" / session.mirror.path.stem,
            base_env=bench.base_environment(),
            installer_env=package_sources(),
            cancellation=bench.cancellation,
            execute=bench.execute,
            log_path=bench.log_path,
            tree=commit_tree(session.mirror, commit, bench.tree),
        )
        if bench.environment.generated:
            generated = (*bench.workspace.placed, *bench.environment.generated)
            bench.workspace.place(tuple(dict.fromkeys(generated)))
    return detections


def environment_follow(
    session: Session,
    bench: Bench,
    detections: tuple[Detection, ...],
    changes: Sequence[FileChange],
    *,
    base: str,
    commit: str,
) -> tuple[Detection, ...]:
    """After the build: prepare again when the change touched what decides the environment."""
    manifests = {path for detection in detections for path in detection.manifests}
    touched = any(change.kind != "modified" or change.path in manifests for change in changes)
    if not touched:
        detections_carry(session.mirror, base, commit)
        return detections
    found = detections_of(session.mirror, commit, bench.tree)
    if any(change.path in manifests for change in changes) or _manifests(found) != manifests:
        return environment_give(session, bench, commit)
    return found


def _manifests(detections: Sequence[Detection]) -> set[str]:
    return {path for detection in detections for path in detection.manifests}


def environment_facts(environment: Environment | None) -> dict[str, object]:
    """What a report says of an environment."""
    if environment is None:
        return {}
    return {
        "cached": environment.cached,
        "seconds": round(environment.seconds, 3),
        "decisions": list(environment.decisions),
    }
