"""The runner: a small program that starts commands for its parent and outlives it by milliseconds.

    python -I -S __main__.py SOCKET_FD PARENT_PID

It executes one command at a time and enforces that command's limits itself, so they hold while
the parent is stopped or busy. When the command ends, is stopped, or the parent dies (SIGKILL
included), every process that the command started is killed: on Linux also those that left its
session, because the runner is their subreaper; elsewhere those of the command's process group and
what `ps` shows below it. It has one thread, nothing but the standard library, and none of Django;
the packages above it (`runs`, `runs.execution`) must stay cheap to import.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time

# Behind the standard library, so that nothing of ours can take the place of anything in it.
sys.path.append(os.path.abspath(f"{__file__}/../../../../.."))  # noqa: PTH100 -- pathlib is slow to load

from runs.execution.processes.runner import tree
from runs.execution.processes.runner.execution import Execution
from runs.execution.processes.runner.spawn import NotStarted
from runs.execution.processes.runner.wire import STARTED, frame, receive_frame

POLL_SECONDS = 1.0  # how often the parent's id is looked at, beside the end of the socket

_ORDERS_TO_LEAVE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


class Runner:
    def __init__(self, sock: socket.socket, parent_pid: int) -> None:
        self._sock = sock
        self._parent_pid = parent_pid
        self._wake, wake_writer = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_writer, False)
        for number in (signal.SIGCHLD, *_ORDERS_TO_LEAVE):
            signal.signal(number, lambda *_: None)  # the wake-up byte says it
        signal.set_wakeup_fd(wake_writer, warn_on_full_buffer=False)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        self._poll = select.poll()
        self._poll.register(sock.fileno(), select.POLLIN)
        self._poll.register(self._wake, select.POLLIN)

    def serve(self) -> None:
        """Until the parent is gone or we are told to leave."""
        while self._is_wanted(events := dict(self._poll.poll(POLL_SECONDS * 1000))):
            if self._sock.fileno() in events and not self._answer():
                return

    def _is_wanted(self, events: dict[int, int]) -> bool:
        if self._wake in events:
            with contextlib.suppress(BlockingIOError):
                if _ORDERS_TO_LEAVE.intersection(os.read(self._wake, 4096)):
                    return False
        return os.getppid() == self._parent_pid

    def _answer(self) -> bool:
        received = receive_frame(self._sock)
        if received is None:
            return False
        request, stdin = received
        if "cancel" in request:  # meant for a command that has ended meanwhile
            return True
        with contextlib.closing(Execution(request, stdin)) as execution:
            try:
                pid = execution.start()
            except NotStarted as reason:
                why = {"ending": "not_started", "failure": reason.failure, "detail": reason.detail}
                self._sock.sendall(STARTED.pack(0) + frame(why))
                return True
            try:
                self._sock.sendall(STARTED.pack(pid))
                is_over = self._watch(execution, request["serial"])
            except ConnectionError:
                is_over = False
            if not is_over:
                _kill_everything(execution)
                return False
            message, blob = execution.finish()
        self._sock.sendall(frame(message, blob))
        return not message["stuck"]

    def _watch(self, execution: Execution, serial: int) -> bool:
        """True when nothing of it is left; False when the parent is gone or we shall leave."""
        for fd in execution.outputs:
            self._poll.register(fd, select.POLLIN)
        try:
            while True:
                wait = min(POLL_SECONDS, execution.seconds_to_next_deadline())
                events = dict(self._poll.poll(wait * 1000))
                self._read(execution, events)
                if not self._is_wanted(events) or not self._listen(execution, serial, events):
                    return False
                if execution.reap() or execution.enforce():
                    return True
        finally:
            for fd in execution.outputs:
                self._poll.unregister(fd)

    def _read(self, execution: Execution, events: dict[int, int]) -> None:
        for fd in [fd for fd in execution.outputs if fd in events]:
            execution.read(fd)
            if fd not in execution.outputs:
                self._poll.unregister(fd)

    def _listen(self, execution: Execution, serial: int, events: dict[int, int]) -> bool:
        if self._sock.fileno() in events:
            received = receive_frame(self._sock)
            if received is None:
                return False
            if received[0].get("cancel") == serial:
                execution.stop("cancelled")
        return True


def _kill_everything(execution: Execution) -> None:
    while not execution.reap() and not execution.kill():
        time.sleep(0.005)


def main() -> None:
    tree.become_subreaper()
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        # A core file would end up in the diff of a worktree.
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.chdir("/")
    with socket.socket(fileno=int(sys.argv[1])) as sock, contextlib.suppress(ConnectionError):
        sock.set_inheritable(False)
        Runner(sock, int(sys.argv[2])).serve()


if __name__ == "__main__":
    main()
