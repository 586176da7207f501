"""What messages of the queue call: thin, with ids only. Names and arguments stay: old messages may
still be in the queue when new code starts."""

from __future__ import annotations

import logging

from runs import queue
from runs.execution.working import Shift, let_go

logger = logging.getLogger(__name__)


def work(run_pk: int) -> None:
    """Look whether something of a run (or of another one) can be done, and do it.

    Whatever happens is in the rows; for the queue a message is always done with. django-q2 runs
    again, for ever, what ends its worker, and its time-out is a SystemExit.
    """
    try:
        Shift(queue.wake, queue.waiting).work(run_pk)
    except BaseException:
        logger.exception("A wake-up for run %s broke off; recovery will look again", run_pk)
        let_go()
