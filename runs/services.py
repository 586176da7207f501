"""The verbs of runs. Thin edges (commands, API, admin) call these; transactions are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import IntegrityError
from django.utils import timezone

from runs.approvals import approval_request
from runs.budgets import BudgetInvalid as BudgetInvalid  # verbs raise it
from runs.budgets import budgets_checked
from runs.creation import NameTaken as NameTaken
from runs.creation import phase_is_done
from runs.creation import run_create as run_create
from runs.models import Approval, Phase, Project, Run
from runs.planning.identifiers import project_name_check, slugify_id
from runs.plans import confirmation_missing
from runs.querysets import (
    approval_settle,
    phase_transition,
    phases_queue,
    run_request_cancel,
    run_transition,
)
from runs.states import (
    RUN_RETRIABLE,
    RUN_TERMINAL,
    ApprovalKind,
    ApprovalState,
    FailureKind,
    PhaseState,
    RunState,
    Trigger,
)
from runs.writing import writing


class RunConflict(Exception):
    """The run is not in a state in which this can be done. The message says in which it is."""


class ConfirmationRequired(RunConflict):
    """A person has to approve the run's plan first."""


# --- Projects ---------------------------------------------------------------------------------


def project_create(*, name: str, source: str, **settings_of_project: Any) -> Project:
    """Register a repository. Raises IdentifierInvalid, NameTaken, RepositoryProblem."""
    from runs.execution.repository.sources import source_open

    project_name_check(name)
    location = source_open(source).location
    try:
        with writing():
            return Project.objects.create(name=name, source=location, **settings_of_project)
    except IntegrityError as error:
        raise NameTaken(f"There is a project {name!r} already; choose another name.") from error


def project_ensure(*, source: str) -> Project:
    """The project of a repository, registered under its folder's name when it is new.

    Raises RepositoryProblem.
    """
    from runs.execution.repository.sources import source_open

    location = source_open(source).location
    known = Project.objects.filter(source=location).order_by("pk").first()
    if known:
        return known
    wanted = slugify_id(Path(location.rstrip("/")).name.removesuffix(".git"))
    for number in range(1, 1000):
        name = wanted if number == 1 else f"{wanted[:60]}-{number}"
        if not Project.objects.filter(name__iexact=name).exists():
            return project_create(name=name, source=source)
    raise NameTaken(f"A thousand projects are named like {wanted!r}; name this one yourself.")


# --- Runs -------------------------------------------------------------------------------------


def run_queue(run: Run, *, trigger: Trigger) -> None:
    """PENDING to QUEUED; nothing for a run that is active already.

    Raises ConfirmationRequired, RunConflict for a run that has ended.
    """
    if run.state == RunState.PENDING.value:
        _check_confirmed(run)
    if run_transition(
        run.pk, RunState.PENDING, RunState.QUEUED, explanation="Asked to run.", trigger=trigger
    ):
        return
    run.refresh_from_db()
    if RunState(run.state) in RUN_TERMINAL:
        retry = (
            f" Use `manage.py run_retry {run.run_id}` to take it up again."
            if RunState(run.state) in RUN_RETRIABLE
            else ""
        )
        raise RunConflict(f"Run {run.run_id} is {run.state} already: {run.explanation}{retry}")


def _check_confirmed(run: Run) -> None:
    said = confirmation_missing(run)
    if said:
        raise ConfirmationRequired(said)


def run_execute(run: Run, *, trigger: Trigger) -> None:
    """Have a run executed by workers; again, while it is active: only wakes them.

    Raises ConfirmationRequired, RunConflict for a run that has ended.
    """
    from runs.queue import wake  # loads the queue, which only a server needs

    with writing():
        run_queue(run, trigger=trigger)
        wake(run.pk)
    run.refresh_from_db()


