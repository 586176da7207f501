"""Drives one run in this process until nothing of it can go on: what `execute_run` does.

Decisions are runs.scheduling's, work is runs.execution.engine's; this is the loop between them.
Two drivers of one run do no harm: claims are compare-and-set, and each does what it wins.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection

from runs import dispatching, scheduling, selectors, services
from runs.execution import troubles
from runs.execution.endings import IN_PROGRESS, run_conclude
from runs.execution.engine import MACHINERY, phase_execute
from runs.execution.leases import CANCELLED
from runs.execution.opening import run_open
from runs.execution.process import Cancellation
from runs.execution.worktrees import PoolUnusable, Workspace, workspace_acquire
from runs.logs import log_context
from runs.querysets import phases_queue, run_pause, run_refresh, run_request_cancel
from runs.states import RUN_TERMINAL, PhaseState, RunState, Trigger

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.execution.session import Session
    from runs.models import Phase, Run
    from runs.types import AttemptReport

logger = logging.getLogger(__name__)

# How long to wait before looking again for what another process may have changed.
LOOK_SECONDS = 0.5
SHUT_SECONDS = 60.0


@dataclass(slots=True)
class Drive:
    """One run being driven, with up to `parallel` phases at once."""

    run: Run
    parallel: int = 2
    trigger: Trigger = Trigger.CLI
    listener: Callable[[AttemptReport], None] | None = None
    # Whether it stays while others are at work, or nothing can start yet. A worker does not.
    waits: bool = True
    # Asked between two phases: whether to start another one.
    goes_on: Callable[[], bool] = lambda: True
    # Told that so many phases more could start beside the one that does.
    spread: Callable[[int], None] | None = None
    # Attempts that were made.
    attempts: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    broken: str = ""
    _cancellations: set[Cancellation] = field(default_factory=set)
    _idle: list[Workspace] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request_stop(self) -> None:
        """Start nothing more and cancel what runs. Not inside a signal handler: it locks."""
        self.stop.set()
        run_request_cancel(self.run.pk)
        with self._lock:
            for cancellation in self._cancellations:
                cancellation.request(CANCELLED)

    def execute(self, session: Session, phase: Phase) -> AttemptReport | None:
        """One attempt in a worktree of ours; None when it was not ours to make."""
        cancellation = Cancellation()
        with self._lock:
            self._cancellations.add(cancellation)
            workspace = self._idle.pop() if self._idle else None
        try:
            with log_context(run=self.run.run_id, phase=phase.key):
                if workspace is None:
                    workspace = workspace_acquire(session.mirror, session.run.base_commit)
                report = phase_execute(session, phase, workspace, cancellation)
                self.attempts += report is not None
                return report
        except (PoolUnusable, *MACHINERY) as error:
            # No attempt was made: without a worktree none can be.
            self.broken = f"No worktree could be prepared. {troubles.explain(error)}"
            return None
        finally:
            with self._lock:
                self._cancellations.discard(cancellation)
                if workspace is not None:
                    self._idle.append(workspace)

    def close(self) -> None:
        """Give the worktrees back."""
        with contextlib.ExitStack() as stack:
            while self._idle:
                stack.callback(self._idle.pop().release)


def run_drive(drive: Drive) -> RunState:
    """Execute `drive.run` as far as it goes; returns the state it is left in.

    Raises RunConflict for a run that has ended. What a run can meet ends in its state and
    explanation, never in an exception.
    """
    run = drive.run
    with log_context(run=run.run_id):
        services.run_queue(run, trigger=drive.trigger)
        while (session := run_open(run)) is None and _is_held(drive):
            drive.stop.wait(LOOK_SECONDS)
        if session is not None:
            _Loop(drive, session).go()
        run_refresh(run)
        return RunState(run.state)


def _is_held(drive: Drive) -> bool:
    """Whether the run waits for another one of its project, and we with it."""
    run_refresh(drive.run)
    is_held = drive.run.state == RunState.QUEUED.value
    return is_held and drive.waits and not drive.stop.is_set()


class _Loop:
    """Start what may start, wait for what runs, end the run when neither is left."""

    def __init__(self, drive: Drive, session: Session) -> None:
        self.drive, self.session = drive, session
        self.run = drive.run
        self.futures: dict[Future[AttemptReport | None], Phase] = {}
        self.pool: ThreadPoolExecutor | None = None
        self.phases = selectors.run_phases(self.run.pk)
        self.scopes = {phase.pk: session.plan_of(phase).scope for phase in self.phases}
        self.is_idle = False
        self.held = ""
        self.look_at = 0.0

    def go(self) -> None:
        try:
            while not (not self.futures and self._is_over()):
                if not self.futures and not self._goes_on():
                    run_pause(self.run.pk, explanation=self.held or "Waits for a worker.")
                    break
                self.is_idle = not self._start()
                if self.futures:
                    self._wait()
                elif self.is_idle:
                    self._look_again()
        finally:
            if self.pool is not None:
                self._shut(self.pool)
            self.drive.close()

    def _shut(self, pool: ThreadPoolExecutor) -> None:
        """Each of the pool's threads has a connection of its own, which only it can close."""
        everyone = threading.Barrier(self.drive.parallel)

        def close() -> None:
            # Or one thread would do it twice, and another one never.
            with contextlib.suppress(threading.BrokenBarrierError):
                everyone.wait(SHUT_SECONDS)
            connection.close()

        for _ in range(self.drive.parallel):
            pool.submit(close)
        pool.shutdown(wait=True)

    def _look_again(self) -> None:
        """Others are at it, or it is not time yet: see what has changed, after a while if we stay.

        Who does not stay must have seen the last of it: the one who ends a phase last goes on.
        """
        if self.drive.waits:
            self.drive.stop.wait(LOOK_SECONDS)
        self.phases = selectors.run_phases(self.run.pk)
        if not self.drive.waits and self._may_start() and self._startable():
            self.is_idle = False

    def _goes_on(self) -> bool:
        return (self.drive.waits or not self.is_idle) and self.drive.goes_on()

    def _is_over(self) -> bool:
        """Whether the run can go no further here; concludes it when it can go nowhere at all."""
        if self.drive.stop.is_set():
            run_request_cancel(self.run.pk)
        self._look()
        return RunState(self.run.state) in RUN_TERMINAL or run_conclude(
            self.session,
            self.run,
            self.phases,
            is_idle=self.is_idle,
            broken=self.drive.broken,
        )

    def _look(self) -> None:
        """Read again what others may have changed. Between two phases that follow at once there is
        nothing to see that the keeper of the leases does not see too, unless money is counted."""
        is_capped = self.run.token_cap is not None or self.run.cost_cap_usd is not None
        states = {phase.state for phase in self.phases}
        goes_on = states <= IN_PROGRESS and not states <= scheduling.DONE
        now = time.monotonic()
        if is_capped or self.is_idle or not goes_on or now >= self.look_at:
            run_refresh(self.run)
            self.look_at = now + LOOK_SECONDS

    def _start(self) -> bool:
        """Start what may start; whether anything has changed by it."""
        if not self._may_start():
            return False
        startable = self._startable()
        if len(startable) == 1 and not self.futures:
            # The usual chain of phases: no thread and no connection of its own.
            self._take(self.drive.execute(self.session, startable[0]))
        else:
            # Those that do not start now are seen to wait.
            phases_queue(
                [
                    phase
                    for phase in scheduling.phases_ready(self.phases)
                    if phase.state == PhaseState.PENDING.value and phase not in startable
                ]
            )
            for phase in startable:
                self.futures[self._submit(phase)] = phase
        return bool(startable)

    def _may_start(self) -> bool:
        return not (self.drive.stop.is_set() or self.drive.broken or self._has_failed())

    def _startable(self) -> list[Phase]:
        slots = self.drive.parallel - len(self.futures)
        could = [
            phase
            for phase in scheduling.phases_startable(
                self.phases,
                self.scopes,
                slots=slots if self.drive.spread is None else len(self.phases),
                starting=[phase.pk for phase in self.futures.values()],
            )
            if not services.phase_needs_approval(self.run, phase) and self._has_room(phase)
        ]
        if self.drive.spread is not None and len(could) > slots > 0:
            self.drive.spread(len(could) - slots)
        return could[: max(0, slots)]

    def _has_room(self, phase: Phase) -> bool:
        backend = self.session.plan_of(phase).builder.backend
        waits_for = dispatching.room_checker(self.run, backend)
        self.held = waits_for() if waits_for else ""
        return not self.held

    def _submit(self, phase: Phase) -> Future[AttemptReport | None]:
        if self.pool is None:
            self.pool = ThreadPoolExecutor(
                max_workers=self.drive.parallel, thread_name_prefix=self.run.run_id
            )
        return self.pool.submit(self.drive.execute, self.session, phase)

    def _wait(self) -> None:
        done, _ = wait(self.futures, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            self.futures.pop(future)
            self._take(future.result())

    def _take(self, report: AttemptReport | None) -> None:
        if report is None:
            # Another worker has it, or it was lost: what we remember is old.
            self.phases = selectors.run_phases(self.run.pk)
        elif self.drive.listener:
            self.drive.listener(report)

    def _has_failed(self) -> bool:
        return any(phase.state == PhaseState.FAILED.value for phase in self.phases)
