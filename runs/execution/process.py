"""The only starter of processes: commands with limits, whose processes never outlive them.

On POSIX each command runs under a runner (see `runner/__main__.py`), on Windows in a job object
(see `process_windows.py`). `run` is for what is not trusted (agents, build tools, test suites):
one bounded stream of output, a log file, the environment exactly as given. `capture` is for our
own tools (git): stdout whole, stderr apart, exceptions for what goes wrong.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runs.execution.processes.command import (
    MIB,
    Cancellation,
    Command,
    CommandLimits,
    CommandResult,
    Ending,
    RawResult,
    RunnerDied,
    StartFailure,
    explain,
    split_text,
)
from runs.execution.processes.process_identity import (
    ProcessIdentity,
    process_identity,
    process_is_alive,
    process_tree_kill,
)

if sys.platform == "win32":
    from runs.execution.processes.process_windows import execute, shutdown
else:
    from runs.execution.processes.runner_pool import execute, shutdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runs.execution.processes.runner.wire import Message

__all__ = [
    "Cancellation",
    "Cancelled",
    "Captured",
    "Command",
    "CommandLimits",
    "CommandNotFound",
    "CommandNotStarted",
    "CommandResult",
    "CommandTimedOut",
    "Ending",
    "OutputTooLarge",
    "ProcessIdentity",
    "RunnerDied",
    "StartFailure",
    "capture",
    "die_with_parent",
    "pipe_open",
    "process_identity",
    "process_is_alive",
    "process_tree_kill",
    "run",
    "service_open",
    "shutdown",
]


class CommandNotStarted(Exception):
    """`failure` says why, the message what to do."""

    def __init__(self, message: str, failure: StartFailure) -> None:
        super().__init__(message)
        self.failure = failure


class CommandNotFound(CommandNotStarted):
    """There is no such program."""


class CommandTimedOut(Exception):
    """A tool of ours took longer than it was given, and was killed."""


class OutputTooLarge(Exception):
    """A tool of ours gave more output than its caller can take, and was killed."""


class Cancelled(Exception):
    """The caller's Cancellation ended a tool of ours; the message is its reason."""