def run_cancel(run: Run, *, trigger: Trigger) -> None:
    """Ask for the run's end. One that has nothing to publish ends at once, unless it is RUNNING;
    else its executor lets go, publishes what is integrated and ends it. Raises RunConflict."""
    run.refresh_from_db()
    if RunState(run.state) in RUN_TERMINAL:
        raise RunConflict(f"Run {run.run_id} is {run.state} already.")
    run_request_cancel(run.pk)
    is_published = run.head_commit in ("", run.base_commit, run.published_commit)
    if RunState(run.state) is not RunState.RUNNING and is_published:
        run_stop(
            run, RunState.CANCELLED, PhaseState.CANCELLED,
            explanation="Cancelled on request.", trigger=trigger,
        )  # fmt: skip
    elif not run.phases.filter(state=PhaseState.RUNNING.value).exists():
        from runs.queue import wake  # loads the queue, which only a server needs

        # Nobody is at it who would hear of the request: a worker must come to end it.
        wake(run.pk)


def run_stop(
    run: Run,
    to: RunState,
    phases_to: PhaseState,
    *,
    explanation: str,
    trigger: Trigger = Trigger.SYSTEM,
    failure_kind: Any = None,
) -> bool:
    """Take a run of which nothing executes to a terminal state; what did not start goes to
    `phases_to`. False when somebody else ended it."""
    with writing():
        run.refresh_from_db(fields=["state"])
        frm = RunState(run.state)
        if frm in RUN_TERMINAL or not run_transition(
            run.pk, frm, to, explanation=explanation, trigger=trigger, failure_kind=failure_kind
        ):
            return False
        for phase in run.phases.filter(
            state__in=[
                PhaseState.PENDING.value,
                PhaseState.QUEUED.value,
                PhaseState.AWAITING_APPROVAL.value,
            ]
        ):
            # A question nobody will hear the answer of is withdrawn with its phase.
            target = (
                PhaseState.CANCELLED
                if phase.state == PhaseState.AWAITING_APPROVAL.value
                else phases_to
            )
            phase_transition(
                phase, PhaseState(phase.state), target, explanation=explanation, trigger=trigger
            )
        for approval in run.approvals.filter(state=ApprovalState.PENDING.value):
            approval_settle(approval, ApprovalState.EXPIRED, note="The run ended.")
    run.refresh_from_db()
    return True


def run_retry(run: Run, *, trigger: Trigger) -> None:
    """FAILED, TIMEOUT or CANCELLED back to QUEUED: new tries for all that is not COMPLETE.

    Raises RunConflict for a run in another state, ConfirmationRequired for one whose plan was
    never confirmed.
    """
    run.refresh_from_db()
    frm = RunState(run.state)
    if frm not in RUN_RETRIABLE:
        raise RunConflict(
            f"Run {run.run_id} is {run.state}; only a FAILED, TIMEOUT or CANCELLED one is retried."
        )
    _check_confirmed(run)
    with writing():
        if not run_transition(
            run.pk, frm, RunState.QUEUED, explanation="Asked to try again.", trigger=trigger
        ):
            raise RunConflict(f"Run {run.run_id} has just changed; look again.")
        for phase in run.phases.filter(
            state__in=[
                PhaseState.FAILED.value,
                PhaseState.SKIPPED.value,
                PhaseState.CANCELLED.value,
            ]
        ):
            if phase_is_done(phase.spec):
                continue
            phase_transition(
                phase, PhaseState(phase.state), PhaseState.PENDING,
                explanation="The run is tried again.", trigger=trigger, tries=0, crashes=0,
            )  # fmt: skip
    run.refresh_from_db()


def run_change(
    run: Run, *, budgets: dict[str, Any] | None = None, priority: int | None = None
) -> None:
    """Change budgets or priority. Raises BudgetInvalid."""
    columns = budgets_checked(budgets or {})
    if priority is not None:
        columns["priority"] = priority
    if columns:
        Run.objects.filter(pk=run.pk).update(**columns)
        run.refresh_from_db()


# --- Approvals --------------------------------------------------------------------------------


