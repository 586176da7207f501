"""run_rollback: take integrated phases back out of a run."""

from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand, run_find

DESCRIPTION = """\
Takes the phase integrated last (or, with --all, every phase) back out of a run.

The phases become PENDING again and the branch autopack/RUN_ID of your repository moves back. The
commits taken back stay reachable in the project's bare repository under
refs/autopack/rolled-back/. A FAILED, TIMEOUT or CANCELLED run can then be retried.
"""
EXAMPLES = """\
examples:
  manage.py run_rollback my-run           the last phase
  manage.py run_rollback my-run --all     everything the run made
"""


class Command(EdgeCommand):
    help = DESCRIPTION
    examples = EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id")
        parser.add_argument("--all", action="store_true", help="Take every phase back.")

    def act(self, options: dict[str, Any]) -> None:
        from runs.rollback import run_rollback
        from runs.states import Trigger

        run = run_find(options["run_id"])
        taken = run_rollback(run, whole=options["all"], trigger=Trigger.CLI)
        for phase in taken:
            self.say(f"{phase.key} is PENDING again")
        self.say(run.explanation)
