"""prune_worktrees: give disk back without losing work."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

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

    def handle(self, *args: Any, **options: Any) -> None:
        from runs.execution.pruning import worktrees_prune

        is_dry_run = options["dry_run"]
        pruned = worktrees_prune(
            is_dry_run=is_dry_run, keep_days=options["keep_days"], collect=not options["no_gc"]
        )
        verb = "would remove" if is_dry_run else "removed"
        for path in pruned.worktrees:
            self.stdout.write(f"{verb} {path}")
        for ref in pruned.rescued:
            self.stdout.write(f"kept what a dead worker left: {ref}")
        self.stdout.write(
            f"{verb} {len(pruned.worktrees)} worktrees, {pruned.refs} old refs and "
            f"{pruned.environments} unused environments, {pruned.freed_bytes / 1e6:.1f} MB. "
            f"Worktrees in use: {pruned.in_use}."
        )
