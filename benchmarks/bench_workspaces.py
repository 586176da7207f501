"""A workspace of the pool beside a fresh worktree, on Django's sources; then 600 rough cycles.

    python -m benchmarks.bench_workspaces [--rounds N] [--source FOLDER_OR_SDIST] [--cycles 600]

The reference is the fast safe way without a pool: `git worktree add --no-checkout` under a lock,
the checkout outside it. Ours takes a slot that was used, left dirty (tracked files changed and
deleted, untracked files and folders) and released. Eight of each, two at a time.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
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
    from runs.execution.repository.mirrors import Mirror
    from runs.execution.worktrees import Workspace

PACKAGE = "Django==5.2.19"
WORKSPACES, TOGETHER = 8, 2
MUST, AIM = 0.35, 0.20
CYCLES, CYCLES_TOGETHER = 600, 8
# Before this a new slot's index cannot be told from its files' times; see worktrees.py.
SETTLE_SECONDS = 1.6


def tree_fetch(folder: Path, source: Path | None) -> Path | None:
    """Django's sources in `folder`: from `source`, the cache or the package index; None without."""
    if source is not None and source.is_dir():
        return Path(shutil.copytree(source, folder / "tree", ignore=shutil.ignore_patterns(".git")))
    archive = source or _downloaded()
    if archive is None:
        return None
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    return next((folder / "unpacked").iterdir())


def _downloaded() -> Path | None:
    cache = Path(tempfile.gettempdir()) / f"autopack-benchmarks-{getpass.getuser()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    if hasattr(os, "getuid") and cache.stat().st_uid != os.getuid():
        print(f"{cache} belongs to someone else; name an archive with --source.")
        return None
    if not list(cache.glob("*.tar.gz")):
        argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        argv += ["--no-binary", "Django", "--dest", str(cache), PACKAGE]
        if subprocess.run(argv, check=False).returncode:
            return None
    return next(cache.glob("*.tar.gz"), None)


def repository_make(tree: Path, target: Path) -> Path:
    tree.rename(target)
    git(target, "init", "--quiet", "--initial-branch=main")
    git(target, "config", "gc.auto", "0")
    git(target, "add", "--all", "--force")
    git(target, "commit", "--quiet", "--message=Base")
    return target


# --- The pool beside fresh worktrees ----------------------------------------------------------


