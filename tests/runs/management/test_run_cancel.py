"""run_cancel: ask for the end of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.runs.execution.driving import in_background
from tests.runs.execution.plans import phase
from tests.runs.fleet.gates import Gate
from tests.runs.management.calls import call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeRun


def test_a_run_nobody_executes_ends_at_once_and_only_once(make_run: MakeRun):
    run = make_run(phase("a"))
    assert call("run_cancel", "FIRST").output == "first: CANCELLED\n"
    run.refresh_from_db()
    assert run.state == "CANCELLED"
    again = call("run_cancel", "first")
    assert (again.code, again.output) == (1, "")
    assert "is CANCELLED already" in again.errors


def test_a_run_that_is_executed_is_ended_by_its_process(make_run: MakeRun, tmp_path: Path):
    gate = Gate(tmp_path)
    run = make_run(phase("a", checks=[gate.check]))
    with in_background(run) as background:
        gate.reached()
        assert call("run_cancel", "first").output == "first: asked to stop\n"
        background()
    assert run.state == "CANCELLED"


def test_an_unknown_run_cancels_none_of_the_others(make_run: MakeRun):
    run = make_run(phase("a"))
    refused = call("run_cancel", "first", "frist")
    assert refused.code == 2
    assert "'frist'. Did you mean 'first'?" in refused.errors
    run.refresh_from_db()
    assert run.state == "PENDING"
