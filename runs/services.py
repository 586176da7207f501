"""The verbs of runs. Thin edges (commands, API, admin) call these; transactions are here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from runs.agents.backends import builder_get
from runs.models import Approval, Phase, Project, Run
from runs.planning.identifiers import project_name_check, run_id_check, slugify_id
from runs.planning.schema import phase_dump, plan_dump, plan_parse
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
    PhaseState,
    RunState,
    Trigger,
)
from runs.writing import writing

if TYPE_CHECKING:
    from runs.planning.schema import StructuredPlan

APPROVAL_HOURS = 24


class RunConflict(Exception):
    """The run is not in a state in which this can be done. The message says in which it is."""


class NameTaken(Exception):
    """The id or name is in use already."""


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


def run_create(
    *,
    project: Project,
    structured_plan: object,
    run_id: str = "",
    flags: dict[str, bool] | None = None,
    budgets: dict[str, Any] | None = None,
    priority: int = 0,
    trigger: Trigger = Trigger.CLI,
    raw_plan: str = "",
) -> Run:
    """Make a PENDING run with its phases.

    `budgets` override those of the plan. Raises PlanInvalid, IdentifierInvalid, UnknownBackend,
    NameTaken, BudgetInvalid.
    """
    plan = plan_parse(structured_plan)
    for phase in plan.phases:
        builder_get(phase.builder.backend)
    run_id = run_id or run_id_suggest(plan)
    run_id_check(run_id)
    try:
        with writing():
            run = Run.objects.create(
                run_id=run_id,
                project=project,
                trigger=trigger.value,
                goal=plan.goal,
                structured_plan=plan_dump(plan),
                raw_plan=raw_plan,
                flags={**settings.AUTOPACK_FLAGS, **plan.flags, **(flags or {})},
                priority=priority,
                explanation="Created; not started yet.",
                **_budget_columns(plan, budgets or {}),
            )
            _create_phases(run, plan)
    except IntegrityError as error:
        raise NameTaken(f"There is a run {run_id!r} already; choose another id.") from error
    return run


class BudgetInvalid(Exception):
    """A budget is not a positive number, or is none that runs have."""


BUDGETS = ("token_cap", "cost_cap_usd", "max_duration_minutes", "max_phases")


def _budget_columns(plan: StructuredPlan, given: dict[str, Any]) -> dict[str, Any]:
    columns = {name: getattr(plan.budgets, name) for name in BUDGETS} | _budgets_checked(given)
    if columns["max_duration_minutes"] is None:
        del columns["max_duration_minutes"]
    if columns["max_phases"] is not None and len(plan.phases) > columns["max_phases"]:
        raise BudgetInvalid(
            f"The plan has {len(plan.phases)} phases, max_phases allows {columns['max_phases']}. "
            "Raise it, or split the plan."
        )
    return columns


def _budgets_checked(given: dict[str, Any]) -> dict[str, Any]:
    for name, value in given.items():
        if name not in BUDGETS:
            raise BudgetInvalid(f"There is no budget {name!r}; there are {', '.join(BUDGETS)}.")
        if value is not None and (isinstance(value, bool) or not value > 0):
            raise BudgetInvalid(f"{name} is {value!r}; it must be a number above 0.")
    return dict(given)


def _create_phases(run: Run, plan: StructuredPlan) -> None:
    phases = Phase.objects.bulk_create(
        Phase(
            run=run,
            key=phase.id,
            position=position,
            tier=phase.tier,
            title=phase.title,
            spec=phase_dump(phase),
            requires_approval=phase.requires_approval,
            max_tries=phase.limits.max_attempts or 3,
        )
        for position, phase in enumerate(plan.phases)
    )
    by_key = {phase.key: phase for phase in phases}
    edges = Phase.depends_on.through
    edges.objects.bulk_create(
        edges(from_phase_id=by_key[phase.id].pk, to_phase_id=by_key[needed].pk)
        for phase in plan.phases
        for needed in phase.depends_on
    )


def run_id_suggest(plan: StructuredPlan) -> str:
    """A free id made from the plan's goal."""
    words = plan.goal or (plan.phases[0].title if plan.phases else "") or "run"
    wanted = slugify_id(words)[:40].rstrip("-._")
    taken = {
        name.lower()
        for name in Run.objects.filter(run_id__istartswith=wanted).values_list("run_id", flat=True)
    }
    if wanted.lower() not in taken and wanted != "normalize":
        return wanted
    number = 2
    while f"{wanted}-{number}".lower() in taken:
        number += 1
    return f"{wanted}-{number}"


def run_queue(run: Run, *, trigger: Trigger) -> None:
    """PENDING to QUEUED; nothing for a run that is active already. Raises RunConflict."""
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


def run_cancel(run: Run, *, trigger: Trigger) -> None:
    """Ask for the run's end. One that is not RUNNING ends at once; of one that is, its executor
    lets go, publishes what is integrated and ends it. Raises RunConflict."""
    run.refresh_from_db()
    if RunState(run.state) in RUN_TERMINAL:
        raise RunConflict(f"Run {run.run_id} is {run.state} already.")
    run_request_cancel(run.pk)
    if RunState(run.state) is not RunState.RUNNING:
        run_stop(
            run, RunState.CANCELLED, PhaseState.CANCELLED,
            explanation="Cancelled on request.", trigger=trigger,
        )  # fmt: skip


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

    Raises RunConflict for a run in another state.
    """
    run.refresh_from_db()
    frm = RunState(run.state)
    if frm not in RUN_RETRIABLE:
        raise RunConflict(
            f"Run {run.run_id} is {run.state}; only a FAILED, TIMEOUT or CANCELLED one is retried."
        )
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
            phase_transition(
                phase, PhaseState(phase.state), PhaseState.PENDING,
                explanation="The run is tried again.", trigger=trigger, tries=0, crashes=0,
            )  # fmt: skip
    run.refresh_from_db()


def run_change(
    run: Run, *, budgets: dict[str, Any] | None = None, priority: int | None = None
) -> None:
    """Change budgets or priority. Raises BudgetInvalid."""
    columns = _budgets_checked(budgets or {})
    if priority is not None:
        columns["priority"] = priority
    if columns:
        Run.objects.filter(pk=run.pk).update(**columns)
        run.refresh_from_db()


# --- Approvals --------------------------------------------------------------------------------


def approval_request(
    run: Run, phase: Phase | None, kind: ApprovalKind, question: str, details: dict[str, Any]
) -> Approval:
    """Ask people; asking again while the question is open returns the open one."""
    approval, _ = Approval.objects.get_or_create(
        run=run,
        phase=phase,
        kind=kind.value,
        state=ApprovalState.PENDING.value,
        defaults={
            "question": question,
            "details": details,
            "expires_at": timezone.now() + timedelta(hours=APPROVAL_HOURS),
        },
    )
    return approval


def approval_decide(approval: Approval, *, approve: bool, decided_by: str, note: str = "") -> None:
    """Answer an approval; its phase goes back to the queue, or fails. Raises RunConflict."""
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
    approval.refresh_from_db()
    if is_late:
        raise RunConflict(
            f"Approval {approval.pk} expired at {approval.expires_at:%Y-%m-%d %H:%M}; "
            f"retry the run to be asked again."
        )


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
    return expired
