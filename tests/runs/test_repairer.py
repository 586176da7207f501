"""A supervisor's rounds: what the dead held is given back, what should go on is woken."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from runs import recovery
from runs.execution.leases import worker_identity
from runs.execution.process import process_identity
from runs.models import Approval, Attempt, Run, WorkerNode
from runs.recovery import Repairer, attempts_release
from runs.serving.node import node_beat, node_drain, node_register, node_resume, nodes_forget
from runs.states import AttemptOutcome
from tests.runs.execution.other_process import process
from tests.runs.factories import AttemptFactory, PhaseFactory, RunFactory

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from pytest_django.fixtures import Settings

pytestmark = pytest.mark.django_db

SPEC = {"id": "a", "title": "A", "builder": {"backend": "recipe", "steps": []}}


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Queue:
    """What was woken; `there` messages wait."""

    def __init__(self, there: int = 0) -> None:
        self.woken: list[int] = []
        self.there = there

    def repairer(self, workers: int = 2) -> Repairer:
        return Repairer(self.woken.append, lambda: self.there, workers)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(recovery, "time", clock)
    monkeypatch.setattr(recovery, "_patience", recovery._Patience())
    return clock


def queued_run(**columns: Any) -> Run:
    run = RunFactory.create(queued=True, **columns)
    PhaseFactory.create(run=run, spec=SPEC)
    return run


# --- Lost wake-ups ----------------------------------------------------------------------------


def test_runs_whose_wake_up_was_lost_are_woken_best_first_one_for_each_worker() -> None:
    queued_run()
    best, second = queued_run(priority=9), queued_run(priority=5)
    queue = Queue()
    queue.repairer(workers=2).repair()
    assert queue.woken == [best.pk, second.pk]


def test_runs_that_a_message_waits_for_are_left_alone() -> None:
    queued_run()
    queue = Queue(there=1)
    queue.repairer().repair()
    assert queue.woken == []


def test_a_run_of_which_nothing_executes_is_woken_when_it_stays_so(clock: Clock) -> None:
    run = RunFactory.create(running=True)
    PhaseFactory.create(run=run, spec=SPEC)
    working = RunFactory.create(running=True)
    held = PhaseFactory.create(run=working, running=True, spec=SPEC)
    AttemptFactory.create(phase=held)
    queue = Queue(there=1)
    repairer = queue.repairer()
    repairer.repair()
    assert queue.woken == [], "it may just be between two phases"
    clock.now += recovery.STRANDED_SECONDS
    repairer.repair()
    assert queue.woken == [run.pk]


def test_a_run_that_went_on_meanwhile_is_not_woken(clock: Clock) -> None:
    run = RunFactory.create(running=True)
    queue = Queue(there=1)
    repairer = queue.repairer()
    repairer.repair()
    phase = PhaseFactory.create(run=run, running=True, spec=SPEC)
    AttemptFactory.create(phase=phase)
    clock.now += 60.0
    repairer.repair()
    assert queue.woken == []


def waiting_run(**columns: Any) -> Run:
    """A run that waits for people, with a question that is open for another hour."""
    run = RunFactory.create(awaiting_approval=True, **columns)
    phase = PhaseFactory.create(run=run, awaiting_approval=True, spec=SPEC)
    Approval.objects.create(
        run=run, phase=phase, kind="phase", question="May it?",
        expires_at=timezone.now() + timedelta(hours=1),
    )  # fmt: skip
    return run


def rounds(clock: Clock) -> list[int]:
    queue = Queue(there=1)
    repairer = queue.repairer()
    repairer.repair()
    clock.now += recovery.STRANDED_SECONDS
    repairer.repair()
    return queue.woken


def test_a_run_that_waits_for_people_is_let_wait(clock: Clock) -> None:
    waiting_run()
    assert rounds(clock) == []


def test_a_question_that_nobody_answered_in_time_wakes_its_run(clock: Clock) -> None:
    run = waiting_run()
    run.approvals.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert rounds(clock) == [run.pk]


def test_an_answer_whose_wake_up_was_lost_wakes_its_run(clock: Clock) -> None:
    run = waiting_run()
    run.phases.update(state="QUEUED")
    assert rounds(clock) == [run.pk]


def test_a_cancellation_of_a_waiting_run_wakes_it(clock: Clock) -> None:
    run = waiting_run()
    Run.objects.filter(pk=run.pk).update(cancel_requested_at=timezone.now())
    assert rounds(clock) == [run.pk]


# --- What the dead held -----------------------------------------------------------------------

SLEEP = "import time; print('there', flush=True); time.sleep(120)"


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """A process of this host that could hold a lease."""
    other = process(SLEEP)
    assert other.stdout is not None
    assert other.stdout.readline() == "there\n"
    yield other
    if other.poll() is None:
        other.kill()
    other.communicate()


def held_by(pid: int, **columns: Any) -> Attempt:
    me, identity = worker_identity(), process_identity(pid)
    return AttemptFactory.create(
        worker=f"other-{pid}", host=me.host, pid=pid, pid_started=identity.started,
        boot_id=identity.boot_id, phase__spec=SPEC, **columns,
    )  # fmt: skip


def test_what_a_dead_process_held_is_queued_and_its_run_woken(
    holder: subprocess.Popen[str],
) -> None:
    attempt = held_by(holder.pid)
    queue = Queue(there=1)
    queue.repairer().repair()
    assert queue.woken == []
    holder.kill()
    holder.wait()
    queue.repairer().repair()
    attempt.refresh_from_db()
    attempt.phase.refresh_from_db()
    assert attempt.outcome == AttemptOutcome.ABANDONED
    assert (attempt.phase.state, attempt.phase.crashes) == ("QUEUED", 1)
    assert queue.woken == [attempt.phase.run_id]


def test_a_clock_that_jumps_takes_nothing_from_a_holder_that_beats(
    holder: subprocess.Popen[str], clock: Clock, settings: Settings
) -> None:
    settings.AUTOPACK_GRACE_SECONDS = 2.0
    attempt = held_by(holder.pid, expired=True)
    repairer = Queue(there=1).repairer()
    repairer.repair()
    # It speaks, though its lease looks old again at once.
    clock.now += 1.9
    Attempt.objects.filter(pk=attempt.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=30)
    )
    for _ in range(2):
        repairer.repair()
        clock.now += 1.9
    attempt.refresh_from_db()
    assert attempt.outcome == ""
    assert holder.poll() is None


@pytest.mark.skipif(sys.platform == "win32", reason="kills with POSIX signals")
def test_a_holder_that_is_late_for_the_whole_grace_is_ended_first(
    holder: subprocess.Popen[str], clock: Clock, settings: Settings
) -> None:
    settings.AUTOPACK_GRACE_SECONDS = 2.0
    attempt = held_by(holder.pid, expired=True)
    queue = Queue(there=1)
    repairer = queue.repairer()
    repairer.repair()
    clock.now += 2.0
    assert holder.poll() is None
    repairer.repair()
    assert holder.wait(10) != 0
    attempt.refresh_from_db()
    assert attempt.outcome == AttemptOutcome.ABANDONED
    assert queue.woken == [attempt.phase.run_id]


def test_what_was_stopped_on_purpose_is_queued_and_is_no_crash(
    holder: subprocess.Popen[str],
) -> None:
    attempt, elsewhere = held_by(holder.pid), AttemptFactory.create(pid=holder.pid)
    assert attempts_release([holder.pid]) == 0, "it lives"
    holder.kill()
    holder.wait()
    assert attempts_release([]) == 0
    assert attempts_release([holder.pid]) == 1
    attempt.refresh_from_db()
    attempt.phase.refresh_from_db()
    assert attempt.outcome == AttemptOutcome.ABANDONED
    assert (attempt.phase.state, attempt.phase.crashes) == ("QUEUED", 0)
    elsewhere.refresh_from_db()
    assert elsewhere.outcome == "", "a process of another host has that number, too"


def test_the_third_crash_of_a_phase_is_its_last(holder: subprocess.Popen[str]) -> None:
    attempt = held_by(holder.pid, phase__crashes=2)
    holder.kill()
    holder.wait()
    Queue(there=1).repairer().repair()
    attempt.phase.refresh_from_db()
    assert (attempt.phase.state, attempt.phase.crashes) == ("FAILED", 3)


# --- Nodes ------------------------------------------------------------------------------------


def test_a_node_closes_the_rows_of_dead_ones_of_its_host() -> None:
    mine = node_register(2)
    dead = WorkerNode.objects.create(
        name="dead", host=mine.host, pid=mine.pid, pid_started=mine.pid_started - 5,
        boot_id=mine.boot_id, workers=1, beat_at=timezone.now(),
    )  # fmt: skip
    far = WorkerNode.objects.create(
        name="far", host="elsewhere", pid=1, pid_started=1.0, workers=1, beat_at=timezone.now()
    )
    alive = process_identity(os.getppid())
    other = WorkerNode.objects.create(
        name="other", host=mine.host, pid=alive.pid, pid_started=alive.started,
        boot_id=alive.boot_id, workers=1, beat_at=timezone.now(),
    )  # fmt: skip
    mine.delete()
    mine = node_register(2)
    stopped = {node.name: bool(node.stopped_at) for node in WorkerNode.objects.all()}
    assert stopped == {mine.name: False, dead.name: True, far.name: False, other.name: False}


def test_a_node_hears_that_it_is_to_drain() -> None:
    node = node_register(1)
    assert not node_beat(node, restarts=0)
    assert node_drain(node)
    assert not node_drain(node)
    assert node_beat(node, restarts=3)
    assert node_resume(node)
    assert not node_beat(node, restarts=3)
    node.refresh_from_db()
    assert node.restarts == 3


def test_a_node_whose_row_is_gone_goes_on() -> None:
    node = node_register(1)
    WorkerNode.objects.all().delete()
    assert not node_beat(node, restarts=0)


def test_nodes_that_stopped_long_ago_are_forgotten() -> None:
    node = node_register(1)
    for days in (1, 40):
        WorkerNode.objects.create(
            name=f"{days} days", host="h", pid=1, pid_started=1.0, workers=1,
            beat_at=timezone.now(), stopped_at=timezone.now() - timedelta(days=days),
        )  # fmt: skip
    assert nodes_forget(30) == 1
    assert set(WorkerNode.objects.values_list("name", flat=True)) == {node.name, "1 days"}
