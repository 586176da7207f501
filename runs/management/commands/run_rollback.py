"""run_rollback: take integrated phases back out of a run."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

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


class Command(BaseCommand):
    help = DESCRIPTION
    requires_system_checks: tuple[str, ...] = ()

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        return super().create_parser(
            prog_name,
            subcommand,
            epilog=EXAMPLES,
            formatter_class=RawDescriptionHelpFormatter,
            **kwargs,
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id")
        parser.add_argument("--all", action="store_true", help="Take every phase back.")

    def handle(self, *args: Any, **options: Any) -> None:
        from runs import selectors
        from runs.execution.repository.sources import RepositoryProblem
        from runs.rollback import run_rollback
        from runs.services import RunConflict
        from runs.states import Trigger

        run = selectors.runs_by_id([options["run_id"]]).get(options["run_id"])
        if run is None:
            raise CommandError(f"There is no run {options['run_id']!r}.")
        try:
            taken = run_rollback(run, whole=options["all"], trigger=Trigger.CLI)
        except (RunConflict, RepositoryProblem) as problem:
            raise CommandError(str(problem)) from problem
        for phase in taken:
            self.stdout.write(f"{phase.key} is PENDING again")
        self.stdout.write(run.explanation)
