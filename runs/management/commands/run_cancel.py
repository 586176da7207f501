"""run_cancel: ask for the end of runs."""

from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand, run_find


class Command(EdgeCommand):
    help = """\
Asks for the end of a run. One that is not RUNNING ends at once. One that is RUNNING is ended by its
process within a second (or by the next execute_run, when that process is dead), and what it has
integrated is published all the same.
A CANCELLED run can be taken up again: manage.py run_retry.

Exit code: 0 when it was asked for, 1 when the run has ended already, 2 no such run."""
    examples = """\
examples:
  manage.py run_cancel my-run
  manage.py run_cancel one two three
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_ids", nargs="+", metavar="RUN_ID")

    def act(self, options: dict[str, Any]) -> None:
        from runs.services import RunConflict, run_cancel
        from runs.states import RUN_TERMINAL, RunState, Trigger

        has_failed = False
        for run in [run_find(run_id) for run_id in options["run_ids"]]:
            try:
                run_cancel(run, trigger=Trigger.CLI)
            except RunConflict as conflict:
                self.stderr.write(str(conflict))
                has_failed = True
                continue
            run.refresh_from_db()
            is_over = RunState(run.state) in RUN_TERMINAL
            self.say(f"{run.run_id}: {run.state if is_over else 'asked to stop'}")
        if has_failed:
            raise SystemExit(1)
