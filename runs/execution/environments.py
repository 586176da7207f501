"""Prepares what an attempt's commands need: one Python environment, and the other tools' packages.

    cache_root/environments/   templates of Python environments (venvs.py)
    cache_root/downloads/      the installers' download caches, one folder a toolchain

`cache_root` belongs to ONE project: installers run code that the project's packages brought, and
they can write to the downloads. Nothing else can, and no command of an attempt can write to either
(but for Maven's and Gradle's homes).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runs.execution.environment.install_types import (
    INSTALL_SECONDS,
    EnvironmentFailed,
    Execute,
    Installing,
    SandboxNeeds,
)
from runs.execution.environment.ports import NoPortFree, PortLease, ports_allocate
from runs.execution.environment.project_files import ProjectFileRefused, project_files_place
from runs.execution.environment.python_environments import (
    Preparation,
    PythonEnvironment,
    python_prepare,
)
from runs.execution.environment.tool_homes import (
    install_by_products,
    missing_programs,
    tool_home,
    tools_install,
)
from runs.execution.environment.venvs import templates_prune, venv_bin
from runs.execution.processes.command import Command, CommandLimits
from runs.toolchains.detection import trusted
from runs.toolchains.python_requirements import requirement_name
from runs.toolchains.types import PYTHON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from runs.execution.processes.command import Cancellation, CommandResult
    from runs.toolchains.types import Detection, ProjectTree

__all__ = [
    "Environment",
    "EnvironmentFailed",
    "Execute",
    "NoPortFree",
    "PortLease",
    "ProjectFileRefused",
    "SandboxNeeds",
    "environment_prepare",
    "packages_command",
    "ports_allocate",
    "project_files_place",
    "templates_prune",
]


@dataclass(frozen=True, slots=True)
class Environment:
    """What the commands of one attempt run in.

    `env` is laid over the base environment (PATH included: the environment's programs come first),
    so that what only installers may know stays where it was. `writable` and `readable` are what a
    sandbox must add for validation; `generated` are repository-relative paths that the
    preparation made in the worktree and that must stay out of a commit. `cached`: no dependency
    had to be installed.
    """

    env: Mapping[str, str]
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    cached: bool = True
    seconds: float = 0.0
    decisions: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    python: PythonEnvironment | None = None
    install_env: Mapping[str, str] = field(default_factory=dict)
    downloads: Path | None = None


def environment_prepare(
    detections: Sequence[Detection],
    *,
    worktree: Path,
    environment_dir: Path,
    cache_root: Path,
    base_env: Mapping[str, str],
    execute: Execute,
    log_path: Path | None,
    tree: ProjectTree,
    cancellation: Cancellation | None = None,
    installer_env: Mapping[str, str] | None = None,
    prefer_uv: bool = True,
) -> Environment:
    """Prepare the environment of an attempt for the detections that are worth trusting.

    `environment_dir` lies outside the worktree and may hold the last attempt's environment, which
    is reused when nobody touched it. `installer_env` (indexes, proxies, certificates) is seen by
    installers only. `prefer_uv=False` installs with pip. With everything cached no network is
    needed. Raises EnvironmentFailed.
    """
    started = time.monotonic()
    worktree, environment_dir, cache_root = (
        path.absolute() for path in (worktree, environment_dir, cache_root)
    )
    downloads = cache_root / "downloads"
    for folder in (environment_dir, downloads):
        folder.mkdir(parents=True, exist_ok=True)
    install_env = _install_env({**base_env, **(installer_env or {})}, downloads)
    installing = Installing(_logged(execute, log_path), install_env, downloads)
    chosen = trusted(detections)
    python = None
    decisions: list[str] = []
    if any(d.toolchain == PYTHON for d in chosen):
        preparation = Preparation(
            chosen, worktree, environment_dir, cache_root, tree, installing, cancellation,
            prefer_uv=prefer_uv,
        )  # fmt: skip
        python = python_prepare(preparation)
        decisions += python.decisions
    environment = _with_python(base_env, python, chosen, worktree)
    environment = _with_tools(environment, chosen, worktree, environment_dir, installing)
    return Environment(
        env=environment.env,
        writable=environment.writable,
        readable=environment.readable,
        cached=environment.cached and (python is None or python.cached),
        seconds=time.monotonic() - started,
        decisions=(*decisions, *environment.decisions),
        generated=(
            *(python.generated if python else ()),
            *install_by_products(chosen, worktree),
        ),
        python=python,
        install_env=install_env,
        downloads=downloads,
    )


def packages_command(
    environment: Environment, names: Sequence[str], *, cwd: Path
) -> tuple[Command, SandboxNeeds]:
    """The command that installs packages into the attempt's own copy, and what it must reach.

    `cwd` is the Python project's folder: the indexes that it declares may be named relative to it.
    Whether a name may be installed is decided elsewhere. Raises EnvironmentFailed when the attempt
    has no Python environment or a name is no requirement.
    """
    python = environment.python
    if python is None or environment.downloads is None:
        raise EnvironmentFailed("this attempt has no Python environment to install packages into")
    refused = [name for name in names if not requirement_name(name)]
    if refused:
        raise EnvironmentFailed(f"{refused[0][:100]!r} names no package: give a name and a version")
    argv = (*python.install_argv, *python.options, *names)
    # uv may be a link from a bin folder into wherever it was unpacked.
    programs = () if python.uv is None else (python.uv, python.uv.resolve())
    needs = SandboxNeeds(
        writable=(python.venv, environment.downloads),
        readable=(*environment.readable, *programs),
        network=True,
    )
    limits = CommandLimits(wall_seconds=INSTALL_SECONDS)
    return Command(argv, cwd, environment.install_env, limits), needs


def _logged(execute: Execute, log_path: Path | None) -> Execute:
    """Each command is named in the log before its output."""
    if log_path is None:
        return execute

    def logged(command: Command, needs: SandboxNeeds, /) -> CommandResult:
        with log_path.open("a", encoding="utf-8", errors="replace") as log:
            log.write(f"$ {' '.join(command.argv)}\n")
        return execute(command, needs)

    return logged


def _install_env(base: Mapping[str, str], downloads: Path) -> dict[str, str]:
    ours = {
        "UV_CACHE_DIR": str(downloads / "uv"),
        "PIP_CACHE_DIR": str(downloads / "pip"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "PIP_PROGRESS_BAR": "off",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CI": "1",
    }
    # Variables of an environment that we happen to run in would redirect the installers.
    dropped = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"}
    return {name: value for name, value in base.items() if name not in dropped} | ours


def _with_python(
    base_env: Mapping[str, str],
    python: PythonEnvironment | None,
    detections: Sequence[Detection],
    worktree: Path,
) -> Environment:
    """Python's part of the environment."""
    # A .pyc is told from its source by whole seconds and size: an edit within the same second
    # would be tested with the old code. Installed packages were compiled in the template.
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    if python is None:
        return Environment(env)
    env["VIRTUAL_ENV"] = str(python.venv)
    env["PATH"] = os.pathsep.join(
        filter(None, (str(venv_bin(python.venv)), base_env.get("PATH", "")))
    )
    sources = dict.fromkeys(p for d in detections if d.python for p in d.python.source_paths)
    env["PYTHONPATH"] = os.pathsep.join(
        [str(worktree) if path == "." else str(worktree / path) for path in sources]
    )
    return Environment(
        env,
        writable=(python.venv,),
        readable=(python.interpreter.prefix, python.interpreter.path.parent),
        decisions=(f"importable without installation: {', '.join(sources)}",) if sources else (),
    )


def _with_tools(
    environment: Environment,
    detections: Sequence[Detection],
    worktree: Path,
    environment_dir: Path,
    installing: Installing,
) -> Environment:
    """The same with the packages of the other toolchains fetched and their variables set."""
    env = dict(environment.env)
    writable, readable = list(environment.writable), list(environment.readable)
    decisions = list(environment.decisions)
    is_only, cached = len(detections) == 1, True
    for detection in detections:
        if detection.toolchain == PYTHON:
            continue
        base = installing.env
        home = tool_home(detection.toolchain, installing.downloads, environment_dir, base)
        missing = missing_programs(detection, base.get("PATH", ""))
        if missing:
            decisions.append(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on PATH:"
                f" the {detection.toolchain} commands of {detection.root} will fail until installed"
            )
            continue
        cached = cached and not detection.install
        try:
            tools_install(detection, home, worktree, installing)
        except EnvironmentFailed as error:
            if is_only or detection.root == ".":
                raise
            decisions.append(f"{error.explanation}; its commands will fail")
        env |= home.env
        writable += home.writable
        readable += home.readable
    return Environment(
        env,
        writable=tuple(dict.fromkeys(writable)),
        readable=tuple(dict.fromkeys(readable)),
        cached=cached,
        decisions=tuple(decisions),
    )
