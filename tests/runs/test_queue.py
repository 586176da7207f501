"""Wake-ups: part of the transaction that makes them, heard at once, and never more than that."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from django.db import DatabaseError, connection, transaction
from django_q.models import OrmQ

from runs import queue, services, tasks
from runs.execution.leases import worker_identity
from runs.execution.working import Shift
from runs.models import Attempt
from runs.queue import bell
from runs.queue.broker import BellBroker
from runs.queue.nodes import node_folder
from runs.states import AttemptOutcome, Trigger
from tests.runs.factories import AttemptFactory, RunFactory
from tests.runs.rows import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings

needs_pipes = pytest.mark.skipif(not bell.HAS_PIPES, reason="no named pipes here")


@pytest.fixture(autouse=True)
def _home(settings: Settings, tmp_path: Path) -> None:
    settings.AUTOPACK_HOME = tmp_path


@pytest.fixture
def broker(transactional_db: None) -> Iterator[BellBroker]:
    del transactional_db
    OrmQ.objects.all().delete()
    yield BellBroker()
    OrmQ.objects.all().delete()


# --- The bell ---------------------------------------------------------------------------------


@needs_pipes
def test_a_ring_wakes_who_waits() -> None:
    listener = bell.Listener()
    listener.wait(0.0)  # makes its pipe
    timer = threading.Timer(0.05, bell.ring)
    timer.start()
    started = time.monotonic()
    listener.wait(20.0)
    assert time.monotonic() - started < 10.0
    timer.join()


@needs_pipes
def test_a_ring_before_the_wait_is_heard_once() -> None:
    listener = bell.Listener()
    listener.wait(0.0)
    bell.ring()
    bell.ring()
    started = time.monotonic()
    listener.wait(20.0)
    assert time.monotonic() - started < 10.0
    started = time.monotonic()
    listener.wait(0.1)
    assert time.monotonic() - started >= 0.09


@needs_pipes
def test_the_pipes_of_the_dead_go(monkeypatch: pytest.MonkeyPatch) -> None:
    bell.bells_folder().mkdir()
    pipe = bell.bells_folder() / "123-4"
    os.mkfifo(pipe)
    bell.ring()
    assert pipe.exists(), "it may have been made just now"
    monkeypatch.setattr(bell, "STALE_SECONDS", -1.0)
    bell.ring()
    assert not pipe.exists()


def test_who_can_have_no_pipe_looks_often(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.AUTOPACK_HOME = tmp_path / "file"  # no folder can be made there
    bell.ring()
    started = time.monotonic()
    bell.Listener().wait(20.0)
    assert time.monotonic() - started < 10.0


# --- Messages ---------------------------------------------------------------------------------


def test_a_wake_up_is_part_of_the_transaction(broker: BellBroker) -> None:
    with transaction.atomic():
        queue.wake(1)
        transaction.set_rollback(True)
    assert queue.waiting() == 0
    assert broker._take() is None
    with transaction.atomic():
        queue.wake(1)
    assert queue.waiting() == 1


def test_asking_for_a_runs_execution_wakes_workers_or_changes_nothing(broker: BellBroker) -> None:
    del broker
    run = RunFactory.create()
    with transaction.atomic():
        services.run_execute(run, trigger=Trigger.API)
        transaction.set_rollback(True)
    run.refresh_from_db()
    assert (run.state, queue.waiting()) == ("PENDING", 0)
    services.run_execute(run, trigger=Trigger.API)
    assert (run.state, queue.waiting()) == ("QUEUED", 1)


@needs_pipes
def test_a_message_is_taken_as_soon_as_it_is_there(broker: BellBroker) -> None:
    broker._listener.wait(0.0)

    def wake_soon() -> None:
        queue.wake(7)
        connection.close()

    timer = threading.Timer(0.05, wake_soon)
    timer.start()
    give_up_at = time.monotonic() + 20.0
    taken = None
    while not taken and time.monotonic() < give_up_at:
        taken = broker.dequeue()
    timer.join()
    assert taken
    assert len(taken) == 1


def test_messages_are_taken_in_order_and_by_one(broker: BellBroker) -> None:
    for number in range(4):
        queue.wake(number)
    pks = list(OrmQ.objects.order_by("pk").values_list("pk", flat=True))

    def take_all() -> list[int]:
        taken: list[int] = []
        mine = BellBroker()
        while (found := mine._take()) is not None:
            taken += [pk for pk, _ in found]
        return taken

    both = at_once([take_all, take_all])
    assert sorted(both[0] + both[1]) == pks
    assert both == [sorted(each) for each in both]
    assert broker._take() is None


def test_a_draining_node_takes_nothing(broker: BellBroker, settings: Settings) -> None:
    settings.AUTOPACK_NODE = "host:1:2"
    queue.wake(1)
    folder = node_folder("host:1:2")
    assert ":" not in folder.name, "Windows has no such names"
    folder.mkdir(parents=True)
    (folder / "draining").touch()
    assert broker.dequeue() is None
    assert queue.waiting() == 1
    (folder / "draining").unlink()
    assert broker.dequeue()


def test_redis_being_away_is_said_and_fails_no_request(
    broker: BellBroker, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django_q.conf import Conf

    from runs.queue.redis_broker import PatientRedis

    del broker
    # A port of our own that nobody listens at.
    nowhere = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(Conf, "REDIS", nowhere)
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "redis": nowhere}
    monkeypatch.setattr(queue, "_broker", PatientRedis())
    run = RunFactory.create()
    services.run_execute(run, trigger=Trigger.API)
    assert run.state == "QUEUED"
    with pytest.raises(queue.QueueAway, match="REDIS_URL"):
        queue.waiting()


# --- The task ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", [SystemExit, KeyboardInterrupt, ValueError, DatabaseError])
def test_a_task_tells_the_queue_nothing_whatever_happens(
    fault: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(self: Shift, run_pk: int) -> None:
        raise fault

    monkeypatch.setattr(Shift, "work", break_off)
    tasks.work(1)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_a_fault_threw_off_its_work_gives_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    me = worker_identity()
    ours = AttemptFactory.create(worker=me.worker, host=me.host, pid=me.pid)
    anothers = AttemptFactory.create()

    def break_off(self: Shift, run_pk: int) -> None:
        raise DatabaseError

    monkeypatch.setattr(Shift, "work", break_off)
    tasks.work(ours.phase.run_id)
    ours.refresh_from_db()
    ours.phase.refresh_from_db()
    assert ours.outcome == AttemptOutcome.ABANDONED
    assert (ours.phase.state, ours.phase.crashes) == ("QUEUED", 1)
    assert Attempt.objects.get(pk=anothers.pk).outcome == ""


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    from runs.execution import working

    settings.AUTOPACK_LEASE_SECONDS = 30.0
    monkeypatch.setattr(working, "AWAY_SECONDS", 0.01)
    answers = iter([DatabaseError("away"), DatabaseError("away"), None])

    def attempts_let_go() -> int:
        if error := next(answers):
            raise error
        return 0

    monkeypatch.setattr(working, "attempts_let_go", attempts_let_go)
    working.let_go()
    assert list(answers) == []


# --- Locks ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX locks")
def test_a_lock_ends_with_its_holder() -> None:
    from runs.queue.cluster import OwnedLock

    lock = OwnedLock()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # as django-q2 makes its workers
        lock.acquire()
        os.write(writer, b"!")
        signal.pause()
    taken = threading.Thread(target=lock.acquire, daemon=True)
    try:
        assert os.read(reader, 1) == b"!"
        assert not lock.acquire(block=False)
        taken.start()
        taken.join(0.2)
        assert taken.is_alive(), "there is one holder"
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reader)
        os.close(writer)
    taken.join(10.0)
    assert not taken.is_alive()
    lock.release()
    lock._file.close()
