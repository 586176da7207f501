"""A worker's wake-up: it drives what waits, best first, and leaves what it may not finish."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from runs import services
from runs.execution import working
from runs.execution.driver import Drive, run_drive
from runs.execution.working import Shift
from runs.models import Attempt, Run
from runs.queue import QueueAway
from runs.queue.nodes import node_folder
from runs.states import RunState, Trigger
from tests.runs.execution.driving import outcomes
from tests.runs.execution.plans import add_line, phase, sh

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import Settings

    from tests.conftest import MakeRun

pytestmark = pytest.mark.django_db(transaction=True)


class Queue:
    """What a shift woke others for."""

    def __init__(self, there: int = 0) -> None:
        self.woken: list[int] = []
        self.there = there

    def work(self, run: Run) -> None:
        Shift(self.woken.append, lambda: self.there).work(run.pk)
        run.refresh_from_db()


def queued(run: Run, priority: int = 0) -> Run:
    services.run_queue(run, trigger=Trigger.API)
    Run.objects.filter(pk=run.pk).update(priority=priority)
    run.refresh_from_db()
    return run


def chain(make_run: MakeRun, run_id: str, folder: Path, *, does: str = "") -> Run:
    """Phases a and b, each of which writes its name to folder/trace; a also `does` something."""
    trace = f'echo {run_id}-%s >> "$1/trace"; %s'
    return make_run(
        phase("a", add_line(0), checks=[sh(trace % ("a", does), folder)]),
        phase("b", add_line(1), checks=[sh(trace % ("b", ""), folder)], after=("a",)),
        run_id=run_id,
    )


def trace(folder: Path) -> list[str]:
    return (folder / "trace").read_text().split()


def test_a_run_is_driven_to_its_end_and_then_what_else_waits(
    make_run: MakeRun, tmp_path: Path
) -> None:
    first = queued(chain(make_run, "first", tmp_path))
    other = queued(chain(make_run, "other", tmp_path))
    chain(make_run, "unasked", tmp_path)
    queue = Queue()
    queue.work(other)
    first.refresh_from_db()
    assert (first.state, other.state) == (RunState.SUCCEEDED, RunState.SUCCEEDED)
    assert trace(tmp_path) == ["other-a", "other-b", "first-a", "first-b"]
    assert queue.woken == []
    assert list(node_folder("").glob("busy-*")) == []


def test_a_message_for_a_run_that_has_ended_or_is_gone_does_nothing(
    make_run: MakeRun, tmp_path: Path
) -> None:
    run = chain(make_run, "first", tmp_path)
    queue = Queue()
    queue.work(run)
    Shift(queue.woken.append, lambda: 0).work(10**9)
    assert (run.state, queue.woken) == (RunState.PENDING, [])


def test_a_run_of_a_higher_priority_goes_first(make_run: MakeRun, tmp_path: Path) -> None:
    low = queued(chain(make_run, "low", tmp_path))
    queued(chain(make_run, "high", tmp_path), priority=5)
    Queue().work(low)
    assert trace(tmp_path) == ["high-a", "high-b", "low-a", "low-b"]


def test_between_two_phases_a_higher_priority_is_honoured(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    low = queued(chain(make_run, "low", tmp_path))
    high = chain(make_run, "high", tmp_path)

    def drive_and_ask(drive: Drive) -> RunState:
        # Somebody asks for the other run while the first phase of this one is under way.
        may_go_on = drive.goes_on

        def goes_on() -> bool:
            if drive.attempts == 1 and high.state == RunState.PENDING:
                queued(high, priority=5)
            return may_go_on()

        drive.goes_on = goes_on
        return run_drive(drive)

    monkeypatch.setattr(working, "run_drive", drive_and_ask)
    Queue().work(low)
    assert trace(tmp_path) == ["low-a", "high-a", "high-b", "low-b"]
    (paused,) = low.status_changes.filter(phase=None, from_state="RUNNING", to_state="QUEUED")
    assert "Waits for a worker" in paused.explanation


def test_a_draining_node_ends_its_phase_and_leaves_the_run_queued_with_a_wake_up(
    make_run: MakeRun, tmp_path: Path, settings: Settings
) -> None:
    settings.AUTOPACK_NODE = "host:1:2"
    folder = node_folder("host:1:2")
    run = queued(chain(make_run, "first", tmp_path, does=f'touch "{folder}/draining"'))
    queue = Queue()
    queue.work(run)
    assert (run.state, queue.woken) == (RunState.QUEUED, [run.pk])
    assert outcomes(run) == {"a": ["succeeded"], "b": []}
    (folder / "draining").unlink()
    queue.work(run)
    assert run.state == RunState.SUCCEEDED


def test_a_shift_that_is_over_leaves_the_rest_to_the_next(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "TASK_SECONDS", -1.0)
    run = queued(chain(make_run, "first", tmp_path))
    queue = Queue()
    queue.work(run)
    assert (run.state, queue.woken) == (RunState.QUEUED, [run.pk])
    assert not Attempt.objects.exists()


def fan(make_run: MakeRun) -> Run:
    """Four phases that may all run at once."""
    return make_run(
        *(phase(key, add_line(n), modify=(f"f{n}.txt",)) for n, key in enumerate("abcd"))
    )


def test_what_could_run_at_once_wakes_others_but_no_more_than_there_are(
    make_run: MakeRun, settings: Settings
) -> None:
    settings.AUTOPACK_WORKERS = 2
    run = queued(fan(make_run))
    queue = Queue()
    queue.work(run)
    assert run.state == RunState.SUCCEEDED
    # Beside the first phase three could run, then two, then one; nobody comes in this test.
    assert queue.woken == [run.pk] * 5


def test_who_is_woken_already_is_not_woken_again(make_run: MakeRun, settings: Settings) -> None:
    settings.AUTOPACK_WORKERS = 2
    run = queued(fan(make_run))
    queue = Queue(there=2)
    queue.work(run)
    assert (run.state, queue.woken) == (RunState.SUCCEEDED, [])


def test_a_queue_that_is_away_stops_no_work(make_run: MakeRun) -> None:
    run = queued(fan(make_run))

    def away() -> int:
        raise QueueAway

    Shift(Queue().woken.append, away).work(run.pk)
    run.refresh_from_db()
    assert run.state == RunState.SUCCEEDED


def test_phases_that_find_no_room_leave_their_run_queued_and_say_why(
    make_run: MakeRun, tmp_path: Path, settings: Settings
) -> None:
    settings.AUTOPACK_BACKEND_LIMITS = {"recipe": 1}
    from tests.runs.factories import PhaseFactory

    elsewhere = PhaseFactory.create(running=True, spec={"builder": {"backend": "recipe"}})
    run = queued(chain(make_run, "first", tmp_path))
    queue = Queue()
    queue.work(run)
    assert (run.state, queue.woken) == (RunState.QUEUED, [])
    assert "1 phases run on recipe" in run.explanation
    elsewhere.delete()
    queue.work(run)
    assert run.state == RunState.SUCCEEDED
