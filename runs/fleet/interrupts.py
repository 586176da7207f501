"""Ctrl-C once: stop cleanly. Twice: leave at once."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

from runs.fleet.defaults import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


JOIN_SECONDS = 5.0

_SHOW_CURSOR = "\x1b[?25h"
_LEAVING = (
    "Leaving now. What is COMPLETE stays. A run that was being cancelled ends as CANCELLED when it "
    "is executed next; then take it up again with: manage.py run_retry RUN_ID\n"
)


class Interrupts:
    """While it is entered, the first SIGINT or SIGTERM calls `on_first` and a second one ends this
    process with 130; the runners of its commands see that and kill what they run.

    Nothing is done inside the signal handler, where any lock may be held by the very code that was
    interrupted: Python writes the signal's number into a socket (also while the main thread sits
    in a call of C), and a thread of ours reads it. Outside the main thread it does nothing, since
    signals cannot be had there. The Windows form (SIGBREAK beside SIGINT) was not run.
    """

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._before: dict[int, Any] = {}
        self._wakeup_before = -1
        self._thread: threading.Thread | None = None
        self._stopping: threading.Thread | None = None
        self._reader: socket.socket | None = None
        self._writer: socket.socket | None = None

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread():
            return self
        # Who started us ignoring it (nohup, a shell's background job) is obeyed.
        self._before = {
            number: handler
            for number in _signals()
            if (handler := signal.getsignal(number)) is not signal.SIG_IGN
        }
        self._reader, self._writer = socket.socketpair()
        self._writer.settimeout(0)  # what set_wakeup_fd asks for
        self._thread = threading.Thread(
            target=self._listen, args=(self._reader,), name="interrupts", daemon=True
        )
        self._thread.start()
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in self._before:
            signal.signal(number, _nothing)
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader is None or self._writer is None or self._thread is None:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._writer.close()
        self._thread.join(timeout=JOIN_SECONDS)
        if self._stopping is not None:
            self._stopping.join(timeout=JOIN_SECONDS)
        self._reader.close()

    def _listen(self, reader: socket.socket) -> None:
        seen = 0
        while received := reader.recv(1):
            if received[0] not in self._before:
                continue
            seen += 1
            if seen > 1:
                leave()
            self._stopping = threading.Thread(target=self._on_first, name="stop", daemon=True)
            self._stopping.start()


def leave() -> None:
    """End this process, now. Its commands are killed by their runners, which see it go."""
    cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
    os.write(2, (cursor + "\n" + _LEAVING).encode())
    os._exit(EXIT_INTERRUPTED)


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler there must be, or the signal's number is not written anywhere."""
