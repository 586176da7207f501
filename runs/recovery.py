"""REPAIRS: attempts whose worker is gone, wake-ups that were lost, questions nobody answered."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models.functions import Now

from runs import dispatching
from runs.execution.leases import worker_identity
from runs.execution.process import (
    ProcessIdentity,
    process_identity,
    process_is_alive,
    process_tree_kill,
)
from runs.models import Attempt, Run
from runs.querysets import attempt_abandon
from runs.services import approvals_expire
from runs.states import PhaseState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime

    from django.db.models import QuerySet

logger = logging.getLogger(__name__)

CRASH_LIMIT = 3
# From SIGTERM to SIGKILL for a holder that hangs.
KILL_SECONDS = 2.0
# A run of which nothing executes is between two phases, if it is not so for longer than this.
STRANDED_SECONDS = 1.0


@dataclass(slots=True)
class _Patience:
    """Since when, by our own clock, a lease of a living process has been expired and unchanged."""

    since: dict[int, tuple[datetime, float]] = field(default_factory=dict)

    def is_over(self, attempt: Attempt) -> bool:
        """A clock that jumps makes every lease look old; a holder that lives renews its own soon.
        So a lease must stay as it is for the whole grace, measured on a clock that never jumps."""
        lease, now = attempt.lease_expires_at, time.monotonic()
        seen, since = self.since.get(attempt.pk, (None, now))
        if seen != lease:
            self.since[attempt.pk] = (lease, now)
            return False
        return now - since >= settings.AUTOPACK_GRACE_SECONDS

    def forget_all_but(self, attempt_pks: Collection[int]) -> None:
        for pk in set(self.since) - set(attempt_pks):
            del self.since[pk]


_patience = _Patience()


def run_recover(run: Run) -> list[Attempt]:
    """Give back the phases of `run` whose worker is dead; returns the attempts of living ones.

    A dead process of this host (another start time, another boot) is known at once; for one of
    another host its lease must have expired.
    """
    return _recover(list(_running().filter(phase__run=run)))


def _running() -> QuerySet[Attempt]:
    return Attempt.objects.filter(outcome="").select_related("phase")


def _recover(running: list[Attempt]) -> list[Attempt]:
    alive = []
    pks = [attempt.pk for attempt in running]
    expired = set(
        Attempt.objects.filter(pk__in=pks, lease_expires_at__lt=Now()).values_list("pk", flat=True)
    )
    me = worker_identity()
    for attempt in running:
        if attempt.worker == me.worker:
            continue  # another thread of ours
        if attempt.host == me.host:
            is_gone = _is_gone_here(attempt, is_expired=attempt.pk in expired)
        else:
            is_gone = attempt.pk in expired
        if is_gone:
            _abandon(attempt)
        else:
            alive.append(attempt)
    return alive


def _is_gone_here(attempt: Attempt, *, is_expired: bool) -> bool:
    holder = _holder(attempt)
    if not process_is_alive(holder):
        return True
    # Alive but late: it may only be slow. Its own keeper lets go before the lease ends; one
    # that has not even done that hangs, and is ended before its work is given away.
    if not is_expired or not _patience.is_over(attempt):
        return False
    if attempt.pid != os.getpid():
        process_tree_kill(holder, KILL_SECONDS)
    return True


def _holder(attempt: Attempt) -> ProcessIdentity:
    return ProcessIdentity(
        pid=attempt.pid,
        started=attempt.pid_started,
        boot_id=attempt.boot_id,
        host=process_identity().host,
    )


def _abandon(attempt: Attempt) -> None:
    crashes = attempt.phase.crashes + 1
    who = f"worker {attempt.worker} (pid {attempt.pid} on {attempt.host})"
    if crashes >= CRASH_LIMIT:
        to = PhaseState.FAILED
        said = f"Attempt {attempt.number} was lost with {who}, the {crashes}rd time: given up."
    else:
        to = PhaseState.QUEUED
        said = f"Attempt {attempt.number} was lost with {who}; the phase is queued again."
    if attempt_abandon(attempt, to, explanation=said):
        logger.warning(said)


def attempts_release(pids: Collection[int]) -> int:
    """Queue again what these processes of this host held, which were ended on purpose: that is no
    crash of theirs. Returns how many attempts it was."""
    released = 0
    for attempt in _running().filter(host=worker_identity().host, pid__in=list(pids)):
        if process_is_alive(_holder(attempt)):
            continue
        said = f"Attempt {attempt.number} was stopped with its server; the phase is queued again."
        released += attempt_abandon(attempt, PhaseState.QUEUED, explanation=said, is_crash=False)
    return released


def attempts_let_go() -> int:
    """Give back what this process holds although it is at nothing any more, because a fault broke
    it off; each counts as a crash. For a process that makes one attempt at a time, between two of
    them. Returns how many it were."""
    held = list(_running().filter(worker=worker_identity().worker))
    for attempt in held:
        _abandon(attempt)
    return len(held)


class Repairer:
    """What a supervisor runs every few seconds. Several, on several hosts, do no harm."""

    def __init__(
        self, wake: Callable[[int], None], waiting: Callable[[], int], workers: int
    ) -> None:
        self.wake, self.waiting, self.workers = wake, waiting, workers
        self._stranded: dict[int, float] = {}

    def repair(self) -> None:
        """One round: give back what the dead held, wake what should go on and does not."""
        running = list(_running())
        _patience.forget_all_but([attempt.pk for attempt in running])
        alive = {attempt.pk for attempt in _recover(running)}
        woken = {attempt.phase.run_id for attempt in running if attempt.pk not in alive}
        woken |= self._stranded_long()
        for run_pk in woken:
            self.wake(run_pk)
        for run in dispatching.runs_unconfirmed():
            approvals_expire(run)
        if not woken:
            self._wake_the_forgotten()

    def _stranded_long(self) -> set[int]:
        now = time.monotonic()
        self._stranded = {pk: self._stranded.get(pk, now) for pk in dispatching.runs_stranded()}
        return {pk for pk, since in self._stranded.items() if now - since >= STRANDED_SECONDS}

    def _wake_the_forgotten(self) -> None:
        """Runs that wait although no message says so: theirs was lost."""
        if self.waiting():
            return
        tried: list[int] = []
        while len(tried) < self.workers and (run := dispatching.run_next(tried)):
            tried.append(run.pk)
            self.wake(run.pk)
