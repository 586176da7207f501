"""run_create: make a run of a structured plan."""

import sys
from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand, add_budgets, budgets_given


class Command(EdgeCommand):
    help = """\
Makes a run of a structured plan (JSON; manage.py export_plan_schema describes it). The run is
PENDING until it is executed: by manage.py execute_run or run_parallel, or at once with --start.

Whatever is wrong with the plan is told at once, one fault a line, with the path of each. Plans
written as plain text come with the normalizer.

Exit code: 0 when it was made (with --start: when it SUCCEEDED), 1 otherwise."""
    examples = """\
examples:
  manage.py run_create plan.json --project ~/src/project          id made from the plan's goal
  manage.py run_create plan.json --project project --run-id my-run --max-duration-minutes 30
  manage.py run_create - --project . --start < plan.json          from stdin, and execute it
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="PLAN.json", help="The plan; - for stdin.")
        parser.add_argument(
            "--project",
            required=True,
            metavar="NAME|PATH",
            help="A project's name, or the path or URL of its repository: a new one is registered "
            "under its folder's name.",
        )
        parser.add_argument("--run-id", default="", metavar="ID", help="A slug; also the branch.")
        parser.add_argument(
            "--priority", type=int, default=0, metavar="N", help="Higher goes first (default: 0)."
        )
        parser.add_argument("--start", action="store_true", help="Execute it in this process.")
        add_budgets(parser)

    def act(self, options: dict[str, Any]) -> None:
        from runs.fleet.plans import plan_read, project_find
        from runs.services import run_create
        from runs.states import Trigger

        plan = plan_read(options["plan"], sys.stdin.buffer)
        project = project_find(options["project"])
        run = run_create(
            project=project,
            structured_plan=plan,
            run_id=options["run_id"],
            budgets=budgets_given(options),
            priority=options["priority"],
            trigger=Trigger.CLI,
        )
        self.say(f"Run {run.run_id} of project {project.name}: {run.phases.count()} phases.")
        if not options["start"]:
            self.say(f"Execute it with: manage.py execute_run {run.run_id}")
            return
        from runs.fleet.defaults import DEFAULT_PARALLEL
        from runs.fleet.single import run_execute
        from runs.states import RunState

        if run_execute(run, parallel=DEFAULT_PARALLEL, say=self.say) is not RunState.SUCCEEDED:
            raise SystemExit(1)
