"""What is asked of a process and what is told about it: plain values, no process in sight."""

from __future__ import annotations

import contextlib
import signal as signals
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

KIB = 1024
MIB = 1024 * KIB


class Ending(StrEnum):
    EXITED = "exited"
    SIGNALLED = "signalled"
    TIMED_OUT = "timed_out"
    INACTIVE = "inactive"
    CANCELLED = "cancelled"
    NOT_STARTED = "not_started"


class StartFailure(StrEnum):
    """Why a command was not started."""

    NOT_FOUND = "not_found"
    PERMISSION = "permission"
    BAD_INTERPRETER = "bad_interpreter"
    NOT_EXECUTABLE = "not_executable"
    BAD_CWD = "bad_cwd"
    BAD_ARGUMENT = "bad_argument"
    TOO_BIG = "too_big"
    SANDBOX = "sandbox"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class CommandLimits:
    """`inactivity_seconds`: without any output; None for no such limit.

    `grace_seconds` lie between SIGTERM and SIGKILL. `log_max_bytes` bounds the whole log file.
    """

    wall_seconds: float = 1800
    inactivity_seconds: float | None = 600
    log_max_bytes: int = 64 * MIB
    head_bytes: int = 16 * KIB
    tail_bytes: int = 48 * KIB
    grace_seconds: float = 5


@dataclass(frozen=True, slots=True)
class Command:
    """`env` is the whole environment. `argv[0]` is looked up in its PATH (absolute entries only).

    `shown_argv` is set when a sandbox was wrapped around a command: what people are told about.
    `watch`: a worktree and its git directory ('' for neither) to be looked at before and after.
    """

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    limits: CommandLimits = CommandLimits()
    stdin: bytes = b""
    shown_argv: tuple[str, ...] | None = None
    watch: tuple[str, str] = ("", "")

    @property
    def is_wrapped(self) -> bool:
        return self.shown_argv is not None

    @property
    def asked_argv(self) -> tuple[str, ...]:
        return self.argv if self.shown_argv is None else self.shown_argv


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended. stdout and stderr are one stream, decoded as UTF-8 with
    replacements, also for NUL.

    `head` and `tail` do not overlap: a short output is all in `head`; read `output` for both.
    `omitted_bytes` are missing between them, but not in the log. `survivors_killed`: processes
    that had to be killed besides the command itself (after a normal end: what it left running).
    `log_error`: why the log is not complete, or "". `changes`: whether what was watched is another
    (the worktree, its git directory); None where that is not known.
    """

    argv: tuple[str, ...]
    ending: Ending
    exit_code: int | None
    signal: int | None
    seconds: float
    head: str
    tail: str
    output_bytes: int
    survivors_killed: int
    log_path: Path | None
    explanation: str
    omitted_bytes: int = 0
    log_error: str = ""
    start_failure: StartFailure | None = None
    changes: tuple[bool | None, ...] = (None, None)

    @property
    def ok(self) -> bool:
        return self.ending is Ending.EXITED and self.exit_code == 0

    @property
    def output(self) -> str:
        if not self.omitted_bytes:
            return self.head + self.tail
        return f"{self.head}\n[... {self.omitted_bytes} bytes left out ...]\n{self.tail}"


class Cancellation:
    """A request to stop that any thread (or signal handler) may make, once, with its reason."""

    def __init__(self) -> None:
        # Re-entrant: a signal handler may interrupt the very thread that holds it.
        self._lock = threading.RLock()
        self._reason: str | None = None
        self._listeners: list[Callable[[], None]] = []

    def request(self, reason: str) -> None:
        """The first reason stays."""
        with self._lock:
            if self._reason is None:
                self._reason = reason
                for listener in list(self._listeners):
                    listener()

    @property
    def is_requested(self) -> bool:
        return self._reason is not None

    @property
    def reason(self) -> str:
        return self._reason or ""

    @contextlib.contextmanager
    def notifies(self, listener: Callable[[], None]) -> Iterator[None]:
        """Calls `listener` (short, raising nothing) at the request, at once if it has been made."""
        with self._lock:
            self._listeners.append(listener)
            if self._reason is not None:
                listener()
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)


class RunnerDied(Exception):
    """The program that looks after a command is gone: our machinery broke, not the command."""


@dataclass(slots=True)
class RawResult:
    """What a platform's runner reports. `ending` knows two words more than Ending:
    `too_large` (past `most` bytes of stdout) and `wrapper_failed`."""

    ending: str
    exit_code: int | None = None
    signal: int | None = None
    seconds: float = 0.0
    output_bytes: int = 0
    survivors: int = 0
    stuck: int = 0
    log_error: str = ""
    failure: str = ""
    detail: str = ""
    changes: list[bool | None] = field(default_factory=lambda: [None, None])
    parts: list[bytes] = field(default_factory=lambda: [b"", b"", b"", b""])


def split_text(head: bytes, tail: bytes, omitted_bytes: int) -> tuple[str, str]:
    """Both as text; a character that a cut went through is not torn into two replacements."""
    cut = _incomplete_end(head)
    if cut:
        head, torn = head[:-cut], head[-cut:]
        tail = tail if omitted_bytes else torn + tail
    if omitted_bytes:
        start = 0
        while start < min(3, len(tail)) and tail[start] & 0xC0 == 0x80:
            start += 1
        tail = tail[start:]
    return _decode(head), _decode(tail)


def _decode(data: bytes) -> str:
    # PostgreSQL stores no NUL in a text.
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def _incomplete_end(data: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character that is not all there."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 != 0x80:
            needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4
            return back if byte >= 0xC0 and back < needed else 0
    return 0


_WHAT_TO_DO = {
    StartFailure.NOT_FOUND: "Install it, correct its name, or put its folder on PATH.",
    StartFailure.PERMISSION: "Make it an executable file (chmod +x), or name another program.",
    StartFailure.BAD_INTERPRETER: "Install what its first line names, or correct that line.",
    StartFailure.NOT_EXECUTABLE: "Give it a first line such as #!/bin/sh, or name its interpreter.",
    StartFailure.BAD_CWD: "Name a folder that exists and may be entered.",
    StartFailure.BAD_ARGUMENT: "Correct the command or its environment.",
    StartFailure.TOO_BIG: "Pass long texts on standard input or in a file.",
    StartFailure.SANDBOX: "Correct the paths of the sandbox policy, or see AUTOPACK_SANDBOX.",
    StartFailure.OTHER: "See the limits of the system (processes, memory, open files).",
}


def explain(command: Command, raw: RawResult, reason: str) -> str:
    """One sentence for people about how `command` ended; `reason` is a cancellation's."""
    sentence = _explain(command, raw, reason)
    return "".join(char if char.isprintable() else "\ufffd" for char in sentence)


