"""DOES one attempt of a phase: prepare, build, govern, validate, commit, integrate, report.

The candidate is committed (detached, in the mirror) before it is judged, so that every attempt's
end can be looked at; it becomes part of the run only in `attempt_finish`, which moves the run's
head and the phase together or not at all.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings

from runs import dispatching
from runs.approvals import approval_request
from runs.execution import stages, troubles
from runs.execution.asking import PersonNeeded
from runs.execution.attempt_reports import attempt_artifacts, attempt_report
from runs.execution.bench import AttemptCancelled, Bench
from runs.execution.environments import EnvironmentFailed, NoPortFree, ProjectFileRefused
from runs.execution.leases import LEASE_LOST, TIME_IS_UP, keeper, worker_identity
from runs.execution.process import (
    CommandLimits,
    CommandNotStarted,
    CommandTimedOut,
    RunnerDied,
)
from runs.execution.repository.coprocess import CoprocessFailed
from runs.execution.repository.git import GitFailed
from runs.execution.repository.objects import ObjectsFailed
from runs.execution.repository.worktree_state import NestedRepository, unnest
from runs.execution.trial import AttemptFailed, Trial
from runs.logs import log_context
from runs.models import Run
from runs.planning.plan_types import PlanFlag
from runs.querysets import HeadMoved, LeaseLost, attempt_finish, phase_claim
from runs.signals import attempt_finished
from runs.states import ApprovalKind, AttemptOutcome, FailureKind, PhaseState, Stage

if TYPE_CHECKING:
    from runs.execution.process import Cancellation
    from runs.execution.session import Session
    from runs.execution.worktrees import Workspace
    from runs.models import Attempt, Phase
    from runs.types import AttemptReport

logger = logging.getLogger(__name__)

# A merge may be overtaken by another one; more often than this, something else is wrong.
MAX_INTEGRATIONS = 100

MACHINERY = (
    GitFailed, ObjectsFailed, RunnerDied, CoprocessFailed, CommandNotStarted, CommandTimedOut,
    OSError,
)  # fmt: skip
UNPREPARED = (EnvironmentFailed, ProjectFileRefused, NoPortFree)


def phase_execute(
    session: Session, phase: Phase, workspace: Workspace, cancellation: Cancellation
) -> AttemptReport | None:
    """Claim `phase` and make one attempt of it in `workspace`; None when another was first.

    Never raises for what an attempt can meet: whatever happens ends in a report, but for a lost
    lease, after which nothing may be written and None is returned too.
    """
    attempt = phase_claim(
        phase,
        worker_identity(),
        lease_seconds=settings.AUTOPACK_LEASE_SECONDS,
        waits_for=dispatching.room_checker(session.run, session.plan_of(phase).builder.backend),
    )
    if attempt is None:
        return None
    run_id = session.run.run_id
    with log_context(run=run_id, phase=phase.key, attempt=attempt.number):
        trial = _trial(session, phase, attempt, workspace, cancellation)
        with keeper().hold(attempt, cancellation):
            try:
                report = _run_to_report(trial)
            except LeaseLost as lost:
                logger.warning("%s Another worker has it; nothing is written.", lost)
                workspace.pristine = False
                return None
            finally:
                trial.ports.close()
                trial.bench.flush_notes()
        if trial.mitigator is not None:
            trial.mitigator.events_record()
        attempt_finished.send_robust(
            sender=None, run_pk=phase.run_id, phase_pk=phase.pk, attempt_pk=attempt.pk,
            report=report,
        )  # fmt: skip
        return report


def _trial(
    session: Session,
    phase: Phase,
    attempt: Attempt,
    workspace: Workspace,
    cancellation: Cancellation,
) -> Trial:
    plan = session.plan_of(phase)
    folder = session.folder / phase.key / str(attempt.number)
    limits = CommandLimits()
    if plan.limits.timeout_seconds:
        limits = replace(limits, wall_seconds=float(plan.limits.timeout_seconds))
    if plan.limits.inactivity_seconds:
        limits = replace(limits, inactivity_seconds=float(plan.limits.inactivity_seconds))
    bench = Bench(
        attempt=attempt,
        run_pk=phase.run_id,
        workspace=workspace,
        folder=folder,
        mode=session.mode,
        limits=limits,
        cancellation=cancellation,
        allows_network=plan.limits.network,
        extra_env={
            "AUTOPACK_RUN": session.run.run_id,
            "AUTOPACK_PHASE": phase.key,
            "AUTOPACK_ATTEMPT": str(attempt.number),
        },
    )
    # It may be old when another process integrates phases too: then the candidate is merged.
    base = attempt.base_commit = session.run.head_commit
    trial = Trial(session, phase, plan, attempt, bench, base)
    if session.run.flags.get(PlanFlag.FAILURE_HARDENING):
        # Only here: whoever does not want it does not pay for loading it either.
        from runs.execution.mitigation import Mitigator

        trial.mitigator = Mitigator(trial)
    return trial


def _run_to_report(trial: Trial) -> AttemptReport:
    """All stages, and whatever ends them. Raises LeaseLost only."""
    try:
        stages.prepare_and_build(trial)
        stages.govern_diff(trial)
        stages.validate_candidate(trial)
        return _integrate(trial)
    except AttemptFailed as failed:
        return _finish_failed(trial, AttemptOutcome.FAILED, failed)
    except PersonNeeded as needed:
        return _finish_asking(trial, needed)
    except AttemptCancelled:
        return _finish_cancelled(trial)
    except UNPREPARED as failed:
        return _finish_failed(
            trial, AttemptOutcome.ERRORED, AttemptFailed(FailureKind.ENVIRONMENT, str(failed))
        )
    except MACHINERY as error:
        logger.warning("The attempt broke: %s", error)
        return _finish_failed(
            trial,
            AttemptOutcome.ERRORED,
            AttemptFailed(FailureKind.ENVIRONMENT, troubles.explain(error)),
        )
    except LeaseLost:
        raise
    except Exception as error:
        logger.exception("A fault of Autopack's own ended the attempt")
        return _finish_failed(
            trial,
            AttemptOutcome.ERRORED,
            AttemptFailed(
                FailureKind.ENVIRONMENT,
                f"A fault of Autopack's own: {type(error).__name__}: {error}. "
                "The log has the details; please report it.",
            ),
        )


def _integrate(trial: Trial) -> AttemptReport:
    """Make the candidate the run's head. What was overtaken is merged and validated again."""
    session, bench = trial.session, trial.bench
    audit = session.auditor.audit(stages.build_request(trial), b"", bench)
    if not audit.ok:
        raise AttemptFailed(FailureKind.REQUIRES_HUMAN_REVIEW, audit.explanation)
    with trial.stage(Stage.INTEGRATE):
        head, candidate = trial.base, trial.commit
        for _ in range(MAX_INTEGRATIONS):
            try:
                return _finish_complete(trial, head, candidate)
            except HeadMoved:
                head = Run.objects.values_list("head_commit", flat=True).get(pk=session.run.pk)
            candidate = stages.merge_onto(trial, head)
        raise AttemptFailed(FailureKind.CONFLICT, "Overtaken by other phases too often.")


