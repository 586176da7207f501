"""What the benchmarks share: a folder of their own, rounds that alternate, ratios and verdicts."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108 (a file system, not a file name)


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one side in one round: by the clock, and of CPU (user and system, all
    processes that took part)."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Comparison:
    """Two sides, a sample of each a round. `must` gates, `aim` is what we are after; None: shown
    for information. `per` divides the times shown (96 phases: times a phase)."""

    name: str
    per: int = 1
    must: float | None = None
    aim: float | None = None
    reference: list[Sample] = field(default_factory=list)
    ours: list[Sample] = field(default_factory=list)

    @property
    def ratios(self) -> list[float]:
        """Ours over the reference by the clock, one a round."""
        return [our.wall / ref.wall for our, ref in zip(self.ours, self.reference, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def cpu_ratio(self) -> float:
        pairs = zip(self.ours, self.reference, strict=True)
        return statistics.median(our.cpu / ref.cpu for our, ref in pairs)

    @property
    def is_missed(self) -> bool:
        return self.must is not None and self.ratio > self.must

    @property
    def verdict(self) -> str:
        if self.must is None:
            return "info"
        if self.is_missed:
            return "MISS"
        return "PASS" if self.aim is None or self.ratio > self.aim else "PASS (aim reached)"

    def milliseconds(self, side: list[Sample]) -> str:
        wall = statistics.median(sample.wall for sample in side) * 1000 / self.per
        cpu = statistics.median(sample.cpu for sample in side) * 1000 / self.per
        return f"{wall:.1f} ({cpu:.1f})"


def rounds_run(
    comparison: Comparison,
    reference: Callable[[int], Sample],
    ours: Callable[[int], Sample],
    rounds: int,
) -> None:
    """Both sides in each round, taking turns at going first: noise of the machine hits both."""
    for number in range(rounds):
        if number % 2:
            comparison.ours.append(ours(number))
            comparison.reference.append(reference(number))
        else:
            comparison.reference.append(reference(number))
            comparison.ours.append(ours(number))


def measured(work: Callable[[], object]) -> Sample:
    cpu, wall = cpu_seconds(), time.perf_counter()
    work()
    return Sample(time.perf_counter() - wall, max(cpu_seconds() - cpu, 1e-6))


def cpu_seconds() -> float:
    """CPU of this process and of all below it, ended ones included.

    Runners and coprocesses outlive a round, so they are asked too. Their clock ticks in 10 ms,
    only Linux tells what their own ended children used, and Windows tells nothing of ended ones
    (the Windows and macOS branches were not run).
    """
    total = time.process_time() + reaped_seconds()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def reaped_seconds() -> float:
    """CPU of the children that have ended, to the microsecond where the system tells it so."""
    if sys.platform == "win32":
        return 0.0
    import resource

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def comparisons_print(comparisons: list[Comparison]) -> None:
    """One line a comparison: medians in ms (CPU in brackets), the ratio of each round, verdict."""
    rows = [("", "reference ms", "ours ms", "ratio", "CPU", "must", "aim", "verdict")]
    rows += [
        (
            each.name,
            each.milliseconds(each.reference),
            each.milliseconds(each.ours),
            f"{each.ratio:.2f}",
            f"{each.cpu_ratio:.2f}",
            "" if each.must is None else f"<= {each.must:g}",
            "" if each.aim is None else f"<= {each.aim:g}",
            each.verdict,
        )
        for each in comparisons
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    print("\nRatio of each round (ours / reference, by the clock):")
    for each in comparisons:
        print(f"  {each.name}: {' '.join(f'{ratio:.2f}' for ratio in each.ratios)}")


def load_line() -> str:
    cores = os.cpu_count() or 1
    if not hasattr(os, "getloadavg"):
        return f"{cores} cores"
    return f"{cores} cores, load {' '.join(f'{load:.1f}' for load in os.getloadavg())}"


@contextlib.contextmanager
def workshop(name: str) -> Iterator[Path]:
    """A new folder for one benchmark, removed afterwards; in memory where the machine has that."""
    is_memory = MEMORY_FOLDER.is_dir() and os.access(MEMORY_FOLDER, os.W_OK)
    folder = Path(
        tempfile.mkdtemp(prefix=f"autopack-{name}-", dir=MEMORY_FOLDER if is_memory else None)
    )
    print(f"{name}: {folder} ({'in memory' if is_memory else 'on disk'}), {load_line()}")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Load at the end: {load_line()}")


def product_environment(folder: Path) -> dict[str, str]:
    """What gives the product a home of its own and nothing of the machine's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AUTOPACK_", "GIT_", "DJANGO_"))
    }
    return kept | {
        "DJANGO_SETTINGS_MODULE": "autopack_site.settings",
        "DATABASE_URL": "",
        "AUTOPACK_HOME": str(folder / "home"),
        "AUTOPACK_WORKTREE_BASE": str(folder / "worktrees"),
        "AUTOPACK_SANDBOX": "none",
        "AUTOPACK_LOG_LEVEL": "ERROR",
        "AUTOPACK_ENABLE_INTENTION_CONTEXT": "no",
        "AUTOPACK_ENABLE_FAILURE_HARDENING": "no",
        "TELEMETRY_DB_ENABLED": "no",
    }


def product_load(folder: Path) -> None:
    """Django in this process, with an empty database in `folder`."""
    environment = product_environment(folder)
    os.environ.clear()
    os.environ.update(environment)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def reference_environment() -> dict[str, str]:
    """A plain user's git: defaults, no configuration of this machine, an author."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Reference",
        "GIT_AUTHOR_EMAIL": "reference@localhost",
        "GIT_COMMITTER_NAME": "Reference",
        "GIT_COMMITTER_EMAIL": "reference@localhost",
    }


def git(folder: Path, *args: str) -> str:
    """A plain git call in `folder`, as the reference makes them; its output."""
    done = subprocess.run(
        ["git", *args],
        cwd=folder, env=reference_environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def finish(comparisons: list[Comparison]) -> int:
    """Print all; the exit code: 1 when a must is missed."""
    comparisons_print(comparisons)
    missed = [each.name for each in comparisons if each.is_missed]
    if missed:
        print(f"Missed: {'; '.join(missed)}")
    return 1 if missed else 0
