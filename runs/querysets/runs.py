"""Writes of runs' statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models.functions import Now
from django.utils import timezone

from runs import rows
from runs.models import Approval, Phase, Run
from runs.querysets import history
from runs.querysets.history import IllegalTransition
from runs.querysets.phases import phase_transition
from runs.states import (
    RUN_EDGES,
    RUN_TERMINAL,
    ApprovalState,
    FailureKind,
    PhaseState,
    RunState,
    Trigger,
)
from runs.writing import STARTS_LOCK, lock_together, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What others may change of a run while it is driven; never its plan, which is long and stays.
RUN_CHANGING = (
    "state", "failure_kind", "explanation", "base_commit", "head_commit", "published_commit",
    "cancel_requested_at", "token_cap", "cost_cap_usd", "max_duration_minutes", "started_at",
    "ended_at", "waiting_since", "waited_seconds",
)  # fmt: skip


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
    with writing():
        if to is RunState.AWAITING_APPROVAL:
            values["waiting_since"] = rows.Now()
        elif frm is RunState.AWAITING_APPROVAL:
            values |= {"waiting_since": None, "waited_seconds": _waited(run_pk, timezone.now())}
        if not rows.update(Run, where={"pk": run_pk, "state": frm.value}, values=values):
            return False
        history.append(history.changed(run_pk, frm, to, explanation, trigger))
    return True


def _waited(run_pk: int, now: Any) -> float:
    row = Run.objects.filter(pk=run_pk).values_list("waited_seconds", "waiting_since").first()
    waited, since = row if row else (0.0, None)
    return float(waited) + (max(0.0, (now - since).total_seconds()) if since else 0.0)


def run_start(
    run: Run, base: str, *, note: str = "", held_by: Callable[[], str] | None = None
) -> str:
    """Fix the run's base at its first start, and take it to RUNNING from wherever it waits.

    `held_by` is asked inside the transaction; what it says but '' keeps the run where it is, and
    is its explanation and the answer. `note` goes behind the explanation.
    """
    with writing():
        if held_by is not None:
            lock_together(STARTS_LOCK)
            said = held_by()
            if said:
                rows.update(Run, where={"pk": run.pk}, values={"explanation": said})
                return said
        if not run.base_commit:
            rows.update(
                Run,
                where={"pk": run.pk, "base_commit": ""},
                values={"base_commit": base, "head_commit": base},
            )
        for frm in (RunState.QUEUED, RunState.AWAITING_APPROVAL):
            if run_transition(
                run.pk, frm, RunState.RUNNING,
                explanation=f"Started from {base[:12]}. {note}".rstrip(),
            ):  # fmt: skip
                if run.started_at is None:
                    rows.update(Run, where={"pk": run.pk}, values={"started_at": rows.Now()})
                break
    rows.refresh(run, RUN_CHANGING)
    return ""


def run_pause(run_pk: int, to: RunState = RunState.QUEUED, *, explanation: str) -> bool:
    """RUNNING to `to` (QUEUED, or AWAITING_APPROVAL), unless a phase of it runs somewhere; whether
    it was done."""
    with writing():
        # A claim of one of its phases holds this row: on PostgreSQL wait for it, then look.
        # SQLite has one writer, and no such lock.
        list(Run.objects.select_for_update(no_key=True).filter(pk=run_pk).values_list("pk"))
        if Phase.objects.filter(run_id=run_pk, state=PhaseState.RUNNING.value).exists():
            return False
        return run_transition(run_pk, RunState.RUNNING, to, explanation=explanation)


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


def run_rewind(run: Run, taken: Sequence[Phase], left: str, head: str, *, trigger: Trigger) -> bool:
    """Take a run's head from `left` back to `head`, and the phases of in between to PENDING.

    Phases queued on the strength of them wait again. False when the head is not `left`.
    """
    gone = {phase.pk for phase in taken}
    explanation = f"Rolled back: the head is {head[:12]} again, {left[:12]} is kept."
    with writing():
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


def approval_settle(
    approval: Approval, to: ApprovalState, *, decided_by: str = "", note: str = ""
) -> bool:
    """End an open approval; False when it was settled before."""
    return bool(
        Approval.objects.filter(pk=approval.pk, state=ApprovalState.PENDING.value).update(
            state=to.value, decided_at=Now(), decided_by=decided_by, note=note
        )
    )
