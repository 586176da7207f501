"""A long-lived program that answers questions on its standard input, one at a time."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

from runs.execution.process import OutputTooLarge, pipe_open

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path


class CoprocessFailed(Exception):
    """The program ended without an answer. The next question starts a new one."""


class Coprocess:
    """Starts `argv` when first asked, again after a failure; thread-safe.

    It ends when its standard input closes, so it cannot outlive us.
    """

    def __init__(
        self, argv: tuple[str, ...], env: Mapping[str, str], cwd: Path, *, stays: bool = True
    ) -> None:
        self._argv, self._env, self._cwd, self._stays = argv, env, cwd, stays
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def ask(self, question: bytes, end: bytes, *, max_bytes: int = 1 << 20) -> bytes:
        """Write `question`; return what comes up to and with `end`.

        Raises CoprocessFailed, or OutputTooLarge when more than `max_bytes` came without `end`.
        """
        with self._lock:
            process = self._running()
            is_whole = False
            try:
                answer = self._exchange(process, question, end, max_bytes)
                is_whole = True
                return answer
            finally:
                # Half an answer would be read as the next one's beginning.
                if not (is_whole and self._stays):
                    self._stop()

    def _exchange(
        self, process: subprocess.Popen[bytes], question: bytes, end: bytes, max_bytes: int
    ) -> bytes:
        assert process.stdin is not None  # noqa: S101 (pipe_open always gives both pipes)
        assert process.stdout is not None  # noqa: S101
        answer = bytearray()
        try:
            os.write(process.stdin.fileno(), question)
            while not answer.endswith(end):
                part = os.read(process.stdout.fileno(), 1 << 16)
                if not part:
                    raise CoprocessFailed(f"{' '.join(self._argv[:3])} ended without an answer.")
                answer += part
                if len(answer) > max_bytes:
                    raise OutputTooLarge(f"An answer of more than {max_bytes} bytes.")
        except OSError as error:
            raise CoprocessFailed(f"{' '.join(self._argv[:3])}: {error}") from error
        return bytes(answer)

    def _running(self) -> subprocess.Popen[bytes]:
        # A fork of ours must not share the pipes of its parent.
        if self._process is None or self._pid != os.getpid() or self._process.poll() is not None:
            self._stop()
            self._process = pipe_open(self._argv, env=self._env, cwd=self._cwd)
            self._pid = os.getpid()
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._pid == os.getpid():
            process.kill()
            process.wait()

    def close(self) -> None:
        with self._lock:
            self._stop()
