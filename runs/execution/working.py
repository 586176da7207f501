"""What a worker does with a wake-up: drive runs, one phase at a time, while there is something.

A worker that ends a phase takes the run's next one itself: no hand-off, and the worktree is warm.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from runs import dispatching
from runs.execution.driver import Drive, run_drive
from runs.models import Run
from runs.queue import QueueAway
from runs.queue.nodes import node_folder, node_is_draining
from runs.recovery import attempts_let_go
from runs.services import RunConflict
from runs.states import RUN_ACTIVE, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

# After so long a worker makes a new wake-up and goes home, so that django-q2 can recycle it.
TASK_SECONDS = 600.0
LOOK_SECONDS = 0.25
# How often a database that is away is tried again.
AWAY_SECONDS = 1.0


class Shift:
    """One wake-up being worked on."""

    def __init__(self, wake: Callable[[int], None], waiting: Callable[[], int]) -> None:
        self.wake, self.waiting = wake, waiting
        self.folder = node_folder(settings.AUTOPACK_NODE)
        self.until = time.monotonic() + TASK_SECONDS
        self.look_at = 0.0

    def work(self, run_pk: int) -> None:
        """Look at the run of the wake-up, then at whatever waits, until nothing can be started."""
        tried: list[int] = []
        with self._busy():
            hinted = self._hinted(run_pk)
            while run := self._next(hinted, tried):
                if not self._may_go_on():
                    # For whoever is there after us.
                    self.wake(run.pk)
                    return
                if hinted is not None and run.pk == hinted.pk:
                    hinted = None
                if self._advance(run):
                    tried.clear()  # what waited for room may have some now
                else:
                    tried.append(run.pk)

    def _hinted(self, run_pk: int) -> Run | None:
        return (
            Run.objects.filter(pk=run_pk, state__in=[state.value for state in RUN_ACTIVE])
            .select_related("project")
            .defer("structured_plan", "raw_plan")
            .first()
        )

    def _next(self, hinted: Run | None, tried: list[int]) -> Run | None:
        if hinted is not None and not dispatching.has_waiting_above(hinted.priority):
            return hinted
        return dispatching.run_next(tried) or hinted

    def _advance(self, run: Run) -> bool:
        """Drive a run as far as it goes here; whether anything came of it."""
        before = run.state
        drive = Drive(
            run=run,
            parallel=1,
            trigger=Trigger.SYSTEM,
            waits=False,
            spread=lambda more: self._spread(run, more),
        )
        # One phase at least: what waits above may not be able to start either.
        drive.goes_on = lambda: (
            self._may_go_on() and (drive.attempts == 0 or not self._gives_way(run))
        )
        try:
            after = run_drive(drive)
        except RunConflict:
            return False  # it has ended meanwhile
        return bool(drive.attempts) or (after.value != before and after not in RUN_ACTIVE)

    def _gives_way(self, run: Run) -> bool:
        """Whether a run of a higher priority waits; not asked again between phases of no length."""
        now = time.monotonic()
        if now < self.look_at:
            return False
        self.look_at = now + LOOK_SECONDS
        return dispatching.has_waiting_above(run.priority)

    def _spread(self, run: Run, more: int) -> None:
        # Too many wake-ups do no harm but cost a look each. Whoever comes spreads further.
        try:
            there = self.waiting()
        except QueueAway as away:
            logger.warning("No other worker is told: %s", away)
            return
        for _ in range(min(more, settings.AUTOPACK_WORKERS) - there):
            self.wake(run.pk)

    def _may_go_on(self) -> bool:
        return time.monotonic() < self.until and not node_is_draining()

    @contextmanager
    def _busy(self) -> Iterator[None]:
        """Leave a mark: the supervisor tells a hung cluster from a busy one by it."""
        mark = self.folder / f"busy-{os.getpid()}"
        self.folder.mkdir(parents=True, exist_ok=True)
        mark.touch()
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


def let_go() -> None:
    """Give back what a fault made this worker drop, as soon as the database answers again.

    Its process lives on, so for others it would hold its phase until the lease ends, and would
    then be killed, with whatever it does by then.
    """
    give_up_at = time.monotonic() + settings.AUTOPACK_LEASE_SECONDS
    while True:
        connection.close()  # what broke may have been this connection
        try:
            attempts_let_go()
        except DatabaseError as error:
            if time.monotonic() > give_up_at:
                logger.warning("Nothing given back, which is left to recovery: %s", error)
                return
            time.sleep(AWAY_SECONDS)
        else:
            return
