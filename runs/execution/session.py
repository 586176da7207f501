"""What the attempts of one run share while this process drives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from runs.agents.types import NullAuditor, NullDoctor
from runs.execution.repository.mirrors import Mirror, mirror_open
from runs.execution.repository.sources import source_open
from runs.execution.sandbox import SandboxMode, sandbox_resolve
from runs.planning.plan_build import build_phase
from runs.toolchains.detection import toolchains_detect

if TYPE_CHECKING:
    from runs.agents.types import Auditor, Doctor
    from runs.execution.validation import BaselineResult
    from runs.models import Phase, Run
    from runs.planning.schema import PhasePlan
    from runs.toolchains.types import Detection

# What a manifest may weigh before it is no manifest.
MANIFEST_BYTES = 1 << 20


@dataclass(slots=True)
class Session:
    """One run in one process. Threads share it; nothing in it is written twice differently."""

    run: Run
    mirror: Mirror
    mode: SandboxMode
    auditor: Auditor = field(default_factory=NullAuditor)
    doctor: Doctor = field(default_factory=NullDoctor)
    plans: dict[int, PhasePlan] = field(default_factory=dict)
    baselines: dict[tuple[object, ...], BaselineResult] = field(default_factory=dict)
    # Where the project's base was when it was last looked at.
    base_now: str = ""

    def plan_of(self, phase: Phase) -> PhasePlan:
        plan = self.plans.get(phase.pk)
        if plan is None:
            # A row of ours was checked when the run was made.
            plan = self.plans[phase.pk] = build_phase(phase.spec, phase.tier)
        return plan

    def base_moved(self) -> str:
        """A sentence for people when the project has gone on from where the run started."""
        if self.mirror.source.is_local:
            start = self.mirror.source_start(self.run.project.base_ref, self.run.branch)
            self.base_now = start.base
        if self.base_now in ("", self.run.base_commit):
            return ""
        return (
            f"Its base has moved meanwhile, from {self.run.base_commit[:12]} to "
            f"{self.base_now[:12]}: merge or rebase the branch."
        )

    @property
    def folder(self) -> Path:
        """Where the run's logs and diffs are."""
        return run_folder(self.run.run_id)


def run_folder(run_id: str) -> Path:
    return Path(settings.AUTOPACK_HOME) / "runs" / run_id


def session_open(run: Run) -> Session:
    """Look at the run's repository and open its mirror.

    Raises RepositoryProblem, SandboxUnavailable, GitMissing.
    """
    source = source_open(run.project.source)
    return Session(
        run=run,
        mirror=mirror_open(run.project.name, source),
        mode=sandbox_resolve(settings.AUTOPACK_SANDBOX),
    )


class CommitTree:
    """A commit's files for toolchain detection: names from git, texts from a clean checkout."""

    def __init__(self, root: Path, paths: tuple[str, ...]) -> None:
        self._root = root
        self.paths = paths
        self._known = frozenset(paths)

    def read(self, path: str) -> str | None:
        target = self._root / path
        if path not in self._known or target.is_symlink() or not target.is_file():
            return None
        if target.stat().st_size > MANIFEST_BYTES:
            return None
        try:
            return target.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None


def commit_paths(mirror: Mirror, commit: str) -> tuple[str, ...]:
    """The paths of a commit's files, in git's order."""
    listing = mirror.git.call("ls-tree", "-r", "-z", "--name-only", commit).stdout
    return tuple(name for name in listing.decode(errors="surrogateescape").split("\0") if name)


@lru_cache(maxsize=8)
def _folded(mirror: Mirror, commit: str) -> dict[str, str]:
    return {path.casefold(): path for path in commit_paths(mirror, commit)}


def commit_paths_folded(mirror: Mirror, commit: str) -> dict[str, str]:
    """The paths of a commit by their case-folded form: which names a new one would collide with."""
    return _folded(mirror, commit)


def commit_tree(mirror: Mirror, commit: str, root: Path) -> CommitTree:
    return CommitTree(root, commit_paths(mirror, commit))


@lru_cache(maxsize=256)
def _remembered(mirror_path: Path, commit: str) -> list[tuple[Detection, ...]]:
    del mirror_path, commit
    return []


def detections_of(mirror: Mirror, commit: str, root: Path) -> tuple[Detection, ...]:
    """The toolchains of `commit`, which is checked out at `root`. Remembered by commit."""
    memory = _remembered(mirror.path, commit)
    if not memory:
        memory.append(toolchains_detect(commit_tree(mirror, commit, root)))
    return memory[0]


def detections_carry(mirror: Mirror, old: str, new: str) -> None:
    """Say that `new` has the toolchains of `old`: no file came or went, no manifest changed."""
    memory = _remembered(mirror.path, old)
    if memory:
        _remembered(mirror.path, new)[:] = memory
