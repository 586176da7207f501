"""One command, from its start until no process of it is left."""

import contextlib
import os
import signal
import time

from runs.execution.processes.runner import footprint, tree
from runs.execution.processes.runner.output import Log, Sink
from runs.execution.processes.runner.spawn import STATUS_FD, file_with, spawn_process
from runs.execution.processes.runner.wire import Message

SETTLE_SECONDS = 0.05  # what ends by itself so soon after its command is no survivor
LEFTOVER_SECONDS = 0.5  # from SIGTERM to SIGKILL for what outlives a command that has ended
KILL_EVERY_SECONDS = 0.02
KILL_BURST_SECONDS = 1.0
GIVE_UP_SECONDS = 5.0  # a process that SIGKILL does not end by then hangs in the kernel
CHUNK_BYTES = 64 * 1024


class Execution:
    def __init__(self, request: Message, stdin: bytes | bytearray) -> None:
        self.outputs: dict[int, Sink] = {}  # by the file descriptor that is still open
        self._request = request
        self._stdin = stdin
        self._pid = 0
        self._status: int | None = None  # of waitpid, once the command itself has ended
        self._stopped_for = ""
        self._survivors: set[int] = set()
        self._stuck = 0
        self._log = Log(request["log"], request["log_max"])
        self._sinks = [Sink(request["head"], request["tail"]), Sink(CHUNK_BYTES, CHUNK_BYTES)]
        self._wrapper_fd = -1
        self._started_at = self._active_at = time.monotonic()
        self._term_at: float | None = None
        self._kill_at: float | None = None
        self._killed_at: dict[int, float] = {}  # by pid, when it was first sent SIGKILL
        self._tree, self._git_dir = request["watch"]
        self._footprints = self._look()

    def _look(self) -> list[object]:
        """The watched worktree and git's files of it, None for what cannot be told."""
        seen: list[object] = [None, None]
        with contextlib.suppress(OSError):
            if self._git_dir:
                seen[1] = footprint.git_state(self._git_dir)
            if self._tree:
                seen[0] = footprint.tree_fingerprint(self._tree)
        return seen

    def _changes(self) -> list[bool | None]:
        pairs = zip(self._footprints, self._look(), strict=True)
        return [None if before is None else before != now for before, now in pairs]

    def start(self) -> int:
        """The process id; raises NotStarted."""
        given: list[int] = []  # our copies of what the command gets
        dup2: list[tuple[int, int]] = []
        try:
            if self._stdin:
                given.append(file_with(self._stdin))
                dup2.append((given[-1], 0))
            dup2 += self._make_pipes(given)
            request = self._request
            self._pid = spawn_process(request["argv"], request["cwd"], request["env"], dup2)
        finally:
            for fd in given:
                os.close(fd)
        self._started_at = self._active_at = time.monotonic()
        return self._pid

    def _make_pipes(self, given: list[int]) -> list[tuple[int, int]]:
        def pipe() -> tuple[int, int]:
            reader, writer = os.pipe()
            os.set_blocking(reader, False)
            given.append(writer)
            return reader, writer

        reader, writer = pipe()
        self.outputs[reader] = self._sinks[0]
        dup2 = [(writer, 1), (writer, 2)]
        if self._request["separate"]:
            reader, writer = pipe()
            self.outputs[reader] = self._sinks[1]
            dup2[1] = (writer, 2)
        if self._request["wrapped"]:
            self._wrapper_fd, writer = pipe()
            dup2.append((writer, STATUS_FD))
        return dup2

    def seconds_to_next_deadline(self) -> float:
        """Infinite when there is none."""
        if self._term_at is not None:
            at = self._term_at
        elif self._kill_at is not None:
            at = self._kill_at
        else:
            at = min(self._wall_end(), self._inactivity_end())
        return max(0.0, at - time.monotonic())

    def _wall_end(self) -> float:
        end: float = self._started_at + self._request["wall"]
        return end

    def _inactivity_end(self) -> float:
        allowed = self._request["inactivity"]
        return float("inf") if allowed is None else self._active_at + allowed

    def read(self, fd: int) -> bool:
        """Takes one chunk; False when there is nothing more now."""
        sink = self.outputs[fd]
        try:
            chunk = os.read(fd, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if not chunk:
            del self.outputs[fd]
            os.close(fd)
            return False
        self._active_at = time.monotonic()
        sink.feed(chunk)
        self._log.write(chunk)
        most = self._request["most"]
        if most is not None and sink is self._sinks[0] and sink.total > most:
            self.stop("too_large")
        return True

    def reap(self) -> bool:
        """Buries our dead; True when nothing of the command is alive any more.

        As subreaper we have a child for as long as there is any process below us.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return tree.HAS_PROC or not tree.group_exists(self._pid)
            if pid == 0:
                return False
            if pid == self._pid:
                self._status = status

    def stop(self, reason: str) -> None:
        """Ends the command with SIGTERM and, after its grace, SIGKILL."""
        if self._kill_at is None and self._status is None:
            self._stopped_for = reason
            self._schedule_kill(0.0, self._request["grace"])

    def _schedule_kill(self, wait: float, grace: float) -> None:
        self._term_at = time.monotonic() + wait
        self._kill_at = self._term_at + grace

    def enforce(self) -> bool:
        """Applies limits and kills what is due; True to give up on what will not die."""
        if self._kill_at is None:
            self._look_at_limits()
        now = time.monotonic()
        if self._term_at is not None:
            if now >= self._term_at:
                self._term_at = None
                self._terminate()
        elif self._kill_at is not None and now >= self._kill_at:
            self._stuck = self.kill()
            self._kill_at = time.monotonic() + KILL_EVERY_SECONDS
        return self._stuck > 0

    def _look_at_limits(self) -> None:
        now = time.monotonic()
        if self._status is not None:
            self._schedule_kill(SETTLE_SECONDS, min(LEFTOVER_SECONDS, self._request["grace"]))
        elif now >= self._wall_end():
            self.stop("timed_out")
        elif now >= self._inactivity_end():
            self.stop("inactive")

    def _terminate(self) -> None:
        below = tree.descendants(os.getpid())
        if self._status is not None:
            self._survivors.update(below)
        if self._request["wrapped"]:
            # The wrapper and its init would die at once and take the command with them, without
            # its grace; they end by themselves when the command does.
            spared = {self._pid, *tree.children_proc(self._pid)}
            tree.signal_each(set(below) - spared, signal.SIGTERM)
        else:
            self._signal_groups(below, signal.SIGTERM)

    def kill(self) -> int:
        """SIGKILL to all that is there, to be repeated until reap() says True.

        How many have withstood it for so long that they hang in the kernel; 0 while any other is
        left, since processes that keep forking must not make us give up.
        """
        burst_ends_at = time.monotonic() + KILL_BURST_SECONDS
        while True:
            below, now = tree.descendants(os.getpid()), time.monotonic()
            self._signal_groups(below, signal.SIGKILL)
            new = [pid for pid in below if pid not in self._killed_at]
            self._killed_at.update(dict.fromkeys(new, now))
            # At once again for what was forked meanwhile: a pause is what it would need.
            if not new or now > burst_ends_at:
                break
            self.reap()
        self._survivors.update(pid for pid in self._killed_at if pid != self._pid)
        is_hopeless = all(now - self._killed_at[pid] >= GIVE_UP_SECONDS for pid in below)
        return len(below) if is_hopeless else 0

    def _signal_groups(self, pids: list[int], number: int) -> None:
        # With /proc every group is found through its members, whose ids cannot be stale.
        tree.signal_groups(pids, number, also=None if tree.HAS_PROC else self._pid)

    def finish(self) -> tuple[Message, bytes]:
        """How it ended, and the output that was kept: head and tail of both streams."""
        for fd in list(self.outputs):
            for _ in range(64):  # pipes hold 1 MiB at most; a writer that escaped could go on
                if not self.read(fd):
                    break
        parts = []
        for sink in self._sinks:
            sink.trim()
            parts += [sink.head, sink.tail]
        return {
            **self._how_it_ended(),
            "seconds": time.monotonic() - self._started_at,
            "output_bytes": self._sinks[0].total,
            "survivors": len(self._survivors),
            "stuck": self._stuck,
            "log_error": self._log.error,
            "changes": self._changes(),
            "parts": [len(part) for part in parts],
        }, b"".join(parts)

    def _how_it_ended(self) -> Message:
        ended: Message = {"exit_code": None, "signal": None, "ending": self._stopped_for}
        if self._status is None:
            return ended
        code = os.waitstatus_to_exitcode(self._status)
        ended["exit_code" if code >= 0 else "signal"] = abs(code)
        if not self._stopped_for:
            ended["ending"] = "exited" if code >= 0 else "signalled"
            if code > 0 and not self._wrapper_reached_command():
                ended["ending"] = "wrapper_failed"
        return ended

    def _wrapper_reached_command(self) -> bool:
        if self._wrapper_fd < 0:
            return True
        with contextlib.suppress(BlockingIOError):
            return b'"exit-code"' in os.read(self._wrapper_fd, 4096)
        return False

    def close(self) -> None:
        for fd in [*self.outputs, self._wrapper_fd]:
            if fd >= 0:
                os.close(fd)
        self._log.close()
