"""A fleet drives runs through an executor: here the real one, and a simulated one."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from runs.fleet.admission import FleetRefused
from runs.fleet.display import PlainDisplay
from runs.fleet.fleet import Fleet
from runs.fleet.mock import MockExecutor, simulated_run
from runs.fleet.parallel import FleetRequest, fleet_run
from runs.fleet.progress import runs_progress
from runs.fleet.types import JobEnd, Outcome, Progress
from tests.runs.execution.driving import drive
from tests.runs.execution.plans import add_line, phase
from tests.runs.factories import RunFactory
from tests.runs.fleet.gates import Gate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from runs.execution.process import Cancellation
    from runs.reports.types import FleetReport
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository


def fleet(*run_ids: str, **more: object) -> tuple[FleetReport, str]:
    request = FleetRequest(
        run_ids=run_ids,
        **{"worktree_base": django_settings.AUTOPACK_WORKTREE_BASE, **more},  # type: ignore[arg-type]  # a test's own
    )
    stream = io.StringIO()
    return fleet_run(request, PlainDisplay(stream)), stream.getvalue()


def test_every_run_has_a_process_of_its_own_and_a_line_for_each_change(
    fleet_runs: MakeRun, repository: GitRepository
):
    for number, run_id in enumerate(("one", "two")):
        fleet_runs(phase("a", add_line(number)), run_id=run_id)
    report, shown = fleet("one", "two")
    assert report.is_good
    assert [each.outcome for each in report.runs] == ["succeeded", "succeeded"]
    assert [each.run.phases_complete for each in report.runs] == [1, 1]
    assert repository.subjects("autopack/two") == ["Phase a"]
    assert "two: succeeded, 1/1 phases: All phases are validated and integrated." in shown
    lines = [line.split(" (")[0] for line in shown.splitlines()]
    assert len(lines) == len(set(lines))


def test_a_run_that_outlasts_the_patience_is_cancelled_and_reported_as_such(
    fleet_runs: MakeRun, tmp_path: Path
):
    gate = Gate(tmp_path)
    run = fleet_runs(phase("a", checks=[gate.check]))
    report, shown = fleet("first", timeout_seconds=1.0)
    run.refresh_from_db()
    assert run.state == "CANCELLED"
    (told,) = report.runs
    assert told.outcome == "timed_out"
    assert "did not end within 1 s (--timeout)" in told.message
    assert "manage.py run_retry first" in told.message
    assert "first: out of patience" in shown


def test_a_run_that_waits_for_people_is_neither_good_nor_broken(fleet_runs: MakeRun):
    fleet_runs(phase("a", requires_approval=True))
    report, _ = fleet("first")
    assert [each.outcome for each in report.runs] == ["awaiting_approval"]
    assert "approval_decide" in report.runs[0].message


@pytest.mark.django_db
def test_runs_that_ended_badly_have_to_be_retried_first():
    RunFactory.create(run_id="failed", failed=True)
    with pytest.raises(FleetRefused, match=r"manage\.py run_retry failed"):
        fleet("failed")


@pytest.mark.django_db
def test_unknown_runs_are_all_named_and_an_empty_database_says_how_to_begin():
    with pytest.raises(FleetRefused, match=r"'a', 'b'.*quickstart"):
        fleet("a", "b")
    RunFactory.create(run_id="add-tests")
    with pytest.raises(FleetRefused) as refused:
        fleet("add-test", "zzz")
    assert "'add-test'. Did you mean 'add-tests'?" in str(refused.value)
    assert "There is no run 'zzz'." in str(refused.value)


@pytest.mark.django_db
def test_progress_is_one_query_whatever_the_number_of_runs(make_run: MakeRun):
    runs = [make_run(phase("a", add_line(0)), phase("b"), run_id=f"run-{n}") for n in range(3)]
    drive(runs[0])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        progress = runs_progress(["run-0", "run-1", "run-2", "none"])
    assert len(queries) == 1
    assert {run_id: (p.state, p.phases_done, p.phases_total) for run_id, p in progress.items()} == {
        "run-0": ("SUCCEEDED", 2, 2),
        "run-1": ("PENDING", 0, 2),
        "run-2": ("PENDING", 0, 2),
    }
    assert progress["run-0"].message.startswith("All phases are validated")


class Slow:
    """An executor whose jobs wait until they are cancelled; it counts them."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.looked_at_two = threading.Event()
        self._ends: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
            end = self._ends.setdefault(run_id, threading.Event())
        assert end.wait(20)
        with self._lock:
            self.running -= 1
        return JobEnd(Outcome.CANCELLED, "Cancelled on request.")

    def progress(self, run_ids: Iterable[str]) -> Mapping[str, Progress]:
        # The fleet looks only after it has started all that it would.
        if self.running == 2:
            self.looked_at_two.set()
        return {}

    def cancel(self, run_id: str) -> None:
        with self._lock:
            self._ends.setdefault(run_id, threading.Event()).set()


def test_no_more_than_allowed_run_at_once_and_a_stop_starts_no_other():
    executor = Slow()
    stream = io.StringIO()
    driven = Fleet(executor, PlainDisplay(stream), max_concurrent=2, timeout_seconds=60)

    def stop() -> None:
        assert executor.looked_at_two.wait(20)
        driven.request_stop()

    stopping = threading.Thread(target=stop)
    stopping.start()
    results = driven.go(["a", "b", "c", "d"], done=frozenset({"d"}))
    stopping.join()
    assert executor.most == 2
    assert [result.outcome for result in results] == [
        Outcome.CANCELLED, Outcome.CANCELLED, Outcome.NOT_STARTED, Outcome.ALREADY_DONE,
    ]  # fmt: skip
    assert "Stopping" in stream.getvalue()


class Broken(MockExecutor):
    was_stopped = False

    def execute(self, run_id: str, cancellation: Cancellation) -> JobEnd:
        if run_id == "breaks":
            raise ZeroDivisionError
        stopped = threading.Event()
        with cancellation.notifies(stopped.set):
            self.was_stopped = stopped.wait(20)
        return JobEnd(Outcome.CANCELLED, "")


def test_a_fault_of_ours_leaves_no_job_behind():
    executor = Broken()
    driven = Fleet(executor, PlainDisplay(io.StringIO()), max_concurrent=2, timeout_seconds=60)
    with pytest.raises(ZeroDivisionError):
        driven.go(["waits", "breaks"])
    assert executor.was_stopped
    assert not [t for t in threading.enumerate() if t.name.startswith("fleet")]


def test_a_simulated_run_is_the_same_in_any_case_and_fails_by_its_name():
    assert simulated_run("Some-Run").phases == simulated_run("some-run").phases
    assert simulated_run("some-run").phases != simulated_run("other-run").phases
    assert simulated_run("x-FAIL").state == "FAILED"


def test_a_simulation_reads_no_database():
    # No django_db mark: any query would raise.
    report, shown = fleet("a", "b-fail", executor="mock")
    assert [each.outcome for each in report.runs] == ["succeeded", "failed"]
    assert report.is_simulated
    assert "b-fail: failed" in shown
