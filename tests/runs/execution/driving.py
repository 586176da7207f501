"""Driving a run in a test, always within a bound: a driver that would never end fails the test."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from runs.execution.driver import Drive, run_drive
from runs.models import Attempt, Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.models import Run
    from runs.types import AttemptReport


def drive(run: Run, *, parallel: int = 2, within: float = 30.0) -> list[AttemptReport]:
    """Execute `run` as far as it goes and read it anew; the reports in the order they came.

    After `within` seconds it is cancelled, and the assertion says so.
    """
    reports: list[AttemptReport] = []
    driving = Drive(run=run, parallel=parallel, listener=reports.append)
    overdue = threading.Event()

    def stop() -> None:
        overdue.set()
        driving.request_stop()
        connection.close()

    timer = threading.Timer(within, stop)
    timer.start()
    try:
        run_drive(driving)
    finally:
        timer.cancel()
        timer.join()
    run.refresh_from_db()
    assert not overdue.is_set(), f"The run did not end within {within:g} s: {run.explanation}"
    return reports


class Background:
    """A run being driven by a thread. Calling it waits for the end, at most `within` seconds."""

    def __init__(self, run: Run, parallel: int) -> None:
        self.run = run
        self.driving = Drive(run=run, parallel=parallel)
        self._faults: list[BaseException] = []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        try:
            run_drive(self.driving)
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            self._faults.append(fault)
        finally:
            connection.close()

    def __call__(self, within: float = 30.0) -> None:
        self._thread.join(within)
        assert not self._thread.is_alive(), "the driver did not end"
        assert not self._faults, self._faults
        self.run.refresh_from_db()

    def stop(self) -> None:
        if self._thread.is_alive():
            self.driving.request_stop()
            self._thread.join(30.0)


@contextmanager
def in_background(run: Run, *, parallel: int = 2) -> Iterator[Background]:
    """Drive `run` in a thread, which is stopped at the end."""
    background = Background(run, parallel)
    try:
        yield background
    finally:
        background.stop()


def phase_of(run: Run, key: str) -> Phase:
    return run.phases.get(key=key)


def attempts_of(run: Run, key: str) -> list[Attempt]:
    return list(Attempt.objects.filter(phase__run=run, phase__key=key).order_by("number"))


def outcomes(run: Run) -> dict[str, list[str]]:
    """The outcomes of the attempts of each phase, in order."""
    return {
        phase.key: [attempt.outcome for attempt in phase.attempts.order_by("number")]
        for phase in run.phases.order_by("position")
    }
