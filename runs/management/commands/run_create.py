"""run_create: make a run of a structured plan."""

import sys
from argparse import ArgumentParser
from typing import Any

from runs.management.edge import EdgeCommand, add_budgets, budgets_given


class Command(EdgeCommand):
    help = """\
Makes a run of a plan. The run is PENDING until it is executed: by manage.py execute_run or
run_parallel, or at once with --start.

A structured plan (JSON; manage.py export_plan_schema describes it) is taken as it is; whatever is
wrong with it is told at once, one fault a line, with the path of each. Any other text (a task
list, an issue, a PRD, prose) is normalized first, against the files of the repository: manage.py
normalize_plan shows what comes of it. When that leaves doubts, a person has to confirm the plan
before the run may start; what to do is printed.

Exit code: 0 when it was made (with --start: when it SUCCEEDED), 1 otherwise."""
    examples = """\
examples:
  manage.py run_create plan.json --project ~/src/project          id made from the plan's goal
  manage.py run_create plan.json --project project --run-id my-run --max-duration-minutes 30
  manage.py run_create tasks.md --project .                       of a plan as people write it
  manage.py run_create - --project . --start < plan.json          from stdin, and execute it
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plan", metavar="PLAN", help="The plan, JSON or text; - for stdin.")
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
        from runs.fleet.plan_files import plan_file_read
        from runs.fleet.plans import confirmation_lines, project_find, reading_lines
        from runs.services import run_create
        from runs.states import Trigger

        plan = plan_file_read(options["plan"], sys.stdin.buffer)
        project = project_find(options["project"])
        run = run_create(
            project=project,
            structured_plan=plan.structured,
            raw_plan=plan.text,
            file_name=plan.name,
            run_id=options["run_id"],
            budgets=budgets_given(options),
            priority=options["priority"],
            trigger=Trigger.CLI,
        )
        for line in reading_lines(run):
            self.say(line)
        self.say(f"Run {run.run_id} of project {project.name}: {run.phases.count()} phases.")
        waits = list(confirmation_lines(run))
        for line in waits:
            self.say(line)
        if waits and options["start"]:
            raise SystemExit(1)
        if not options["start"]:
            self.say(f"Execute it with: manage.py execute_run {run.run_id}")
            return
        from runs.fleet.defaults import DEFAULT_PARALLEL
        from runs.fleet.single import run_execute
        from runs.states import RunState

        if run_execute(run, parallel=DEFAULT_PARALLEL, say=self.say) is not RunState.SUCCEEDED:
            raise SystemExit(1)