def approval_decide(approval: Approval, *, approve: bool, decided_by: str, note: str = "") -> None:
    """Answer an approval; its phase goes back to the queue, or fails. A run whose plan is
    confirmed may start, one whose plan is not is cancelled. Raises RunConflict."""
    approval.refresh_from_db()
    is_late = approval.expires_at <= timezone.now()
    to = ApprovalState.APPROVED if approve else ApprovalState.REJECTED
    if is_late:
        to = ApprovalState.EXPIRED
    with writing():
        if not approval_settle(approval, to, decided_by=decided_by, note=note):
            raise RunConflict(f"Approval {approval.pk} is {approval.state} already.")
        phase = approval.phase
        if phase is not None:
            target = PhaseState.QUEUED if to is ApprovalState.APPROVED else PhaseState.FAILED
            phase_transition(
                phase, PhaseState.AWAITING_APPROVAL, target,
                explanation=f"{to.value.capitalize()} by {decided_by or 'nobody in time'}. {note}",
            )  # fmt: skip
        elif approval.kind == ApprovalKind.PLAN.value:
            _plan_decided(approval.run, to, "" if is_late else decided_by, note)
    approval.refresh_from_db()
    if is_late:
        again = "create the run" if approval.kind == ApprovalKind.PLAN.value else "retry the run"
        raise RunConflict(
            f"Approval {approval.pk} expired at {approval.expires_at:%Y-%m-%d %H:%M}; "
            f"{again} to be asked again."
        )


def _plan_decided(run: Run, to: ApprovalState, decided_by: str, note: str) -> None:
    if to is ApprovalState.APPROVED:
        said = f"Its plan was confirmed by {decided_by}; not started yet. {note}".rstrip()
        Run.objects.filter(pk=run.pk, state=RunState.PENDING.value).update(explanation=said)
        return
    said = f"Its plan was not confirmed: {to.value} by {decided_by or 'nobody in time'}. {note}"
    if to is ApprovalState.EXPIRED:
        run_stop(
            run, RunState.FAILED, PhaseState.SKIPPED,
            explanation=said.rstrip(), failure_kind=FailureKind.REQUIRES_HUMAN_REVIEW,
        )  # fmt: skip
    else:
        run_stop(run, RunState.CANCELLED, PhaseState.CANCELLED, explanation=said.rstrip())


def phase_needs_approval(run: Run, phase: Phase) -> bool:
    """Whether a ready phase must wait for a person; asks, and takes it to AWAITING_APPROVAL."""
    if not phase.requires_approval:
        return False
    phases_queue([phase] if phase.state == PhaseState.PENDING.value else [])
    asked = phase.approvals.filter(kind=ApprovalKind.PHASE.value)
    if asked.filter(state=ApprovalState.APPROVED.value).exists():
        return False
    approval = approval_request(
        run, phase, ApprovalKind.PHASE, f"May phase {phase.key} ({phase.title}) start?", phase.spec
    )
    phase_transition(
        phase, PhaseState.QUEUED, PhaseState.AWAITING_APPROVAL,
        explanation=f"Waits for approval {approval.pk} until {approval.expires_at:%d %b %H:%M}.",
    )  # fmt: skip
    return True


def approvals_expire(run: Run) -> int:
    """Fail the phases whose question nobody answered in time; returns how many."""
    late = run.approvals.filter(
        state=ApprovalState.PENDING.value, expires_at__lte=timezone.now()
    ).select_related("phase")
    expired = 0
    for approval in late:
        with writing():
            if not approval_settle(approval, ApprovalState.EXPIRED):
                continue
            expired += 1
            if approval.phase is not None:
                phase_transition(
                    approval.phase, PhaseState.AWAITING_APPROVAL, PhaseState.FAILED,
                    explanation=f"Approval {approval.pk} expired without an answer.",
                )  # fmt: skip
            elif approval.kind == ApprovalKind.PLAN.value:
                _plan_decided(run, ApprovalState.EXPIRED, "", "")
    return expired
