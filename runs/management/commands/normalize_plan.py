"""normalize_plan: what a text means as a plan."""

import sys
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any

from runs.management.edge import EdgeCommand

if TYPE_CHECKING:
    from runs.execution.repository.trees import KnownTree
    from runs.planning.normal_types import NormalizedPlan


class Command(EdgeCommand):
    help = """\
Reads plans as people write them (task lists, issues, PRDs, prose; Markdown, JSON, org) and shows
the structured plan that each becomes: phases, tasks, paths, checks, how sure that is and why.
Nothing is created, no model is called, and the same text on the same files gives the same answer.

With --repo or --repo-files the paths of the plan are checked against the files that are there, and
paths that it does not name are inferred from its words. Without them none is known.

Exit code: 0 when every text is a plan, 1 when one is none or cannot be read."""
    examples = """\
examples:
  manage.py normalize_plan tasks.md --repo ~/src/project
  manage.py normalize_plan notes.txt --repo . --json        the answer of POST /runs/normalize
  manage.py normalize_plan a.md b.md --json                 JSON Lines, one for each in order
  git ls-files | manage.py normalize_plan plan.md --repo-files -
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("plans", nargs="+", metavar="FILE", help="Texts; - for stdin.")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--repo", default="", metavar="PATH", help="The repository (or plain folder), or a URL."
        )
        where.add_argument(
            "--repo-files",
            default="",
            metavar="LIST",
            help="A file that lists its files, one a line.",
        )
        parser.add_argument("--json", action="store_true", help="One line of JSON for each text.")

    def act(self, options: dict[str, Any]) -> None:
        tree = _tree(options["repo"], options["repo_files"])
        is_good = True
        for name in options["plans"]:
            is_good &= self._one(name, tree, as_json=options["json"])
        if not is_good:
            raise SystemExit(1)

    def _one(self, name: str, tree: "KnownTree", *, as_json: bool) -> bool:
        """Show what comes of one text; False when nothing does."""
        from runs.fleet.admission import FleetRefused
        from runs.fleet.plan_files import text_read
        from runs.fleet.plan_lines import plan_lines
        from runs.plans import plan_normalize_on, unreadable

        shown = "" if name == "-" else name
        try:
            text = text_read(name, sys.stdin.buffer)
        except FleetRefused as refused:
            normalized = unreadable(str(refused))
        else:
            normalized = plan_normalize_on(tree, raw_plan=text, file_name=shown)
        if as_json:
            self.say(normalized.as_bytes().decode())
        elif normalized.ok:
            self.say("\n".join(plan_lines(shown or "stdin", normalized)))
        else:
            self.stderr.write(_refusal(shown or "stdin", normalized))
        return normalized.ok


def _refusal(name: str, normalized: "NormalizedPlan") -> str:
    from runs.fleet.texts import one_line

    error = one_line(normalized.error, 1000)
    return error if error.startswith(name) else f"{name}: {error}"


def _tree(repo: str, repo_files: str) -> "KnownTree":
    from runs.execution.repository.trees import tree_of_list, tree_of_source
    from runs.fleet.plan_files import text_read

    if repo:
        return tree_of_source(repo)
    listed = text_read(repo_files, sys.stdin.buffer) if repo_files else ""
    return tree_of_list(line.removeprefix("./") for line in listed.splitlines() if line)
