"""What a toolchain adapter is given and what it says: plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

TRUSTED_CONFIDENCE = 0.5
"""Detections below it are shown to people but neither prepared nor used as a fall-back."""

MAKE = "make"
PYTHON = "python"


class ProjectTree(Protocol):
    """A listing of a repository and a reader of its small files."""

    @property
    def paths(self) -> Sequence[str]:
        """Repository-relative POSIX paths of the files, in any order."""

    def read(self, path: str) -> str | None:
        """The text of one file; None when it is absent, binary or too large."""


@dataclass(frozen=True, slots=True)
class ToolCommand:
    """One command: argv without a shell, run in `cwd` (repository-relative)."""

    argv: tuple[str, ...]
    cwd: str = "."
    env: tuple[tuple[str, str], ...] = ()
    junit_args: tuple[str, ...] = ()
    """Appended when a JUnit file is wanted, the literal "{junit}" standing for its path."""
    junit_globs: tuple[str, ...] = ()
    """Where the runner writes JUnit by itself: patterns relative to `cwd`."""

    def argv_with_junit(self, junit: str) -> tuple[str, ...]:
        """The argv that also writes a JUnit file at `junit`, where the runner can be told to."""
        return (*self.argv, *(part.replace("{junit}", junit) for part in self.junit_args))


@dataclass(frozen=True, slots=True)
class LocalProject:
    """A Python project of this repository that is installed, editable, into each attempt's copy."""

    path: str
    extras: tuple[str, ...] = ()
    has_static_dependencies: bool = True
    """False: only building it tells its dependencies, so they are installed with it."""


@dataclass(frozen=True, slots=True)
class PythonInstall:
    """What a Python project needs, independent of the tool that makes the virtual environment.

    Paths in `requirements` and `options` are relative to the detection's root; all others are
    relative to the repository.
    """

    requires_python: str = ""
    requirement_files: tuple[str, ...] = ()
    """The files that `requirements` were read from, includes followed."""
    requirements: tuple[str, ...] = ()
    """Requirement lines: of the files, of the metadata, of the chosen extras and groups."""
    constraints: tuple[str, ...] = ()
    """`name==version` lines of constraint files and of a lock file that has one version a name."""
    options: tuple[str, ...] = ()
    """Index options that the files declare, from a closed list, as separate arguments."""
    packages: tuple[str, ...] = ()
    """Undeclared, but the tests cannot run without them."""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    local_paths: tuple[str, ...] = ()
    """Files and folders that requirement lines name: their content belongs to a cache key."""
    projects: tuple[LocalProject, ...] = ()
    source_paths: tuple[str, ...] = ()
    """Folders that must be importable without an installation (for PYTHONPATH)."""
    uv_lock: str = ""
    """The path of a uv.lock that decides the versions, or ""."""
    locked_names: tuple[str, ...] = ()
    """Normalized names of everything in the lock file."""
    has_locked_members: bool = False
    """The lock installs other folders of the repository (a workspace's members)."""


@dataclass(frozen=True, slots=True)
class Detection:
    """One project found in the tree: how it is installed, built and tested, and why we think so."""

    toolchain: str
    root: str
    """"." or the sub-folder that it lives in."""
    confidence: float
    """0 to 1: 0.9 a complete manifest, 0.6 only tests, 0.4 a Makefile; less when broken."""
    reasons: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    """Files whose content decides the environment."""
    install: tuple[ToolCommand, ...] = ()
    build: tuple[ToolCommand, ...] = ()
    test: tuple[ToolCommand, ...] = ()
    smoke: tuple[ToolCommand, ...] = ()
    """A cheap check that the project holds together; runs no test."""
    requires: tuple[str, ...] = ()
    """Programs that must be on PATH."""
    python: PythonInstall | None = None
