"""Finding and signalling the processes below the runner."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable

HAS_PROC = os.access(f"/proc/{os.getpid()}/task/{os.getpid()}/children", os.R_OK)


def become_subreaper() -> None:
    """On Linux, orphans below us become our children from now on instead of init's."""
    if sys.platform == "linux":
        import ctypes  # slow to load, and only Linux needs it

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Every process below `pid` as it is now, zombies included."""
    children = children_proc if HAS_PROC else children_ps()
    found: dict[int, None] = {}
    queue = [pid]
    while queue:
        for child in children(queue.pop()):
            if child not in found:
                found[child] = None
                queue.append(child)
    return list(found)


def children_proc(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/task") as tasks:
        for task in tasks:
            with contextlib.suppress(OSError):
                found += map(int, _read(f"{task.path}/children").split())
    return found


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def children_ps() -> Callable[[int], list[int]]:
    """For systems without /proc: one look at all processes, through `ps`.

    What has left both the tree and the group of its command is not found there. Tried on Linux
    only, against the other way.
    """
    import subprocess  # slow to load, and Linux does not need it

    table: dict[int, list[int]] = {}
    with contextlib.suppress(OSError):
        with subprocess.Popen(["/bin/ps", "-axo", "pid=,ppid="], stdout=subprocess.PIPE) as lister:
            rows = [line.split() for line in lister.communicate()[0].splitlines()]
        for row in rows:
            if len(row) == 2 and int(row[0]) != lister.pid:
                table.setdefault(int(row[1]), []).append(int(row[0]))
    return lambda pid: table.get(pid, [])


def signal_groups(pids: Iterable[int], number: int, also: int | None = None) -> None:
    """Signals the process groups of `pids` (and the group `also`), never our own.

    A signal to a group cannot be outrun by fork(), one to each of its processes can.
    """
    groups = set() if also is None else {also}
    for pid in pids:
        with contextlib.suppress(OSError):
            groups.add(os.getpgid(pid))
    for group in groups - {os.getpgrp()}:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def signal_each(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
