"""The engine beside bash: 24 runs x 4 phases, each a patch, `true` and a commit.

    python -m benchmarks.bench_engine [--rounds N] [--concurrency 2 4] [--profile]

The reference (reference.sh, xargs -P) does the git work and nothing else. Ours is the engine in a
warm process: threads, runners, mirror and pool of worktrees are there, the runs' rows are created;
timed is everything from queueing to SUCCEEDED, with rows, leases, logs, governance and the branch
in the project's repository. `cold` (for information) starts with a project never seen before, so
that fetching it and making the worktrees is inside.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import (
    Comparison,
    Sample,
    finish,
    git,
    measured,
    product_load,
    reference_environment,
    rounds_run,
    workshop,
)

if TYPE_CHECKING:
    from runs.models import Project, Run

RUNS, PHASES, FILES = 24, 4, 20
MUST, AIM = 1.15, 1.00
# Index entries as young as their index are read again at every look: no slot starts that way.
SETTLE_SECONDS = 1.6
SCRIPT = Path(__file__).with_name("reference.sh")


@dataclass(frozen=True, slots=True)
class Seed:
    """The repository that every round starts from, the phases' patches, and their result."""

    repository: Path
    patches: Path
    plan: dict[str, object]
    base: str
    tree: str

    def copy_to(self, target: Path) -> Path:
        return Path(shutil.copytree(self.repository, target, symlinks=True))


def seed_make(folder: Path) -> Seed:
    repository, patches = folder / "seed", folder / "patches"
    for new in (repository / "src", patches):
        new.mkdir(parents=True)
    for number in range(FILES):
        lines = [f"line {line} of file {number}" for line in range(40)]
        (repository / "src" / f"file_{number}.txt").write_text("\n".join(lines) + "\n")
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=Base")
    base = git(repository, "rev-parse", "HEAD").strip()
    phases = []
    for number in range(1, PHASES + 1):
        path = f"src/file_{number}.txt"
        target = repository / path
        target.write_text(target.read_text().replace("line 20 of", f"phase {number} wrote"))
        patch = git(repository, "diff")
        (patches / f"{number}.patch").write_text(patch)
        git(repository, "add", "--all")
        phases.append(
            {
                "id": f"phase-{number}",
                "title": f"Phase {number}",
                "depends_on": [f"phase-{number - 1}"] if number > 1 else [],
                "scope": {"modify": [path]},
                "builder": {
                    "backend": "recipe",
                    "steps": [{"kind": "apply_patch", "patch": patch}],
                },
                "validation_commands": ["true"],
            }
        )
    tree = git(repository, "write-tree").strip()
    git(repository, "reset", "--quiet", "--hard", base)
    plan = {"schema_version": 1, "goal": "Benchmark", "phases": phases}
    return Seed(repository, patches, plan, base, tree)


def branches_check(repository: Path, seed: Seed, names: list[str]) -> None:
    """Every branch is there, with one commit a phase and the right files."""
    found = git(repository, "for-each-ref", "--format=%(refname:short) %(tree)", "refs/heads")
    trees = dict(line.split() for line in found.splitlines())
    for name in names:
        assert trees.get(name) == seed.tree, f"{name} holds the wrong files, or is not there"
        count = int(git(repository, "rev-list", "--count", f"{seed.base}..refs/heads/{name}"))
        assert count == PHASES, f"{name} has {count} commits, not {PHASES}"


def reference_round(seed: Seed, folder: Path, concurrency: int) -> Sample:
    repository = seed.copy_to(folder / "repository")
    worktrees = folder / "worktrees"
    worktrees.mkdir()
    argv = ["bash", str(SCRIPT), str(repository), str(worktrees), str(seed.patches)]
    argv += [str(RUNS), str(PHASES), str(concurrency)]
    environment = reference_environment()
    sample = measured(lambda: subprocess.run(argv, env=environment, check=True))
    branches_check(repository, seed, [f"run-{number}" for number in range(1, RUNS + 1)])
    shutil.rmtree(folder)
    return sample