@dataclass(slots=True)
class Captured:
    """`returncode` is negative for the signal that ended it. `stderr`: first and last 64 KiB."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(
    command: Command,
    *,
    log_path: Path | None = None,
    cancellation: Cancellation | None = None,
) -> CommandResult:
    """Run `command` to its end and kill everything that it leaves behind.

    The log is appended to. Whatever the command does is told in the result; raises RunnerDied
    when our machinery broke.
    """
    limits = command.limits
    request = {
        **_request(command.argv, command.cwd, command.env, limits.wall_seconds),
        "log": None if log_path is None else str(log_path),
        "wrapped": command.is_wrapped,
        "watch": list(command.watch),
        "inactivity": limits.inactivity_seconds,
        "grace": limits.grace_seconds,
        "head": limits.head_bytes,
        "tail": limits.tail_bytes,
        "log_max": limits.log_max_bytes,
    }
    raw = _execute(request, command.stdin, cancellation)
    return _result(command, raw, log_path, cancellation.reason if cancellation else "")


def _request(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], wall_seconds: float
) -> Message:
    return {
        "argv": list(argv),
        "cwd": str(cwd),
        "env": dict(env),
        "log": None,
        "log_max": 0,
        "separate": False,
        "wrapped": False,
        "watch": ["", ""],
        "wall": wall_seconds,
        "inactivity": None,
        "grace": 5.0,
        "most": None,
    }


def _execute(request: Message, stdin: bytes, cancellation: Cancellation | None) -> RawResult:
    if cancellation is not None and cancellation.is_requested:
        return RawResult("cancelled")
    return execute(request, stdin, cancellation)


def _result(command: Command, raw: RawResult, log_path: Path | None, reason: str) -> CommandResult:
    if raw.ending == "wrapper_failed":
        raw = _sandbox_failure(raw)
    head, tail = raw.parts[0], raw.parts[1]
    omitted = raw.output_bytes - len(head) - len(tail)
    head_text, tail_text = split_text(head, tail, omitted)
    return CommandResult(
        argv=command.asked_argv,
        ending=Ending(raw.ending),
        exit_code=raw.exit_code,
        signal=raw.signal,
        seconds=raw.seconds,
        head=head_text,
        tail=tail_text,
        output_bytes=raw.output_bytes,
        survivors_killed=raw.survivors,
        log_path=log_path,
        explanation=explain(command, raw, reason),
        omitted_bytes=omitted,
        log_error=raw.log_error,
        changes=tuple(raw.changes),
        start_failure=StartFailure(raw.failure) if raw.failure else None,
    )


def _sandbox_failure(raw: RawResult) -> RawResult:
    """The wrapper ended before it got to the command: what it printed says why."""
    said = (raw.parts[0] + raw.parts[1]).decode("utf-8", "replace").strip()
    failure, detail = StartFailure.SANDBOX, said[-500:].rstrip(".")
    if "execvp " in said and "Permission denied" in said:
        failure, detail = (
            StartFailure.PERMISSION,
            "the sandbox shows no executable file by its name",
        )
    elif "execvp " in said:
        failure, detail = (
            StartFailure.NOT_FOUND,
            "it is in no folder of PATH that the sandbox shows",
        )
    return replace(raw, ending="not_started", exit_code=None, failure=failure, detail=detail)


def capture(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdin: bytes = b"",
    wall_seconds: float = 120.0,
    max_bytes: int = 256 * MIB,
    cancellation: Cancellation | None = None,
    contained: bool = False,
) -> Captured:
    """Run a tool that we trust and return all that it wrote.

    `contained`: it must not outlive us (it talks to a network, or takes long). Today nothing does.
    Raises CommandNotFound or CommandNotStarted, CommandTimedOut, OutputTooLarge (stdout over
    `max_bytes`), Cancelled, RunnerDied.
    """
    # A runner for all, and no Popen for the short ones. Measured on 2 cores in a process with
    # Django loaded, `git rev-parse` on 1, 2, 4 threads: 2.4, 2.8, 4.7 ms each through a runner
    # against 2.8, 2.6, 4.9 ms with Popen; CPU in this process (which holds the GIL meanwhile)
    # 0.22 against 0.45 ms; CPU altogether 2.4 against 2.0 ms.
    request = {
        **_request(argv, cwd, env, wall_seconds),
        "separate": True,
        "head": max_bytes,
        "tail": 0,
        "most": max_bytes,
    }
    raw = _execute(request, stdin, cancellation)
    name = argv[0] if argv else "(empty command)"
    if raw.ending == "not_started":
        failure = StartFailure(raw.failure)
        kind = CommandNotFound if failure is StartFailure.NOT_FOUND else CommandNotStarted
        raise kind(f"{name}: {raw.detail}", failure)
    if raw.ending == "timed_out":
        raise CommandTimedOut(f"{name} was killed after {wall_seconds:g} s, its time limit.")
    if raw.ending == "cancelled":
        raise Cancelled(cancellation.reason if cancellation else "")
    # The second: what was still in the pipe when the tool ended.
    if raw.ending == "too_large" or raw.output_bytes > max_bytes:
        raise OutputTooLarge(f"{name} wrote more than {max_bytes} bytes.")
    returncode = -raw.signal if raw.signal is not None else raw.exit_code or 0
    return Captured(returncode, raw.parts[0], raw.parts[2] + raw.parts[3])


def pipe_open(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> subprocess.Popen[bytes]:
    """A tool of ours that answers on stdout what it is asked on stdin, and ends when that closes.

    The caller owns it: it closes the pipes, kills and waits. stderr is dropped.
    """
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd=cwd,
        env=dict(env),
        start_new_session=True,
    )


def service_open(argv: Sequence[str], *, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A long-lived process of our own (web, workers) in a session of its own; it writes where we
    do. The caller owns it; on Linux it should call `die_with_parent` first of all."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP  # or Ctrl-Break would reach us, too
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.DEVNULL,
        env=dict(env),
        start_new_session=True,
        creationflags=flags,
    )


def die_with_parent(parent: int) -> None:
    """Have this process end when `parent`, which must be its parent, is gone, however it went."""
    if sys.platform == "linux":
        from runs.execution.processes.parent_death import kill_with_parent

        kill_with_parent(parent)
    else:
        from runs.execution.processes.parent_death import watch_parent

        watch_parent(parent)