def _finish_complete(trial: Trial, head: str, candidate: str) -> AttemptReport:
    report = attempt_report(
        trial, AttemptOutcome.SUCCEEDED, None, "Validated and integrated.", candidate
    )
    _raise_if_lost(trial)
    attempt_finish(
        trial.attempt, trial.phase, report, PhaseState.COMPLETE,
        explanation=_complete_explanation(trial),
        head=(head, candidate),
        columns={"parent_commit": head, "commit": candidate, "hint": ""},
        artifacts=attempt_artifacts(trial),
    )  # fmt: skip
    trial.session.run.head_commit = candidate
    return report


def _complete_explanation(trial: Trial) -> str:
    said = trial.validation.explanation if trial.validation else "not validated"
    return f"Attempt {trial.attempt.number}: {said}."


def _finish_failed(trial: Trial, outcome: AttemptOutcome, failed: AttemptFailed) -> AttemptReport:
    """Back to the queue while tries are left, else FAILED. A conflict is nobody's fault."""
    phase = trial.phase
    _keep_end(trial)
    report = attempt_report(trial, outcome, failed.kind, failed.explanation, trial.commit)
    is_overtaken = failed.kind is FailureKind.CONFLICT and bool(trial.validation)
    tries = phase.tries + (0 if is_overtaken else 1)
    is_last = tries >= phase.max_tries or _is_final(failed.kind)
    to = PhaseState.FAILED if is_last else PhaseState.QUEUED
    left = "" if is_last else f" Attempt {tries + 1} of {phase.max_tries} follows."
    _raise_if_lost(trial)
    attempt_finish(
        trial.attempt, phase, report, to,
        explanation=f"{failed.explanation.rstrip('.')}.{left}",
        columns={"tries": tries, "hint": failed.hint},
        artifacts=attempt_artifacts(trial),
    )  # fmt: skip
    return report


