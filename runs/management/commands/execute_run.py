"""execute_run: drive one run in this process."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from runs.management.edge import CHECK_TAG, EdgeCommand, positive_int, run_find


class Command(EdgeCommand):
    help = """\
Executes one run in this process: its phases are built, checked and committed one by one (those
that do not depend on each other, side by side) until the run ends or waits for a person.

What the run makes arrives in the project's repository as branch autopack/RUN_ID. Your checkout is
not touched. A run whose process was killed is taken up where it was: COMPLETE phases stay.
Ctrl-C cancels cleanly; a second one leaves at once.

Exit code: 0 SUCCEEDED, 1 anything else, 2 no such run, 130 left at once."""
    examples = """\
examples:
  manage.py execute_run my-run                 until it ends
  manage.py execute_run my-run --parallel 4    up to four phases at once
  manage.py execute_run my-run --retry         take up a FAILED, TIMEOUT or CANCELLED run again
"""
    requires_system_checks = (CHECK_TAG,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        from runs.fleet.defaults import DEFAULT_PARALLEL

        parser.add_argument("run_id", metavar="RUN_ID")
        parser.add_argument(
            "--parallel",
            type=positive_int,
            default=DEFAULT_PARALLEL,
            metavar="N",
            help="Phases at the same time, at most (default: %(default)s).",
        )
        parser.add_argument(
            "--retry",
            action="store_true",
            help="First take a FAILED, TIMEOUT or CANCELLED run back to QUEUED, with new tries.",
        )

    def act(self, options: dict[str, Any]) -> None:
        from runs.fleet.admission import retry_explain
        from runs.fleet.single import run_execute
        from runs.services import run_retry
        from runs.states import RUN_RETRIABLE, RunState, Trigger

        run = run_find(options["run_id"])
        if run.state == RunState.SUCCEEDED.value:
            self.say(f"{run.run_id}: done already: {run.explanation}")
            return
        if RunState(run.state) in RUN_RETRIABLE:
            if not options["retry"]:
                raise CommandError(f"{retry_explain(run)}, or execute_run with --retry.")
            run_retry(run, trigger=Trigger.CLI)
        state = run_execute(run, parallel=options["parallel"], say=self.say)
        if state is not RunState.SUCCEEDED:
            raise SystemExit(1)
