"""prune_worktrees: give disk back without losing work."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings

from runs.management.edge import EdgeCommand

DESCRIPTION = """\
Removes idle worktrees and old leftovers of attempts.

Worktrees are pooled and reused, so a few stay after each run. This removes those that nobody
uses; the next run makes new ones. Work is never lost: what a crash left in a worktree is first
kept in the project's bare repository under refs/autopack/rescued/, and branches in your own
repository are not touched at all.
"""
EXAMPLES = """\
examples:
  manage.py prune_worktrees --dry-run        what would go, and how much it frees
  manage.py prune_worktrees                  remove it
  manage.py prune_worktrees --keep-days 7    forget failed attempts of runs older than a week
"""


class Command(EdgeCommand):
    help = DESCRIPTION
    examples = EXAMPLES

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument(
            "--keep-days",
            type=int,
            default=settings.AUTOPACK_RETENTION_DAYS,
            help="Keep the ends of attempts of runs that ended within so many days "
            "(default: AUTOPACK_RETENTION_DAYS, %(default)s).",
        )
        parser.add_argument(
            "--no-gc", action="store_true", help="Do not let git drop what nothing leads to."
        )

    def act(self, options: dict[str, Any]) -> None:
        from runs.execution.pruning import worktrees_prune

        is_dry_run = options["dry_run"]
        pruned = worktrees_prune(
            is_dry_run=is_dry_run, keep_days=options["keep_days"], collect=not options["no_gc"]
        )
        verb = "would remove" if is_dry_run else "removed"
        for path in pruned.worktrees:
            self.say(f"{verb} {path}")
        for ref in pruned.rescued:
            self.say(f"kept what a dead worker left: {ref}")
        self.say(
            f"{verb} {len(pruned.worktrees)} worktrees, {pruned.refs} old refs and "
            f"{pruned.environments} unused environments, {pruned.freed_bytes / 1e6:.1f} MB. "
            f"Worktrees in use: {pruned.in_use}."
        )
