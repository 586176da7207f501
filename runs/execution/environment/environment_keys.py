"""What decides the content of a Python environment, as keys.

Read from the worktree's files, which a builder may have made anything of: only plain files are
opened, and no more than LOCAL_BYTES_MAX is read.
"""

from __future__ import annotations

import hashlib
import json
import platform
import stat
import sys
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from runs.execution.environment.interpreters import Interpreter
    from runs.toolchains.types import Detection, ProjectTree, PythonInstall

    Pythons = Sequence[tuple[Detection, PythonInstall]]

ADAPTER_VERSION = 1
"""Part of every key: raise it when templates are built differently."""
LOCAL_BYTES_MAX = 64 * 1024 * 1024
"""Above it, local packages are told apart by their times instead of their content."""


@dataclass(frozen=True, slots=True)
class Source:
    """The worktree and the listing of its files."""

    worktree: Path
    tree: ProjectTree


def template_key(pythons: Pythons, source: Source, installer: str, interpreter: Interpreter) -> str:
    """Everything that decides what a template holds. Project and worktree are no part of it."""
    parts: list[object] = [
        ADAPTER_VERSION, installer, str(interpreter.path), interpreter.version_text,
        sys.platform, platform.machine(),
    ]  # fmt: skip
    budget = [LOCAL_BYTES_MAX]
    for detection, install in pythons:
        # Which folders are importable or installed later leaves the template as it is.
        plain = replace(
            install, projects=(), source_paths=(), requires_python="", requirement_files=()
        )
        where = detection.root if install.local_paths or install.options else ""
        paths = [*install.local_paths, *filter(None, (install.uv_lock,))]
        parts.append([where, asdict(plain), _contents(source, paths, budget)])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]


def copy_stamp(pythons: Pythons, source: Source, key: str) -> str:
    """What the copy depends on beside the template: the projects installed into it."""
    budget = [LOCAL_BYTES_MAX]
    parts: list[object] = [key, str(source.worktree)]
    for detection, install in pythons:
        if not all(p.has_static_dependencies for p in install.projects):
            return ""  # only running its build tells whether anything changed
        if install.projects or install.has_locked_members:
            parts.append([[asdict(p) for p in install.projects], detection.root])
            parts.append(_contents(source, detection.manifests, budget))
            for project in install.projects:
                manifests = [f"{project.path}/{n}" for n in ("pyproject.toml", "setup.cfg")]
                parts.append(_contents(source, manifests, budget))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _contents(source: Source, paths: Iterable[str], budget: list[int]) -> list[tuple[str, str]]:
    wanted = [("" if path == "." else path) for path in paths]
    return [
        (name, _digest(source.worktree / name, budget))
        for name in sorted(source.tree.paths)
        if any(name == path or name.startswith(f"{path}/" if path else "") for path in wanted)
    ]


def _digest(path: Path, budget: list[int]) -> str:
    """Of a plain file its content, of a link its target; anything else in a worktree is a trap."""
    try:
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            return f"link {path.readlink()}"
        if not stat.S_ISREG(info.st_mode):
            return "special"
        budget[0] -= info.st_size
        if budget[0] < 0:
            return f"{info.st_size} {info.st_mtime_ns}"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "missing"
