"""Two kinds of workers for bench_workers: `manage.py worker`, and plain django-q2."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from benchmarks.measuring import ROOT, Sample, git, product_environment, product_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from runs.models import Run

PATIENCE_SECONDS = 60.0


def until(is_so: Callable[[], bool], what: str, log: Path | None = None) -> None:
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > give_up_at:
            said = log.read_text() if log else ""
            raise SystemExit(f"Not within {PATIENCE_SECONDS:g} s: {what}\n{said}")
        time.sleep(0.001)


def lines(folder: Path, name: str) -> list[list[float]]:
    """The numbers of all whole lines of the files `name-PID` (or of one), by time."""
    found = [
        [float(word) for word in line.split()]
        for path in folder.glob(name if "-" in name else f"{name}-*")
        for line in path.read_text().split("\n")[:-1]
    ]
    return sorted(found, key=lambda numbers: numbers[-1] if name == "begins" else numbers[0])


@contextlib.contextmanager
def running(argv: list[str], environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """A cluster in a session of its own, at work when the block is entered."""
    with log.open("ab") as output:
        server = subprocess.Popen(
            argv, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    root = psutil.Process(server.pid)
    try:
        yield root
    finally:
        everyone = [root, *root.children(recursive=True)]
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        for left in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


def cpu_of(root: psutil.Process) -> float:
    """CPU seconds of a process and of all below it, ended ones included."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


# --- Plain django-q2 --------------------------------------------------------------------------


class Plain:
    """A cluster of plain django-q2, and a process that puts messages for it."""

    def __init__(self, folder: Path, poll: float) -> None:
        folder.mkdir()
        self.folder = folder
        self.environment = {
            **product_environment(folder),
            "DJANGO_SETTINGS_MODULE": "benchmarks.q2_settings",
            "Q2_FOLDER": str(folder),
            "Q2_POLL": str(poll),
        }
        self.python("from django.core.management import call_command",
                    "call_command('migrate', verbosity=0)")  # fmt: skip

    def python(self, *source: str) -> None:
        program = "\n".join(("import django", "django.setup()", *source))
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=self.environment, check=True)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[psutil.Process]:
        argv = [sys.executable, "-m", "django", "qcluster"]
        with running(argv, self.environment, self.folder / "log") as root:
            self.python("from benchmarks.q2_tasks import enqueue_chain", "enqueue_chain(1)")
            until(lambda: bool(lines(self.folder, "begins")), "django-q2 begins")
            self.forget()
            yield root

    def forget(self) -> None:
        for path in self.folder.glob("begins-*"):
            path.unlink()

    def chain(self, count: int) -> Sample:
        with self.at_work() as root:
            cpu = cpu_of(root)
            self.python("from benchmarks.q2_tasks import enqueue_chain", f"enqueue_chain({count})")
            until(lambda: len(lines(self.folder, "begins")) == count, "the chain ends")
            times = [began for _, began in lines(self.folder, "begins")]
            return Sample((times[-1] - times[0]) / (count - 1), (cpu_of(root) - cpu) / count)

    def many(self, chains: int, count: int) -> Sample:
        """`chains` chains at once: the queue is never empty, so that no poll is waited for."""
        with self.at_work() as root:
            cpu, total = cpu_of(root), chains * count
            self.python(
                "from benchmarks.q2_tasks import enqueue_chain",
                f"for number in range({chains}): enqueue_chain({count})",
            )
            until(lambda: len(lines(self.folder, "begins")) == total, "the chains end")
            times = [began for _, began in lines(self.folder, "begins")]
            return Sample((times[-1] - times[0]) / (total - 1), (cpu_of(root) - cpu) / total)

    def wake_ups(self, count: int) -> list[float]:
        """Seconds from before each message was put until its task began."""
        with self.at_work():
            self.python(
                "import random, time",
                "from pathlib import Path",
                "from django_q.brokers import get_broker",
                "from django_q.tasks import async_task",
                "broker = get_broker()",
                f"for number in range({count}):",
                "    put = time.perf_counter()",
                "    async_task('benchmarks.q2_tasks.step', number, broker=broker)",
                f"    with open({str(self.folder / 'puts-0')!r}, 'a') as file:",
                "        file.write(f'{number} {put}\\n')",
                "    time.sleep(random.uniform(0.2, 0.4))",
            )
            until(lambda: len(lines(self.folder, "begins")) == count, "all begin")
            return delays(lines(self.folder, "puts"), lines(self.folder, "begins"))


def delays(puts: list[list[float]], begins: list[list[float]]) -> list[float]:
    put_at = {int(number): at for number, at in puts}
    return [at - put_at[int(number)] for number, at in begins if int(number) in put_at]


# --- Ours -------------------------------------------------------------------------------------


