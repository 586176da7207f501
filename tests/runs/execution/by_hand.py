"""The engine driven by hand: attempts that are claimed, built and integrated in a chosen order."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection

from runs import services
from runs.agents.types import AuditResult, NullAuditor
from runs.execution.engine import phase_execute
from runs.execution.opening import run_open
from runs.execution.process import Cancellation
from runs.execution.worktrees import workspace_acquire
from runs.states import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runs.agents.types import BuildRequest, Workbench
    from runs.execution.session import Session
    from runs.models import Phase, Run
    from runs.types import AttemptReport


class Gate(NullAuditor):
    """Holds a phase's attempt between its validation and its integration until it is let go.

    It is an Auditor, so it stands exactly where a slow one would.
    """

    def __init__(self) -> None:
        self._arrived: dict[str, threading.Event] = {}
        self._open: dict[str, threading.Event] = {}

    def hold(self, phase: str) -> None:
        self._arrived[phase], self._open[phase] = threading.Event(), threading.Event()

    def wait_for(self, phase: str) -> None:
        assert self._arrived[phase].wait(30.0), f"{phase} did not get as far as its integration"

    def let_go(self, phase: str) -> None:
        self._open[phase].set()

    def audit(self, request: BuildRequest, diff: bytes, bench: Workbench) -> AuditResult:
        key = request.phase.id
        if key in self._open:
            self._arrived[key].set()
            assert self._open[key].wait(30.0), "nobody let it go"
            del self._open[key]
        return super().audit(request, diff, bench)


def opened(run: Run) -> Session:
    """The session of a run that was queued and opened."""
    services.run_queue(run, trigger=Trigger.CLI)
    session = run_open(run)
    assert session is not None, run.explanation
    return session


def execute(session: Session, phase: Phase) -> AttemptReport | None:
    """One attempt of `phase` in a worktree of its own."""
    workspace = workspace_acquire(session.mirror, session.run.base_commit)
    try:
        return phase_execute(session, phase, workspace, Cancellation())
    finally:
        workspace.release()


class Attempting:
    """An attempt in a thread; calling it waits (30 s at most) and gives its report."""

    def __init__(self, session: Session, phase: Phase) -> None:
        self._result: list[Any] = []
        self._thread = threading.Thread(target=self._work, args=(session, phase))
        self._thread.start()

    def _work(self, session: Session, phase: Phase) -> None:
        try:
            self._result.append(execute(session, phase))
        except BaseException as fault:  # noqa: BLE001 -- handed to the test's own thread
            self._result.append(fault)
        finally:
            connection.close()

    def __call__(self) -> AttemptReport | None:
        self._thread.join(30.0)
        assert self._result, "the attempt did not end"
        if isinstance(self._result[0], BaseException):
            raise self._result[0]
        report: AttemptReport | None = self._result[0]
        return report


@contextmanager
def gated(session: Session, *phases: Phase) -> Iterator[tuple[Gate, list[Attempting]]]:
    """Attempts of `phases`, all validated at the same head and held before their integration."""
    gate = Gate()
    session.auditor = gate
    for phase in phases:
        gate.hold(phase.key)
    attempts = [Attempting(session, phase) for phase in phases]
    try:
        for phase in phases:
            gate.wait_for(phase.key)
        yield gate, attempts
    finally:
        for phase in phases:
            gate.let_go(phase.key) if phase.key in gate._open else None
