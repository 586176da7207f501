"""A worker as simple as one can be: it drives what is QUEUED, in a thread of the test."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from runs.execution.driver import Drive, run_drive
from runs.models import Run
from runs.states import RunState

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def working() -> Iterator[None]:
    """Runs that are QUEUED are driven, one after the other, until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            run = Run.objects.filter(state=RunState.QUEUED.value).order_by("pk").first()
            if run is not None:
                run_drive(Drive(run=run))
        connection.close()

    thread = threading.Thread(target=work, name="worker")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