class Fresh:
    """The reference: new two-step worktrees of a plain clone, removed after the round."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        self.environment = reference_environment()
        self.head = git(repository, "rev-parse", "HEAD").strip()
        self.lock = Lock()

    def _add(self, tree: Path) -> None:
        add = ["git", "-C", str(self.repository), "worktree", "add", "--quiet", "--no-checkout"]
        with self.lock:
            self._call([*add, "--detach", str(tree), self.head])
        self._call(["git", "-C", str(tree), "checkout", "--quiet", "--force", "--detach"])

    def _call(self, argv: list[str]) -> None:
        subprocess.run(argv, check=True, env=self.environment)

    def round(self, number: int) -> Sample:
        trees = [self.folder / f"{number}-{place}" for place in range(WORKSPACES)]
        with ThreadPoolExecutor(TOGETHER) as threads:
            sample = measured(lambda: list(threads.map(self._add, trees)))
        assert all(not git(tree, "status", "--porcelain") for tree in trees)
        for tree in trees:
            shutil.rmtree(tree)
        git(self.repository, "worktree", "prune", "--expire=now")
        return sample


class Pooled:
    """Ours: eight slots, used and left dirty before each round."""

    def __init__(self, mirror: Mirror, commit: str) -> None:
        self.mirror, self.commit = mirror, commit

    def acquire(self, _: int) -> Workspace:
        from runs.execution.worktrees import workspace_acquire

        return workspace_acquire(self.mirror, self.commit)

    def acquire_all(self) -> list[Workspace]:
        """Eight at once are held, so eight different slots are used."""
        with ThreadPoolExecutor(TOGETHER) as threads:
            return list(threads.map(self.acquire, range(WORKSPACES)))

    def warm(self) -> None:
        for _ in range(2):
            for workspace in self.acquire_all():
                workspace.release()
            time.sleep(SETTLE_SECONDS)

    def round(self, _: int) -> Sample:
        for workspace in self.acquire_all():
            dirty(workspace)
            workspace.release()
        held: list[Workspace] = []
        sample = measured(lambda: held.extend(self.acquire_all()))
        assert len({workspace.tree for workspace in held}) == WORKSPACES
        for workspace in held:
            left = workspace.git.text("status", "--porcelain", "--ignored")
            assert not left, f"{workspace.tree} is not clean: {left[:200]}"
            assert workspace.git.text("rev-parse", "HEAD") == self.commit
            workspace.release()
        return sample


def dirty(workspace: Workspace) -> None:
    """What a phase leaves: a commit, changed and deleted files, untracked ones, a nested repo."""
    tracked = workspace.git.text("ls-files").splitlines()
    changed, deleted = tracked[:: len(tracked) // 40], tracked[1 :: len(tracked) // 10]
    for name in changed:
        (workspace.tree / name).write_text("changed by a phase\n")
    workspace.stage_all()
    workspace.git.call("commit", "--quiet", "--no-verify", "--message=A phase")
    for name in deleted:
        (workspace.tree / name).unlink()
    for name in changed[:10]:
        (workspace.tree / name).write_text("changed, and not committed\n")
    build = workspace.tree / "build" / "deep"
    build.mkdir(parents=True)
    for number in range(50):
        (build / f"{number}.pyc").write_bytes(b"made by a test run")
    git(build, "init", "--quiet")
    workspace.pristine = False


# --- 600 cycles -------------------------------------------------------------------------------


def cycles_run(mirror: Mirror, commit: str, cycles: int) -> list[str]:
    """Create, commit, remove, eight at a time; what went wrong (nothing, it is hoped)."""
    from runs.execution.worktrees import workspace_acquire, workspace_remove

    def cycle(number: int) -> str:
        try:
            workspace = workspace_acquire(mirror, commit)
            try:
                with workspace.watched():
                    (workspace.tree / "made.txt").write_text(f"cycle {number}\n")
                workspace.stage_all()
                workspace.git.call("commit", "--quiet", "--no-verify", f"--message={number}")
                made = workspace.git.text("rev-parse", "HEAD")
                workspace.keep(f"refs/autopack/attempts/cycles/{number}", made)
                workspace.flush_refs()
                workspace_remove(workspace)
            finally:
                workspace.release()
        except Exception as failure:  # noqa: BLE001 (each kind of failure is what is counted)
            return f"cycle {number}: {type(failure).__name__}: {failure}"
        return ""

    with ThreadPoolExecutor(CYCLES_TOGETHER) as threads:
        return [failure for failure in threads.map(cycle, range(cycles)) if failure]


def leaks_of(mirror: Mirror, cycles: int) -> list[str]:
    """What should not be there any more, or should and is not."""
    from runs.execution.worktrees import pool_dir

    leaks = [
        f"worktree known to git: {line}"
        for line in mirror.git.text("worktree", "list", "--porcelain").splitlines()
        if line.startswith("worktree ") and Path(line[9:]) != mirror.path
    ]
    entries = mirror.path / "worktrees"
    leaks += [f"entry: {each}" for each in (entries.iterdir() if entries.is_dir() else ())]
    leaks += [f"lock of git: {each}" for each in mirror.path.rglob("*.lock") if _is_gits(each)]
    slots = list(pool_dir(mirror).glob("w*"))
    leaks += [
        f"in slot: {each}" for slot in slots for each in slot.iterdir() if each.name != "lock"
    ]
    refs = mirror.git.text("for-each-ref", "--format=%(refname)", "refs/autopack/attempts/cycles")
    if len(refs.splitlines()) != cycles:
        leaks.append(f"{len(refs.splitlines())} of {cycles} commits are kept")
    return leaks


def _is_gits(lock: Path) -> bool:
    return not lock.name.startswith("autopack-")


def cycles_report(repository: Path, cycles: int) -> bool:
    """Run them on a small repository; True when nothing failed and nothing leaked."""
    mirror, commit = mirror_of("cycles", repository)
    started = time.perf_counter()
    failures = cycles_run(mirror, commit, cycles)
    seconds = time.perf_counter() - started
    leaks = leaks_of(mirror, cycles) if not failures else []
    print(
        f"\n{cycles} cycles of add, commit, remove at {CYCLES_TOGETHER} together: "
        f"{len(failures)} failures, {len(leaks)} leaks, {seconds * 1000 / cycles:.1f} ms a cycle: "
        f"{'MISS' if failures or leaks else 'PASS'}"
    )
    for line in (failures + leaks)[:20]:
        print(f"  {line}")
    mirror.close()
    return not failures and not leaks


def mirror_of(name: str, repository: Path) -> tuple[Mirror, str]:
    from runs.execution.repository.mirrors import mirror_open
    from runs.execution.repository.sources import source_open

    mirror = mirror_open(name, source_open(str(repository)))
    commit = git(repository, "rev-parse", "HEAD").strip()
    mirror.fetch(commit, "")
    return mirror, commit


def compare(repository: Path, folder: Path, rounds: int) -> Comparison:
    count = len(git(repository, "ls-files").splitlines())
    comparison = Comparison(f"workspace, {count} files", WORKSPACES, MUST, AIM)
    folder.mkdir()
    fresh, pooled = Fresh(repository, folder), Pooled(*mirror_of("large", repository))
    pooled.warm()
    rounds_run(comparison, fresh.round, pooled.round, rounds)
    pooled.mirror.close()
    return comparison


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--source", type=Path, help="a source tree, or its .tar.gz")
    parser.add_argument("--cycles", type=int, default=CYCLES)
    options = parser.parse_args()
    if options.source is not None and not options.source.exists():
        parser.error(f"--source {options.source} is not there; name a folder or a .tar.gz.")
    with workshop("bench_workspaces") as folder:
        product_load(folder)
        comparisons = []
        tree = tree_fetch(folder, options.source)
        if tree is None:
            print(f"Skipped: {PACKAGE} cannot be downloaded. Give its sources with --source.")
        else:
            large = repository_make(tree, folder / "large")
            comparisons.append(compare(large, folder / "fresh", options.rounds))
        small = folder / "small"
        small.mkdir()
        for number in range(20):
            (small / f"file_{number}.txt").write_text(f"file {number}\n")
        is_good = cycles_report(repository_make(small, folder / "cycles"), options.cycles)
        return max(finish(comparisons), 0 if is_good else 1)


if __name__ == "__main__":
    sys.exit(main())
