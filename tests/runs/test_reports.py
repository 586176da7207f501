"""The consolidated report: facts from rows, Markdown for people, JSON for programs."""

from __future__ import annotations

import json
import os
import stat
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.models import Attempt, ModelCall
from runs.reports.build import report_json, runs_facts
from runs.reports.files import ReportUnwritable, report_path_check, report_write
from runs.reports.markdown import look_commands, report_markdown
from runs.reports.summary import summary_lines
from runs.reports.types import (
    AttemptFacts,
    FleetReport,
    PhaseFacts,
    RunFacts,
    RunReport,
)
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import add_line, phase, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

HOSTILE = "a | b\n# heading <script>alert(1)</script> `tick` \x1b[31m [link](javascript:x)"


def report_of(*runs: RunReport, executor: str = "cli") -> FleetReport:
    return FleetReport(executor, "2026-01-01T00:00:00+00:00", 12.5, runs)


def hostile_run() -> RunReport:
    attempt = AttemptFacts(
        1, "failed", "validation", HOSTILE, new_failures=(HOSTILE,), warnings=(HOSTILE,)
    )
    done = AttemptFacts(2, "succeeded", flaky=(HOSTILE,), weakened_tests=(HOSTILE,))
    facts = RunFacts(
        "run", "FAILED", "validation", HOSTILE, HOSTILE, source="/a b", branch="autopack/run",
        base_commit="b" * 40, commit="c" * 40,
        phases=(PhaseFacts("p", HOSTILE, "FAILED", HOSTILE, attempts=(attempt, done)),),
    )  # fmt: skip
    return RunReport(facts, "crashed", is_good=False, message=HOSTILE, output="```\n# no\n\x1b[2J")


def test_the_facts_of_a_run_are_those_of_its_rows(make_run: MakeRun, repository: GitRepository):
    run = make_run(
        phase("a", add_line(0)),
        phase(
            "b",
            write("f1.txt", "bad\n", attempts=[1]),
            write("f1.txt", "good\n", attempts=[2]),
            checks=["grep -q good f1.txt"],
            after=("a",),
        ),
    )
    drive(run)
    attempt = Attempt.objects.filter(phase__key="b").first()
    for cost in (Decimal("0.25"), None):
        ModelCall.objects.create(
            run=run, attempt=attempt, role="builder", backend="x", model="m", input_tokens=10,
            output_tokens=5, cost_usd=cost,
        )  # fmt: skip
    facts = runs_facts(["first"])["first"]
    assert (facts.state, facts.phases_complete, facts.attempts) == ("SUCCEEDED", 2, 3)
    assert (facts.tokens, facts.cost_usd, facts.unpriced_calls) == (30, 0.25, 1)
    assert facts.commit == repository.tip("autopack/first")
    assert 0 < facts.seconds < 30
    failed = facts.phases[1].attempts[0]
    assert (failed.outcome, failed.failure_kind) == ("failed", "validation")
    assert "grep" in failed.explanation

    # The command that it tells shows just what the run made.
    assert look_commands(facts)[0].endswith(f" {facts.base_commit[:12]}..autopack/first")
    shown = report_markdown(report_of(RunReport(facts, "succeeded", is_good=True)))
    assert "| `b` | Phase b | COMPLETE | 2 |" in shown
    assert "- `b`, attempt 1 (failed, validation): " in shown
    assert "| 30 | 0.2500 + ? |" in shown


def test_facts_take_as_many_queries_for_many_runs_as_for_one(make_run: MakeRun):
    for number in range(3):
        drive(make_run(phase("a", add_line(0)), phase("b"), run_id=f"run-{number}"))
    counts = []
    for ids in (["run-0"], ["run-0", "run-1", "run-2"]):
        with CaptureQueriesContext(connection) as queries:
            assert len(runs_facts(ids)) == len(ids)
        counts.append(len(queries))
    assert counts == [4, 4]


def test_what_runs_say_cannot_break_the_markdown():
    shown = report_markdown(report_of(hostile_run()))
    assert "\x1b" not in shown
    assert "<script>" not in shown.replace("\\<script>", "")
    headings = [line for line in shown.splitlines() if line.startswith("#")]
    assert headings == [
        "# Autopack: 0 of 1 runs succeeded",
        "## run: FAILED (validation), its process died",
        "# no",  # inside the fence, which is longer than the output's own
    ]
    fence = shown.index("````\n```\n# no")
    assert shown.index("\n````\n", fence + 5) > fence
    rows = [line for line in shown.splitlines() if line.startswith("| `p`")]
    assert [row.replace("\\|", "").count("|") for row in rows] == [7]
    assert "git -C '/a b' log" in shown


def test_failed_attempts_are_told_with_what_they_broke_and_only_delivered_doubts_are_told():
    shown = report_markdown(report_of(hostile_run()))
    failed, _, rest = shown.partition("Flaky tests")
    assert "attempt 1 (failed, validation)" in failed
    assert "Warnings" not in rest  # of the failed attempt, whose work was not taken
    assert "Tests deleted, skipped or weakened" in rest


def test_the_json_has_the_same_facts_and_its_version():
    document = json.loads(json.dumps(report_json(report_of(hostile_run()))))
    assert document["schema_version"] == 1
    assert document["totals"] == {
        "runs": 1, "ok": 0, "phases": 1, "phases_complete": 0, "attempts": 2, "tokens": 0,
        "cost_usd": 0, "hardening_hits": 0, "run_seconds": 0.0,
    }  # fmt: skip
    (run,) = document["runs"]
    assert run["explanation"] == HOSTILE
    assert run["phases"][0]["attempts"][1]["flaky"] == [HOSTILE]
    assert (run["outcome"], run["attempts"], run["ok"]) == ("crashed", 2, False)


def test_a_terminal_is_spared_the_columns_that_say_nothing():
    table = report_markdown(report_of(hostile_run()), is_narrow=True).splitlines()[4]
    assert table == "| run | state | phases | attempts | duration |"


def test_the_summary_says_why_a_run_is_bad():
    lines = list(summary_lines(report_of(hostile_run())))
    assert lines[0].startswith("run: FAILED (validation), its process died")
    assert "a | b # heading" in lines[1]
    assert "\x1b" not in "".join(lines[:2])


def test_a_delivered_branch_on_a_server_is_fetched_first():
    run = RunFacts(
        "r", "SUCCEEDED", source="https://host/x.git", branch="autopack/r",
        base_commit="b" * 40, commit="c",
    )  # fmt: skip
    assert look_commands(run)[0] == "git fetch https://host/x.git autopack/r"
    assert look_commands(RunFacts("r", "FAILED", source="/x")) == []


def test_a_report_is_written_whole_with_the_usual_mode_and_through_links(tmp_path: Path):
    real, link = tmp_path / "real.md", tmp_path / "link.md"
    real.write_text("old")
    link.symlink_to(real)
    report_write(link, "new\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"new\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.md", "real.md"]
    (tmp_path / "other").touch()
    assert stat.S_IMODE(real.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    report_path_check(pipe)
    # Open for both, so that neither end waits for the other.
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    try:
        report_write(pipe, "told")
        assert os.read(end, 100) == b"told"
    finally:
        os.close(end)
    assert pipe.is_fifo()


def test_a_path_that_cannot_be_written_is_found_by_looking_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "x.md"):
        with pytest.raises(ReportUnwritable, match=r"Name a file"):
            report_path_check(path)
    report_path_check(tmp_path / "new" / "deep" / "r.md")
    assert list((tmp_path / "new" / "deep").iterdir()) == []
