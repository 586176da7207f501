"""Writes of phases' and attempts' statuses: queue, finish, abandon. Claims are in claims.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.db.models.functions import Now

from runs import rows
from runs.models import Artifact, Attempt, Phase, Run
from runs.querysets import history
from runs.querysets.history import HeadMoved, IllegalTransition, LeaseLost
from runs.states import PHASE_EDGES, PHASE_TERMINAL, AttemptOutcome, PhaseState, Trigger
from runs.writing import writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runs.types import AttemptReport

DEPENDENCIES_DONE = "Its dependencies are done."


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
    with writing():
        if not Phase.objects.filter(pk=phase.pk, state=frm.value).update(**values):
            return False
        history.append(
            history.changed(phase.run_id, frm, to, explanation, trigger, phase_pk=phase.pk)
        )
    phase.state = to.value
    return True


def phases_queue(phases: Sequence[Phase]) -> list[Phase]:
    """PENDING to QUEUED for those of `phases` that still are PENDING; returns them."""
    if not phases:
        return []
    queued_state = PhaseState.QUEUED.value
    values = {"state": queued_state, "explanation": DEPENDENCIES_DONE, "ended_at": None}
    with writing():
        queued = [
            phase
            for phase in phases
            if rows.update(
                Phase, where={"pk": phase.pk, "state": PhaseState.PENDING.value}, values=values
            )
        ]
        history.append(
            *(
                history.changed(
                    phase.run_id, PhaseState.PENDING, PhaseState.QUEUED, DEPENDENCIES_DONE,
                    Trigger.SYSTEM, phase_pk=phase.pk,
                )
                for phase in queued
            )
        )  # fmt: skip
    for phase in queued:
        phase.state = PhaseState.QUEUED.value
    return queued


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
    with writing():
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
        history.append(
            history.changed(
                phase.run_id, PhaseState.RUNNING, to, explanation, Trigger.SYSTEM,
                phase_pk=phase.pk, attempt_number=attempt.number,
            )
        )  # fmt: skip
        rows.insert(Artifact, [{"attempt_id": attempt.pk, **artifact} for artifact in artifacts])
    phase.state = to.value
    for name, value in (columns or {}).items():
        setattr(phase, name, value)


def attempt_abandon(
    attempt: Attempt, to: PhaseState, *, explanation: str, is_crash: bool = True
) -> bool:
    """End an attempt whose worker is gone; False when it ended by itself meanwhile.

    The phase goes to QUEUED (or to FAILED at the crash limit), with one crash more when it is one.
    The holder, if it still lives, finds its fence gone: the next claim takes a higher one, and
    until then the phase is no longer RUNNING.
    """
    phase = attempt.phase
    with writing():
        if not Phase.objects.filter(
            pk=phase.pk, state=PhaseState.RUNNING.value, fence=attempt.fence
        ).update(
            state=to.value,
            crashes=F("crashes") + (1 if is_crash else 0),
            explanation=explanation,
            ended_at=Now() if to in PHASE_TERMINAL else None,
        ):
            return False
        Attempt.objects.filter(pk=attempt.pk, outcome="").update(
            outcome=AttemptOutcome.ABANDONED.value, explanation=explanation, ended_at=Now()
        )
        history.append(
            history.changed(
                phase.run_id, PhaseState.RUNNING, to, explanation, Trigger.SYSTEM,
                phase_pk=phase.pk, attempt_number=attempt.number,
            )
        )  # fmt: skip
    return True
