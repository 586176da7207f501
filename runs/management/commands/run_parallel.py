"""run_parallel: execute several runs at the same time and report on all of them."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError

from runs.management.edge import CHECK_TAG, EdgeCommand, positive_float, positive_int

if TYPE_CHECKING:
    from runs.reports.types import FleetReport

# Of a file or a pipe of ids: more than anyone's runs.
MAX_IDS_BYTES = 4_000_000


class Command(EdgeCommand):
    help = """\
Executes several runs at the same time, shows their progress and reports on all of them.

Runs that have SUCCEEDED already are reported and not repeated, so the same command goes on where
an earlier one was interrupted or killed. Nothing starts when anything is wrong with the ids, the
executor or the report's path. Ctrl-C once: nothing more is started and what runs is cancelled
cleanly. Twice: leave at once.

Worktrees are pooled under the worktree base and reused by later runs; idle ones are given back by
manage.py prune_worktrees.

Exit code: 0 when all runs succeeded, 1 otherwise, 130 left at once."""
    examples = """\
executors:
  api    through a running server (manage.py serve), here or elsewhere: AUTOPACK_API_URL says where
         it is, AUTOPACK_API_KEY holds a key of it (manage.py create_api_key); no database is needed
  cli    a process for each run on this machine: manage.py execute_run RUN_ID
  mock   a deterministic simulation: no git, no models, no database; ids ending in -fail fail

examples:
  manage.py run_parallel one two three
  manage.py run_parallel one two three --executor cli
  manage.py run_parallel --run-ids-file ids.txt --max-concurrent 8 --report report.md
  manage.py run_parallel --run-ids-file - --report-json report.json < ids.txt
  manage.py run_parallel one two --timeout 600 --source-repo ~/src/project
  manage.py run_parallel a b-fail --executor mock        see what a report looks like
"""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        # Ids may stand before, between and behind the options; argparse's usual way takes the
        # first group of them only.
        parser.parse_args = parser.parse_intermixed_args
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        from runs.fleet.defaults import (
            DEFAULT_CONCURRENT,
            DEFAULT_EXECUTOR,
            DEFAULT_TIMEOUT_SECONDS,
            EXECUTORS,
        )

        parser.add_argument("run_ids", nargs="*", metavar="RUN_ID")
        parser.add_argument(
            "--run-ids-file",
            metavar="FILE",
            help="Also the ids in FILE (- for stdin): one a line, # begins a comment.",
        )
        parser.add_argument(
            "--max-concurrent",
            type=positive_int,
            default=DEFAULT_CONCURRENT,
            metavar="N",
            help="Runs at the same time, at most (default: %(default)s).",
        )
        parser.add_argument(
            "--executor",
            choices=EXECUTORS,
            default=DEFAULT_EXECUTOR,
            help="How runs are driven; see below (default: %(default)s).",
        )
        parser.add_argument(
            "--source-repo",
            metavar="P",
            default=settings.SOURCE_REPO,
            help="Take runs of this project only (path, URL or name); default: SOURCE_REPO, which "
            "is %(default)r ('': any project).",
        )
        parser.add_argument(
            "--worktree-base",
            type=Path,
            metavar="P",
            help="Folder of the worktrees (default: AUTOPACK_WORKTREE_BASE).",
        )
        parser.add_argument(
            "--report", type=Path, metavar="F", help="Write the report as Markdown to F."
        )
        parser.add_argument(
            "--report-json", type=Path, metavar="F", help="Write the report as JSON to F."
        )
        parser.add_argument(
            "--no-cleanup",
            action="store_true",
            help="Leave the worktrees of runs whose process died as they are, to look at; without "
            "it what they hold is kept under refs/autopack/rescued/ and they are removed.",
        )
        parser.add_argument(
            "--timeout",
            type=positive_float,
            default=DEFAULT_TIMEOUT_SECONDS,
            metavar="S",
            help="Seconds to wait for each run, from its own start; then it is cancelled "
            "(default: %(default)g).",
        )
        parser.add_argument("--skip-checks", action="store_true", help="Skip system checks.")

    def act(self, options: dict[str, Any]) -> None:
        from runs.fleet.admission import ids_collapse
        from runs.fleet.display import display_open
        from runs.fleet.parallel import FleetRequest, fleet_run
        from runs.reports.files import report_path_check

        if options["executor"] == "cli" and not options["skip_checks"]:
            self.check(tags=[CHECK_TAG])
        for path in (options["report"], options["report_json"]):
            if path is not None:
                report_path_check(path)
        base = options["worktree_base"]
        request = FleetRequest(
            run_ids=tuple(ids_collapse([*options["run_ids"], *self._ids_of_file(options)])),
            executor=options["executor"],
            max_concurrent=options["max_concurrent"],
            timeout_seconds=options["timeout"],
            source_repo=options["source_repo"],
            worktree_base=(
                base.expanduser().resolve() if base else settings.AUTOPACK_WORKTREE_BASE
            ),
            is_cleaned=not options["no_cleanup"],
        )
        report = fleet_run(request, display_open(self.stdout))
        self._tell(report, options)
        if not report.is_good:
            raise SystemExit(1)

    def _ids_of_file(self, options: dict[str, Any]) -> list[str]:
        from runs.fleet.admission import ids_read

        name = options["run_ids_file"]
        if name is None:
            return []
        try:
            if name == "-":
                data = sys.stdin.buffer.read(MAX_IDS_BYTES + 1)
            else:
                with Path(name).expanduser().open("rb") as file:
                    data = file.read(MAX_IDS_BYTES + 1)
            if len(data) > MAX_IDS_BYTES:
                raise CommandError(f"{name} is larger than {MAX_IDS_BYTES} bytes: split it.")
            return ids_read(data.decode())
        except OSError as error:
            raise CommandError(
                f"{name} cannot be read: {error.strerror}. Name a file of run ids, or - for stdin."
            ) from error
        except UnicodeDecodeError as error:
            raise CommandError(f"{name} is no text in UTF-8: {error.reason}.") from error

    def _tell(self, report: "FleetReport", options: dict[str, Any]) -> None:
        import json

        from runs.reports.build import report_json
        from runs.reports.files import report_write
        from runs.reports.markdown import report_markdown
        from runs.reports.summary import summary_lines

        for line in summary_lines(report):
            self.say(line)
        if options["report"] is not None:
            report_write(options["report"], report_markdown(report))
            self.say(f"Report: {options['report']}")
        if options["report_json"] is not None:
            document = json.dumps(report_json(report), indent=2, ensure_ascii=False)
            report_write(options["report_json"], document + "\n")
            self.say(f"Report: {options['report_json']}")
