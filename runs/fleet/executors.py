"""Driving a run here: by a process of its own. (See mock.py for a simulation, api_executor.py for
a server.)"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection

from runs.execution.process import Command, CommandLimits, RunnerDied, run
from runs.execution.session import run_folder
from runs.fleet.progress import runs_progress
from runs.fleet.texts import many_lines, one_line
from runs.fleet.types import JobEnd, Outcome
from runs.models import Run
from runs.querysets import run_request_cancel
from runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from runs.execution.process import Cancellation, CommandResult
    from runs.fleet.types import Progress

# The end of a dead process's output that a report repeats; the whole is in its log.
OUTPUT_CHARS = 4000

ENDED = {
    RunState.SUCCEEDED: Outcome.SUCCEEDED,
    RunState.FAILED: Outcome.FAILED,
    RunState.TIMEOUT: Outcome.FAILED,
    RunState.CANCELLED: Outcome.CANCELLED,
    RunState.AWAITING_APPROVAL: Outcome.AWAITING_APPROVAL,
}


@dataclass(slots=True)
class CliExecutor:
    """One `manage.py execute_run RUN_ID` process a run. It dies with us, SIGKILL included.

    `wall_seconds` is the last resort behind `cancel`: the process's own limit of time.
    """

    wall_seconds: float
    worktree_base: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = {
            **settings.AUTOPACK_SECRET_ENVIRONMENT,
            "AUTOPACK_HOME": str(settings.AUTOPACK_HOME),
            "AUTOPACK_WORKTREE_BASE": str(self.worktree_base),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        program = Path(settings.BASE_DIR) / "manage.py"
        log = run_folder(run_id) / "execute_run.log"
        command = Command(
            # The checks were made here already, once for all.
            (sys.executable, str(program), "execute_run", run_id, "--skip-checks"),
            Path(settings.BASE_DIR),
            self.environment,
            CommandLimits(wall_seconds=self.wall_seconds, inactivity_seconds=None),
        )
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            result = run(command, log_path=log, cancellation=cancellation)
        except (RunnerDied, OSError) as error:
            return JobEnd(Outcome.CRASHED, f"execute_run could not be looked after: {error}")
        try:
            return _ended(run_id, result)
        finally:
            connection.close()  # this thread's

    def progress(self, run_ids: Iterable[str]) -> Mapping[str, Progress]:
        return runs_progress(run_ids)

    def cancel(self, run_id: str) -> None:
        # A request, honoured by the process that executes the run: it publishes what is done.
        for pk in Run.objects.filter(run_id=run_id).values_list("pk", flat=True):
            run_request_cancel(pk)


def _ended(run_id: str, result: CommandResult) -> JobEnd:
    row = Run.objects.filter(run_id=run_id).values_list("state", "explanation").first()
    state, explanation = row or ("", "The run is no longer in the database.")
    if state and RunState(state) in ENDED:
        return JobEnd(ENDED[RunState(state)], explanation)
    return JobEnd(
        Outcome.CRASHED,
        f"{one_line(result.explanation)}, and left the run {state or 'unknown'}. "
        f"Its output is in {result.log_path}; run the same command again to go on.",
        many_lines(result.output, OUTPUT_CHARS),
    )
