"""Keeping leases alive, and letting go of work whose lease is lost.

One thread a process beats for all of its attempts. It also carries the word of people to them:
a cancellation asked for in the database, a run whose time is up.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from runs import selectors
from runs.execution.process import process_identity
from runs.querysets import leases_renew
from runs.types import WorkerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.execution.process import Cancellation
    from runs.models import Attempt

logger = logging.getLogger(__name__)

# How often people's requests are looked for: what Ctrl-C and a cancel button feel like.
LOOK_SECONDS = 0.5
LINGER_SECONDS = 5.0

LEASE_LOST = "lease lost"
CANCELLED = "cancelled"
TIME_IS_UP = "time is up"


@lru_cache(maxsize=1)
def _worker_identity(pid: int) -> WorkerIdentity:
    me = process_identity()
    # The name outlives a reused pid.
    worker = f"{settings.AUTOPACK_HOST}:{pid}:{uuid.uuid4().hex[:8]}"
    return WorkerIdentity(worker, settings.AUTOPACK_HOST, pid, me.started, me.boot_id)


def worker_identity() -> WorkerIdentity:
    """Who we are on a lease; the same for the whole life of this process."""
    return _worker_identity(os.getpid())


@dataclass(slots=True)
class _Held:
    run_pk: int
    cancellation: Cancellation
    beat_at: float


class LeaseKeeper:
    """Renews what this process holds. One a process: `keeper()`."""

    def __init__(self) -> None:
        self._held: dict[int, _Held] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    @contextmanager
    def hold(self, attempt: Attempt, cancellation: Cancellation) -> Iterator[None]:
        """Beat for `attempt` inside; `cancellation` is requested when it must stop.

        Its reason is LEASE_LOST, CANCELLED or TIME_IS_UP.
        """
        with self._lock:
            self._held[attempt.pk] = _Held(attempt.phase.run_id, cancellation, time.monotonic())
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat_on, daemon=True, name="leases")
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._held[attempt.pk]
                if not self._held:
                    self._wake.set()

    def _beat_on(self) -> None:
        beat_due = time.monotonic() + settings.AUTOPACK_BEAT_SECONDS
        idle_since = 0.0
        try:
            while True:
                self._wake.wait(LOOK_SECONDS)
                with self._lock:
                    self._wake.clear()
                    held = dict(self._held)
                    # A thread that lingers saves its start for the next attempt.
                    if not held and idle_since and time.monotonic() - idle_since > LINGER_SECONDS:
                        self._thread = None
                        return
                if not held:
                    idle_since = idle_since or time.monotonic()
                    connection.close()
                    continue
                idle_since = 0.0
                if self._serve(held, is_beat_due=time.monotonic() >= beat_due):
                    beat_due = time.monotonic() + settings.AUTOPACK_BEAT_SECONDS
        finally:
            connection.close()

    def _serve(self, held: dict[int, _Held], *, is_beat_due: bool) -> bool:
        """Look for people's requests, and beat when it is due; True when a beat was made."""
        try:
            self._look(held)
            if is_beat_due:
                self._beat(held)
        except DatabaseError as error:
            logger.warning("No beat: %s", error)
            connection.close()
            is_beat_due = False
        self._give_up_late(held)
        return is_beat_due

    def _beat(self, held: dict[int, _Held]) -> None:
        pks = list(held)
        if leases_renew(pks, lease_seconds=settings.AUTOPACK_LEASE_SECONDS) != len(pks):
            running = selectors.attempts_running(pks)
            for pk in set(pks) - running:
                held[pk].cancellation.request(LEASE_LOST)
        for each in held.values():
            each.beat_at = time.monotonic()

    def _look(self, held: dict[int, _Held]) -> None:
        for run_pk, reason in selectors.runs_to_stop({each.run_pk for each in held.values()}):
            for each in held.values():
                if each.run_pk == run_pk:
                    each.cancellation.request(reason)

    def _give_up_late(self, held: dict[int, _Held]) -> None:
        # Three quarters of a lease: our tree is dead before anyone else may claim.
        patience = settings.AUTOPACK_LEASE_SECONDS * 0.75
        for each in held.values():
            if time.monotonic() - each.beat_at > patience:
                each.cancellation.request(LEASE_LOST)


_keeper: tuple[int, LeaseKeeper] | None = None


def keeper() -> LeaseKeeper:
    """This process's keeper; a fork gets its own."""
    global _keeper  # noqa: PLW0603 (one a process is the point)
    if _keeper is None or _keeper[0] != os.getpid():
        _keeper = (os.getpid(), LeaseKeeper())
    return _keeper[1]
