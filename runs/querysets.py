"""The only writer of statuses. Every write is compare-and-set and looks at the row count.

A transition that finds another state than it expected changes nothing and returns False: another
worker got there first, or a person changed their mind, and the caller reads again. Each one that
happens appends a StatusChange in the same transaction. That holds on SQLite and on PostgreSQL
alike, with no row locks.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from runs import rows
from runs.logs import lifecycle
from runs.models import Approval, Artifact, Attempt, Phase, Run, StatusChange
from runs.states import (
    PHASE_EDGES,
    PHASE_TERMINAL,
    RUN_EDGES,
    RUN_TERMINAL,
    ApprovalState,
    AttemptOutcome,
    FailureKind,
    PhaseState,
    RunState,
    Trigger,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runs.types import AttemptReport, WorkerIdentity


# What others may change of a run while it is driven; never its plan, which is long and stays.
RUN_CHANGING = (
    "state", "failure_kind", "explanation", "base_commit", "head_commit", "published_commit",
    "cancel_requested_at", "token_cap", "cost_cap_usd", "max_duration_minutes", "started_at",
    "ended_at", "waiting_since", "waited_seconds",
)  # fmt: skip


DEPENDENCIES_DONE = "Its dependencies are done."


class IllegalTransition(Exception):
    """An edge that runs.states does not have was asked for: a fault of ours, not of the world."""


class LeaseLost(Exception):
    """The attempt is no longer ours: its fence has moved on. Nothing more may be written."""


class HeadMoved(Exception):
    """Another phase was integrated in the meantime: the run's head is not what we built on."""


def _changed(
    run_pk: int,
    frm: str,
    to: str,
    explanation: str,
    trigger: Trigger,
    *,
    phase_pk: int | None = None,
    attempt_number: int | None = None,
) -> dict[str, Any]:
    """The columns of the StatusChange for an edge that was just taken."""
    lifecycle.info(
        "%s > %s: %s", frm, to, explanation,
        extra={"action": "phase_changed" if phase_pk else "run_changed"},
    )  # fmt: skip
    return {
        "run_id": run_pk,
        "phase_id": phase_pk,
        "attempt_number": attempt_number,
        "from_state": str(frm),
        "to_state": str(to),
        "explanation": explanation,
        "trigger": str(trigger),
        "at": rows.Now(),
    }


def _append(*changes: dict[str, Any]) -> None:
    rows.insert(StatusChange, changes)


# --- Runs -------------------------------------------------------------------------------------


def run_transition(
    run_pk: int,
    frm: RunState,
    to: RunState,
    *,
    explanation: str,
    trigger: Trigger = Trigger.SYSTEM,
    failure_kind: FailureKind | None = None,
) -> bool:
    """Take a run from `frm` to `to`; False when it was not in `frm`.

    Keeps started_at, ended_at and the time spent waiting for people in step with the state.
    Raises IllegalTransition for an edge that does not exist.
    """
    if to not in RUN_EDGES[frm]:
        raise IllegalTransition(f"A run does not go from {frm} to {to}.")
    values: dict[str, Any] = {
        "state": to.value,
        "explanation": explanation,
        "failure_kind": failure_kind.value if failure_kind else "",
        "ended_at": rows.Now() if to in RUN_TERMINAL else None,
    }
    if frm in RUN_TERMINAL:
        # A retry starts with a clean slate, its time limit included.
        values |= {"cancel_requested_at": None, "started_at": None, "waited_seconds": 0.0}
    with transaction.atomic():
        if to is RunState.AWAITING_APPROVAL:
            values["waiting_since"] = rows.Now()
        elif frm is RunState.AWAITING_APPROVAL:
            values |= {"waiting_since": None, "waited_seconds": _waited(run_pk, timezone.now())}
        if not rows.update(Run, where={"pk": run_pk, "state": frm.value}, values=values):
            return False
        _append(_changed(run_pk, frm, to, explanation, trigger))
    return True


def _waited(run_pk: int, now: Any) -> float:
    row = Run.objects.filter(pk=run_pk).values_list("waited_seconds", "waiting_since").first()
    waited, since = row if row else (0.0, None)
    return float(waited) + (max(0.0, (now - since).total_seconds()) if since else 0.0)


def run_start(run: Run, base: str) -> None:
    """Fix the run's base at its first start, and take it to RUNNING from wherever it waits."""
    with transaction.atomic():
        if not run.base_commit:
            rows.update(
                Run,
                where={"pk": run.pk, "base_commit": ""},
                values={"base_commit": base, "head_commit": base},
            )
        for frm in (RunState.QUEUED, RunState.AWAITING_APPROVAL):
            if run_transition(
                run.pk, frm, RunState.RUNNING, explanation=f"Started from {base[:12]}."
            ):
                if run.started_at is None:
                    rows.update(Run, where={"pk": run.pk}, values={"started_at": rows.Now()})
                break
    rows.refresh(run, RUN_CHANGING)


def run_refresh(run: Run) -> None:
    """Read again what others may have changed of `run`."""
    rows.refresh(run, RUN_CHANGING)


