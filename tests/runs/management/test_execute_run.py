"""execute_run: one run, in a real process, with real signals."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

from runs.models import Approval
from runs.services import run_retry
from runs.states import Trigger
from tests.runs.execution.driving import outcomes
from tests.runs.execution.plans import add_line, phase, sh
from tests.runs.fleet.gates import Gate
from tests.runs.fleet.manage import gone
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository
    from tests.runs.fleet.manage import Manage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


def test_a_run_is_executed_and_executing_it_again_says_that_it_is_done(
    manage: Manage, make_run: MakeRun, repository: GitRepository
):
    run = make_run(
        phase("a", add_line(0)),
        phase("b", add_line(1), checks=["grep -q more f1.txt"], after=("a",)),
    )
    before = repository.snapshot()
    done = manage("execute_run", "FIRST")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines[:2]] == [
        "first: phase a, attempt 1 succeeded",
        "first: phase b, attempt 1 succeeded",
    ]
    assert lines[2].startswith("first: SUCCEEDED: ")
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]
    assert repository.snapshot() == before

    again = manage("execute_run", "first")
    assert (again.returncode, again.stdout.split(":")[1]) == (0, " done already")
    assert outcomes(run) == {"a": ["succeeded"], "b": ["succeeded"]}


def test_a_failed_run_is_refused_until_it_is_to_be_retried(
    manage: Manage, make_run: MakeRun, tmp_path: Path
):
    wanted = tmp_path / "wanted"
    run = make_run(phase("a", checks=[sh('test -e "$1"', wanted)]))
    failed = manage("execute_run", "first")
    assert failed.returncode == 1
    assert failed.stdout.count("attempt") == 3
    assert "manage.py execute_run first --retry" in failed.stdout

    refused = manage("execute_run", "first")
    assert refused.returncode == 1
    assert "FAILED already" in refused.stderr
    assert "run_retry first" in refused.stderr

    wanted.touch()
    assert manage("execute_run", "first", "--retry").returncode == 0
    assert outcomes(run) == {"a": ["failed", "failed", "failed", "succeeded"]}


def test_a_run_that_waits_for_a_person_says_how_to_decide(manage: Manage, make_run: MakeRun):
    make_run(phase("a", add_line(0), requires_approval=True))
    waits = manage("execute_run", "first")
    assert waits.returncode == 1
    number = Approval.objects.get().pk
    assert f"manage.py approval_decide {number} approve" in waits.stdout

    assert manage("approval_decide", number, "approve").returncode == 0
    assert manage("execute_run", "first").returncode == 0


def test_a_database_without_tables_says_what_to_do(fresh: Manage):
    missing = fresh("execute_run", "first")
    assert missing.returncode == 1
    assert "manage.py migrate" in missing.stderr
    assert "Traceback" not in missing.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_cancels_cleanly(
    number: int, manage: Manage, make_run: MakeRun, repository: GitRepository, tmp_path: Path
):
    gate = Gate(tmp_path)
    run = make_run(
        phase("a", add_line(0)), phase("b", add_line(1), checks=[gate.check], after=("a",))
    )
    executing = manage.start("execute_run", "first")
    pids = {gate.reached()} | executing.tree()
    executing.signal(number)
    assert executing.ends() == 1, executing.output
    assert "Stopping" in executing.output
    assert gone(pids)
    run.refresh_from_db()
    assert run.state == "CANCELLED"
    assert outcomes(run) == {"a": ["succeeded"], "b": ["cancelled"]}
    # What was integrated before is delivered.
    assert repository.subjects("autopack/first") == ["Phase a"]

    gate.open()
    run_retry(run, trigger=Trigger.CLI)
    assert manage("execute_run", "first").returncode == 0
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b"]


def test_two_signals_leave_at_once_and_leave_no_process(
    manage: Manage, make_run: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    stubborn = sh('trap "" TERM; . "$1"', tmp_path / "wait.sh")
    (tmp_path / "wait.sh").write_text(
        f'echo $$ > "{tmp_path}/x"; mv "{tmp_path}/x" "{gate._here}"; while :; do sleep 0.02; done'
    )
    run = make_run(phase("a", checks=[stubborn]))
    executing = manage.start("execute_run", "first")
    pids = {gate.reached()} | executing.tree()
    executing.signal(signal.SIGINT)
    # It ignores SIGTERM, so the clean end would take until its grace is over.
    assert executing.says("Stopping")
    executing.signal(signal.SIGINT)
    assert executing.ends() == 130, executing.output
    assert "Leaving now" in executing.output
    assert gone(pids)
    run.refresh_from_db()
    assert run.state == "RUNNING"


def test_it_tells_the_same_when_it_is_called(make_run: MakeRun):
    make_run(phase("a", checks=["false"]))
    failed = call("execute_run", "first")
    assert failed.code == 1
    assert failed.output.count("attempt") == 3
    refused = call("execute_run", "FIRST")
    assert refused.code == 1
    assert "execute_run with --retry" in refused.errors
    assert call("execute_run", "first", "--retry").code == 1
    unknown = call("execute_run", "frist")
    assert unknown.code == 2
    assert "There is no run 'frist'. Did you mean 'first'?" in unknown.errors


def test_a_number_of_phases_must_be_one():
    refused = call("execute_run", "first", "--parallel", "0")
    assert refused.code == 1
    assert "'0' is no whole number above 0" in refused.errors
