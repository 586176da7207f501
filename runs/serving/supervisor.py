"""Keeps web and workers alive on one host, repairs what the dead left, and stops without loss."""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from runs import queue
from runs.execution.engine import MACHINERY
from runs.execution.pruning import worktrees_prune
from runs.execution.repository.sources import RepositoryProblem
from runs.queue import QueueAway
from runs.queue.nodes import node_folder
from runs.recovery import Repairer, attempts_release
from runs.serving.children import Child
from runs.serving.node import node_beat, node_close, node_register, nodes_forget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
# Messages that wait while workers are free, for so long: the cluster hangs.
HUNG_SECONDS = 20.0
PRUNE_SECONDS = 3600.0
# How long web and an idle cluster get to leave after SIGTERM.
LEAVE_SECONDS = 5.0
# What may go wrong for a while without ending the server.
TROUBLES = (DatabaseError, QueueAway, RepositoryProblem, psutil.Error, *MACHINERY)


class Supervisor:
    """`others` are the children beside the cluster; `say` gets lines for people.

    With no workers there is no cluster: web pages alone, and recovery.
    """

    def __init__(
        self, *, workers: int, others: Sequence[Child], say: Callable[[str], None]
    ) -> None:
        self.workers, self.others, self.say = workers, list(others), say
        self.node = node_register(workers)
        self.folder = node_folder(self.node.name)
        self.cluster = Child(
            "cluster", env={"AUTOPACK_WORKERS": str(workers), "AUTOPACK_NODE": self.node.name}
        )
        self.children = [self.cluster, *self.others] if workers else self.others
        self.repairer = Repairer(queue.wake, queue.waiting, workers)
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._hung_since: float | None = None
        self._pruner: threading.Thread | None = None

    # --- Running ------------------------------------------------------------------------------

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then drain and return."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._listen()
        timers = [
            _Timer(settings.AUTOPACK_RECOVERY_SECONDS, self._repair),
            _Timer(settings.AUTOPACK_BEAT_SECONDS, self._beat),
            _Timer(PRUNE_SECONDS, self._prune_aside),
            _Timer(1.0, self._look_for_hanging),
        ]
        try:
            while not self._stop.is_set():
                for child in self.children:
                    child.look()
                for timer in timers:
                    timer.look()
                self._stop.wait(LOOK_SECONDS)
        finally:
            self._leave()

    def _listen(self) -> None:
        def hear(signum: int, frame: object) -> None:
            del signum, frame
            # The second one: no more patience.
            (self._hurry if self._stop.is_set() else self._stop).set()

        signal.signal(signal.SIGINT, hear)
        if hasattr(signal, "SIGTERM"):
            signal.signal(signal.SIGTERM, hear)

    def _repair(self) -> None:
        self.repairer.repair()

    def _beat(self) -> None:
        wants_drain = node_beat(self.node, restarts=self.cluster.restarts)
        flag = self.folder / "draining"
        if wants_drain:
            flag.touch()
        else:
            flag.unlink(missing_ok=True)

    def _prune_aside(self) -> None:
        # It may take minutes, and nothing else can wait for it.
        if self._pruner is None or not self._pruner.is_alive():
            self._pruner = threading.Thread(target=_prune, daemon=True, name="prune")
            self._pruner.start()

    # --- A cluster that hangs -----------------------------------------------------------------

    def _look_for_hanging(self) -> None:
        # Forgotten first: what is away raises, and the time it was away counts for nothing.
        since, self._hung_since = self._hung_since, None
        if not self._is_stuck():
            return
        now = time.monotonic()
        self._hung_since = since if since is not None else now
        if now - self._hung_since < HUNG_SECONDS:
            return
        logger.error("The workers are free and take nothing: their cluster is started again.")
        self._hung_since = None
        self._kill_cluster()

    def _is_stuck(self) -> bool:
        """Whether messages wait while workers are free that should take them."""
        return (
            self.cluster.is_running
            and not (self.folder / "draining").exists()
            and self._busy() < self.workers
            and queue.waiting() > 0
        )

    def _busy(self) -> int:
        """How many of our workers are at a task."""
        count = 0
        for mark in self.folder.glob("busy-*"):
            if psutil.pid_exists(int(mark.name.removeprefix("busy-"))):
                count += 1
            else:
                mark.unlink(missing_ok=True)
        return count

    def _kill_cluster(self) -> None:
        pids = self.cluster.pids()
        self.cluster.kill()
        attempts_release(pids)

    # --- Leaving ------------------------------------------------------------------------------

    def _leave(self) -> None:
        with contextlib.suppress(OSError):
            (self.folder / "draining").touch()
        for child in self.others:
            child.ask_to_stop()
        busy = self._busy()
        if busy:
            self.say(
                f"Stopping: {busy} phase(s) may go on for {settings.AUTOPACK_DRAIN_SECONDS:g} s. "
                "Ctrl-C again to stop at once; their phases are queued again."
            )
        self.cluster.ask_to_stop()
        self._wait_for_cluster(settings.AUTOPACK_DRAIN_SECONDS)
        for child in self.others:
            if not child.wait(LEAVE_SECONDS):
                child.kill()
        with contextlib.suppress(*TROUBLES):
            self._kill_cluster()
            node_close(self.node)
        self.cluster.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        connection.close()

    def _wait_for_cluster(self, seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        idle_since: float | None = None
        while not self.cluster.wait(LOOK_SECONDS):
            now = time.monotonic()
            # django-q2's master hangs at times when it stops; with no phase under way nothing
            # is lost by not waiting for it.
            idle_since = None if self._busy() else idle_since or now
            if idle_since is not None and now - idle_since > LEAVE_SECONDS:
                return
            if self._hurry.is_set() or now > give_up_at:
                return


def _prune() -> None:
    # Worktrees stay: they are what makes a start quick. What is over is the attempts' ends.
    try:
        pruned = worktrees_prune(
            is_dry_run=False,
            keep_days=settings.AUTOPACK_RETENTION_DAYS,
            collect=False,
            keep_worktrees=True,
        )
        nodes_forget(settings.AUTOPACK_RETENTION_DAYS)
        logger.info("Pruned: %s", pruned)
    except TROUBLES as error:
        logger.warning("Not all could be pruned, tried again in an hour: %s", error)
    finally:
        connection.close()


class _Timer:
    """Calls something every so often, at once at first. What is away or broken costs the call."""

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self.seconds, self.call, self.due_at = seconds, call, 0.0

    def look(self) -> None:
        if time.monotonic() < self.due_at:
            return
        try:
            self.call()
        except TROUBLES as error:
            logger.warning("Not done, tried again later: %s", error)
            connection.close()
        self.due_at = time.monotonic() + self.seconds
