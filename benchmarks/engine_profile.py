"""Where the engine's time goes, on one thread: processes, SQL, stages, then our own functions."""

from __future__ import annotations

import contextlib
import cProfile
import pstats
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any
from unittest import mock

import psutil

from benchmarks.bench_engine import PHASES, RUNS, run_to_end
from benchmarks.measuring import reaped_seconds
from benchmarks.segments import Segments

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.bench_engine import Engine
    from runs.models import Project, Run

PER = RUNS * PHASES


class Ledger:
    """Counts and seconds by what was waited for."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def entry(self, label: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.counts[label] += 1
            self.seconds[label] += time.perf_counter() - started

    def wraps(self, label: Callable[..., str], function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self.entry(label(*args, **kwargs)):
                return function(*args, **kwargs)

        return wrapped

    def query(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        words = sql.replace('"', "").split()
        verb = words[0]
        after = {"UPDATE": 1, "INSERT": 2}.get(verb)
        table = words[after] if after else words[words.index("FROM") + 1] if "FROM" in words else ""
        with self.entry(f"sql {verb} {table}"):
            return execute(sql, *rest)


def _process_label(request: dict[str, Any], *_: Any, **__: Any) -> str:
    program = request["argv"][0].rpartition("/")[2]
    return f"process {program} {request['argv'][1]}" if program == "git" else f"process {program}"


@contextlib.contextmanager
def watched(ledger: Ledger) -> Iterator[None]:
    """Every process, question to a long-lived git, query and transaction goes into `ledger`."""
    from django.db import connection, transaction
    from filelock import FileLock

    from runs.execution import process
    from runs.execution.repository.coprocess import Coprocess

    depth = 0
    enter, leave = transaction.Atomic.__enter__, transaction.Atomic.__exit__

    def atomic_enter(self: transaction.Atomic) -> None:
        nonlocal depth
        depth += 1
        with ledger.entry("sql BEGIN" if depth == 1 else "sql (nested)"):
            enter(self)

    def atomic_exit(self: transaction.Atomic, *error: Any) -> None:
        nonlocal depth
        depth -= 1
        with ledger.entry("sql COMMIT" if depth == 0 else "sql (nested)"):
            leave(self, *error)

    with contextlib.ExitStack() as stack:
        for target, name, new in (
            (process, "execute", ledger.wraps(_process_label, process.execute)),
            (
                Coprocess, "ask",
                ledger.wraps(lambda asked, *_, **__: f"coprocess {asked._argv[1]}", Coprocess.ask),  # noqa: SLF001 (which git it is)
            ),
            (transaction.Atomic, "__enter__", atomic_enter),
            (transaction.Atomic, "__exit__", atomic_exit),
            (FileLock, "acquire", ledger.wraps(lambda *_, **__: "file lock", FileLock.acquire)),
        ):  # fmt: skip
            stack.enter_context(mock.patch.object(target, name, new))
        stack.enter_context(connection.execute_wrapper(ledger.query))
        yield


def cpu_parts() -> Counter[str]:
    """CPU seconds so far: of this process, of the runners themselves, of git and the commands."""
    parts = Counter({"this process": time.process_time()})
    parts["git and commands"] = reaped_seconds()
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            part = "git and commands" if child.name() == "git" else "runners"
            parts[part] += times.user + times.system
            parts["git and commands"] += times.children_user + times.children_system
    return parts


def profile_print(engine: Engine) -> None:
    """Rounds on one thread: plain, every wait counted, CPU by doors, under cProfile."""
    plain, counted, by_doors, profiled = engine.projects_warm(4)
    runs = engine.runs_new(plain)
    before, started = cpu_parts(), time.perf_counter()
    _round(runs)
    wall = time.perf_counter() - started
    used = cpu_parts()
    used.subtract(before)
    print(f"\nOne thread: {wall * 1000 / PER:.2f} ms a phase by the clock")
    for part, seconds in used.items():
        print(f"  {seconds * 1000 / PER:6.2f} ms CPU a phase: {part}")
    _stages_print(plain)

    ledger, runs = Ledger(), engine.runs_new(counted)
    with watched(ledger):
        started = time.perf_counter()
        _round(runs)
        wall = time.perf_counter() - started
    _ledger_print(ledger, wall)

    segments, runs = Segments(), engine.runs_new(by_doors)
    with segments.watching():
        _round(runs)
    segments.print(PER)

    profile, runs = cProfile.Profile(), engine.runs_new(profiled)
    profile.enable()
    _round(runs)
    profile.disable()
    print("\ncProfile, waits included (it makes calls look dearer than they are):")
    pstats.Stats(profile).sort_stats("tottime").print_stats(40)


def _round(runs: list[Run]) -> None:
    """On this thread, where cProfile and the wrappers can see it."""
    for run in runs:
        run_to_end(run)


def _stages_print(project: Project) -> None:
    from runs.models import Attempt

    stages: defaultdict[str, float] = defaultdict(float)
    attempts = Attempt.objects.filter(phase__run__run_id__startswith=f"{project.name}-run-")
    reports = attempts.values_list("report", flat=True)
    for report in reports:
        for stage in report["stages"]:
            stages[stage["stage"]] += stage["seconds"]
    print("Stages, ms a phase (the rest is claiming, finishing, opening and publishing):")
    for stage, seconds in stages.items():
        print(f"  {seconds * 1000 / PER:6.2f} {stage}")


def _ledger_print(ledger: Ledger, wall: float) -> None:
    print("\nWaited for, in a round of its own: times a phase, ms a phase, ms each")
    groups: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for label, seconds in sorted(ledger.seconds.items(), key=lambda item: -item[1]):
        count = ledger.counts[label]
        each = seconds * 1000
        print(f"  {count / PER:6.2f} {each / PER:7.3f} {each / count:7.3f}  {label}")
        group = groups[label.split()[0]]
        group[0] += count
        group[1] += seconds
    print("In sum:")
    for name, (count, seconds) in groups.items():
        print(f"  {count / PER:6.2f} {seconds * 1000 / PER:7.3f} {name}")
    known = sum(seconds for _, seconds in groups.values())
    print(f"         {(wall - known) * 1000 / PER:7.3f} everything else: our Python, Django, files")
    print(f"         {wall * 1000 / PER:7.3f} altogether")
