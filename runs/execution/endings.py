"""Ends a run of which nothing executes here: what it made is published, and its state says why."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.utils import timezone

from runs import budgets, services
from runs.execution import troubles
from runs.execution.engine import MACHINERY
from runs.execution.repository.publishing import branch_publish, branch_withdraw
from runs.execution.repository.sources import RepositoryProblem
from runs.models import Attempt, Phase, Run
from runs.querysets import run_pause, run_published, run_transition
from runs.recovery import CRASH_LIMIT, run_recover
from runs.scheduling import DONE
from runs.states import ApprovalState, FailureKind, PhaseState, RunState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runs.execution.session import Session

logger = logging.getLogger(__name__)

# With phases in these states only, and no limit reached, a run just goes on.
IN_PROGRESS = DONE | {PhaseState.PENDING.value, PhaseState.QUEUED.value}


def run_conclude(
    session: Session, run: Run, phases: Sequence[Phase], *, is_idle: bool, broken: str = ""
) -> bool:
    """End `run` (freshly read) when it can go no further; True when there is nothing left to do.

    `phases` may be old: what matters is looked up. `is_idle`: nothing could be started when it
    was last tried. A run that waits for people is left AWAITING_APPROVAL.
    """
    states = {phase.state for phase in phases}
    if states <= DONE:
        return _succeed(session, run)
    if PhaseState.RUNNING.value in states and run_recover(run):
        return False  # another process is at it
    if run.cancel_requested_at:
        return _stop(session, run, RunState.CANCELLED, "Cancelled on request.")
    reached = budgets.limit_reached(run)
    if reached:
        return _stop(session, run, reached.state, reached.explanation, reached.failure_kind)
    if broken:
        return _stop(session, run, RunState.FAILED, broken, FailureKind.ENVIRONMENT)
    if states <= IN_PROGRESS:
        return False
    services.approvals_expire(run)
    failed = run.phases.filter(state=PhaseState.FAILED.value).order_by("position").first()
    if failed:
        return _stop(
            session, run, RunState.FAILED, f"Phase {failed.key}: {failed.explanation}",
            failure_kind_of(failed),
        )  # fmt: skip
    later = any(phase.not_before and phase.not_before > timezone.now() for phase in phases)
    if is_idle and not later and PhaseState.RUNNING.value not in states:
        return _wait_for_people(session, run)
    return False


def failure_kind_of(phase: Phase) -> FailureKind:
    """Why a FAILED phase failed: too many crashes, people's word, or its last attempt."""
    if phase.crashes >= CRASH_LIMIT:
        return FailureKind.CRASH_LIMIT
    last = Attempt.objects.filter(phase=phase).exclude(failure_kind="").order_by("-number").first()
    answer = phase.approvals.exclude(decided_at=None).order_by("-decided_at").first()
    if answer is not None and answer.decided_at is not None:
        is_latest = last is None or last.started_at < answer.decided_at
        if is_latest and answer.state != ApprovalState.APPROVED.value:
            return FailureKind.REQUIRES_HUMAN_REVIEW
    return FailureKind(last.failure_kind) if last else FailureKind.STUCK


def _succeed(session: Session, run: Run) -> bool:
    try:
        publish(session, run)
    except RepositoryProblem as problem:
        return services.run_stop(
            run, RunState.FAILED, PhaseState.SKIPPED,
            explanation=str(problem), failure_kind=FailureKind.CONFLICT,
        )  # fmt: skip
    said = "All phases are validated and integrated."
    if run.head_commit != run.base_commit:
        said = f"{said} Branch {run.branch} holds it. {_base_moved(session)}".rstrip()
    run_transition(run.pk, RunState.RUNNING, RunState.SUCCEEDED, explanation=said)
    return True


def _base_moved(session: Session) -> str:
    try:
        return session.base_moved()
    except (RepositoryProblem, *MACHINERY) as problem:
        logger.warning("Whether the base has moved cannot be told: %s", problem)
        return ""


def _stop(
    session: Session,
    run: Run,
    to: RunState,
    explanation: str,
    failure_kind: FailureKind | None = None,
) -> bool:
    """End a run short of its goal; what it has integrated is published all the same."""
    try:
        publish(session, run)
    except RepositoryProblem as problem:
        explanation = f"{explanation} Its branch could not be published: {problem}"
    phases_to = PhaseState.SKIPPED if to is RunState.FAILED else PhaseState.CANCELLED
    services.run_stop(run, to, phases_to, explanation=explanation, failure_kind=failure_kind)
    return True


def publish(session: Session, run: Run) -> None:
    """Make the run's branch in the project's repository what the run has integrated: there is
    none when that is nothing. Raises RepositoryProblem."""
    is_empty = run.head_commit in ("", run.base_commit)
    if run.published_commit == ("" if is_empty else run.head_commit):
        return
    try:
        if is_empty:
            branch_withdraw(session.mirror, run.branch, run.published_commit)
        else:
            branch_publish(
                session.mirror, run.branch, run.head_commit, run.published_commit, run.base_commit
            )
    except MACHINERY as error:
        raise RepositoryProblem("publish_failed", troubles.explain(error)) from error
    run_published(run, "" if is_empty else run.head_commit)


def _wait_for_people(session: Session, run: Run) -> bool:
    waiting = run.phases.filter(state=PhaseState.AWAITING_APPROVAL.value)
    if not waiting.exists():
        return False
    try:
        # They may want to look at what there is.
        publish(session, run)
    except RepositoryProblem as problem:
        logger.warning("The branch is not published yet: %s", problem)
    approval = run.approvals.filter(state="pending").order_by("pk").first()
    number = f" Decide with: manage.py approval_decide {approval.pk} approve" if approval else ""
    # Not when another worker has just claimed a phase, or was first to see this.
    run_pause(
        run.pk, RunState.AWAITING_APPROVAL,
        explanation=f"Phase {waiting[0].key} waits for a person.{number}",
    )  # fmt: skip
    return True
