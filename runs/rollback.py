"""Taking integrated phases back out of a run: the last one, or all of them.

Nothing is thrown away: the head that is left stays reachable under refs/autopack/rolled-back/.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from runs.execution.endings import publish
from runs.execution.session import session_open
from runs.querysets import run_rewind
from runs.services import RunConflict
from runs.states import PhaseState

if TYPE_CHECKING:
    from runs.execution.session import Session
    from runs.models import Phase, Run
    from runs.states import Trigger


def run_rollback(run: Run, *, whole: bool, trigger: Trigger) -> list[Phase]:
    """Take back the phase integrated last, or with `whole` every phase; returns them.

    They become PENDING, and the run's branch in the project's repository moves back (or goes,
    when nothing is left on it). The run's own state stays: a FAILED, TIMEOUT or CANCELLED one can
    be retried. Raises RunConflict while something of it executes or when there is nothing to take
    back, RepositoryProblem when its branch cannot be moved; then nothing is changed.
    """
    run.refresh_from_db()
    if run.phases.filter(state=PhaseState.RUNNING.value).exists():
        raise RunConflict(
            f"Phases of {run.run_id} are being executed. Cancel the run first, then roll back."
        )
    complete = run.phases.filter(state=PhaseState.COMPLETE.value)
    taken = list(complete if whole else complete.filter(commit=run.head_commit))
    if not taken:
        raise RunConflict(f"Run {run.run_id} has no integrated phase to take back.")
    session = session_open(run)
    _check_branch(session, run)
    left = run.head_commit
    session.mirror.keep(
        {f"refs/autopack/rolled-back/{run.run_id}/{int(time.time())}-{left[:12]}": left}
    )
    head = run.base_commit if whole else taken[0].parent_commit
    if not run_rewind(run, taken, left, head, trigger=trigger):
        raise RunConflict(f"Run {run.run_id} has just gone on; look again.")
    publish(session, run)
    return taken


def _check_branch(session: Session, run: Run) -> None:
    """Find out before anything is written whether the branch can be moved."""
    source = session.mirror.source
    if not source.is_local or not run.published_commit:
        return
    tip = source.branch_tip(run.branch)
    if tip is None or (tip.commit == run.published_commit and not tip.checked_out_at):
        return
    where = (
        f"is checked out in {tip.checked_out_at}"
        if tip.checked_out_at
        else f"is at {tip.commit[:12]}, where this run did not put it"
    )
    raise RunConflict(
        f"{run.branch} {where}. Check out another branch there, or rename it, then roll back."
    )
