"""Several runs, several drivers: at once, on one repository, in one process and in many."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from runs import services
from runs.execution.driver import Drive, run_drive
from runs.models import Attempt, Run, StatusChange
from runs.signals import attempt_finished
from runs.states import RunState
from tests.repositories import snapshot
from tests.runs.execution.driving import drive, outcomes
from tests.runs.execution.other_process import DRIVE, process
from tests.runs.execution.plans import add_line, phase, sh, shell, write

if TYPE_CHECKING:
    from pathlib import Path

    from runs.types import AttemptReport
    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

pytestmark = pytest.mark.django_db(transaction=True)


def two_beside_each_other_and_one_after(make_run: MakeRun, run_id: str) -> Run:
    return make_run(
        phase("a", add_line(0, run_id), modify=("f0.txt",)),
        phase("b", write(f"{run_id}.txt", "new\n"), create=(f"{run_id}.txt",)),
        phase("c", add_line(1, run_id), modify=("f1.txt",), after=("a", "b"),
              checks=[sh('grep -qx "$1" f0.txt && test -f "$1.txt"', run_id)]),
        run_id=run_id,
    )  # fmt: skip


def assert_all_there(run: Run, repository: GitRepository) -> None:
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert outcomes(run) == {key: ["succeeded"] for key in "abc"}
    assert sorted(repository.subjects(run.branch)) == ["Phase a", "Phase b", "Phase c"]
    assert repository.show(run.branch, "f1.txt") == f"line 1\n{run.run_id}"


def test_eight_runs_at_once_on_one_repository_meet_no_lock(
    make_run: MakeRun, repository: GitRepository
) -> None:
    before = snapshot(repository.folder)
    runs = [two_beside_each_other_and_one_after(make_run, f"run-{n}") for n in range(8)]
    faults: list[BaseException] = []

    def work(run: Run) -> None:
        try:
            run_drive(Drive(run=run))
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert not faults, faults
    for run in runs:
        run.refresh_from_db()
        assert_all_there(run, repository)
    assert snapshot(repository.folder) == before


def test_processes_with_a_run_each_on_one_repository_meet_no_lock(
    make_run: MakeRun, repository: GitRepository
) -> None:
    runs = [two_beside_each_other_and_one_after(make_run, f"run-{n}") for n in range(4)]
    workers = [process(DRIVE, run.run_id) for run in runs]
    for worker, run in zip(workers, runs, strict=True):
        out, err = worker.communicate(timeout=90)
        assert (worker.returncode, out.strip()) == (0, "SUCCEEDED"), err
        run.refresh_from_db()
        assert_all_there(run, repository)


def test_drivers_of_one_run_do_each_phase_once(
    make_run: MakeRun, repository: GitRepository, tmp_path: Path
) -> None:
    slow = shell('echo x >> "$1/count"; sleep 0.2', tmp_path)
    run = make_run(
        *(phase(f"p{n}", add_line(n), slow, modify=(f"f{n}.txt",)) for n in range(4)),
    )
    drivers = [Drive(run=Run.objects.select_related("project").get(pk=run.pk)) for _ in range(3)]
    states: list[RunState] = []

    def work(driver: Drive) -> None:
        try:
            states.append(run_drive(driver))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(driver,)) for driver in drivers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert states == [RunState.SUCCEEDED] * 3
    assert outcomes(run) == {f"p{n}": ["succeeded"] for n in range(4)}
    assert (tmp_path / "count").read_text().split() == ["x"] * 4
    assert len(repository.subjects("autopack/first")) == 4
    ends = StatusChange.objects.filter(run=run, phase=None, to_state="SUCCEEDED")
    assert ends.count() == 1


def test_a_listener_hears_of_every_attempt_as_it_ends(make_run: MakeRun) -> None:
    run = make_run(
        phase("a", add_line(0)),
        phase("b", write("x.txt", "1\n", attempts=[1]), write("x.txt", "2\n", attempts=[2]),
              checks=["grep -qx 2 x.txt"], after=("a",)),
    )  # fmt: skip
    heard: list[tuple[str, int, str, str]] = []

    def listen(report: AttemptReport) -> None:
        row = Attempt.objects.get(phase__key=report.phase, number=report.attempt)
        heard.append((report.phase, report.attempt, report.outcome, row.outcome))

    run_drive(Drive(run=run, listener=listen))
    assert heard == [
        ("a", 1, "succeeded", "succeeded"),
        ("b", 1, "failed", "failed"),
        ("b", 2, "succeeded", "succeeded"),
    ]


def test_after_a_failure_nothing_new_is_started_and_what_runs_is_finished(
    make_run: MakeRun, tmp_path: Path
) -> None:
    wait = 'i=0; while [ ! -e "$1/failed" ] && [ $i -lt 1000 ]; do i=$((i+1)); sleep 0.01; done'
    run = make_run(
        phase("bad", add_line(0), checks=["false"], modify=("f0.txt",),
              limits={"max_attempts": 1}),
        phase("good", add_line(1), checks=[sh(wait, tmp_path)], modify=("f1.txt",)),
        phase("late", add_line(2), modify=("f2.txt",)),
        phase("after", add_line(3), modify=("f3.txt",), after=("good",)),
    )  # fmt: skip

    def say_so(report: AttemptReport, **_signal: Any) -> None:
        if report.phase == "bad":
            (tmp_path / "failed").touch()

    attempt_finished.connect(say_so)
    try:
        drive(run, parallel=2)
    finally:
        attempt_finished.disconnect(say_so)
    assert run.state == RunState.FAILED
    assert outcomes(run)["bad"] == ["failed"]
    assert outcomes(run)["good"] == ["succeeded"]
    assert outcomes(run)["late"] == outcomes(run)["after"] == []


def test_a_failed_phase_does_not_end_the_run_while_a_retry_of_another_is_due(
    make_run: MakeRun,
) -> None:
    run = make_run(
        phase("a", add_line(0), write("x.txt", "1\n", attempts=[1]),
              write("x.txt", "2\n", attempts=[2]), checks=["grep -qx 2 x.txt"],
              modify=("f0.txt",), create=("x.txt",)),
        phase("b", add_line(1), modify=("f1.txt",)),
    )  # fmt: skip
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["failed", "succeeded"], "b": ["succeeded"]}


def test_a_run_of_many_phases_is_driven_to_its_end(
    make_run: MakeRun, repository: GitRepository
) -> None:
    layers = [
        phase(f"p{n}", write(f"made/{n}.txt", f"{n}\n"), create=(f"made/{n}.txt",),
              after=(f"p{n - 4}",) if n >= 4 else (), checks=[["true"]])
        for n in range(48)
    ]  # fmt: skip
    run = make_run(*layers)
    drive(run, parallel=4, within=90)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert len(repository.subjects("autopack/first")) == 48
    made = {f"made/{n}.txt" for n in range(48)}
    assert repository.files("autopack/first") == repository.files("main") | made


def test_driving_what_cannot_be_driven_says_in_which_state_it_is(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0), checks=["false"], limits={"max_attempts": 1}))
    drive(run)
    with pytest.raises(services.RunConflict, match=r"FAILED already.*run_retry"):
        run_drive(Drive(run=run))
