"""django-q2's cluster as we run it: one process tree that dies together, and locks that the kernel
frees when their holder is killed.

Measured on django-q2 1.11: a worker killed while it waits for a task keeps the lock of the task
queue, and no task is ever taken again. Semaphores know no owner; file locks do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from django_q import cluster as q_cluster
from django_q.queues import Queue

from runs.execution.process import die_with_parent

if TYPE_CHECKING:
    from types import TracebackType


class OwnedLock:
    """A lock between processes that ends with its holder. One thread a process uses it.

    POSIX record locks belong to a process, not to the descriptor, so a fork does not share them.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="autopack-queue-")  # noqa: SIM115 (lives as long as we)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 (multiprocessing's own signature)
        import fcntl

        del timeout  # nobody in django-q2 gives one
        how = fcntl.LOCK_EX if block else fcntl.LOCK_EX | fcntl.LOCK_NB
        try:
            fcntl.lockf(self._file, how)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        import fcntl

        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class SturdyQueue(Queue):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's queue with locks that end with their holder."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rlock, self._wlock = OwnedLock(), OwnedLock()


def cluster_run() -> None:
    """Be a cluster's master until SIGTERM; returns when it has stopped."""
    if sys.platform != "win32":
        q_cluster.Queue = SturdyQueue
        os.register_at_fork(before=_note_parent, after_in_child=_follow_parent)
    master = q_cluster.Cluster()
    master.start()
    master.sentinel.join()


_parent = 0


def _note_parent() -> None:
    global _parent  # noqa: PLW0603 (what a fork's two sides say to each other)
    _parent = os.getpid()


def _follow_parent() -> None:
    die_with_parent(_parent)
