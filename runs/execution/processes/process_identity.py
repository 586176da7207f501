"""Telling a process from a later one that got its number, and killing what is below it."""

from __future__ import annotations

import os
import platform
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

_GIVE_UP_SECONDS = 5.0  # what SIGKILL does not end by then hangs in the kernel


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """`started`: clock ticks from boot on Linux (no step of the clock moves them), elsewhere
    seconds since 1970.

    `boot_id` changes with each start of the host, so nothing from before a reboot is alive.
    """

    pid: int
    started: float
    boot_id: str
    host: str


def process_identity(pid: int | None = None) -> ProcessIdentity:
    """Of `pid`, by default of this process. Raises psutil.NoSuchProcess."""
    pid = os.getpid() if pid is None else pid
    return ProcessIdentity(pid, _started(pid), _boot_id(), platform.node())


def process_is_alive(identity: ProcessIdentity) -> bool:
    """True for that very process, on this host, since this boot, and no zombie."""
    if (identity.host, identity.boot_id) != (platform.node(), _boot_id()):
        return False
    try:
        is_zombie = psutil.Process(identity.pid).status() == psutil.STATUS_ZOMBIE
        return _started(identity.pid) == identity.started and not is_zombie
    except psutil.NoSuchProcess:
        return False


def process_tree_kill(identity: ProcessIdentity, grace_seconds: float) -> int:
    """End a process of this host and all below it; how many there were.

    SIGTERM, then after `grace_seconds` SIGKILL. Does nothing (0) when `identity` is gone or its
    number now belongs to another. This process itself is spared.
    """
    if not process_is_alive(identity):
        return 0
    try:
        tree = _tree(psutil.Process(identity.pid))
    except psutil.NoSuchProcess:
        return 0
    everyone = dict.fromkeys(tree)
    for process in everyone:
        _signal(process, "terminate")
    alive = _wait(everyone, grace_seconds)
    give_up_at = time.monotonic() + _GIVE_UP_SECONDS
    while alive and time.monotonic() < give_up_at:
        # What was forked meanwhile is below one of those that did not end.
        late = dict.fromkeys(process for one in alive for process in _tree(one))
        everyone |= late
        for process in late:
            _signal(process, "kill")
        alive = _wait(late, 0.1)
    return len(everyone)


def _wait(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that are alive after that time. psutil's own wait would bury children of ours, whose
    exit codes others want."""
    give_up_at = time.monotonic() + seconds
    while True:
        alive = [process for process in processes if _is_alive(process)]
        if not alive or time.monotonic() > give_up_at:
            return alive
        time.sleep(0.01)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _tree(root: psutil.Process) -> list[psutil.Process]:
    try:
        found = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [root]
    return [process for process in found if process.pid != os.getpid()]


def _signal(process: psutil.Process, how: str) -> None:
    try:
        getattr(process, how)()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return


def _started(pid: int) -> float:
    is_linux = sys.platform == "linux"
    return _ticks_since_boot(pid) if is_linux else psutil.Process(pid).create_time()


def _ticks_since_boot(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise psutil.NoSuchProcess(pid) from error
    # The 22nd field; the 2nd is the program's name in brackets and may hold anything.
    return float(stat[stat.rindex(b")") + 2 :].split()[19])


@cache
def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(int(psutil.boot_time()))
