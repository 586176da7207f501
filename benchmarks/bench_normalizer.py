"""Plans read against Django's sources and a generated tree of 22,000 files.

    python -m benchmarks.bench_normalizer [--rounds N] [--source FOLDER_OR_SDIST]

All in one warm process. The reference of every round is `git ls-files -z` on the same repository.
cold: nothing is known of the tree; file: another process has looked at it before (what a second
command finds); warm: this process has.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.bench_workspaces import PACKAGE, repository_make, tree_fetch
from benchmarks.large_tree import large_tree_make, plan_text
from benchmarks.measuring import (
    ROOT,
    Comparison,
    Sample,
    finish,
    git,
    measured,
    product_environment,
    product_load,
    reference_environment,
    rounds_run,
    workshop,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 20_000)
# Ratios to `git ls-files -z`; milliseconds; megabytes.
WARM_MUST, COLD_MUST = 1.5, 10.0
COLD_MS_MUST, COLD_MS_AIM, WARM_MS_AIM = 300.0, 200.0, 60.0
MEMORY_MB_MUST = 150.0


@dataclass(frozen=True, slots=True)
class Limit:
    """A figure with limits of its own, not a ratio. None: no such limit."""

    name: str
    value: float
    must: float | None
    aim: float | None

    @property
    def is_missed(self) -> bool:
        return self.must is not None and self.value > self.must

    def line(self) -> str:
        is_aimed = self.aim is not None and self.value <= self.aim
        verdict = "MISS" if self.is_missed else "aim reached" if is_aimed else "aim missed"
        if self.aim is None and not self.is_missed:
            verdict = "PASS" if self.must is not None else "info"
        limits = ", ".join(
            f"{word} <= {limit:g}"
            for word, limit in (("must", self.must), ("aim", self.aim))
            if limit is not None
        )
        return f"  {self.name}: {self.value:.1f} ({limits or 'no limit'}): {verdict}"


def packed(repository: Path) -> Path:
    """As a clone has it: nobody has 22,000 objects one by one, git packs them at 6,700."""
    git(repository, "repack", "-a", "-d", "--quiet")
    return repository


class Bench:
    """One repository: what is measured on it, from which state of knowledge."""

    def __init__(self, repository: Path, home: Path) -> None:
        self.repository, self.home = repository, home
        self.environment = reference_environment()
        self.paths = [path for path in git(repository, "ls-files", "-z").split("\0") if path]
        self.texts = {size: plan_text(self.paths, size) for size in SIZES}

    def reference(self, _: int) -> Sample:
        def listed() -> list[str]:
            argv = ["git", "-C", str(self.repository), "ls-files", "-z"]
            done = subprocess.run(argv, check=True, capture_output=True, env=self.environment)
            return done.stdout.decode().split("\0")

        return measured(listed)

    def forget(self, *, files_too: bool) -> None:
        from runs.execution.repository.trees import trees_forget

        trees_forget()
        if files_too:
            shutil.rmtree(self.home / "trees", ignore_errors=True)

    def scan(self) -> None:
        from runs.execution.repository.trees import tree_of_source

        tree = tree_of_source(str(self.repository))
        assert len(tree.index.paths) == len(self.paths)

    def normalize(self, size: int) -> None:
        from runs.plans import plan_normalize

        normalized = plan_normalize(raw_plan=self.texts[size], source=str(self.repository))
        assert normalized.ok, normalized.error

    def state(self, state: str) -> None:
        """Bring about what is known before a sample."""
        if state != "warm":
            self.forget(files_too=state == "cold")
        else:
            self.scan()

    def sampler(self, state: str, work: Callable[[], None]) -> Callable[[int], Sample]:
        def sample(_: int) -> Sample:
            self.state(state)
            return measured(work)

        return sample


def comparisons_of(bench: Bench, rounds: int) -> list[Comparison]:
    count = f"{len(bench.paths)} files"
    scan_musts = {"cold": COLD_MUST, "file": None, "warm": WARM_MUST}
    plan = [
        (Comparison(f"scan, {count}, {state}", must=must), state, bench.scan)
        for state, must in scan_musts.items()
    ]
    for size in SIZES:
        for state in ("cold", "file", "warm"):
            name = f"plan of {size // 1000} KB, {count}, {state}"
            plan.append((Comparison(name), state, lambda size=size: bench.normalize(size)))
    bench.scan()
    for comparison, state, work in plan:
        work()
        rounds_run(comparison, bench.reference, bench.sampler(state, work), rounds)
    return [comparison for comparison, _, _ in plan]


def limits_of(comparisons: list[Comparison], *, is_large: bool) -> list[Limit]:
    """The limits in milliseconds; those of a cold index are for the large tree."""
    limits = []
    for each in comparisons:
        if not each.name.startswith("plan"):
            continue
        value = statistics.median(sample.wall for sample in each.ours) * 1000
        must = aim = None
        if each.name.endswith("cold") and is_large:
            must, aim = COLD_MS_MUST, COLD_MS_AIM
        elif each.name.endswith("warm") and "20 KB" in each.name:
            aim = WARM_MS_AIM
        limits.append(Limit(f"{each.name}, ms", value, must, aim))
    return limits


def memory_of(repository: Path, folder: Path) -> Limit:
    """The peak of a process that reads a 20 KB plan with nothing known, Django and all."""
    argv = [sys.executable, "-m", "benchmarks.bench_normalizer", "--peak", str(repository)]
    environment = product_environment(folder / "peak")
    done = subprocess.run(
        argv, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    return Limit("peak of a process, 20 KB, cold, MB", float(done.stdout), MEMORY_MB_MUST, None)


def peak_print(repository: Path) -> int:
    import resource

    import django

    django.setup()
    from django.conf import settings

    bench = Bench(repository, Path(settings.AUTOPACK_HOME))
    bench.normalize(SIZES[-1])
    # Kilobytes, but on macOS bytes (not run there).
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--source", type=Path, help="a source tree, or its .tar.gz")
    parser.add_argument("--peak", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak is not None:
        return peak_print(options.peak)
    with workshop("bench_normalizer") as folder:
        product_load(folder)
        comparisons, limits = [], []
        tree = tree_fetch(folder, options.source)
        if tree is None:
            print(f"Skipped: {PACKAGE} cannot be downloaded. Give its sources with --source.")
        else:
            bench = Bench(packed(repository_make(tree, folder / "django")), folder / "home")
            comparisons = comparisons_of(bench, options.rounds)
            limits = limits_of(comparisons, is_large=False)
        made = folder / "made"
        made.mkdir()
        large = packed(repository_make(large_tree_make(made), folder / "large"))
        found = comparisons_of(Bench(large, folder / "home"), options.rounds)
        limits += [*limits_of(found, is_large=True), memory_of(large, folder)]
        code = finish([*comparisons, *found])
        print("\nBy themselves:")
        for limit in limits:
            print(limit.line())
        return max(code, int(any(limit.is_missed for limit in limits)))


if __name__ == "__main__":
    sys.exit(main())
