"""CPU of one thread, told apart at the doors of the engine: cheap enough not to change it.

cProfile charges each call, so code of many small calls looks too dear. Here only some functions
are wrapped, and each gets what is spent inside it but not inside another one of them.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DOORS = (
    "runs.execution.driver:run_drive",
    "runs.execution.driver:_Loop._is_over",
    "runs.execution.driver:_Loop._start",
    "runs.execution.driver:Drive.execute",
    "runs.execution.driver:Drive.close",
    "runs.execution.opening:run_open",
    "runs.execution.engine:phase_execute",
    "runs.execution.stages:prepare_and_build",
    "runs.execution.stages:commit_candidate",
    "runs.execution.stages:govern_diff",
    "runs.execution.stages:validate_candidate",
    "runs.execution.attempt_reports:attempt_report",
    "runs.execution.attempt_reports:attempt_artifacts",
    "runs.execution.endings:run_conclude",
    "runs.execution.endings:publish",
    "runs.execution.process:execute",
    "runs.execution.repository.coprocess:Coprocess.ask",
    "runs.execution.bench:Bench.note",
    "runs.execution.worktrees:tree_fingerprint",
    "runs.execution.worktrees:workspace_acquire",
    "runs.querysets:run_transition",
    "runs.querysets:run_start",
    "runs.querysets:phases_queue",
    "runs.querysets:phase_claim",
    "runs.querysets:attempt_finish",
    "runs.selectors:run_phases",
    "runs.services:run_queue",
)


class Segments:
    """CPU seconds and calls by door. For one thread."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self._open: list[str] = []
        self._since = time.thread_time()

    def _charge(self) -> None:
        now = time.thread_time()
        self.seconds[self._open[-1] if self._open else "(outside)"] += now - self._since
        self._since = now

    def door(self, label: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def through(*args: Any, **kwargs: Any) -> Any:
            self._charge()
            self._open.append(label)
            self.calls[label] += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._open.pop()

        return through

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Every door wrapped, wherever a module of ours has imported it to."""
        with contextlib.ExitStack() as stack:
            for door in DOORS:
                for owner, name, function in _places(door):
                    new = self.door(door.partition(":")[2], function)
                    stack.enter_context(mock.patch.object(owner, name, new))
            self._since = time.thread_time()
            yield
            self._charge()

    def print(self, per: int) -> None:
        print("\nCPU of our own Python by its doors (own: without the other doors below):")
        print("  own ms a phase, calls a phase")
        for label, seconds in self.seconds.most_common():
            print(f"  {seconds * 1000 / per:7.3f} {self.calls[label] / per:6.2f} {label}")
        print(f"  {sum(self.seconds.values()) * 1000 / per:7.3f} altogether")


def _places(door: str) -> list[tuple[object, str, Callable[..., Any]]]:
    module_name, _, path = door.partition(":")
    owner: Any = importlib.import_module(module_name)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part, None)
    function = getattr(owner, name, None)
    if function is None:
        print(f"  (no {door} any more: not measured)")
        return []
    places: list[tuple[object, str, Callable[..., Any]]] = [(owner, name, function)]
    if not outer:
        places += [
            (module, name, function)
            for module_name, module in list(sys.modules.items())
            if module_name.startswith("runs.")
            and module is not owner
            and vars(module).get(name) is function
        ]
    return places
