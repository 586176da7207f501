"""execute_run in one call: drive one run here, say what happens, stop cleanly when asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from runs.execution.driver import Drive, run_drive
from runs.fleet.interrupts import Interrupts
from runs.fleet.texts import one_line, seconds_text
from runs.states import ApprovalState, RunState, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.models import Run
    from runs.types import AttemptReport


def run_execute(run: Run, *, parallel: int, say: Callable[[str], None]) -> RunState:
    """Drive `run` until it ends or waits for people; one line for each attempt that ends.

    Raises RunConflict for a run that has ended.
    """
    drive = Drive(
        run=run,
        parallel=parallel,
        trigger=Trigger.CLI,
        listener=lambda report: say(attempt_line(report)),
    )

    def stop() -> None:
        say("Stopping: what runs is cancelled cleanly. Once more to leave at once.")
        try:
            drive.request_stop()
        finally:
            connection.close()  # this thread's

    with Interrupts(stop):
        state = run_drive(drive)
    for line in ending_lines(run, state):
        say(line)
    return state


def attempt_line(report: AttemptReport) -> str:
    seconds = seconds_text(sum(stage.seconds for stage in report.stages))
    return (
        f"{report.run_id}: phase {report.phase}, attempt {report.attempt} {report.outcome} "
        f"({seconds}): {one_line(report.explanation)}"
    )


def ending_lines(run: Run, state: RunState) -> list[str]:
    """What to say of a run that this process is done with, and what can be done about it."""
    lines = [f"{run.run_id}: {state}: {one_line(run.explanation, 1000)}"]
    if state is RunState.AWAITING_APPROVAL:
        for approval in run.approvals.filter(state=ApprovalState.PENDING.value):
            lines += [
                f"  approval {approval.pk}: {one_line(approval.question)} Decide with:",
                f"    manage.py approval_decide {approval.pk} approve    (or: reject)",
            ]
        lines.append(f"  and then go on with: manage.py execute_run {run.run_id}")
    elif state in (RunState.FAILED, RunState.TIMEOUT, RunState.CANCELLED):
        lines.append(f"  To take it up again: manage.py execute_run {run.run_id} --retry")
    return lines
