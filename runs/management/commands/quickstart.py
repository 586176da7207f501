"""quickstart: the main job, from nothing to verified branches, in one command."""

from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from runs.management.edge import CHECK_TAG, EdgeCommand

if TYPE_CHECKING:
    from runs.reports.types import FleetReport


class Command(EdgeCommand):
    help = """\
Shows the main job on this machine, with nothing to set up: plans become verified git branches.

Without options it makes a fresh git repository of a small bundled Python package, and executes
four runs on it at the same time. One of them builds two of its phases side by side; in another
one the first attempt fails its tests and the second, given their output, gets it right; in a third
a declared package is not installed, which failure hardening fixes without asking a Doctor. No model
and no network is used. Then it prints the report, and the git commands that show the branches.

With --project and --plan it does the same with plans of yours on a repository of yours: your
checkout is not touched, the results arrive as branches autopack/RUN_ID. Plans are structured
(JSON), or any text, which is normalized first; one that leaves doubts waits for your confirmation.

Run again, it works again: each time there are new runs (and, for the sample, a new repository).
Ctrl-C once: cancel cleanly. Twice: leave at once. Exit code: 0 when all runs succeeded, else 1."""
    examples = """\
examples:
  manage.py quickstart
  manage.py quickstart --project ~/src/project --plan first.json second.json
  manage.py export_plan_schema                     what a plan may hold
"""
    requires_system_checks = (CHECK_TAG,)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--project", metavar="PATH", help="A git repository of yours (or a project's name)."
        )
        parser.add_argument(
            "--plan",
            nargs="+",
            action="extend",
            default=[],
            metavar="FILE",
            help="Plans (JSON or text), a run each; - for stdin.",
        )
        parser.add_argument(
            "--keep-going",
            action="store_true",
            help="Run the good plans even when others are faulty (the exit code is 1 then).",
        )

    def act(self, options: dict[str, Any]) -> None:
        from runs.fleet.display import display_open
        from runs.fleet.parallel import FleetRequest, fleet_run
        from runs.fleet.quickstart import database_prepare, project_prepare, sample_prepare

        if bool(options["project"]) != bool(options["plan"]):
            raise CommandError("--project and --plan go together: a repository, and what to do.")
        database_prepare(self.say)
        if options["project"]:
            prepared = project_prepare(
                options["project"], options["plan"], keep_going=options["keep_going"]
            )
        else:
            prepared = sample_prepare(self.say)
        for fault in prepared.faulty:
            self.stderr.write(fault)
        count = len(prepared.run_ids)
        self.say(f"Executing {count} run{'s' if count != 1 else ''} of {prepared.project.name}:")
        report = fleet_run(
            FleetRequest(run_ids=prepared.run_ids, executor="cli"), display_open(self.stdout)
        )
        self._show(report)
        if prepared.faulty or not report.is_good:
            raise SystemExit(1)

    def _show(self, report: "FleetReport") -> None:
        from runs.fleet.display import report_show
        from runs.reports.summary import look_lines

        self.say("")
        report_show(report, self.stdout)
        commands = list(look_lines(report))
        if commands:
            self.say("\nEach branch, with the commit of each phase:\n")
            for command in commands:
                self.say(f"  {command}")