def run_published(run: Run, commit: str) -> None:
    """Note where the run's branch in the project's repository points now."""
    rows.update(Run, where={"pk": run.pk}, values={"published_commit": commit})
    run.published_commit = commit


def run_request_cancel(run_pk: int) -> bool:
    """Ask for a run's end; the holder honours it. False when it was asked before."""
    return bool(
        Run.objects.filter(pk=run_pk, cancel_requested_at=None)
        .exclude(state__in=[state.value for state in RUN_TERMINAL])
        .update(cancel_requested_at=Now())
    )


# --- Phases -----------------------------------------------------------------------------------


def phase_transition(
    phase: Phase,
    frm: PhaseState,
    to: PhaseState,
    *,
    explanation: str,
    trigger: Trigger = Trigger.SYSTEM,
    **columns: Any,
) -> bool:
    """Take a phase nobody executes from `frm` to `to`; False when it was not in `frm`.

    Raises IllegalTransition for an edge that does not exist. Out of RUNNING see attempt_finish.
    """
    if to not in PHASE_EDGES[frm] or frm is PhaseState.RUNNING or to is PhaseState.RUNNING:
        raise IllegalTransition(f"A phase does not go from {frm} to {to} here.")
    values = {"state": to.value, "explanation": explanation} | columns
    values["ended_at"] = Now() if to in PHASE_TERMINAL else None
    with transaction.atomic():
        if not Phase.objects.filter(pk=phase.pk, state=frm.value).update(**values):
            return False
        _append(_changed(phase.run_id, frm, to, explanation, trigger, phase_pk=phase.pk))
    phase.state = to.value
    return True


def phases_queue(phases: Sequence[Phase]) -> list[Phase]:
    """PENDING to QUEUED for those of `phases` that still are PENDING; returns them."""
    if not phases:
        return []
    queued_state = PhaseState.QUEUED.value
    values = {"state": queued_state, "explanation": DEPENDENCIES_DONE, "ended_at": None}
    with transaction.atomic():
        queued = [
            phase
            for phase in phases
            if rows.update(
                Phase, where={"pk": phase.pk, "state": PhaseState.PENDING.value}, values=values
            )
        ]
        _append(
            *(
                _changed(
                    phase.run_id, PhaseState.PENDING, PhaseState.QUEUED, DEPENDENCIES_DONE,
                    Trigger.SYSTEM, phase_pk=phase.pk,
                )
                for phase in queued
            )
        )  # fmt: skip
    for phase in queued:
        phase.state = PhaseState.QUEUED.value
    return queued


def phase_claim(phase: Phase, identity: WorkerIdentity, *, lease_seconds: float) -> Attempt | None:
    """Take a QUEUED phase: RUNNING, a higher fence, a new Attempt with a lease of ours.

    A PENDING one whose dependencies are done (the caller's finding) is queued and taken in the
    same step. Returns None when another worker was first, or when the row has moved since `phase`
    was read; losing is fine: whoever won does the work.
    """
    fence = phase.fence + 1
    frm = PhaseState(phase.state)
    if frm not in (PhaseState.PENDING, PhaseState.QUEUED):
        return None
    with transaction.atomic():
        if not rows.update(
            Phase,
            where={"pk": phase.pk, "state": frm.value, "fence": phase.fence},
            values={
                "state": PhaseState.RUNNING.value,
                "fence": fence,
                "explanation": "",
                "ended_at": None,
                "started_at": phase.started_at or rows.Now(),
            },
        ):
            return None
        columns = {
            "phase_id": phase.pk,
            # One Attempt a claim, so that a fence and a number are the same thing.
            "number": fence,
            "fence": fence,
            "outcome": "",
            "failure_kind": "",
            "explanation": "",
            "worker": identity.worker,
            "host": identity.host,
            "pid": identity.pid,
            "pid_started": identity.pid_started,
            "boot_id": identity.boot_id,
            "lease_expires_at": rows.Now(lease_seconds),
            "base_commit": "",
            "commit": "",
            "report": {},
            "started_at": rows.Now(),
            "ended_at": None,
        }
        (attempt_pk,) = rows.insert(Attempt, [columns])
        edges = [(PhaseState.QUEUED, PhaseState.RUNNING, f"Claimed by {identity.worker}.")]
        if frm is PhaseState.PENDING:
            edges.insert(0, (PhaseState.PENDING, PhaseState.QUEUED, DEPENDENCIES_DONE))
        _append(
            *(
                _changed(
                    phase.run_id, before, after, said, Trigger.SYSTEM,
                    phase_pk=phase.pk, attempt_number=fence,
                )
                for before, after, said in edges
            )
        )  # fmt: skip
    phase.state, phase.fence = PhaseState.RUNNING.value, fence
    return Attempt(pk=attempt_pk, phase=phase, number=fence, fence=fence, worker=identity.worker)


def leases_renew(attempt_pks: Iterable[int], *, lease_seconds: float) -> int:
    """Renew the leases of attempts that still run; returns how many did."""
    return Attempt.objects.filter(pk__in=list(attempt_pks), outcome="").update(
        lease_expires_at=Now() + timedelta(seconds=lease_seconds)
    )


