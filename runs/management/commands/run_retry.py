"""run_retry: take up an ended run again."""

from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand, add_budgets, budgets_given, run_find


class Command(EdgeCommand):
    help = """\
Takes a FAILED, TIMEOUT or CANCELLED run back to QUEUED: everything that is not COMPLETE gets new
tries, from the first such phase on. A budget that was used up can be raised in the same call.

Exit code: 0 when it is QUEUED, 1 when it is in another state, 2 no such run."""
    examples = """\
examples:
  manage.py run_retry my-run
  manage.py run_retry my-run --max-duration-minutes 240
  manage.py run_retry my-run && manage.py execute_run my-run
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", metavar="RUN_ID")
        add_budgets(parser)

    def act(self, options: dict[str, Any]) -> None:
        from runs.services import RunConflict, run_change, run_retry
        from runs.states import RUN_RETRIABLE, RunState, Trigger

        run = run_find(options["run_id"])
        if RunState(run.state) not in RUN_RETRIABLE:
            # Before its budgets are changed: a refused command changes nothing.
            raise RunConflict(
                f"Run {run.run_id} is {run.state}; only a FAILED, TIMEOUT or CANCELLED one is "
                f"retried. {run.explanation}"
            )
        run_change(run, budgets=budgets_given(options))
        run_retry(run, trigger=Trigger.CLI)
        self.say(f"{run.run_id}: {run.state}. Execute it with: manage.py execute_run {run.run_id}")
