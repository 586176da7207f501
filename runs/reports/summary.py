"""A report in a few lines, for the end of a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runs.fleet.texts import one_line, seconds_text
from runs.reports.build import report_totals
from runs.reports.markdown import look_commands, state_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.reports.types import FleetReport, RunReport

# Runs that are told of one by one; above that only those that did not succeed.
TOLD_RUNS = 50


def summary_lines(report: FleetReport) -> Iterator[str]:
    """A line a run, why the bad ones are bad, and what it all came to."""
    few = len(report.runs) <= TOLD_RUNS
    for each in report.runs:
        if few or not each.is_good:
            yield from _run_lines(each)
    totals = report_totals(report)
    yield (
        f"{totals['ok']} of {totals['runs']} runs succeeded in {seconds_text(report.seconds)}: "
        f"{totals['phases_complete']} of {totals['phases']} phases, {totals['attempts']} attempts, "
        f"{totals['tokens']} tokens, {totals['cost_usd']:.4f} USD, "
        f"{totals['hardening_hits']} hardening hits."
        + (" All of it is simulated." if report.is_simulated else "")
    )


def _run_lines(each: RunReport) -> Iterator[str]:
    run = each.run
    branch = f", branch {run.branch}" if run.commit else ""
    yield (
        f"{run.run_id}: {state_text(each)}, {run.phases_complete}/{len(run.phases)} phases, "
        f"{run.attempts} attempts, {seconds_text(run.seconds)}{branch}"
    )
    if not each.is_good:
        for said in dict.fromkeys(filter(None, (run.explanation, each.message))):
            yield f"  {one_line(said, 1000)}"
        for line in each.output.strip().splitlines()[-15:]:
            yield f"  | {line}"


def look_lines(report: FleetReport) -> Iterator[str]:
    """The git commands that show what was delivered."""
    for each in report.runs:
        yield from look_commands(each.run)[:1]