def _finish_asking(trial: Trial, needed: PersonNeeded) -> AttemptReport:
    """A person decides first: the attempt ends, its worker is free, and it costs no try."""
    _keep_end(trial)
    kind = (
        FailureKind.POLICY_VIOLATION
        if needed.kind is ApprovalKind.GOVERNANCE
        else FailureKind.VALIDATION
    )
    report = attempt_report(
        trial, AttemptOutcome.FAILED, kind, f"Asks: {needed.question}", trial.commit
    )
    _raise_if_lost(trial)
    # First the question: a phase that waits for no answer would wait forever.
    approval = approval_request(
        trial.session.run, trial.phase, needed.kind, needed.question, needed.details
    )
    attempt_finish(
        trial.attempt, trial.phase, report, PhaseState.AWAITING_APPROVAL,
        explanation=f"Waits for approval {approval.pk} until {approval.expires_at:%d %b %H:%M}.",
        columns={"hint": needed.hint},
        artifacts=attempt_artifacts(trial),
    )  # fmt: skip
    return report


def _is_final(kind: FailureKind) -> bool:
    return kind in (FailureKind.BUDGET_EXHAUSTED, FailureKind.REQUIRES_HUMAN_REVIEW)


def _finish_cancelled(trial: Trial) -> AttemptReport:
    reason = trial.bench.cancellation.reason
    _raise_if_lost(trial)
    _keep_end(trial)
    report = attempt_report(
        trial, AttemptOutcome.CANCELLED, None, f"Stopped: {reason}.", trial.commit
    )
    # A run out of time can be given more, and then goes on: its phase has not failed.
    attempt_finish(
        trial.attempt, trial.phase, report, PhaseState.CANCELLED,
        explanation="The run's time is up." if reason == TIME_IS_UP else "Cancelled on request.",
        artifacts=attempt_artifacts(trial),
    )  # fmt: skip
    return report


def _raise_if_lost(trial: Trial) -> None:
    if trial.bench.cancellation.is_requested and trial.bench.cancellation.reason == LEASE_LOST:
        raise LeaseLost(f"Attempt {trial.attempt.number} of {trial.phase.key} lost its lease.")


def _keep_end(trial: Trial) -> None:
    """Commit what a broken build left, so that its end can be looked at."""
    if trial.commit:
        return
    try:
        # Repositories that the build made become folders, so that what is in them is kept too.
        unnest(trial.bench.workspace.tree)
        trial.bench.workspace.stage_all()
        trial.commit = stages.commit_candidate(trial)
    except (*MACHINERY, NestedRepository) as error:
        logger.warning("The attempt's end could not be kept: %s", error)
