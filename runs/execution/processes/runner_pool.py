"""Runners kept ready: starting one costs 35 ms, asking a ready one 1 ms a command. POSIX only."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from runs.execution.processes.command import RawResult, RunnerDied
from runs.execution.processes.runner.wire import HEADER, STARTED, Message, frame, receive_exactly

if TYPE_CHECKING:
    from runs.execution.processes.command import Cancellation

RUNNER_PROGRAM = Path(__file__).with_name("runner") / "__main__.py"
IDLE_MAX = 32
# The runner keeps the limits; a runner that is silent for so long after them is broken.
PATIENCE_SECONDS = 30.0
LEAVE_SECONDS = 6.0  # a runner kills what it has and gives up after 5 s


_NOBODY = contextlib.nullcontext()


class Runner:
    """The parent's end of one runner. Used by one thread at a time."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.settimeout(None)  # whatever socket.setdefaulttimeout says
            theirs.settimeout(None)
            argv = [sys.executable, "-I", "-S", str(RUNNER_PROGRAM)]
            self._process = subprocess.Popen(
                [*argv, str(theirs.fileno()), str(os.getpid())],
                # Commands can read the environment of their parent: nothing of ours is in it,
                # but where the interpreter finds its libraries.
                env={k: v for k, v in os.environ.items() if k.startswith(("LD_LIB", "DYLD_"))},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        self._sock = ours
        self._serial = 0
        self.is_reusable = True

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def execute(
        self, request: Message, stdin: bytes, cancellation: Cancellation | None
    ) -> RawResult:
        """Raises RunnerDied. After any exception the runner must be closed."""
        self._serial += 1
        request["serial"] = self._serial
        self.is_reusable = False
        patience = request["wall"] + request["grace"] + PATIENCE_SECONDS
        self._set_receive_timeout(patience)
        command_pid = 0
        try:
            self._sock.sendall(frame(request, stdin))
            with cancellation.notifies(self._cancel) if cancellation else _NOBODY:
                # In one piece: a runner that dies early has said which session to kill.
                start = receive_exactly(self._sock, STARTED.size + HEADER.size)
            if len(start) >= STARTED.size:
                command_pid = STARTED.unpack_from(start)[0]
            raw = self._receive(start)
        except BlockingIOError as error:
            self._process.kill()
            session_kill(command_pid)
            raise RunnerDied(f"The runner did not answer within {patience:g} s.") from error
        except (ConnectionError, ValueError) as error:
            self._process.kill()
            session_kill(command_pid)
            raise RunnerDied(
                "The runner of a command died (killed from outside, or out of memory?); what the "
                "command did is not known. Try the command again."
            ) from error
        self.is_reusable = not raw.stuck
        return raw

    def _receive(self, start: bytearray) -> RawResult:
        if len(start) < STARTED.size + HEADER.size:
            raise ConnectionResetError
        text_bytes, blob_bytes = HEADER.unpack_from(start, STARTED.size)
        body = receive_exactly(self._sock, text_bytes + blob_bytes)
        if len(body) < text_bytes + blob_bytes:
            raise ConnectionResetError
        message = json.loads(body[:text_bytes])
        parts, at = [], text_bytes
        for size in message.pop("parts", (0, 0, 0, 0)):
            parts.append(bytes(body[at : at + size]))
            at += size
        return RawResult(**message, parts=parts)

    def _cancel(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.sendall(frame({"cancel": self._serial}))

    def _set_receive_timeout(self, seconds: float) -> None:
        # Not settimeout(): it makes the socket non-blocking, and each answer takes more calls.
        whole = int(min(seconds, 1e9))
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", whole, 0))

    def close(self) -> None:
        """Ends the runner, and with it whatever it runs."""
        self._sock.close()

    def wait(self) -> None:
        try:
            self._process.wait(LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """In a fork of ours: the runner is the parent's, we just hold a copy of its socket."""
        os.close(self._sock.detach())
        self._process.returncode = 0  # not a child of this process: nothing to wait for


class RunnerPool:
    """Hands a runner to each thread that asks and keeps the idle ones. Thread-safe.

    A fork of this process starts with none: runners belong to the process that started them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[Runner] = []
        self._all: set[Runner] = set()

    def execute(
        self, request: Message, stdin: bytes, cancellation: Cancellation | None
    ) -> RawResult:
        """Raises RunnerDied."""
        runner = self._borrow()
        try:
            return runner.execute(request, stdin, cancellation)
        finally:
            # Also when a signal's exception or SystemExit goes through here: closing its runner
            # kills the command.
            self._give_back(runner)

    def _borrow(self) -> Runner:
        while True:
            with self._lock:
                if not self._idle:
                    break
                runner = self._idle.pop()
            if runner.is_running:
                return runner
            self._discard(runner)
        runner = Runner()
        with self._lock:
            self._all.add(runner)
        return runner

    def _give_back(self, runner: Runner) -> None:
        with self._lock:
            if runner.is_reusable and len(self._idle) < IDLE_MAX:
                self._idle.append(runner)
                return
        self._discard(runner)

    def _discard(self, runner: Runner) -> None:
        with self._lock:
            self._all.discard(runner)
        runner.close()
        runner.wait()

    def shutdown(self) -> None:
        """Ends the idle runners. Busy ones end with their command; later commands start new."""
        with self._lock:
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for runner in idle:
            runner.close()
        for runner in idle:
            runner.wait()

    def forget(self) -> None:
        """In a fork: drop the parent's runners without disturbing them."""
        self._lock = threading.Lock()  # another thread of the parent may have held the old one
        runners, self._all, self._idle = self._all, set(), []
        for runner in runners:
            runner.forget()


def session_kill(session: int) -> None:
    """SIGKILL to all of the session that a dead runner's command led; what left it gets away."""
    give_up_at = time.monotonic() + 5.0
    while session and time.monotonic() < give_up_at:
        members = [pid for pid in psutil.pids() if _session_of(pid) == session]
        if not members:
            return
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)


def _session_of(pid: int) -> int:
    """0 for a zombie, which is dead and may stay for as long as its new parent likes."""
    try:
        session = os.getsid(pid)
        is_zombie = psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except (OSError, psutil.NoSuchProcess):
        return 0
    return 0 if is_zombie else session


_POOL = RunnerPool()
execute = _POOL.execute
shutdown = _POOL.shutdown
atexit.register(shutdown)
os.register_at_fork(after_in_child=_POOL.forget)
