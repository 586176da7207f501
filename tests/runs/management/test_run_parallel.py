"""run_parallel: several runs at once, in real processes, with real signals."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from runs.models import Run
from tests.runs.execution.driving import outcomes
from tests.runs.execution.plans import add_line, phase, shell
from tests.runs.fleet.gates import Gate
from tests.runs.fleet.manage import gone
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository
    from tests.runs.fleet.manage import Manage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


CLI = ("run_parallel", "--executor", "cli")


def states() -> dict[str, str]:
    return dict(Run.objects.values_list("run_id", "state"))


def test_runs_named_in_three_ways_are_executed_once_each_and_reported(
    manage: Manage, make_run: MakeRun, repository: GitRepository, tmp_path: Path
):
    for number, run_id in enumerate(("one", "two", "three")):
        make_run(phase("a", add_line(number)), run_id=run_id)
    ids, markdown, data = tmp_path / "ids.txt", tmp_path / "out" / "r.md", tmp_path / "r.json"
    ids.write_text("# the second\n\nTWO  # twice\ntwo\n")
    before = repository.snapshot()
    done = manage(
        *CLI, "one", "ONE", "--run-ids-file", ids, "three", "--report", markdown,
        "--report-json", data, "--source-repo", repository.folder, "--max-concurrent", "2",
        "--worktree-base", tmp_path / "trees",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(data.read_text())
    assert [run["run_id"] for run in report["runs"]] == ["one", "three", "two"]
    assert report["ok"] is True
    assert report["totals"]["attempts"] == 3
    assert "# Autopack: 3 of 3 runs succeeded" in markdown.read_text()
    assert "3 of 3 runs succeeded" in done.stdout
    assert all(repository.subjects(f"autopack/{each}") == ["Phase a"] for each in states())
    assert repository.snapshot() == before
    # Worktrees were made where they were asked for; what is left there is the pool, idle.
    assert list((tmp_path / "trees").rglob("slot.json"))
    assert not list((tmp_path / "trees").rglob("busy"))

    again = manage(*CLI, "--run-ids-file", "-", stdin="one\ntwo\n")
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("done before") == 4
    assert outcomes(Run.objects.get(run_id="one")) == {"a": ["succeeded"]}


def test_killed_in_mid_run_it_leaves_no_process_and_the_same_command_finishes_the_work(
    manage: Manage, make_run: MakeRun, repository: GitRepository, tmp_path: Path
):
    gates = [Gate(tmp_path, "first"), Gate(tmp_path, "second")]
    runs = [
        make_run(
            phase("a", add_line(0)),
            phase("b", add_line(1), checks=[gate.check], after=("a",)),
            phase("c", add_line(2), after=("b",)),
            run_id=f"run-{number}",
        )
        for number, gate in enumerate(gates)
    ]
    killed = manage.start(*CLI, "run-0", "run-1")
    pids = {gate.reached() for gate in gates} | killed.tree()
    killed.signal(signal.SIGKILL)
    killed.ends()
    assert gone(pids)
    assert set(states().values()) == {"RUNNING"}

    for gate in gates:
        gate.open()
    done = manage(*CLI, "run-0", "run-1")
    assert done.returncode == 0, done.stdout + done.stderr
    for run in runs:
        assert outcomes(run) == {
            "a": ["succeeded"],
            "b": ["abandoned", "succeeded"],
            "c": ["succeeded"],
        }
        assert repository.subjects(f"autopack/{run}") == ["Phase a", "Phase b", "Phase c"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_cancels_what_runs_and_starts_nothing_more(
    number: int, manage: Manage, make_run: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    run = make_run(phase("a", checks=[gate.check]), run_id="runs")
    make_run(phase("a"), run_id="waits")
    fleet = manage.start(*CLI, "runs", "waits", "--max-concurrent", "1")
    pids = {gate.reached()} | fleet.tree()
    fleet.signal(number)
    assert fleet.ends() == 1, fleet.output
    assert gone(pids)
    assert states() == {"runs": "CANCELLED", "waits": "PENDING"}
    assert outcomes(run) == {"a": ["cancelled"]}
    assert "waits: PENDING, not started" in fleet.output


def test_two_signals_leave_at_once_and_leave_no_process(
    manage: Manage, make_run: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    make_run(phase("a", checks=[gate.check]))
    fleet = manage.start(*CLI, "first")
    pids = {gate.reached()} | fleet.tree()
    fleet.signal(signal.SIGTERM)
    fleet.signal(signal.SIGINT)
    assert fleet.ends() == 130, fleet.output
    assert gone(pids)


def test_a_process_that_dies_is_reported_with_its_output_and_what_it_left_is_kept(
    manage: Manage, make_run: MakeRun, home: Path, tmp_path: Path
):
    gate = Gate(tmp_path)
    make_run(
        phase("a", add_line(0)),
        phase("b", shell("echo precious > new.txt"), checks=[gate.check], after=("a",)),
    )
    fleet = manage.start(*CLI, "first", "--report-json", tmp_path / "r.json")
    waiting = gate.reached()
    os.kill(fleet.child("execute_run"), signal.SIGKILL)
    assert fleet.ends() == 1, fleet.output
    assert gone({waiting})
    told = json.loads((tmp_path / "r.json").read_text())["runs"][0]
    assert told["outcome"] == "crashed"
    assert "ended by SIGKILL" in told["message"]
    assert "phase a, attempt 1 succeeded" in told["output"]
    assert str(home / "runs" / "first" / "execute_run.log") in told["message"]
    # Cleaned up by default: its worktree is gone, its commits and changes have refs.
    assert not list((tmp_path / "worktrees").rglob("tree"))


def test_what_is_wrong_is_said_before_anything_starts(make_run: MakeRun, tmp_path: Path):
    make_run(phase("a"), run_id="good")
    (tmp_path / "file").touch()
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    for arguments, said in (
        (["good", "goood", "bad/id"], "'bad/id' is no identifier"),
        (["good", "goood", "other"], "There is no run 'goood'. Did you mean 'good'?"),
        (["good", "--report", tmp_path / "file" / "r.md"], "cannot be written"),
        (["good", "--report-json", tmp_path], "is a folder"),
        (["good", "--executor", "api"], "AUTOPACK_API_KEY is not set"),
        (["good", "--source-repo", "elsewhere"], "belongs to project repository"),
        (["--run-ids-file", tmp_path / "none"], "cannot be read"),
        (["--run-ids-file", tmp_path / "latin.txt"], "no text in UTF-8"),
        ([], "No run is named"),
    ):
        refused = call(*CLI, *arguments)
        assert refused.code == 1
        assert said in refused.errors
    assert states() == {"good": "PENDING"}


def test_a_report_that_nobody_wants_to_keep_is_told_in_lines(tmp_path: Path):
    (tmp_path / "ids.txt").write_text("b-fail\n")
    done = call(
        "run_parallel", "a", "--executor", "mock", "A", "--run-ids-file", tmp_path / "ids.txt"
    )
    assert done.code == 1
    assert "1 of 2 runs succeeded" in done.output
    assert "All of it is simulated." in done.output


def test_the_mock_executor_needs_no_database_and_always_says_the_same(
    fresh: Manage, tmp_path: Path
):
    fresh.environment["DATABASE_URL"] = "sqlite:////nowhere/at/all.sqlite3"
    told = []
    for name in ("one.json", "two.json"):
        done = fresh(
            "run_parallel", "any", "id-fail", "--executor", "mock",
            "--report-json", tmp_path / name, "--report", tmp_path / "r.md",
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        told.append(json.loads((tmp_path / name).read_text())["runs"])
    runs = [{k: v for k, v in run.items() if k != "job_seconds"} for run in told[0]]
    assert runs == [{k: v for k, v in run.items() if k != "job_seconds"} for run in told[1]]
    assert [run["state"] for run in runs] == ["SUCCEEDED", "FAILED"]
    assert "Simulated" in (tmp_path / "r.md").read_text()