class Ours:
    """`manage.py worker` over a home of its own; this process is Django with the same home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meter = folder / "home" / "meter"
        product_load(folder)
        self.environment = os.environ | {"DJANGO_SETTINGS_MODULE": "benchmarks.worker_settings"}
        self.number = 0
        repository = folder / "project"
        repository.mkdir()
        (repository / "file.txt").write_text("start\n")
        git(repository, "init", "--quiet", "--initial-branch=main")
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--message=Base")
        from runs import services

        self.project = services.project_ensure(source=str(repository))

    @contextlib.contextmanager
    def at_work(self) -> Iterator[psutil.Process]:
        """With a run behind it, so that the mirror and a worktree are there."""
        argv = [sys.executable, str(ROOT / "manage.py"), "worker", "--workers", "2"]
        with running(argv, self.environment, self.folder / "log") as root:
            self.run_to_end(2)
            self.forget()
            yield root

    def forget(self) -> None:
        for path in self.meter.glob("*"):
            path.unlink()

    def many(self, runs: int, count: int) -> Sample:
        """`runs` runs at once. What both workers waited for git and commands counts half: they
        wait at the same time."""
        with self.at_work() as root:
            cpu, total = cpu_of(root), runs * count
            self.runs_to_end(runs, count)
            cpu = (cpu_of(root) - cpu) / total
            ends = lines(self.meter, "ends")
            workers = [lines(self.meter, path.name) for path in self.meter.glob("ends-*")]
        assert len(ends) == total
        waited = sum(sum(mine[-1][1:]) - sum(mine[0][1:]) for mine in workers)
        wall = ends[-1][0] - ends[0][0] - waited / len(workers)
        return Sample(wall / (total - 1), cpu)

    def run_to_end(self, count: int) -> None:
        self.runs_to_end(1, count)

    def runs_to_end(self, runs: int, count: int) -> None:
        from runs.models import Run

        started = [self.start(count).pk for _ in range(runs)]
        found = Run.objects.filter(pk__in=started)

        def are_over() -> bool:
            time.sleep(0.05)  # asking costs the workers CPU
            return not found.filter(state__in=["QUEUED", "RUNNING"]).exists()

        until(are_over, "the runs end", self.folder / "log")
        ends = list(found.values_list("state", "explanation"))
        assert all(state == "SUCCEEDED" for state, _ in ends), ends
        assert not found.filter(phases__crashes__gt=0).exists()

    def start(self, count: int) -> Run:
        from runs import services

        self.number += 1
        phases = [
            {
                "id": f"phase-{number}",
                "title": f"Phase {number}",
                "depends_on": [f"phase-{number - 1}"] if number else [],
                "builder": {
                    "backend": "recipe",
                    "steps": [{"kind": "write_file", "path": "n.txt", "content": f"{number}\n"}],
                },
                "validation_commands": ["true"],
            }
            for number in range(count)
        ]
        run = services.run_create(
            project=self.project,
            structured_plan={"schema_version": 1, "goal": "Benchmark", "phases": phases},
            run_id=f"chain-{self.number}",
        )
        services.run_execute(run, trigger="api")
        return run

    def chain(self, count: int) -> tuple[Sample, dict[str, float]]:
        """A phase's cost without git and its command; and what those took, in seconds a phase."""
        with self.at_work() as root:
            cpu = cpu_of(root)
            self.run_to_end(count)
            cpu = (cpu_of(root) - cpu) / count
            ends = lines(self.meter, "ends")
        assert len(ends) == count
        (first, git_first, own_first), (last, git_last, own_last) = ends[0], ends[-1]
        whole = last - first
        parts = {
            "all of it": whole / (count - 1),
            "git": (git_last - git_first) / (count - 1),
            "its command": (own_last - own_first) / (count - 1),
        }
        cost = parts["all of it"] - parts["git"] - parts["its command"]
        return Sample(cost, cpu), parts

    def wake_ups(self, count: int) -> list[float]:
        from runs import queue

        with self.at_work():
            puts = []
            for number in range(count):
                key = 10**6 + number  # no such run: the task looks, and is done
                puts.append([float(key), time.perf_counter()])
                queue.wake(key)
                time.sleep(random.uniform(0.2, 0.4))  # noqa: S311 (a benchmark's dice)
            until(lambda: len(delays(puts, lines(self.meter, "begins"))) == count, "all begin")
            return delays(puts, lines(self.meter, "begins"))

    def idle_percent(self, seconds: float) -> float:
        """Of one core, all processes of `worker` together."""
        with self.at_work() as root:
            time.sleep(6.0)  # what lingers after a run goes away
            before, began = cpu_of(root), time.perf_counter()
            time.sleep(seconds)
            return (cpu_of(root) - before) / (time.perf_counter() - began) * 100
