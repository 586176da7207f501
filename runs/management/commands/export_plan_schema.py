"""export_plan_schema: the JSON Schema of structured plans."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from runs.management.edge import EdgeCommand


class Command(EdgeCommand):
    help = """\
Writes the JSON Schema (draft 2020-12) of the structured plan: what run_create and the API take,
for editors, validators and whoever writes plans by program. Some rules are more than a schema can
say (cycles, unknown dependencies, paths that leave the repository): run_create tells those.
"""
    examples = """\
examples:
  manage.py export_plan_schema > plan.schema.json
  manage.py export_plan_schema --output plan.schema.json
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--output", type=Path, metavar="F", help="Write to F instead of stdout."
        )

    def act(self, options: dict[str, Any]) -> None:
        from runs.planning.schema import json_schema
        from runs.reports.files import report_write

        text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
        if options["output"] is None:
            self.stdout.write(text, ending="")
            return
        report_write(options["output"], text)
        self.say(f"Written: {options['output']}")
