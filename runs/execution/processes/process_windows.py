"""Commands on Windows: a job object takes the place of the runner. Not run so far, only typed.

The job kills its processes when its last handle closes, which the end of this process does too,
however it ends. The limits are held by this process, unlike on POSIX. A process could leave the
job between its creation and its assignment; `taskkill /T` at the end is for that.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from ctypes import wintypes
from pathlib import Path
from typing import IO, TYPE_CHECKING

from runs.execution.processes.command import RawResult, StartFailure
from runs.execution.processes.runner.output import Log, Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from runs.execution.processes.command import Cancellation
    from runs.execution.processes.runner.wire import Message

assert sys.platform == "win32"  # noqa: S101 -- the form by which mypy knows, too

_POLL_SECONDS = 0.05
_CHUNK_BYTES = 64 * 1024
_ERROR_BAD_EXE_FORMAT = 193
_JOB_EXTENDED_LIMITS = 9
_KILL_ON_JOB_CLOSE = 0x2000

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
_kernel32.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
_kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
_kernel32.SetInformationJobObject.argtypes = (
    wintypes.HANDLE,
    ctypes.c_int,
    wintypes.LPVOID,
    wintypes.DWORD,
)


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
        ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class _Job:
    def __init__(self) -> None:
        self._handle = _kernel32.CreateJobObjectW(None, None)
        limits = _ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
        _kernel32.SetInformationJobObject(
            self._handle, _JOB_EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )

    def take(self, process: subprocess.Popen[bytes]) -> None:
        _kernel32.AssignProcessToJobObject(self._handle, process._handle)  # type: ignore[attr-defined]  # noqa: SLF001 -- Popen shows it nowhere else

    def kill(self) -> None:
        _kernel32.TerminateJobObject(self._handle, 1)

    def close(self) -> None:
        _kernel32.CloseHandle(self._handle)


class _Execution:
    """One command: threads read its output, the caller's thread holds its limits."""

    def __init__(self, request: Message, process: subprocess.Popen[bytes], job: _Job) -> None:
        self.started_at = self.active_at = time.monotonic()
        self.cancelled = threading.Event()
        self._request = request
        self._process = process
        self._job = job
        self._log = Log(request["log"], request["log_max"])
        self._sinks = [Sink(request["head"], request["tail"]), Sink(_CHUNK_BYTES, _CHUNK_BYTES)]
        self._readers: list[threading.Thread] = []

    def start_threads(self, stdin: bytes) -> None:
        process = self._process
        for pipe, sink in zip((process.stdout, process.stderr), self._sinks, strict=True):
            if pipe is not None:
                self._thread(self._read, pipe, sink)
        if process.stdin is not None:
            self._thread(_feed, process.stdin, stdin)

    def _thread(self, work: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        self._readers.append(thread)

    def _read(self, pipe: IO[bytes], sink: Sink) -> None:
        with contextlib.suppress(OSError, ValueError):
            while chunk := os.read(pipe.fileno(), _CHUNK_BYTES):
                self.active_at = time.monotonic()
                sink.feed(chunk)
                self._log.write(chunk)

    def watch(self) -> str:
        """Until it ends; why it was stopped, or ""."""
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_SECONDS)
                return ""
            if reason := self._reason_to_stop():
                self._stop()
                return reason

    def _reason_to_stop(self) -> str:
        now, request = time.monotonic(), self._request
        inactivity, most = request["inactivity"], request["most"]
        if self.cancelled.is_set():
            return "cancelled"
        if now - self.started_at >= request["wall"]:
            return "timed_out"
        if inactivity is not None and now - self.active_at >= inactivity:
            return "inactive"
        return "too_large" if most is not None and self._sinks[0].total > most else ""

    def _stop(self) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(signal.CTRL_BREAK_EVENT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self._request["grace"])
            return
        argv = [shutil.which("taskkill") or "taskkill", "/T", "/F", "/PID", str(self._process.pid)]
        with contextlib.suppress(OSError):
            subprocess.run(argv, check=False, capture_output=True)
        self._job.kill()
        self._process.wait()

    def finish(self, reason: str) -> RawResult:
        self._job.kill()  # what it left behind; it also closes the pipes that are still held open
        for thread in self._readers:
            thread.join(5.0)
        self._log.close()
        parts = []
        for sink in self._sinks:
            sink.trim()
            parts += [bytes(sink.head), bytes(sink.tail)]
        return RawResult(
            reason or "exited",
            exit_code=self._process.returncode,
            seconds=time.monotonic() - self.started_at,
            output_bytes=self._sinks[0].total,
            log_error=self._log.error,
            parts=parts,
        )


def _feed(pipe: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), pipe:
        pipe.write(data)


def execute(request: Message, stdin: bytes, cancellation: Cancellation | None) -> RawResult:
    """As the runner's pool does it on POSIX."""
    started = _start(request, stdin)
    if isinstance(started, RawResult):
        return started
    job = _Job()
    try:
        job.take(started)
        execution = _Execution(request, started, job)
        execution.start_threads(stdin)
        listening = cancellation.notifies(execution.cancelled.set) if cancellation else None
        with listening or contextlib.nullcontext():
            reason = execution.watch()
        return execution.finish(reason)
    finally:
        job.close()


def _start(request: Message, stdin: bytes) -> subprocess.Popen[bytes] | RawResult:
    def failed(failure: StartFailure, detail: str) -> RawResult:
        return RawResult("not_started", failure=failure.value, detail=detail)

    argv, env = request["argv"], request["env"]
    if not argv or not argv[0]:
        return failed(StartFailure.BAD_ARGUMENT, "the command is empty")
    if not Path(request["cwd"]).is_dir():
        return failed(StartFailure.BAD_CWD, f"{request['cwd']} is no folder")
    program = shutil.which(argv[0], path=env.get("PATH", ""))
    if program is None:
        return failed(StartFailure.NOT_FOUND, f"it is in no folder of PATH, {env.get('PATH')!r}")
    try:
        return subprocess.Popen(
            [program, *argv[1:]],
            cwd=request["cwd"],
            env=env,
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if request["separate"] else subprocess.STDOUT,
            creationflags=subprocess.CREATE_NEW_PROCESS_GROUP,
        )
    except ValueError as error:
        return failed(StartFailure.BAD_ARGUMENT, str(error))
    except PermissionError as error:
        return failed(StartFailure.PERMISSION, str(error))
    except OSError as error:
        is_format = error.winerror == _ERROR_BAD_EXE_FORMAT
        kind = StartFailure.NOT_EXECUTABLE if is_format else StartFailure.OTHER
        return failed(kind, str(error))


def shutdown() -> None:
    """Nothing is kept between commands."""
