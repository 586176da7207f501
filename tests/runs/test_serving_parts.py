"""Small parts of `serve`: its port, its first link, its patience with what is away."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError

from runs import queue
from runs.execution.repository.git import GitFailed
from runs.queue import QueueAway
from runs.serving import children, setup_link, supervisor
from runs.serving.children import Child
from runs.serving.sockets import PortUnusable, port_check
from runs.serving.supervisor import Supervisor, _Timer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import Settings


# --- The port ---------------------------------------------------------------------------------


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_said_with_what_to_do(taken: int) -> None:
    with pytest.raises(PortUnusable, match=rf"Port {taken} .* --port"):
        port_check("127.0.0.1", taken)


def test_a_port_that_is_free_stays_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    port_check("127.0.0.1", port)
    port_check("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(PortUnusable):
        port_check("192.0.2.1", 8000)
    with pytest.raises(PortUnusable, match="no address"):
        port_check("no such name.invalid", 8000)


@pytest.mark.parametrize(
    ("host", "names", "is_behind_tls", "address"),
    [
        ("127.0.0.1", ["localhost"], False, "http://127.0.0.1:8000"),
        ("::1", ["localhost"], False, "http://[::1]:8000"),
        ("0.0.0.0", ["autopack.example"], False, "http://autopack.example:8000"),  # noqa: S104 (it is only shown)
        ("0.0.0.0", ["*"], False, "http://localhost:8000"),  # noqa: S104
        ("127.0.0.1", ["localhost", "autopack.example"], True, "https://autopack.example"),
    ],
)
def test_the_link_is_one_that_a_browser_can_open(
    settings: Settings, *, host: str, names: list[str], is_behind_tls: bool, address: str
) -> None:
    settings.ALLOWED_HOSTS, settings.AUTOPACK_BEHIND_TLS = names, is_behind_tls
    assert setup_link.server_url(host, 8000) == address


# --- The first administrator ------------------------------------------------------------------


@pytest.mark.django_db
def test_the_link_works_until_there_is_a_user_and_its_secret_is_not_kept(
    settings: Settings, tmp_path: Path
) -> None:
    settings.AUTOPACK_HOME = tmp_path
    older = setup_link.setup_url("http://here").rsplit("/", 1)[1]
    url = setup_link.setup_url("http://here")
    token = url.removeprefix("http://here/setup/")
    assert setup_link.setup_is_open(token)
    assert not setup_link.setup_is_open(older)
    assert not setup_link.setup_is_open("")
    assert not setup_link.setup_is_open("\u00e9")
    (kept,) = tmp_path.iterdir()
    assert token not in kept.read_text()
    if sys.platform != "win32":
        assert kept.stat().st_mode & 0o077 == 0
    get_user_model().objects.create_user("somebody")
    assert not setup_link.setup_is_open(token)
    assert setup_link.setup_url("http://here") == ""
    assert list(tmp_path.iterdir()) == []


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


# --- What is away -----------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fault",
    [DatabaseError("x"), QueueAway("x"), GitFailed(("gc",), 1, "broken"), OSError("x")],
)
def test_what_is_away_for_a_while_does_not_end_the_server(fault: Exception) -> None:
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise fault

    timer = _Timer(0.0, call)
    timer.look()
    timer.look()
    assert len(calls) == 2


def test_a_child_that_keeps_dying_is_started_later_and_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Dead:
        returncode = 1

        def poll(self) -> int:
            return 1

    clock = Clock()
    starts: list[float] = []
    monkeypatch.setattr(children, "time", clock)

    def start(child: Child) -> None:
        starts.append(clock.now)
        child._process, child._started_at = Dead(), clock.now  # type: ignore[assignment]  # all that is asked

    monkeypatch.setattr(Child, "start", start)
    child = Child("web")
    for _ in range(200):
        child.look()
        clock.now += 0.25
    waits = [after - before for before, after in pairwise(starts)]
    assert waits == sorted(waits)
    assert waits[0] <= 1.0
    assert waits[-1] >= 10.0
    # One that lived for a while is started at once.
    child._started_at = clock.now - children.SETTLED_SECONDS - 1
    child._process = Dead()  # type: ignore[assignment]  # all that is asked
    before = len(starts)
    child.look()
    assert len(starts) == before + 1


def test_a_machine_that_can_start_nothing_just_now_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(child: Child) -> None:
        raise BlockingIOError

    monkeypatch.setattr(Child, "start", refuse)
    child = Child("web")
    child.look()
    assert not child.is_running
    assert child.pids() == []
    child.kill()


# --- A cluster that hangs ---------------------------------------------------------------------


@pytest.fixture
def hanging(
    db: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Supervisor, Clock, list[float]]:
    """A supervisor of a cluster that takes nothing, its clock, and when it killed the cluster."""
    del db
    settings.AUTOPACK_HOME = tmp_path
    killed: list[float] = []
    clock = Clock()
    boss = Supervisor(workers=1, others=(), say=lambda _: None)
    boss.folder.mkdir(parents=True)
    monkeypatch.setattr(supervisor, "time", clock)
    monkeypatch.setattr(Child, "is_running", True)
    monkeypatch.setattr(queue, "waiting", lambda: 1)
    monkeypatch.setattr(Supervisor, "_kill_cluster", lambda _: killed.append(clock.now))
    return boss, clock, killed


def looks(boss: Supervisor, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1.0
        boss._look_for_hanging()


def test_a_cluster_that_takes_nothing_is_ended_after_a_while(
    hanging: tuple[Supervisor, Clock, list[float]],
) -> None:
    boss, clock, killed = hanging
    looks(boss, clock, int(supervisor.HUNG_SECONDS))
    assert killed == []
    looks(boss, clock, 2)
    assert len(killed) == 1


def test_workers_that_are_busy_or_drain_do_not_hang(
    hanging: tuple[Supervisor, Clock, list[float]],
) -> None:
    boss, clock, killed = hanging
    marks = (boss.folder / f"busy-{os.getpid()}", boss.folder / "draining")
    for mark in marks:
        looks(boss, clock, 15)
        mark.touch()
        looks(boss, clock, 60)
        mark.unlink()
    looks(boss, clock, 15)
    assert killed == [], "only what follows on a pause counts"
    (boss.folder / "busy-4194303").touch()  # a worker that is gone
    looks(boss, clock, 15)
    assert len(killed) == 1


def test_time_in_which_the_queue_was_away_counts_for_nothing(
    hanging: tuple[Supervisor, Clock, list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    boss, clock, killed = hanging
    looks(boss, clock, 15)

    def away() -> int:
        raise QueueAway

    with monkeypatch.context() as patch:
        patch.setattr(queue, "waiting", away)
        with pytest.raises(QueueAway):
            boss._look_for_hanging()
    clock.now += 60.0
    looks(boss, clock, 15)
    assert killed == []


# --- The processes below ----------------------------------------------------------------------


def test_a_service_whose_parent_died_while_it_started_ends_at_once(tmp_path: Path) -> None:
    argv = [sys.executable, str(children.MANAGE), "service", "web", "--parent", str(2**22 - 1)]
    environment = {**os.environ, "AUTOPACK_HOME": str(tmp_path)}
    done = subprocess.run(argv, env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