def _explain(command: Command, raw: RawResult, reason: str) -> str:
    limits = command.limits
    program = _shown(command.asked_argv)
    sentence = {
        "timed_out": f"killed after {limits.wall_seconds:g} s, its time limit",
        "inactive": f"killed after {limits.inactivity_seconds or 0:g} s without output",
        "cancelled": f"cancelled: {reason}",
        "signalled": f"ended by {_signal_name(raw.signal or 0)}",
    }.get(raw.ending)
    if raw.ending == "not_started":
        return f"{program}: not started: {raw.detail}. {_WHAT_TO_DO[StartFailure(raw.failure)]}"
    if sentence is None:
        code = raw.exit_code or 0
        sentence = f"exited with {code}"
        if 128 < code < 128 + signals.NSIG:  # how shells and wrappers say it
            sentence += f" (perhaps ended by {_signal_name(code - 128)})"
    if raw.survivors:
        sentence += f"; {raw.survivors} other process(es) of it had to be killed"
    if raw.stuck:
        sentence += f"; {raw.stuck} process(es) could not be killed"
    return f"{program}: {sentence}"


def _shown(argv: tuple[str, ...]) -> str:
    return argv[0].rpartition("/")[2][:200] if argv and argv[0] else "(empty command)"


def _signal_name(number: int) -> str:
    try:
        return signals.Signals(number).name
    except ValueError:
        return f"signal {number}"
