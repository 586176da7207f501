"""A real server in processes of its own, with a home of its own, for tests to be rough with."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MANAGE = Path(__file__).parents[2] / "manage.py"
# Short leases, as the architecture has them for tests.
QUICK = {
    "AUTOPACK_LEASE_SECONDS": "6",
    "AUTOPACK_BEAT_SECONDS": "1.5",
    "AUTOPACK_RECOVERY_SECONDS": "1",
    "AUTOPACK_GRACE_SECONDS": "2",
    "AUTOPACK_DRAIN_SECONDS": "10",
    "AUTOPACK_SANDBOX": "none",
}


def until(is_so: Callable[[], Any], *, within: float, what: str) -> Any:
    """The first true answer; AssertionError when there is none in time."""
    give_up_at = time.monotonic() + within
    while True:
        found = is_so()
        if found:
            return found
        assert time.monotonic() < give_up_at, f"not within {within:g} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`manage.py serve` (or `worker`) over `folder`; what it prints is in server.log there."""

    def __init__(self, folder: Path, *, workers: int = 2, **env: str) -> None:
        self.folder, self.workers = folder, workers
        self.port = free_port()
        self.env = {
            **os.environ,
            **QUICK,
            "AUTOPACK_HOME": str(folder / "home"),
            "AUTOPACK_WORKTREE_BASE": str(folder / "worktrees"),
            "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
            **env,
        }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def start(self) -> Server:
        argv = [sys.executable, str(MANAGE), "serve", "--port", str(self.port)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*argv, "--workers", str(self.workers)],
                env=self.env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self._answers, within=60, what=f"the server answers\n{self.log}")
        until(self.cluster_parts, within=30, what=f"workers are there\n{self.log}")
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def shell(self, source: str, *arguments: str) -> Any:
        """What a script that runs in Autopack's own Django prints as JSON."""
        done = subprocess.run(
            [sys.executable, "-c", f"{PRELUDE}\n{source}", *arguments],
            env=self.env, cwd=MANAGE.parent, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(MANAGE), *arguments],
            env=self.env, capture_output=True, text=True, check=False,
        )  # fmt: skip

    # --- Its processes ------------------------------------------------------------------------

    def master(self) -> psutil.Process | None:
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                if "qcluster" in child.name() or "cluster" in " ".join(child.cmdline()):
                    return child
        return None

    def sentinel(self) -> psutil.Process | None:
        master = self.master()
        with contextlib.suppress(psutil.NoSuchProcess):
            children = master.children() if master else []
            return children[0] if children else None
        return None

    def cluster_parts(self) -> list[psutil.Process]:
        """Workers, pusher and monitor; [] while they are not all there."""
        sentinel = self.sentinel()
        with contextlib.suppress(psutil.NoSuchProcess):
            parts = sentinel.children() if sentinel else []
            return parts if len(parts) >= self.workers + 2 else []
        return []

    def workers_now(self) -> list[psutil.Process]:
        """The worker processes (they are made first)."""
        return sorted(self.cluster_parts(), key=lambda part: part.create_time())[: self.workers]

    def processes(self) -> list[psutil.Process]:
        """Every process that was started with this server's home, whosever child it is by now."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("AUTOPACK_HOME") == self.env["AUTOPACK_HOME"]:
                    found.append(process)
        return [each for each in found if each.pid != os.getpid() and _lives(each)]

    # --- Its end ------------------------------------------------------------------------------

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self, within: float = 40.0) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)


def _lives(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


@contextlib.contextmanager
def serving(folder: Path, *, workers: int = 2, **env: str) -> Iterator[Server]:
    """A started server, that is gone afterwards whatever happens."""
    server = Server(folder, workers=workers, **env)
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
            server.process.wait(10)
        for left in server.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


PRELUDE = """
import json, sys
import django
django.setup()
from runs import services
from runs.models import *
"""
