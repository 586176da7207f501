"""A bell between processes of one host: who waits for messages need not look again and again.

Each listener has a named pipe in a folder; ringing writes a byte into all of them. Where there are
no named pipes (Windows) listeners sleep, and look. A ring that gets lost costs a look's delay.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
import time
from pathlib import Path

from django.conf import settings

HAS_PIPES = hasattr(os, "mkfifo")
# A pipe that nobody listens to is left by a dead process; one that was just made is not.
STALE_SECONDS = 60.0
# How often a listener looks that has no pipe.
DEAF_SECONDS = 0.05


def bells_folder() -> Path:
    return Path(settings.AUTOPACK_HOME) / "bells"


def ring() -> None:
    """Wake every listener of this host."""
    if not HAS_PIPES:
        return
    try:
        with os.scandir(bells_folder()) as entries:
            pipes = [Path(entry.path) for entry in entries]
    except OSError:
        return  # nobody listens, or not to us
    for pipe in pipes:
        _ring_one(pipe)


def _ring_one(pipe: Path) -> None:
    if sys.platform == "win32":
        return
    try:
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            with contextlib.suppress(OSError):
                if time.time() - pipe.stat().st_mtime > STALE_SECONDS:
                    pipe.unlink()
        return
    try:
        # Full: it has been rung often enough.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):
            os.write(descriptor, b"!")
    finally:
        os.close(descriptor)


class Listener:
    """This process's pipe. Made when first needed, again in a fork."""

    def __init__(self) -> None:
        self._pid = 0
        self._descriptor = -1

    def wait(self, seconds: float) -> None:
        """Return when the bell is rung, or was since the last wait, or after `seconds`."""
        if self._pid != os.getpid() and not self._is_opened():
            time.sleep(min(seconds, DEAF_SECONDS))
            return
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._descriptor, 1 << 12)

    def _is_opened(self) -> bool:
        """Whether there is a pipe now: not on Windows, nor on a disk that is full."""
        if sys.platform == "win32":
            return False
        folder = bells_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            pipe = folder / f"{os.getpid()}-{time.time_ns()}"
            os.mkfifo(pipe, 0o600)
            # Also for writing, so that it never looks closed when the last ringer leaves.
            self._descriptor = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        except OSError:
            return False
        self._pid = os.getpid()
        return True