def attempt_finish(
    attempt: Attempt,
    phase: Phase,
    report: AttemptReport,
    to: PhaseState,
    *,
    explanation: str,
    head: tuple[str, str] | None = None,
    columns: dict[str, Any] | None = None,
    artifacts: Sequence[dict[str, Any]] = (),
) -> None:
    """End an attempt of ours and take its phase from RUNNING to `to`, in one transaction.

    `head` is (old, new) of the run's head: it moves with the phase or not at all, so that a
    phase's result is integrated exactly once. Raises LeaseLost when the fence has moved on,
    HeadMoved when the run's head is not `old`; then nothing at all is written.
    """
    if to not in PHASE_EDGES[PhaseState.RUNNING]:
        raise IllegalTransition(f"A phase does not go from RUNNING to {to}.")
    values = {"state": to.value, "explanation": explanation} | (columns or {})
    if to in PHASE_TERMINAL:
        values["ended_at"] = rows.Now()
    with transaction.atomic():
        if not rows.update(
            Phase,
            where={"pk": phase.pk, "state": PhaseState.RUNNING.value, "fence": attempt.fence},
            values=values,
        ):
            raise LeaseLost(f"Attempt {attempt.number} of {phase.key} is no longer the holder.")
        if head and not rows.update(
            Run,
            where={"pk": phase.run_id, "head_commit": head[0]},
            values={"head_commit": head[1]},
        ):
            raise HeadMoved
        rows.update(
            Attempt,
            where={"pk": attempt.pk},
            values={
                "outcome": report.outcome.value,
                "failure_kind": report.failure_kind.value if report.failure_kind else "",
                "explanation": report.explanation,
                "base_commit": attempt.base_commit,
                "commit": report.commit,
                "report": report.as_json(),
                "ended_at": rows.Now(),
            },
        )
        _append(
            _changed(
                phase.run_id, PhaseState.RUNNING, to, explanation, Trigger.SYSTEM,
                phase_pk=phase.pk, attempt_number=attempt.number,
            )
        )  # fmt: skip
        rows.insert(Artifact, [{"attempt_id": attempt.pk, **artifact} for artifact in artifacts])
    phase.state = to.value
    for name, value in (columns or {}).items():
        setattr(phase, name, value)


def attempt_abandon(attempt: Attempt, to: PhaseState, *, explanation: str) -> bool:
    """End an attempt whose worker is gone; False when it ended by itself meanwhile.

    The phase goes to QUEUED (or to FAILED at the crash limit) with one crash more. The holder, if
    it still lives, finds its fence gone: the next claim takes a higher one, and until then the
    phase is no longer RUNNING.
    """
    phase = attempt.phase
    with transaction.atomic():
        if not Phase.objects.filter(
            pk=phase.pk, state=PhaseState.RUNNING.value, fence=attempt.fence
        ).update(
            state=to.value,
            crashes=F("crashes") + 1,
            explanation=explanation,
            ended_at=Now() if to in PHASE_TERMINAL else None,
        ):
            return False
        Attempt.objects.filter(pk=attempt.pk, outcome="").update(
            outcome=AttemptOutcome.ABANDONED.value, explanation=explanation, ended_at=Now()
        )
        _append(
            _changed(
                phase.run_id, PhaseState.RUNNING, to, explanation, Trigger.SYSTEM,
                phase_pk=phase.pk, attempt_number=attempt.number,
            )
        )  # fmt: skip
    return True


def run_rewind(run: Run, taken: Sequence[Phase], left: str, head: str, *, trigger: Trigger) -> bool:
    """Take a run's head from `left` back to `head`, and the phases of in between to PENDING.

    Phases queued on the strength of them wait again. False when the head is not `left`.
    """
    gone = {phase.pk for phase in taken}
    explanation = f"Rolled back: the head is {head[:12]} again, {left[:12]} is kept."
    with transaction.atomic():
        if not Run.objects.filter(pk=run.pk, head_commit=left).update(
            head_commit=head, explanation=explanation
        ):
            return False
        queued = run.phases.filter(state=PhaseState.QUEUED.value, depends_on__in=gone).distinct()
        for phase in queued:
            phase_transition(
                phase, PhaseState.QUEUED, PhaseState.PENDING,
                explanation="A phase it depends on was rolled back.", trigger=trigger,
            )  # fmt: skip
        for phase in taken:
            phase_transition(
                phase, PhaseState.COMPLETE, PhaseState.PENDING, explanation=explanation,
                trigger=trigger, commit="", parent_commit="", tries=0,
            )  # fmt: skip
    run.refresh_from_db()
    return True


# --- Approvals --------------------------------------------------------------------------------


def approval_settle(
    approval: Approval, to: ApprovalState, *, decided_by: str = "", note: str = ""
) -> bool:
    """End an open approval; False when it was settled before."""
    return bool(
        Approval.objects.filter(pk=approval.pk, state=ApprovalState.PENDING.value).update(
            state=to.value, decided_at=Now(), decided_by=decided_by, note=note
        )
    )
