"""The stages of an attempt, in order: each ends well, or raises why it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

from runs import budgets
from runs.agents.backends import UnknownBackend, builder_get
from runs.agents.types import BuildRequest
from runs.execution import checking, preparation
from runs.execution.asking import diff_is_allowed
from runs.execution.bench import AttemptCancelled
from runs.execution.checks.failing_section import failing_section
from runs.execution.diffs.diff import ChangeKind, DiffMalformed, DiffTooLarge, diff_parse
from runs.execution.diffs.protected_paths import is_lock_file
from runs.execution.environment.ports import ports_allocate
from runs.execution.environments import EnvironmentFailed
from runs.execution.governance import GovernanceRules, govern
from runs.execution.process import OutputTooLarge
from runs.execution.repository.worktree_state import NestedRepository
from runs.execution.session import commit_paths_folded
from runs.execution.trial import AttemptFailed, Trial, commit_message
from runs.models import Run
from runs.states import FailureKind, Stage

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.execution.validation import Check
    from runs.toolchains.types import Detection


def prepare_and_build(trial: Trial) -> None:
    session, bench = trial.session, trial.bench
    bench.folder.mkdir(parents=True, exist_ok=True)
    with trial.stage(Stage.PREPARE):
        preparation.tree_prepare(session, bench, trial.base)
        names = session.run.project.port_names
        if names:
            lease = trial.ports.enter_context(
                ports_allocate(names, lock_dir=settings.AUTOPACK_HOME / "ports")
            )
            bench.extra_env |= lease.env
        trial.detections = _environment(
            trial,
            Stage.PREPARE,
            lambda: preparation.environment_give(session, bench, trial.base),
        )
    _check_limits(trial)
    with trial.stage(Stage.BUILD):
        try:
            builder = builder_get(trial.plan.builder.backend)
        except UnknownBackend as unknown:
            raise AttemptFailed(FailureKind.ENVIRONMENT, str(unknown)) from unknown
        if trial.mitigator is None:
            built = builder.build(build_request(trial), bench)
        else:
            with trial.mitigator.at_build():
                built = builder.build(build_request(trial), bench)
    with trial.stage(Stage.COMMIT):
        if not built.is_staged:
            try:
                bench.workspace.stage_all()
            except NestedRepository as nested:
                trial.refusal = str(nested)
                raise AttemptFailed(FailureKind.POLICY_VIOLATION, str(nested)) from nested
        trial.commit = commit_candidate(trial)
    if not built.ok:
        raise AttemptFailed(
            built.failure_kind or FailureKind.VALIDATION,
            f"The build failed: {built.explanation}",
            failing_section(built.output) or built.explanation,
        )


def build_request(trial: Trial) -> BuildRequest:
    return BuildRequest(
        run_id=trial.session.run.run_id,
        goal=trial.session.run.goal,
        phase=trial.plan,
        attempt=trial.phase.tries + 1,
        hint=trial.phase.hint,
    )


def _check_limits(trial: Trial) -> None:
    run = trial.session.run
    if run.token_cap is None and run.cost_cap_usd is None:
        return  # time is watched by the keeper
    reached = budgets.limit_reached(Run.objects.get(pk=run.pk))
    if reached:
        raise AttemptFailed(reached.failure_kind or FailureKind.STUCK, reached.explanation)


def commit_candidate(trial: Trial) -> str:
    """Commit the index on top of the attempt's base; the new commit's id."""
    workspace = trial.bench.workspace
    # The parent is ours to choose, not HEAD's: what a build commits by itself is governed too.
    commit = workspace.mirror.objects.commit_index(
        workspace.git.git_dir / "index", trial.base, commit_message(trial)
    )
    workspace.point_head(commit)
    ref = f"refs/autopack/attempts/{trial.session.run.run_id}/{trial.phase.key}"
    workspace.keep(f"{ref}/{trial.attempt.number}", commit)
    return commit


def _environment(
    trial: Trial, stage: Stage, give: Callable[[], tuple[Detection, ...]]
) -> tuple[Detection, ...]:
    """What `give` gives, mitigated when it fails. Raises EnvironmentFailed."""
    try:
        return give()
    except EnvironmentFailed as failed:
        if trial.mitigator is None:
            raise
        return trial.mitigator.installation(failed, stage, give)


def govern_diff(trial: Trial) -> None:
    with trial.stage(Stage.GOVERN):
        try:
            try:
                diff_judge(trial)
            except AttemptFailed as refused:
                if trial.mitigator is None:
                    raise
                trial.mitigator.governance(refused)
        except AttemptFailed:
            if not diff_is_allowed(trial):
                raise


def diff_judge(trial: Trial) -> None:
    """Read the candidate's diff and govern it. Raises AttemptFailed for one that is refused."""
    bench = trial.bench
    try:
        raw = trial.session.mirror.diff(trial.commit)
        trial.changes = diff_parse(raw)
    except (OutputTooLarge, DiffTooLarge) as large:
        raise AttemptFailed(
            FailureKind.POLICY_VIOLATION, f"The diff is too large: {large}"
        ) from large
    except DiffMalformed as malformed:
        raise AttemptFailed(FailureKind.POLICY_VIOLATION, str(malformed)) from malformed
    (bench.folder / "diff.patch").write_bytes(b"".join(c.patch for c in trial.changes))
    if not trial.changes:
        trial.warnings.append("The phase changed nothing.")
    trial.verdict = govern(
        trial.changes,
        governance_rules(trial),
        read_link=lambda path: str((bench.tree / path).readlink()),
        case_twin=lambda path: commit_paths_folded(trial.session.mirror, trial.base).get(
            path.casefold()
        ),
    )
    if not trial.verdict.ok:
        # What may stay and what may not, each ready to be applied by itself.
        (bench.folder / "in_scope.patch").write_bytes(trial.verdict.in_scope_patch)
        (bench.folder / "out_of_scope.patch").write_bytes(trial.verdict.out_of_scope_patch)
        raise AttemptFailed(FailureKind.POLICY_VIOLATION, trial.verdict.explanation)


