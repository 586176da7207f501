"""The report as Markdown. What runs said is untrusted: it cannot break a table, hide in HTML or
reach a terminal as an escape sequence."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

from runs.fleet.texts import many_lines, one_line, seconds_text
from runs.reports.build import report_totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from runs.reports.types import (
        AttemptFacts,
        FleetReport,
        MitigationFacts,
        PhaseFacts,
        RunFacts,
        RunReport,
    )

# Longer lists are whole in the JSON form.
SHOWN_ITEMS = 20
EXPLANATION_CHARS = 600
# What has a meaning in the middle of a line of Markdown.
_SPECIAL = re.compile(r"([\\`*\[<|]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|^[#>+=-])")
_URL = re.compile(r"^[a-z]+://|^[\w.-]+@[\w.-]+:")


def report_markdown(report: FleetReport, *, is_narrow: bool = False) -> str:
    """A heading, one table of all runs, then a section a run. Ends with a newline.

    `is_narrow` (for terminals): without the columns that every run leaves at nothing, and without
    the branches, which the sections tell.
    """
    lines = [*_head(report), *summary_table(report, is_narrow=is_narrow)]
    for each in report.runs:
        section = list(_run_section(each))
        while section and not section[-1]:
            section.pop()
        lines += ["", *section]
    return "\n".join(lines) + "\n"


def _head(report: FleetReport) -> Iterator[str]:
    totals = report_totals(report)
    yield f"# Autopack: {totals['ok']} of {totals['runs']} runs succeeded"
    yield ""
    if report.is_simulated:
        yield "**Simulated by the mock executor: nothing was executed, every number is invented.**"
        yield ""
    yield (
        f"{report.generated_at}, executor {report.executor}: {totals['phases_complete']} of "
        f"{totals['phases']} phases complete in {totals['attempts']} attempts, "
        f"{seconds_text(report.seconds)}."
    )
    yield ""


def summary_table(report: FleetReport, *, is_narrow: bool = False) -> list[str]:
    """One line a run."""
    names = [
        "run", "state", "phases", "attempts", "tokens", "cost (USD)", "duration",
        "hardening hits", "branch",
    ]  # fmt: skip
    rows = [_summary_row(each) for each in report.runs]
    kept = list(range(len(names)))
    if is_narrow:
        nothing = {"0", "0.0000"}
        kept = [at for at in kept[:-1] if at < 4 or any(row[at] not in nothing for row in rows)]
    return _table(
        [names[at] for at in kept],
        "".join("llrrrrrrl"[at] for at in kept),
        [[row[at] for at in kept] for row in rows],
    )


def _summary_row(each: RunReport) -> list[str]:
    run = each.run
    cost = f"{run.cost_usd:.4f}" + (" + ?" if run.unpriced_calls else "")
    return [
        code(run.run_id),
        text(state_text(each)),
        f"{run.phases_complete}/{len(run.phases)}",
        str(run.attempts),
        str(run.tokens),
        cost,
        seconds_text(run.seconds),
        str(run.hardening_hits),
        code(run.branch) if run.commit else "none",
    ]


def state_text(each: RunReport) -> str:
    """The run's state, and the job's outcome where that says something else."""
    state = each.run.state + (f" ({each.run.failure_kind})" if each.run.failure_kind else "")
    told = {
        "already_done": "done before",
        "timed_out": "out of patience",
        "crashed": "its process died",
        "not_started": "not started",
        "lost": "lost sight of",
    }.get(each.outcome)
    return f"{state}, {told}" if told else state


def _run_section(each: RunReport) -> Iterator[str]:
    run = each.run
    yield f"## {text(run.run_id)}: {text(state_text(each))}"
    yield ""
    if run.goal:
        yield f"> {text(run.goal, EXPLANATION_CHARS)}"
        yield ""
    for said in dict.fromkeys(filter(None, (run.explanation, each.message))):
        yield text(said, EXPLANATION_CHARS)
        yield ""
    if each.output:
        yield from _code_block(many_lines(each.output, 4000))
    if run.phases:
        yield from _phase_table(run.phases)
        yield ""
    yield from _notes(run)
    yield from _how_to_look(run)


def _phase_table(phases: Iterable[PhaseFacts]) -> list[str]:
    rows = [
        [
            code(phase.id), text(phase.title, 80), phase.state, str(len(phase.attempts)),
            f"{phase.seconds:.2f}", code(phase.commit[:12]) if phase.commit else "",
        ]
        for phase in phases
    ]  # fmt: skip
    return _table(["phase", "title", "state", "attempts", "seconds", "commit"], "lllrrl", rows)


def _notes(run: RunFacts) -> Iterator[str]:
    """What a reviewer should know besides: failed attempts, doubtful tests, warnings."""
    attempts = [(phase, attempt) for phase in run.phases for attempt in phase.attempts]
    failed = [(p, a) for p, a in attempts if a.outcome not in ("succeeded", "running")]
    yield from _list("Attempts that failed", (_failed_line(p, a) for p, a in failed))
    yield from _list(
        "Failure hardening", (_mitigation_line(p, m) for p, a in attempts for m in a.mitigations)
    )
    for title, name in (
        ("Flaky tests (green when run once more)", "flaky"),
        ("Tests that fail at the base commit as well", "known_failures"),
        ("Tests deleted, skipped or weakened by a change", "weakened_tests"),
        ("Warnings", "warnings"),
    ):
        # What a failed attempt found was not delivered.
        found = [
            f"{code(phase.id)}: {text(item)}"
            for phase, attempt in attempts
            if attempt.outcome == "succeeded"
            for item in getattr(attempt, name)
        ]
        yield from _list(title, dict.fromkeys(found))


def _failed_line(phase: PhaseFacts, attempt: AttemptFacts) -> str:
    kind = f", {attempt.failure_kind}" if attempt.failure_kind else ""
    line = (
        f"{code(phase.id)}, attempt {attempt.number} ({attempt.outcome}{kind}): "
        f"{text(attempt.explanation, EXPLANATION_CHARS)}"
    )
    untold = [name for name in attempt.new_failures if name not in attempt.explanation]
    if untold:
        more = f" and {len(untold) - 5} more" if len(untold) > 5 else ""
        line += f" It broke {', '.join(code(name) for name in untold[:5])}{more}."
    return line


_MITIGATED = {
    "fixed": "fixed it",
    "failed_differently": "did away with that failure, another one came up",
    "not_fixed": "did not help",
    "undone": "did not help and was taken back",
    "refused": "could not be done",
    "suggested": "only suggested",
    "awaiting_approval": "waits for a person",
}


def _mitigation_line(phase: PhaseFacts, each: MitigationFacts) -> str:
    """Pattern, action, what came of it and in which time; whether it spared the Doctor."""
    line = (
        f"{code(phase.id)}: pattern {code(each.pattern)}, action {code(each.action)} "
        f"{_MITIGATED.get(each.outcome, text(each.outcome))} in {each.seconds:.2f} s"
    )
    if each.evidence:
        line += f", on {code(each.evidence)}"
    if each.why:
        line += f": {text(each.why, EXPLANATION_CHARS)}"
    if not each.doctor_skipped:
        return line
    guess = f"about {each.tokens_saved} tokens saved, estimated: {text(each.tokens_source)}"
    return f"{line}. Doctor skipped ({guess})"


def _list(title: str, items: Iterable[str]) -> Iterator[str]:
    found = list(items)
    if not found:
        return
    yield f"{title}:"
    yield ""
    yield from (f"- {item}" for item in found[:SHOWN_ITEMS])
    if len(found) > SHOWN_ITEMS:
        yield f"- and {len(found) - SHOWN_ITEMS} more"
    yield ""


def _how_to_look(run: RunFacts) -> Iterator[str]:
    commands = look_commands(run)
    if commands:
        yield "Look at it:"
        yield ""
        yield from (f"    {command}" for command in commands)


def look_commands(run: RunFacts) -> list[str]:
    """The git commands that show what a run delivered; none when it delivered nothing."""
    if not run.commit:
        return []
    reach = f"{run.base_commit[:12]}..{run.branch}"
    if _URL.match(run.source):
        return [
            _quoted("git", "fetch", run.source, run.branch),
            f"git log --stat {run.base_commit[:12]}..FETCH_HEAD",
        ]
    return [
        _quoted("git", "-C", run.source, "log", "--stat", reach),
        _quoted("git", "-C", run.source, "diff", reach.replace("..", "...")),
    ]


def _quoted(*argv: str) -> str:
    line = [one_line(part, 1000) for part in argv]
    if sys.platform == "win32":
        import subprocess  # only Windows quotes its way

        return subprocess.list2cmdline(line)
    return shlex.join(line)


def _table(names: list[str], sides: str, rows: Iterable[list[str]]) -> list[str]:
    marks = [":---" if side == "l" else "---:" for side in sides]
    return ["| " + " | ".join(cells) + " |" for cells in (names, marks, *rows)]


def text(value: str, limit: int = 300) -> str:
    """One line in which nothing is Markdown or HTML any more."""
    return _SPECIAL.sub(r"\\\1", one_line(value, limit))


def code(value: str) -> str:
    """Short text as code; it can hold no backtick and no bar."""
    return "`" + one_line(value, 200).replace("`", "'").replace("|", "/") + "`"


def _code_block(value: str) -> list[str]:
    longest = max((len(ticks) for ticks in re.findall(r"`+", value)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *value.rstrip().splitlines(), fence, ""]
