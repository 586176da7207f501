"""What the tests of processes share: small commands, and waiting for facts within a bound."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runs.execution.process import Command, CommandLimits

ENV = {"PATH": "/usr/bin:/bin"}
ROOT = Path(__file__).parents[3]

# Leaves its session and its parent for good, as daemons do, and writes down who it is.
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open(sys.argv[1], "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1], sys.argv[1] + ".pid")
        time.sleep(60)
    os._exit(0)
while not os.path.exists(sys.argv[1] + ".pid"):
    time.sleep(0.005)
"""


def python(source: str, *args: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", source, *args)


def command(
    *argv: str, cwd: Path = Path("/"), stdin: bytes = b"", **limits: float | None
) -> Command:
    return Command(argv, cwd, ENV, CommandLimits(**limits), stdin)  # type: ignore[arg-type]  # a test's own limits


def shell(script: str, cwd: Path = Path("/"), **limits: float | None) -> Command:
    return command("sh", "-c", script, cwd=cwd, stdin=b"", **limits)


def is_alive(pid: int) -> bool:
    """A zombie is dead: whoever inherited it may take its time to bury it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state[0] not in "ZX"


def eventually(fact: Callable[[], object], seconds: float = 10.0) -> bool:
    give_up_at = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > give_up_at:
            return False
        os.sched_yield()
        time.sleep(0.005)
    return True


def pid_in(path: Path) -> int:
    assert eventually(lambda: path.exists() and path.read_text().strip()), path
    return int(path.read_text())