def governance_rules(trial: Trial) -> GovernanceRules:
    """The rules that a phase's diff is held against: its scope, its limits, the project's own."""
    given = {
        name: value
        for name in ("max_files", "max_added_lines", "max_deleted_lines", "max_deleted_files")
        if (value := getattr(trial.plan.limits, name)) is not None
    }
    return GovernanceRules(
        modify=trial.plan.scope.modify,
        create=trial.plan.scope.create,
        protected=tuple(trial.session.run.project.protected_paths),
        allowed_placed_files=_placed(trial),
        **given,
    )


def _placed(trial: Trial) -> tuple[str, ...]:
    """Of the paths that a mitigation changed, those in which nothing else can have been changed
    with it: another mode and no line, or a lock file that a package manager wrote."""
    if not trial.placed_paths:
        return ()
    plain = {
        change.path
        for change in trial.changes
        if change.kind is ChangeKind.MODIFIED
        and not (change.added_lines or change.deleted_lines or change.is_binary)
    }
    return tuple(path for path in trial.placed_paths if path in plain or is_lock_file(path))


def validate_candidate(trial: Trial) -> None:
    session, bench = trial.session, trial.bench
    _check_limits(trial)
    with trial.stage(Stage.VALIDATE):
        trial.detections = _environment(
            trial,
            Stage.VALIDATE,
            lambda: preparation.environment_follow(
                session, bench, trial.detections, trial.changes,
                base=trial.base, commit=trial.commit,
            ),
        )  # fmt: skip
        _judge(trial, _checks(trial))


def _checks(trial: Trial) -> list[Check]:
    return checking.checks_of(trial.session, trial.plan, trial.detections, trial.bench.folder)


def _judge(trial: Trial, checks: list[Check]) -> None:
    while True:
        commit = trial.commit
        report = checking.attempt_validate(
            trial.session, trial.bench, checks, trial.plan, trial.changes,
            base=trial.base, commit=commit, mitigator=trial.mitigator,
        )  # fmt: skip
        # A mitigation that changed the candidate: all of it is looked at again.
        if not report.ok or commit == trial.commit:
            break
    trial.validation = report
    if report.ok:
        return
    if trial.bench.cancellation.is_requested:
        raise AttemptCancelled(trial.bench.cancellation.reason)
    kind = FailureKind.ENVIRONMENT if report.is_environment_problem else FailureKind.VALIDATION
    trial.failing_section = report.hint
    trial.diagnosis = trial.session.doctor.diagnose(build_request(trial), report.hint, trial.bench)
    raise AttemptFailed(kind, report.explanation, trial.diagnosis.hint)


def merge_onto(trial: Trial, head: str) -> str:
    """The candidate on top of `head`, validated there. Raises AttemptFailed on a conflict."""
    bench = trial.bench
    bench.note(f"--- merged onto {head[:12]}, which another phase made meanwhile")
    merged, conflicts = trial.session.mirror.merge(head, trial.commit, commit_message(trial))
    if conflicts:
        raise AttemptFailed(
            FailureKind.CONFLICT,
            "Another phase changed the same lines of "
            f"{', '.join(conflicts[:5])}; the next attempt starts from its result.",
        )
    bench.workspace.switch(merged)
    bench.workspace.keep(
        f"refs/autopack/attempts/{trial.session.run.run_id}/{trial.phase.key}"
        f"/{trial.attempt.number}-merged",
        merged,
    )
    if trial.mitigator is not None:
        trial.mitigator.close()
    # Two changes that are right apart can be wrong together.
    _judge(trial, _checks(trial))
    return merged
