"""A command of a plan that waits until the test lets it go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.runs.execution.plans import sh
from tests.runs.execution.processes import pid_in

if TYPE_CHECKING:
    from pathlib import Path


class Gate:
    """`check` is a validation command: it says that it is there, and waits for `open`."""

    def __init__(self, folder: Path, name: str = "gate") -> None:
        self._here = folder / f"{name}.pid"
        self._open = folder / f"{name}.open"

    @property
    def check(self) -> list[str]:
        script = 'echo $$ > "$1.new" && mv "$1.new" "$1"; while [ ! -e "$2" ]; do sleep 0.02; done'
        return sh(script, self._here, self._open)

    def reached(self) -> int:
        """Waits until the command is there; its process id."""
        return pid_in(self._here)

    def open(self) -> None:
        self._open.touch()
