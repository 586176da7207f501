"""Our commands as people start them: real processes, on the test's own database and home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from django.conf import settings
from django.db import connection

from tests.runs.execution.processes import eventually, is_alive

if TYPE_CHECKING:
    from typing import Any

ROOT = Path(__file__).parents[3]
BOUND = 60.0


def own_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a process of ours; it works in `home` and nowhere else."""
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AUTOPACK", "DJANGO", "GIT_"))}
    for name in ("DATABASE_URL", "SOURCE_REPO", "WORKTREE_BASE"):
        kept.pop(name, None)
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
        "AUTOPACK_HOME": str(home),
        "AUTOPACK_WORKTREE_BASE": str(home.parent / "worktrees"),
        "AUTOPACK_SANDBOX": "none",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def test_database_url() -> str:
    """Of the database that this test sees, so that it can look at what a process did."""
    return f"sqlite:///{connection.settings_dict['NAME']}"


test_database_url.__test__ = False  # type: ignore[attr-defined]  # pytest would collect it


class Manage:
    """`manage.py` with an environment. Calling it waits for the end of the command."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.environment = environment
        self._folder = folder
        self._started: list[Started] = []

    def __call__(self, *arguments: object, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._argv(arguments), env=self.environment, cwd=self._folder, input=stdin,
            capture_output=True, text=True, timeout=BOUND,
        )  # fmt: skip

    def start(self, *arguments: object) -> Started:
        log = self._folder / f"output-{len(self._started)}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self._argv(arguments), env=self.environment, cwd=self._folder,
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._started.append(Started(process, log))
        return self._started[-1]

    def close(self) -> None:
        for started in self._started:
            started.process.kill()
            started.process.wait(BOUND)

    @staticmethod
    def _argv(arguments: tuple[object, ...]) -> list[str]:
        return [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]


class Started:
    """A command that runs. What it starts is remembered as far as `tree` was asked for."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def tree(self) -> set[int]:
        """It and everything below it, now."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        return {self.process.pid, *(process.pid for process in below)}

    def child(self, word: str) -> int:
        """The process below it that has `word` on its command line."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            if word in process.cmdline():
                return process.pid
        raise AssertionError(f"no {word} below: {self.output}")

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def says(self, text: str) -> bool:
        return eventually(lambda: text in self.output, 20.0)

    def ends(self) -> int:
        return self.process.wait(BOUND)


def gone(pids: set[int]) -> bool:
    """Whether all of them are dead within ten seconds."""
    return eventually(lambda: not any(is_alive(pid) for pid in pids))


def manage_of_test(home: Path, folder: Path, **more: str) -> Manage:
    folder.mkdir(exist_ok=True)
    return Manage(own_environment(home, DATABASE_URL=test_database_url(), **more), folder)


def children_use_test_database(wrapper: Any) -> None:
    """Let what the fleet starts in this process use this test's database and home."""
    wrapper.AUTOPACK_SECRET_ENVIRONMENT = own_environment(
        Path(settings.AUTOPACK_HOME), DATABASE_URL=test_database_url()
    )
