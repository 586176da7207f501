"""Which commands validate an attempt, and how they are run in its worktree and at its base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.execution.session import commit_paths
from runs.execution.validation import (
    BaselineResult,
    Check,
    ValidationReport,
    baseline_result,
    validate,
)
from runs.planning.commands import commands_of
from runs.planning.scopes import ScopeMatcher
from runs.toolchains.detection import test_commands

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from runs.execution.bench import Bench
    from runs.execution.diffs.diff import FileChange
    from runs.execution.mitigation import Mitigator
    from runs.execution.process import CommandResult
    from runs.execution.session import Session
    from runs.planning.schema import PhasePlan
    from runs.toolchains.types import Detection, ToolCommand


def checks_of(
    session: Session, plan: PhasePlan, detections: Sequence[Detection], folder: Path
) -> list[Check]:
    """The phase's own commands, else the plan's, else the project's, else the toolchains' tests."""
    said = (
        plan.validation_commands
        or tuple(session.run.structured_plan.get("validation_commands", ()))
        or tuple(session.run.project.validation_commands)
    )
    if said:
        written = [text if isinstance(text, str) else tuple(text) for text in said]
        return [
            Check(name=" ".join(each.argv), argv=each.argv, cwd=each.cwd, env=each.env)
            for each in commands_of(written)
        ]
    return [
        _toolchain_check(command, folder / f"junit-{number}.xml")
        for number, command in enumerate(test_commands(detections))
    ]


def _toolchain_check(command: ToolCommand, junit: Path) -> Check:
    extra = tuple(part.replace("{junit}", str(junit)) for part in command.junit_args)
    return Check(
        name=" ".join(command.argv),
        argv=command.argv + extra,
        cwd=command.cwd,
        env=command.env,
        junit_path=junit if extra else None,
        junit_globs=command.junit_globs,
    )


def attempt_validate(
    session: Session,
    bench: Bench,
    checks: Sequence[Check],
    plan: PhasePlan,
    changes: Sequence[FileChange],
    *,
    base: str,
    commit: str,
    mitigator: Mitigator | None = None,
) -> ValidationReport:
    """Validate `commit`, which is in the worktree; failures that `base` has too are no blame.

    With a `mitigator` a check that fails is mitigated first, which may put another candidate in
    the commit's place. Leaves the candidate in the worktree. Raises AttemptCancelled,
    PersonNeeded, GitFailed, RunnerDied.
    """

    def execute(check: Check, label: str) -> CommandResult:
        bench.note(f"--- {label}: {check.name}")
        if mitigator is not None:
            return mitigator.check(check, label)
        return bench.command(
            check.argv, cwd=check.cwd, env=dict(check.env), network=plan.limits.network
        )

    def candidate() -> str:
        return mitigator.commit(commit) if mitigator is not None else commit

    def baseline(check: Check) -> BaselineResult:
        workspace = bench.workspace
        bench.note(f"--- the same at the base commit {base[:12]}")
        workspace.switch(base)
        try:
            result = baseline_result(check, execute)
        finally:
            workspace.switch(candidate())
        session.baselines[_baseline_key(base, check)] = result
        return result

    return validate(
        checks,
        execute=execute,
        baseline=baseline,
        cached_baseline=lambda check: session.baselines.get(_baseline_key(base, check)),
        deliverables=plan.deliverables,
        exists=lambda pattern: is_delivered(session, candidate(), pattern),
        changes=changes,
    )


def is_delivered(session: Session, commit: str, pattern: str) -> bool:
    """Whether `commit` has what was promised: on a branch only what is committed arrives."""
    matcher = ScopeMatcher((pattern,))
    return any(matcher.matches(path) for path in commit_paths(session.mirror, commit))


def _baseline_key(base: str, check: Check) -> tuple[object, ...]:
    # Not the JUnit path: it is another one for each attempt.
    return (base, check.name, check.cwd, check.env)
