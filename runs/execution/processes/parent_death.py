"""Dying with one's parent: the kernel's word on Linux, a look every second elsewhere."""

from __future__ import annotations

import os
import signal
import threading
import time

PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 1.0


def kill_with_parent(parent: int) -> None:
    """Linux: SIGKILL to this process when the thread that started it ends, its process with it."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before we asked.
    if os.getppid() != parent:
        os._exit(1)


def watch_parent(parent: int) -> None:
    """Elsewhere: a thread that looks whether the parent is still there. (Not run on Windows and
    macOS yet.)"""

    def look() -> None:
        import psutil

        while psutil.pid_exists(parent) and os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        os._exit(1)

    threading.Thread(target=look, daemon=True, name="parent").start()
