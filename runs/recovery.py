"""REPAIRS: attempts whose worker is gone."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models.functions import Now

from runs.execution.leases import worker_identity
from runs.execution.process import (
    ProcessIdentity,
    process_identity,
    process_is_alive,
    process_tree_kill,
)
from runs.models import Attempt
from runs.querysets import attempt_abandon
from runs.states import PhaseState

if TYPE_CHECKING:
    from runs.models import Run

logger = logging.getLogger(__name__)

CRASH_LIMIT = 3
# From SIGTERM to SIGKILL for a holder that hangs.
KILL_SECONDS = 2.0


def run_recover(run: Run) -> list[Attempt]:
    """Give back the phases of `run` whose worker is dead; returns the attempts of living ones.

    A dead process of this host (another start time, another boot) is known at once; for one of
    another host its lease must have expired.
    """
    alive = []
    running = Attempt.objects.filter(phase__run=run, outcome="").select_related("phase")
    expired = set(running.filter(lease_expires_at__lt=Now()).values_list("pk", flat=True))
    me, here = worker_identity(), process_identity().host
    for attempt in running:
        if attempt.worker == me.worker:
            continue  # another thread of ours
        if attempt.host == me.host:
            holder = ProcessIdentity(
                pid=attempt.pid, started=attempt.pid_started, boot_id=attempt.boot_id, host=here
            )
            gone = not process_is_alive(holder)
            # Alive but late: it may only be slow. Its own keeper lets go before the lease ends; one
            # that has not even done that hangs, and is ended before its work is given away.
            if not gone and attempt.pk in expired and _is_past_grace(attempt):
                if attempt.pid != os.getpid():
                    process_tree_kill(holder, KILL_SECONDS)
                gone = True
        else:
            gone = attempt.pk in expired
        if not gone:
            alive.append(attempt)
            continue
        _abandon(attempt)
    return alive


def _is_past_grace(attempt: Attempt) -> bool:
    from datetime import timedelta

    grace = timedelta(seconds=settings.AUTOPACK_GRACE_SECONDS)
    return Attempt.objects.filter(pk=attempt.pk, lease_expires_at__lt=Now() - grace).exists()


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