class Engine:
    """Our side at one concurrency: warm threads, and a new project for each round."""

    def __init__(self, seed: Seed, folder: Path, concurrency: int) -> None:
        self.seed, self.folder, self.concurrency = seed, folder, concurrency
        self.threads = ThreadPoolExecutor(concurrency)
        self._projects = 0

    def project_new(self) -> Project:
        from runs import services

        self._projects += 1
        name = f"c{self.concurrency}-{self._projects}"
        source = self.seed.copy_to(self.folder / name)
        return services.project_create(name=name, source=str(source))

    def projects_warm(self, count: int) -> list[Project]:
        """Projects that have been used: mirror and worktrees are there, the latter refreshed."""
        projects = [self.project_new() for _ in range(count)]
        for name in ("first", "second"):
            for project in projects:
                # More runs than threads, so that every thread has had a worktree of its own.
                runs = self.runs_new(project, name, 2 * self.concurrency)
                list(self.threads.map(run_to_end, runs))
            time.sleep(SETTLE_SECONDS)
        return projects

    def runs_new(self, project: Project, name: str = "run", count: int = RUNS) -> list[Run]:
        from runs import services

        return [
            services.run_create(
                project=project,
                structured_plan=self.seed.plan,
                run_id=f"{project.name}-{name}-{number}",
            )
            for number in range(1, count + 1)
        ]

    def round(self, project: Project) -> Sample:
        runs = self.runs_new(project)
        sample = measured(lambda: list(self.threads.map(run_to_end, runs)))
        self.check(project, runs)
        return sample

    def check(self, project: Project, runs: list[Run]) -> None:
        """Branches, rows and logs are all there; then the project's folders are given up."""
        from runs.execution.repository.mirrors import mirror_open
        from runs.execution.repository.sources import source_open
        from runs.execution.session import run_folder
        from runs.models import Attempt

        branches_check(Path(project.source), self.seed, [run.branch for run in runs])
        attempts = Attempt.objects.filter(phase__run__in=runs)
        succeeded = attempts.filter(outcome="succeeded").exclude(report={})
        assert succeeded.count() == RUNS * PHASES, "an attempt has no row, or did not succeed"
        logs = [log for run in runs for log in run_folder(run.run_id).glob("*/*/attempt.log")]
        assert len(logs) == RUNS * PHASES, "an attempt has no log"
        mirror_open(project.name, source_open(project.source)).close()
        shutil.rmtree(project.source)

    def close(self) -> None:
        from django.db import connections

        together = threading.Barrier(self.concurrency)

        def leave(_: int) -> None:
            together.wait(60)  # one for each thread, none twice
            connections.close_all()

        list(self.threads.map(leave, range(self.concurrency)))
        self.threads.shutdown()


def run_to_end(run: Run) -> None:
    from runs.execution.driver import Drive, run_drive

    state = run_drive(Drive(run=run, parallel=1))
    assert state == "SUCCEEDED", f"{run.run_id} ended {state}: {run.explanation}"


def compare(seed: Seed, folder: Path, concurrency: int, rounds: int) -> list[Comparison]:
    """Warm (gated) and cold (for information), both beside the reference of the same round."""
    per = RUNS * PHASES
    warm = Comparison(f"C={concurrency} warm, per phase", per, MUST, AIM)
    cold = Comparison(f"C={concurrency} cold, per phase", per)
    engine = Engine(seed, folder / f"projects-{concurrency}", concurrency)
    engine.folder.mkdir()

    def reference(number: int) -> Sample:
        return reference_round(seed, folder / f"reference-{number}", concurrency)

    try:
        projects = engine.projects_warm(rounds)
        reference(rounds)
        rounds_run(warm, reference, lambda number: engine.round(projects[number]), rounds)
        few = max(1, rounds // 2)
        rounds_run(cold, reference, lambda _: engine.round(engine.project_new()), few)
    finally:
        engine.close()
    return [warm, cold]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--profile", action="store_true", help="where one thread's time goes")
    options = parser.parse_args()
    missing = [tool for tool in ("bash", "xargs", "flock", "git") if not shutil.which(tool)]
    if missing:
        print(f"Skipped: the reference needs {', '.join(missing)} on PATH.")
        return 0
    with workshop("bench_engine") as folder:
        product_load(folder)
        seed = seed_make(folder)
        if options.profile:
            from benchmarks.engine_profile import profile_print

            engine = Engine(seed, folder / "projects", 1)
            engine.folder.mkdir()
            profile_print(engine)
            engine.close()
            return 0
        comparisons: list[Comparison] = []
        for concurrency in options.concurrency:
            comparisons += compare(seed, folder, concurrency, options.rounds)
        return finish(comparisons)


if __name__ == "__main__":
    sys.exit(main())
