"""The recipe backend: deterministic steps that the plan carries."""

from __future__ import annotations

import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from runs.agents.types import BuildResult, PatchRefused
from runs.planning.schema import StepKind
from runs.states import FailureKind

if TYPE_CHECKING:
    from pathlib import Path

    from runs.agents.types import BuildRequest, Workbench
    from runs.planning.schema import Step


# What a plan can cause by naming the wrong place; other errors of the disk are not its fault.
WRONG_PLACES = (IsADirectoryError, NotADirectoryError, FileExistsError, PermissionError)


class PathLeavesTree(Exception):
    """A step's path leads out of the worktree, through a symbolic link for example."""


class RecipeBuilder:
    """Does the steps in order and stops at the first that fails."""

    def build(self, request: BuildRequest, bench: Workbench) -> BuildResult:
        steps = [
            step
            for step in request.phase.builder.steps
            if not step.attempts or request.attempt in step.attempts
        ]
        if not request.phase.builder.steps and request.phase.tasks:
            return BuildResult(
                ok=False,
                explanation=(
                    f"A recipe without steps cannot do the {len(request.phase.tasks)} tasks of "
                    "this phase. Give it steps, or name a builder that can (builder.backend)"
                ),
                failure_kind=FailureKind.REQUIRES_HUMAN_REVIEW,
            )
        is_staged = True
        output = ""
        for number, step in enumerate(steps, start=1):
            label = f"step {number} of {len(steps)} ({step.kind})"
            try:
                if step.kind is StepKind.APPLY_PATCH:
                    bench.apply_patch(step.patch)
                    continue
                is_staged = False
                if step.kind is StepKind.WRITE_FILE:
                    write_file(bench.tree, step)
                    continue
            except (PatchRefused, PathLeavesTree, *WRONG_PLACES) as error:
                kind = (
                    FailureKind.POLICY_VIOLATION
                    if isinstance(error, PathLeavesTree)
                    else FailureKind.CONFLICT
                )
                return BuildResult(
                    ok=False, explanation=f"{label}: {error}", output=str(error), failure_kind=kind
                )
            result = bench.run(step.argv, cwd=step.cwd, network=step.network)
            output = result.output
            if not result.ok:
                return BuildResult(
                    ok=False,
                    explanation=f"{label}: {result.explanation}",
                    output=output,
                    failure_kind=FailureKind.VALIDATION,
                )
        return BuildResult(
            ok=True, explanation=f"{len(steps)} steps done.", output=output, is_staged=is_staged
        )


def inside(tree: Path, path: str) -> Path:
    """`path` below `tree`, with no symbolic link on the way. Raises PathLeavesTree."""
    target = tree
    for part in PurePosixPath(path).parts:
        if part in ("", ".", "..", "/") or part.lower() == ".git":
            raise PathLeavesTree(f"{path!r} does not stay inside the worktree.")
        target = target / part
        if target.is_symlink():
            raise PathLeavesTree(f"{path!r} goes through the symbolic link {part!r}.")
    return target


def write_file(tree: Path, step: Step) -> None:
    """Write a step's file as it stands in the plan, line ends included."""
    target = inside(tree, step.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(step.content.encode())
    if step.executable:
        target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
