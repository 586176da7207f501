"""Drives many runs at once: starts them, watches them, gives up on them, stops them all.

One thread a running job blocks in its executor; the main thread does everything else, four times
a second at least, so that a request to stop is honoured at once.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from django.db import Error as DatabaseError
from django.db import connection

from runs.execution.process import Cancellation
from runs.fleet.types import JobEnd, JobResult, Outcome, Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runs.fleet.types import Display, Executor, Progress

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.1
LOOK_SECONDS = 0.5
# What a run gets to end cleanly once it was asked to: its commands have 5 s of grace, and what it
# has done is published. Then its process is killed.
CLEAN_END_SECONDS = 30.0

STOPPING = (
    "Stopping: nothing more is started, what runs is cancelled cleanly. Once more to leave at once."
)

STATUS = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.ALREADY_DONE: "done before",
    Outcome.TIMED_OUT: "out of patience",
    Outcome.AWAITING_APPROVAL: "waits for approval",
    Outcome.NOT_STARTED: "not started",
    Outcome.LOST: "lost sight of",
}


@dataclass(slots=True)
class _Job:
    run_id: str
    started: float
    cancellation: Cancellation = field(default_factory=Cancellation)
    cancel_asked: float | None = None
    is_cancelled: bool = False
    is_out_of_patience: bool = False


class Fleet:
    """Runs to drive with one executor. `request_stop` may be called from any thread."""

    def __init__(
        self,
        executor: Executor,
        display: Display,
        *,
        max_concurrent: int,
        timeout_seconds: float,
    ) -> None:
        self._executor = executor
        self._display = display
        self._max_concurrent = max_concurrent
        self._timeout = timeout_seconds
        self._stop = threading.Event()
        self._waiting: list[str] = []
        self._jobs: dict[Future[JobEnd], _Job] = {}
        self._results: dict[str, JobResult] = {}
        self._progress: dict[str, Progress] = {}
        self._seen_ended: set[str] = set()
        self._look_due = 0.0
        self._has_said_stop = False

    def request_stop(self) -> None:
        """Start nothing more and end what runs, cleanly."""
        self._stop.set()

    @property
    def is_stopped(self) -> bool:
        return self._stop.is_set()

    def go(self, run_ids: Sequence[str], done: frozenset[str] = frozenset()) -> list[JobResult]:
        """Drive these runs; one result each, in their order. Those in `done` are not driven."""
        for run_id in run_ids:
            if run_id in done:
                self._results[run_id] = JobResult(run_id, Outcome.ALREADY_DONE, "Done before.")
            else:
                self._waiting.append(run_id)
        pool = ThreadPoolExecutor(max_workers=self._max_concurrent, thread_name_prefix="fleet")
        try:
            while self._jobs or (self._waiting and not self.is_stopped):
                self._start(pool)
                self._collect()
                self._cancel_what_must()
                self._look(run_ids)
        finally:
            # Nothing is left here unless something of ours broke: then no job may stay behind.
            for job in self._jobs.values():
                job.cancellation.request("run_parallel ends")
            pool.shutdown(wait=True, cancel_futures=True)
        for run_id in self._waiting:
            self._results[run_id] = JobResult(
                run_id, Outcome.NOT_STARTED, "Not started: it was asked to stop before."
            )
        self._show(run_ids)
        return [self._results[run_id] for run_id in run_ids]

    def _start(self, pool: ThreadPoolExecutor) -> None:
        while self._waiting and len(self._jobs) < self._max_concurrent and not self.is_stopped:
            job = _Job(self._waiting.pop(0), time.monotonic())
            future = pool.submit(self._executor.execute, job.run_id, job.cancellation)
            self._jobs[future] = job

    def _collect(self) -> None:
        done, _ = wait(self._jobs, timeout=TICK_SECONDS, return_when=FIRST_COMPLETED)
        for future in done:
            job = self._jobs.pop(future)
            self._results[job.run_id] = self._result(job, future.result())
            self._look_due = min(self._look_due, time.monotonic() + TICK_SECONDS)

    def _result(self, job: _Job, end: JobEnd) -> JobResult:
        if job.is_out_of_patience and end.outcome is not Outcome.SUCCEEDED:
            end = replace(
                end,
                outcome=Outcome.TIMED_OUT,
                explanation=f"It did not end within {self._timeout:g} s (--timeout), so it was "
                f"cancelled. {end.explanation} Take it up again with: "
                f"manage.py run_retry {job.run_id}",
            )
        return JobResult(
            run_id=job.run_id,
            outcome=end.outcome,
            explanation=end.explanation,
            seconds=round(time.monotonic() - job.started, 3),
            output=end.output,
        )

    def _cancel_what_must(self) -> None:
        if self.is_stopped and not self._has_said_stop:
            self._has_said_stop = True
            self._display.say(STOPPING)
        now = time.monotonic()
        for job in self._jobs.values():
            if not job.is_out_of_patience and now - job.started > self._timeout:
                job.is_out_of_patience = True
            if not (self.is_stopped or job.is_out_of_patience):
                continue
            if job.cancel_asked is None:
                job.cancel_asked = now
            if not job.is_cancelled:
                job.is_cancelled = self._cancel(job.run_id)
            if now - job.cancel_asked > CLEAN_END_SECONDS:
                job.cancellation.request("it did not end when it was asked to")

    def _cancel(self, run_id: str) -> bool:
        try:
            self._executor.cancel(run_id)
        except DatabaseError as error:
            logger.warning("%s is not cancelled yet: %s", run_id, error)
            connection.close()
            return False
        return True

    def _look(self, run_ids: Sequence[str]) -> None:
        if time.monotonic() >= self._look_due:
            self._look_due = time.monotonic() + LOOK_SECONDS
            self._show(run_ids)

    def _show(self, run_ids: Sequence[str]) -> None:
        running = {job.run_id: job for job in self._jobs.values()}
        # What has ended is looked at once more, and then never again.
        ended = [run_id for run_id in self._results if run_id not in self._seen_ended]
        try:
            self._progress |= self._executor.progress([*running, *ended])
            self._seen_ended.update(ended)
        except DatabaseError as error:
            # An old picture is better than none, and no reason to stop anything.
            logger.warning("The progress cannot be read: %s", error)
            connection.close()
        self._display.update([self._row(run_id, running) for run_id in run_ids])

    def _row(self, run_id: str, running: Mapping[str, _Job]) -> Row:
        progress = self._progress.get(run_id)
        result = self._results.get(run_id)
        if result is not None:
            status = STATUS.get(result.outcome, result.outcome.value)
            return Row(run_id, status, result.seconds, progress)
        job = running.get(run_id)
        if job is None:
            return Row(run_id, "waiting", 0.0)
        status = "stopping" if job.cancel_asked is not None else "running"
        return Row(run_id, status, time.monotonic() - job.started, progress)
