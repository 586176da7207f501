"""An app for the worker processes of a benchmark: it times what is not ours, and writes it down.

Each process appends to files of its own in AUTOPACK_HOME/meter: `ends-PID` gets a line for each
attempt that ended (seconds on the machine's monotonic clock; seconds in git and in the phases' own
commands so far), `begins-PID` one for each wake-up (its run; the clock).
"""

from __future__ import annotations

import os
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import AppConfig

if TYPE_CHECKING:
    from collections.abc import Callable

GIT, COMMANDS = "git", "commands"


class Meter:
    def __init__(self) -> None:
        self.seconds = {GIT: 0.0, COMMANDS: 0.0}
        self.depth = 0

    def times(self, function: Callable[..., Any], kind: Callable[..., str]) -> Callable[..., Any]:
        """What is called inside of another one that is timed counts once."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            self.depth += 1
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:
                    self.seconds[kind(*args)] += time.perf_counter() - began

        return timed


def write(name: str, line: str) -> None:
    from django.conf import settings

    folder = Path(settings.AUTOPACK_HOME) / "meter"
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}-{os.getpid()}").open("a") as file:
        file.write(f"{line}\n")


class Metered(AppConfig):
    name = "benchmarks.metered"

    def ready(self) -> None:
        from runs import tasks
        from runs.execution import process
        from runs.execution.repository.coprocess import Coprocess
        from runs.execution.repository.objects import ObjectStore
        from runs.signals import attempt_finished

        meter = Meter()

        def is_git(request: dict[str, Any], *_: Any) -> str:
            return GIT if Path(request["argv"][0]).name == "git" else COMMANDS

        # Git as a process, git that stays and is asked, and libgit2's commit.
        process.execute = meter.times(process.execute, is_git)
        Coprocess.ask = meter.times(Coprocess.ask, lambda *_: GIT)
        ObjectStore.commit_index = meter.times(ObjectStore.commit_index, lambda *_: GIT)

        def ended(**_: Any) -> None:
            seconds = meter.seconds
            write("ends", f"{time.perf_counter()} {seconds[GIT]} {seconds[COMMANDS]}")

        attempt_finished.connect(ended, weak=False)
        work = tasks.work

        def begun(run_pk: int) -> None:
            began = time.perf_counter()
            write("begins", f"{run_pk} {began}")
            work(run_pk)

        tasks.work = begun
