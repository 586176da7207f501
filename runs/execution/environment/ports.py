"""Free ports for what runs in an attempt: no two attempts of a host are given the same one."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

# Below the ports that Linux (32768 up), macOS and Windows (49152 up) give to outgoing connections.
FIRST_PORT, LAST_PORT = 20_000, 32_767
_TRIES = 400


class NoPortFree(Exception):
    """No free port was found; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PortLease:
    """Ports on loopback that are ours while the lease is held."""

    ports: Mapping[str, int]

    @property
    def env(self) -> dict[str, str]:
        """As variables: {"PORT": "23456"}."""
        return {name: str(port) for name, port in self.ports.items()}


@contextlib.contextmanager
def ports_allocate(names: Sequence[str], *, lock_dir: Path) -> Iterator[PortLease]:
    """Lease one port a name until the block ends.

    `lock_dir` must be the same for all processes of the host. A port's lock is freed by the kernel
    when its holder dies, however it dies. Raises NoPortFree.
    """
    lock_dir.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        yield PortLease({name: _lease(lock_dir, stack) for name in dict.fromkeys(names)})


def _lease(lock_dir: Path, stack: contextlib.ExitStack) -> int:
    for _ in range(_TRIES):
        port = random.randint(FIRST_PORT, LAST_PORT)  # noqa: S311 -- spreads the load, hides nothing
        lock = FileLock(lock_dir / f"{port}.lock", thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            continue
        if _is_free(port):
            stack.callback(lock.release)
            return port
        lock.release()
    raise NoPortFree(
        f"none of {_TRIES} ports tried between {FIRST_PORT} and {LAST_PORT} is free: stop what"
        " listens there, or run fewer attempts at once on this host"
    )


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
