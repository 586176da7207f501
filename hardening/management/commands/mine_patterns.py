"""manage.py mine_patterns: propose patterns for failures that the Doctor solved again and again."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Iterator

    from hardening.mining import MinedFailure, Proposal


class Command(BaseCommand):
    help = (
        "Cluster failures that no pattern knew; those that the Doctor solved in the same way often"
        " enough become disabled patterns, to be looked at in the admin. None is ever enabled here."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--failures",
            metavar="FILE",
            help="JSON Lines with text, is_solved, action, parameters, words; - reads the standard"
            " input. Without it: what the runs of this installation have kept.",
        )
        parser.add_argument("--at-least", type=int, default=3, metavar="N", help="Times solved so.")
        parser.add_argument("--dry-run", action="store_true", help="Show them, write nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        from hardening.active import pattern_set
        from hardening.mining import patterns_mine
        from hardening.selectors import slugs_known

        if options["at_least"] < 1:
            raise CommandError("--at-least must be 1 or more.")
        with _failures(options["failures"]) as failures:
            proposals = patterns_mine(
                failures,
                pattern_set().matcher.match,
                at_least=options["at_least"],
                known=frozenset(slugs_known()),
            )
        for proposal in proposals:
            self._propose(proposal, is_kept=not options["dry_run"])
        what = "would be proposed" if options["dry_run"] else "proposed, disabled"
        self.stdout.write(f"{len(proposals)} patterns {what}.")

    def _propose(self, proposal: Proposal, *, is_kept: bool) -> None:
        from hardening.outcomes import PatternTrigger
        from hardening.services import PatternRefused, pattern_create

        seen = proposal.seen
        self.stdout.write(
            f"{proposal.slug}: {seen['failures']} failures, solved {seen['solved']} times by"
            f" {proposal.values['action']}\n  {proposal.values['expressions'][0]}"
        )
        if not is_kept:
            return
        try:
            pattern_create(
                proposal.values, slug=proposal.slug, by="", trigger=PatternTrigger.MINING,
                proposal=seen,
            )  # fmt: skip
        except PatternRefused as refused:
            self.stdout.write(f"  not kept: {refused}")


@contextmanager
def _failures(name: str | None) -> Iterator[Iterable[MinedFailure]]:
    """From a file, or from the function that settings name: it knows the runs, we do not."""
    if name is None:
        source = getattr(settings, "AUTOPACK_MINED_FAILURES", "")
        if not source:
            raise CommandError(
                "No failures are kept by this installation. Give some with --failures FILE."
            )
        yield import_string(source)()
    elif name == "-":
        yield _of_lines("the standard input", sys.stdin)
    else:
        try:
            with Path(name).open(encoding="utf-8", errors="replace") as file:
                yield _of_lines(name, file)
        except OSError as error:
            raise CommandError(f"{name} cannot be read: {error.strerror or error}") from error


def _of_lines(name: str, lines: Iterable[str]) -> Iterator[MinedFailure]:
    from hardening.mining import MinedFailure

    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield MinedFailure.of_json(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandError(
                f"{name}, line {number} is no failure ({error}): each line is an object with text,"
                " is_solved, action, parameters and words."
            ) from error
