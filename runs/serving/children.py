"""The processes below a supervisor: kept alive, ended for certain."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from django.conf import settings

from runs.execution.process import (
    ProcessIdentity,
    process_identity,
    process_tree_kill,
    service_open,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

MANAGE = Path(settings.BASE_DIR) / "manage.py"
# Waits before a child that keeps dying is started again; one that lived for a while starts at once.
BACKOFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
SETTLED_SECONDS = 60.0


@dataclass(slots=True)
class Child:
    """A `manage.py service NAME` of ours."""

    name: str
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    restarts: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _identity: ProcessIdentity | None = None
    _started_at: float = 0.0
    _deaths: int = 0
    _start_at: float = 0.0

    def start(self) -> None:
        # It is told who its parent is: until it asks, that may be dead already.
        argv = [sys.executable, str(MANAGE), "service", self.name, "--parent", str(os.getpid())]
        argv += self.arguments
        env = {**settings.AUTOPACK_SECRET_ENVIRONMENT, **(self.env or {})}
        self._process = service_open(argv, env=env)
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            self._identity = process_identity(self._process.pid)
        self._started_at = time.monotonic()

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look(self) -> None:
        """Start it again when it has died, later and later when it keeps dying."""
        if self.is_running:
            return
        now = time.monotonic()
        if self._process is not None:
            code, self._process = self._process.returncode, None
            self._deaths = 0 if now - self._started_at > SETTLED_SECONDS else self._deaths + 1
            wait = BACKOFF_SECONDS[min(self._deaths, len(BACKOFF_SECONDS) - 1)]
            self._start_at = now + wait
            logger.error(
                "%s ended (exit code %s); it is started again in %g s.", self.name, code, wait
            )
            self.restarts += 1
        if now >= self._start_at:
            try:
                self.start()
            except OSError as error:
                self._start_at = now + BACKOFF_SECONDS[-2]
                logger.error("%s cannot be started, tried again soon: %s", self.name, error)  # noqa: TRY400 (the message says it all)

    def pids(self) -> list[int]:
        """Its process and all below it."""
        if not self.pid:
            return []  # 0 is a process on some systems
        try:
            root = psutil.Process(self.pid)
            return [root.pid, *(each.pid for each in root.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def ask_to_stop(self) -> None:
        """SIGTERM to it alone: what is below it hears of it from it. On Windows (not run there)
        Ctrl-Break, which ends it and all below it at once."""
        if self._process is None or not self.is_running:
            return
        how = signal.SIGTERM
        if sys.platform == "win32":
            how = signal.CTRL_BREAK_EVENT
        with contextlib.suppress(OSError):
            self._process.send_signal(how)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within that time."""
        if self._process is None:
            return True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """End it and everything below it, now."""
        if self._process is None:
            return
        if self._identity is not None:
            process_tree_kill(self._identity, 0.0)
        self._process.kill()
        self._process.wait()
