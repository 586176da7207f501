"""Node, Go, Rust and Java: where their tools keep downloads, and what is fetched before an attempt.

Downloads are kept per project, so whatever a hostile build did to them stays in that project. Only
Maven's and Gradle's homes are writable to an attempt's commands: both write there on every run.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.environment.install_types import (
    INSTALL_SECONDS,
    SandboxNeeds,
    failure_explained,
)
from runs.execution.processes.command import Command, CommandLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from runs.execution.environment.install_types import Installing
    from runs.toolchains.types import Detection, ToolCommand


@dataclass(frozen=True, slots=True)
class ToolHome:
    """What a toolchain's commands see, and what they may write while a change is tested."""

    env: Mapping[str, str]
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()


def tool_home(
    toolchain: str, downloads: Path, environment_dir: Path, base_env: Mapping[str, str]
) -> ToolHome:
    """The variables that keep a toolchain's files where we want them; maybe none."""
    home = downloads / toolchain
    if toolchain == "node":
        env = {
            "npm_config_cache": str(home / "npm"),
            "npm_config_store_dir": str(home / "pnpm"),
            # pnpm would hard-link its store into node_modules: a write there would reach the store.
            "npm_config_package_import_method": "copy",
            "YARN_CACHE_FOLDER": str(home / "yarn"),
            "COREPACK_HOME": str(home / "corepack"),
            "npm_config_update_notifier": "false",
        }
        return ToolHome(env, readable=(home,))
    if toolchain == "go":
        own = environment_dir / "go"
        env = {
            "GOMODCACHE": str(home / "mod"),
            "GOPATH": str(own / "path"),
            # Per attempt: what is compiled from a change must not be taken for another's result.
            "GOCACHE": str(own / "build"),
            # Go makes its module cache read-only, so that not even its owner can delete it.
            "GOFLAGS": f"{base_env.get('GOFLAGS', '')} -modcacherw".strip(),
        }
        return ToolHome(env, writable=(own,), readable=(home,))
    if toolchain == "rust":
        return _rust(home, base_env)
    if toolchain == "maven":
        options = f"{base_env.get('MAVEN_OPTS', '')} -Dmaven.repo.local={home / 'repository'}"
        env = {"MAVEN_OPTS": options.strip(), "MAVEN_USER_HOME": str(home)}
        return ToolHome(env, writable=(home,))
    if toolchain == "gradle":
        return ToolHome({"GRADLE_USER_HOME": str(home)}, writable=(home,))
    return ToolHome({})


def _rust(home: Path, base_env: Mapping[str, str]) -> ToolHome:
    env = {"CARGO_HOME": str(home)}
    program = shutil.which("cargo", path=base_env.get("PATH", ""))
    rustup = Path(program).parents[2] / ".rustup" if program else None
    if rustup is None or "RUSTUP_HOME" in base_env or not rustup.is_dir():
        return ToolHome(env, readable=(home,))
    # rustup's cargo is a launcher that looks for the compilers in the user's home.
    launchers = rustup.parent / ".cargo" / "bin"
    return ToolHome({**env, "RUSTUP_HOME": str(rustup)}, readable=(home, rustup, launchers))


def missing_programs(detection: Detection, search_path: str) -> tuple[str, ...]:
    """Those of the programs it needs that are not on PATH."""
    return tuple(p for p in detection.requires if shutil.which(p, path=search_path) is None)


def tools_install(
    detection: Detection, home: ToolHome, worktree: Path, installing: Installing
) -> None:
    """Run the detection's install commands in the worktree. Raises EnvironmentFailed."""
    # A sandbox can only show what exists.
    for path in (*home.writable, *home.readable):
        path.mkdir(parents=True, exist_ok=True)
    needs = SandboxNeeds(
        writable=(worktree, installing.downloads, *home.writable),
        readable=tuple(p for p in home.readable if not p.is_relative_to(installing.downloads)),
        network=True,
    )
    for tool in detection.install:
        result = installing.execute(_command(tool, home, worktree, installing), needs)
        if not result.ok:
            shown = " ".join(tool.argv[:3])
            raise failure_explained(f"`{shown}` in {detection.root}", result)


def _command(tool: ToolCommand, home: ToolHome, worktree: Path, installing: Installing) -> Command:
    env = {**installing.env, **home.env, **dict(tool.env)}
    limits = CommandLimits(wall_seconds=INSTALL_SECONDS)
    return Command(tool.argv, worktree / tool.cwd, env, limits)


def install_by_products(detections: Sequence[Detection], worktree: Path) -> tuple[str, ...]:
    """Folders that installations make inside the worktree and that must stay out of a commit."""
    made = {"node": ("node_modules",), "rust": ("target",), "maven": ("target",),
            "gradle": ("build", ".gradle")}  # fmt: skip
    names = (
        name if d.root == "." else f"{d.root}/{name}"
        for d in detections
        for name in made.get(d.toolchain, ())
    )
    return tuple(name for name in dict.fromkeys(names) if (worktree / name).is_dir())
