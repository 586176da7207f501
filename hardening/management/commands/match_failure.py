"""manage.py match_failure: which pattern fits a log, why, and what would be done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from hardening.types import Match, Verdict


class Command(BaseCommand):
    help = (
        "Match the output of a failed command against the enabled patterns. Nothing is applied."
        " Exit code 0 whether or not one fits, 1 when a file cannot be read."
    )
    requires_system_checks: tuple[str, ...] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files", nargs="+", metavar="FILE", help="A log; - reads the standard input."
        )
        parser.add_argument(
            "--json", action="store_true", help="One JSON object a file, one a line."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        del args
        from hardening.active import matcher_anywhere
        from hardening.types import FailureContext, Output

        matcher = matcher_anywhere()
        for name in options["files"]:
            try:
                output = Output(head=sys.stdin.read()) if name == "-" else Output(path=Path(name))
                verdict = matcher.match(FailureContext(output=output))
            except OSError as error:
                raise CommandError(f"{name} cannot be read: {error.strerror or error}") from error
            if options["json"]:
                self.stdout.write(
                    json.dumps({"file": name, **verdict_json(verdict)}, ensure_ascii=False)
                )
            else:
                self.stdout.write("\n".join(verdict_lines(name, verdict)))


def match_json(match: Match) -> dict[str, object]:
    return {
        "pattern": match.pattern_id,
        "family": str(match.family),
        "priority": match.priority,
        "score": match.score,
        "specifics": dict(match.specifics),
        "evidence": [
            {"line": seen.line, "start": seen.start, "end": seen.end, "text": seen.text}
            for seen in match.evidence
        ],
        "actions": [action.as_json() for action in match.actions],
    }


def verdict_json(verdict: Verdict) -> dict[str, object]:
    best = match_json(verdict.best) if verdict.best else None
    return {"match": best, "alternatives": [match_json(match) for match in verdict.alternatives]}


def verdict_lines(name: str, verdict: Verdict) -> list[str]:
    if verdict.best is None:
        return [f"{name}: no pattern fits (a genuine failure, or a cause unknown here)"]
    best = verdict.best
    facts = ", ".join(f"{key} {value}" for key, value in best.specifics.items())
    lines = [f"{name}: {best.pattern_id} (score {best.score}){': ' + facts if facts else ''}"]
    lines += [f"  line {seen.line}: {seen.text.strip()}" for seen in best.evidence]
    lines += [f"  {action.risk}: {action.text}" for action in best.actions]
    lines += [f"  else: {match.pattern_id}" for match in verdict.alternatives]
    return lines
