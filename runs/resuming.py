"""Verbs that set a run going on workers again: a retry, a raised budget, an answered question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runs.budgets import limit_reached
from runs.queue import wake
from runs.services import approval_decide, run_change, run_retry
from runs.states import RUN_ACTIVE, ApprovalState, FailureKind, RunState
from runs.writing import writing

if TYPE_CHECKING:
    from runs.models import Approval, Run
    from runs.states import Trigger


def run_take_up(run: Run, *, trigger: Trigger) -> None:
    """Retry a FAILED, TIMEOUT or CANCELLED run on workers. Raises RunConflict."""
    with writing():
        run_retry(run, trigger=trigger)
        wake(run.pk)


def run_adjust(
    run: Run, *, budgets: dict[str, Any], priority: int | None, trigger: Trigger
) -> bool:
    """Change budgets or priority. A run that a limit had stopped is taken up again when what was
    changed is that limit, and it is not used up any more: True then. Raises BudgetInvalid."""
    with writing():
        run_change(run, budgets=budgets, priority=priority)
        if not _is_stopped_by(run, set(budgets)) or limit_reached(run):
            return False
        run_take_up(run, trigger=trigger)
    return True


def _is_stopped_by(run: Run, budgets: set[str]) -> bool:
    if run.state == RunState.TIMEOUT.value:
        return "max_duration_minutes" in budgets
    if run.failure_kind == FailureKind.BUDGET_EXHAUSTED.value:
        return bool(budgets & {"token_cap", "cost_cap_usd"})
    return False


def approval_answer(approval: Approval, *, approve: bool, decided_by: str, note: str) -> None:
    """Answer an approval, and let the run go on if it has been started. Raises RunConflict."""
    approval_decide(approval, approve=approve, decided_by=decided_by, note=note)
    approval.run.refresh_from_db(fields=["state"])
    if approval.state != ApprovalState.PENDING.value and RunState(approval.run.state) in RUN_ACTIVE:
        wake(approval.run_id)
