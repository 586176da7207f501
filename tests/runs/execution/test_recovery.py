"""Workers that die, stand still or are far away: their work is taken up, once, by another."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from django.db.models.functions import Now

from runs import services
from runs.execution import leases
from runs.execution.endings import publish
from runs.execution.leases import worker_identity
from runs.models import Attempt, Phase, Run, StatusChange
from runs.querysets import phase_claim
from runs.recovery import run_recover
from runs.states import FailureKind, PhaseState, RunState, Trigger
from runs.types import WorkerIdentity
from tests.runs.execution.by_hand import execute, opened
from tests.runs.execution.driving import attempts_of, drive, in_background, outcomes, phase_of
from tests.runs.execution.other_process import DRIVE, process
from tests.runs.execution.plans import add_line, phase, sh
from tests.runs.execution.processes import eventually, is_alive

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun
    from tests.repositories import GitRepository

    Start = Callable[..., subprocess.Popen[str]]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(sys.platform == "win32", reason="kills and stops with POSIX signals"),
]

# Says that it is there (its number in "there"), then waits until "go" exists, at most 60 s.
WAIT = """
echo x >> "$1/tries"; touch "$1/there.$(wc -l < "$1/tries" | tr -d ' ')"
i=0; while [ ! -e "$1/go" ] && [ $i -lt 6000 ]; do i=$((i+1)); sleep 0.01; done
"""


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts another process that drives a run; whatever of them is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def drive_elsewhere(run: Run, **environment: object) -> subprocess.Popen[str]:
        started.append(process(DRIVE, run.run_id, **environment))
        return started[-1]

    yield drive_elsewhere
    for each in started:
        if each.poll() is None:
            each.kill()
        each.communicate()


def there(folder: Path, number: int, worker: subprocess.Popen[str]) -> None:
    """Wait until the `number`th try of the waiting phase has begun."""
    marker = folder / f"there.{number}"
    assert eventually(lambda: marker.exists() or worker.poll() is not None, 30.0)
    assert marker.exists(), worker.communicate()[1]


def killed(worker: subprocess.Popen[str]) -> list[psutil.Process]:
    """Kill a worker without a warning; the processes that it had below it."""
    below = psutil.Process(worker.pid).children(recursive=True)
    assert below, "a worker in the midst of a validation has processes"
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    return below


def waiting_run(make_run: MakeRun, folder: Path) -> Run:
    """Phase a is quick, phase b waits for tmp_path/go while it is validated, c is quick again."""
    return make_run(
        phase("a", add_line(0), checks=[sh('echo a >> "$1/trace"', folder)]),
        phase("b", add_line(1), checks=[sh(WAIT, folder)], after=("a",)),
        phase("c", add_line(2), after=("b",)),
    )


# --- Killed -----------------------------------------------------------------------------------


def test_a_killed_workers_run_is_finished_by_another_without_repeating_what_is_complete(
    make_run: MakeRun, repository: GitRepository, start: Start, tmp_path: Path
) -> None:
    run = waiting_run(make_run, tmp_path)
    worker = start(run)
    there(tmp_path, 1, worker)
    below = killed(worker)
    assert eventually(lambda: not any(is_alive(each.pid) for each in below)), "nothing is left"
    assert phase_of(run, "b").state == PhaseState.RUNNING, "nobody has noticed yet"

    (tmp_path / "go").touch()
    drive(run)
    assert run.state == RunState.SUCCEEDED, run.explanation
    assert outcomes(run) == {
        "a": ["succeeded"], "b": ["abandoned", "succeeded"], "c": ["succeeded"]
    }  # fmt: skip
    assert (tmp_path / "trace").read_text().split() == ["a"]
    assert repository.subjects("autopack/first") == ["Phase a", "Phase b", "Phase c"]
    b = phase_of(run, "b")
    assert (b.crashes, b.tries) == (1, 0), "a crash is not the work's failure"
    lost = StatusChange.objects.get(phase=b, from_state="RUNNING", to_state="QUEUED")
    assert str(attempts_of(run, "b")[0].pid) in lost.explanation


def test_a_phase_whose_workers_die_again_and_again_is_given_up(
    make_run: MakeRun, repository: GitRepository, start: Start, tmp_path: Path
) -> None:
    run = waiting_run(make_run, tmp_path)
    for number in (1, 2, 3):
        worker = start(run)
        there(tmp_path, number, worker)
        killed(worker)
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CRASH_LIMIT)
    assert outcomes(run) == {"a": ["succeeded"], "b": ["abandoned"] * 3, "c": []}
    assert repository.subjects("autopack/first") == ["Phase a"]


def test_a_run_killed_between_its_last_phase_and_its_end_is_only_ended(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", add_line(0)))
    session = opened(run)
    execute(session, phase_of(run, "a"))
    assert Run.objects.get(pk=run.pk).state == RunState.RUNNING
    assert repository.tip("autopack/first") == ""
    assert drive(run) == []
    assert run.state == RunState.SUCCEEDED
    assert repository.subjects("autopack/first") == ["Phase a"]


def test_a_run_killed_between_its_branch_and_its_row_is_only_ended(
    make_run: MakeRun, repository: GitRepository
) -> None:
    run = make_run(phase("a", add_line(0)))
    session = opened(run)
    execute(session, phase_of(run, "a"))
    run.refresh_from_db()
    publish(session, run)
    assert repository.tip("autopack/first") == run.head_commit
    Run.objects.filter(pk=run.pk).update(published_commit="")
    drive(run)
    assert (run.state, run.published_commit) == (RunState.SUCCEEDED, run.head_commit)


# --- Alive ------------------------------------------------------------------------------------


def test_a_holder_that_lives_is_not_disturbed_by_a_second_driver(
    make_run: MakeRun, start: Start, tmp_path: Path
) -> None:
    run = waiting_run(make_run, tmp_path)
    worker = start(run)
    there(tmp_path, 1, worker)
    (held,) = run_recover(run)
    assert held == attempts_of(run, "b")[0]
    with in_background(run) as finish:
        (tmp_path / "go").touch()
        finish()
    assert worker.wait(30) == 0, worker.communicate()
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {key: ["succeeded"] for key in "abc"}


def test_a_holder_that_lives_is_known_by_whatever_name_its_host_is_given(
    make_run: MakeRun, start: Start, tmp_path: Path, settings: Settings
) -> None:
    settings.AUTOPACK_HOST = "a-name-of-the-operators-own"
    leases._worker_identity.cache_clear()
    try:
        run = waiting_run(make_run, tmp_path)
        worker = start(run)
        there(tmp_path, 1, worker)
        assert [attempt.pid for attempt in run_recover(run)] == [worker.pid]
    finally:
        leases._worker_identity.cache_clear()
    assert attempts_of(run, "b")[0].outcome == ""


def everything(run: Run) -> tuple[Any, ...]:
    return (
        Run.objects.values().get(pk=run.pk),
        list(Phase.objects.filter(run=run).values()),
        list(Attempt.objects.filter(phase__run=run).values()),
        StatusChange.objects.filter(run=run).count(),
    )


def test_a_holder_that_stood_still_past_its_lease_is_refused_when_it_wakes(
    make_run: MakeRun, repository: GitRepository, start: Start, tmp_path: Path,
    settings: Settings,
) -> None:  # fmt: skip
    short = {
        "AUTOPACK_LEASE_SECONDS": 2, "AUTOPACK_BEAT_SECONDS": 0.5, "AUTOPACK_GRACE_SECONDS": 0.2
    }  # fmt: skip
    for name, value in short.items():
        setattr(settings, name, value)
    run = waiting_run(make_run, tmp_path)
    worker = start(run, **short)
    there(tmp_path, 1, worker)
    (held,) = attempts_of(run, "b")
    worker.send_signal(signal.SIGSTOP)
    assert eventually(
        lambda: Attempt.objects.filter(pk=held.pk, lease_expires_at__lt=Now()).exists()
    )
    # Its command waits on; the next try must not.
    spec = phase_of(run, "b").spec
    Phase.objects.filter(run=run, key="b").update(spec={**spec, "validation_commands": ["true"]})
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run)["b"] == ["abandoned", "succeeded"]

    before, tip = everything(run), repository.tip("autopack/first")
    (tmp_path / "go").touch()
    worker.send_signal(signal.SIGCONT)
    worker.wait(30)
    assert everything(run) == before
    assert repository.tip("autopack/first") == tip == run.head_commit


# --- Far away ---------------------------------------------------------------------------------

ELSEWHERE = WorkerIdentity("elsewhere:1:abc", "elsewhere", 1, 1.0, "another boot")


@pytest.mark.parametrize("parallel", [1, 2])
def test_the_expired_lease_of_another_host_is_taken_over(parallel: int, make_run: MakeRun) -> None:
    # Neither names a scope, so b has to wait for whoever has a.
    run = make_run(phase("a", add_line(0)), phase("b", add_line(1)))
    opened(run)
    assert phase_claim(phase_of(run, "a"), ELSEWHERE, lease_seconds=-1)
    drive(run, parallel=parallel, within=10.0)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": ["abandoned", "succeeded"], "b": ["succeeded"]}


def test_a_phase_that_was_given_up_gets_its_patience_back_when_the_run_is_retried(
    make_run: MakeRun,
) -> None:
    run = make_run(phase("a", add_line(0)))
    opened(run)
    for _ in range(3):
        assert phase_claim(phase_of(run, "a"), ELSEWHERE, lease_seconds=-1)
        assert run_recover(run) == []
    drive(run)
    assert (run.state, run.failure_kind) == (RunState.FAILED, FailureKind.CRASH_LIMIT)
    services.run_retry(run, trigger=Trigger.CLI)
    assert phase_claim(phase_of(run, "a"), ELSEWHERE, lease_seconds=-1)
    drive(run)
    assert run.state == RunState.SUCCEEDED
    assert outcomes(run) == {"a": [*["abandoned"] * 4, "succeeded"]}


def test_a_lease_of_another_host_that_has_not_expired_is_respected(make_run: MakeRun) -> None:
    run = make_run(phase("a", add_line(0)))
    opened(run)
    attempt = phase_claim(phase_of(run, "a"), ELSEWHERE, lease_seconds=60)
    assert run_recover(run) == [attempt]
    assert phase_of(run, "a").state == PhaseState.RUNNING


@pytest.mark.parametrize("changed", ["pid", "pid_started", "boot_id"])
def test_a_process_number_that_another_process_has_now_keeps_no_lease_alive(
    changed: str, make_run: MakeRun
) -> None:
    run = make_run(phase("a", add_line(0)))
    opened(run)
    me = worker_identity()
    wrong: dict[str, Any] = {
        "pid": 2**22 - 1, "pid_started": me.pid_started - 5, "boot_id": "before"
    }  # fmt: skip
    dead = replace(me, worker="gone", **{changed: wrong[changed]})
    assert phase_claim(phase_of(run, "a"), dead, lease_seconds=600)
    assert run_recover(run) == []
    assert attempts_of(run, "a")[0].outcome == "abandoned"
    drive(run)
    assert run.state == RunState.SUCCEEDED
