"""Claims: how a phase gets its one holder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from runs import rows
from runs.models import Attempt, Phase, Run
from runs.querysets import history
from runs.querysets.phases import DEPENDENCIES_DONE
from runs.querysets.runs import run_transition
from runs.states import PhaseState, RunState, Trigger
from runs.writing import CLAIMS_LOCK, lock_together, writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.types import WorkerIdentity


def phase_claim(
    phase: Phase,
    identity: WorkerIdentity,
    *,
    lease_seconds: float,
    waits_for: Callable[[], str] | None = None,
) -> Attempt | None:
    """Take a QUEUED phase: RUNNING, a higher fence, a new Attempt with a lease of ours.

    A PENDING one whose dependencies are done (the caller's finding) is queued and taken in the
    same step. Returns None when another worker was first, or when the row has moved since `phase`
    was read; losing is fine: whoever won does the work. `waits_for` is asked inside the
    transaction, beside which no other claim that asks runs; anything but '' is losing, too.
    """
    fence = phase.fence + 1
    frm = PhaseState(phase.state)
    if frm not in (PhaseState.PENDING, PhaseState.QUEUED):
        return None
    with writing():
        if waits_for is not None:
            lock_together(CLAIMS_LOCK)
            if waits_for():
                return None
        if not _run_goes_on(phase.run_id):
            return None
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
        history.append(
            *(
                history.changed(
                    phase.run_id, before, after, said, Trigger.SYSTEM,
                    phase_pk=phase.pk, attempt_number=fence,
                )
                for before, after, said in edges
            )
        )  # fmt: skip
    phase.state, phase.fence = PhaseState.RUNNING.value, fence
    return Attempt(pk=attempt_pk, phase=phase, number=fence, fence=fence, worker=identity.worker)


def _run_goes_on(run_pk: int) -> bool:
    """Hold the run in RUNNING until the transaction ends; False when it has ended.

    A worker that found nothing to do may pause the run just now, or leave it to people: the claim
    takes it back. On PostgreSQL writing the row, even as it is, has run_pause wait for us; on
    SQLite nobody writes beside us, and its row, with the plan in it, is long.
    """
    running = RunState.RUNNING
    if connection.vendor == "sqlite":
        if rows.text(Run, run_pk, "state") == running.value:
            return True
    elif rows.update(
        Run, where={"pk": run_pk, "state": running.value}, values={"state": running.value}
    ):
        return True
    return any(
        run_transition(run_pk, frm, running, explanation="A worker has come for its next phase.")
        for frm in (RunState.QUEUED, RunState.AWAITING_APPROVAL)
    )
