"""Actions that install: into the attempt's own copy of the environment, never into a cache."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from runs.execution import preparation
from runs.execution.bench import package_sources
from runs.execution.environment.python_environments import python_remove, uv_program
from runs.execution.environments import (
    EnvironmentFailed,
    SandboxNeeds,
    packages_command,
)
from runs.execution.mitigations.candidate import candidate_change
from runs.execution.mitigations.declared import declared_lines
from runs.execution.mitigations.hostile import package_name
from runs.execution.mitigations.types import ACTION_SECONDS, Applied, NotPossible
from runs.execution.process import Command, CommandLimits
from runs.states import Stage
from runs.toolchains.python_requirements import requirement_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from runs.execution.mitigations.types import Step
    from runs.execution.process import CommandResult

LIMITS = CommandLimits(wall_seconds=ACTION_SECONDS)
MANIFEST_LINES = 300
NO_ENVIRONMENT = "This attempt has no Python environment of its own to install into."

# How each tool makes its lock file anew without running what the packages bring, and its name.
LOCK_TOOLS: dict[str, tuple[tuple[str, ...], str]] = {
    "uv": (("uv", "lock"), "uv.lock"),
    "poetry": (("poetry", "lock", "--no-interaction"), "poetry.lock"),
    "npm": (
        ("npm", "install", "--package-lock-only", "--ignore-scripts", "--no-audit", "--no-fund"),
        "package-lock.json",
    ),
    "pnpm": (("pnpm", "install", "--lockfile-only", "--ignore-scripts"), "pnpm-lock.yaml"),
    "cargo": (("cargo", "generate-lockfile"), "Cargo.lock"),
    "bundler": (("bundle", "lock"), "Gemfile.lock"),
    "composer": (("composer", "update", "--lock", "--no-scripts", "--no-plugins"), "composer.lock"),
}


def install_package(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Install one package by its name; whether it may be is hardening's decision, or a person's."""
    name, ecosystem = installable(step, parameters), parameters["ecosystem"]
    if ecosystem == "node":
        return _node_install(step, name)
    return _python_install(step, [name], f"{name} is not installed", f"{name} is installed")


def installable(step: Step, parameters: Mapping[str, str]) -> str:
    """The name of the package that `install_package` would install. Raises NotPossible."""
    ecosystem = parameters["ecosystem"]
    environment = step.trial.bench.environment
    if ecosystem == "python" and (environment is None or environment.python is None):
        raise NotPossible(NO_ENVIRONMENT)
    return package_name(ecosystem, parameters["package"])


def install_from_manifest(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Install all that the project declares: extras and groups that were left out, too."""
    ecosystem = parameters["ecosystem"]
    if ecosystem == "python":
        session = step.trial.session
        lines = [
            line
            for line in declared_lines(session.mirror, session.run.base_commit)["python"]
            if requirement_name(line) and " @ " not in line
        ]
        if not lines:
            raise NotPossible("The project declares no Python package.")
        said = f"{len(lines)} declared packages are installed"
        return _python_install(step, lines[:MANIFEST_LINES], "what tests need is installed", said)
    found = [d for d in step.trial.detections if d.toolchain == ecosystem and d.install]
    if not found:
        raise NotPossible(f"There is no manifest of {ecosystem[:40]!r} that could be installed.")
    for detection in found:
        for tool in detection.install:
            _run_tool(step, tool.argv, step.trial.bench.tree / tool.cwd)
    # Installing what is declared once more takes nothing away that was there.
    return Applied("packages of the manifest are missing", "installed from the manifest")


# --- Python -----------------------------------------------------------------------------------


def _python_install(step: Step, names: list[str], before: str, after: str) -> Applied:
    bench = step.trial.bench
    environment = bench.environment
    if environment is None or environment.python is None:
        raise NotPossible(NO_ENVIRONMENT)
    root = next((d.root for d in step.trial.detections if d.toolchain == "python"), ".")
    try:
        command, needs = packages_command(environment, names, cwd=bench.tree / root)
    except EnvironmentFailed as refused:
        raise NotPossible(refused.explanation) from refused
    # Whoever comes next in this slot must not take it for an untouched copy.
    (bench.workspace.environment_dir / "venv.json").unlink(missing_ok=True)
    bench.note(f"$ {' '.join(command.argv)}")
    result = bench.execute(replace(command, limits=LIMITS), needs)
    undo = _environment_anew(step)
    if not result.ok:
        undo()
        raise NotPossible(f"The installation failed: {result.explanation}")
    return Applied(before, after, undo)


def _environment_anew(step: Step) -> Callable[[], None]:
    """The undo of an installation: the copy is removed and made again from its template."""
    trial = step.trial

    def undo() -> None:
        python_remove(trial.bench.workspace.environment_dir)
        preparation.environment_give(trial.session, trial.bench, trial.commit or trial.base)

    return undo


# --- Others -----------------------------------------------------------------------------------


def _node_install(step: Step, name: str) -> Applied:
    bench = step.trial.bench
    root = _root_of(step, "node")
    folder = bench.tree / root
    modules = "node_modules" if root == "." else f"{root}/node_modules"
    # Made at the build stage, it must not become part of the commit.
    bench.workspace.place(tuple(dict.fromkeys((*bench.workspace.placed, modules))))
    options = ("--no-save", "--ignore-scripts", "--no-audit", "--no-fund")
    _run_tool(step, ("npm", "install", *options, "--", name), folder)

    def undo() -> None:
        _run_tool(step, ("npm", "uninstall", *options, "--", name), folder)

    return Applied(f"{name} is not installed", f"{name} is installed", undo)


def regenerate_lock_file(step: Step, parameters: Mapping[str, str]) -> Applied:
    """Make the lock file anew and put it into the candidate, where governance looks at it."""
    trial = step.trial
    known = LOCK_TOOLS.get(parameters["tool"])
    if known is None:
        raise NotPossible(f"How {parameters['tool'][:40]!r} makes its lock file is not known here.")
    argv, name = known
    root = step.cwd
    path = name if root == "." else f"{root}/{name}"
    if step.stage is not Stage.VALIDATE:
        raise NotPossible("A lock file is made anew once the change is complete.")
    if path in {change.path for change in trial.changes}:
        raise NotPossible(f"The change brings a {path} of its own.")
    target = trial.bench.tree / path

    def change() -> None:
        _run_tool(step, argv, trial.bench.tree / root)
        if target.is_symlink() or not target.is_file():
            raise NotPossible(f"{' '.join(argv[:2])} made no {path}.")
        trial.bench.workspace.git.call("add", "--", f":(top,literal){path}")

    undo = candidate_change(trial, change, makes=(path,))
    return Applied(f"{path} is out of date", f"{path} is made anew", undo)


def _root_of(step: Step, ecosystem: str) -> str:
    roots = [d.root for d in step.trial.detections if d.toolchain == ecosystem]
    if step.cwd in roots:
        return step.cwd
    if not roots:
        raise NotPossible(f"The project has no manifest of {ecosystem}.")
    return roots[0]


def _run_tool(step: Step, argv: tuple[str, ...], folder: Path) -> CommandResult:
    """Run a package manager: with the network, and with the downloads that are the project's."""
    bench = step.trial.bench
    environment = bench.environment
    env = bench.base_environment() | package_sources()
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    if environment is not None:
        env |= {**environment.install_env, **environment.env}
        writable = tuple(filter(None, (environment.downloads,)))
        readable = environment.readable
    if argv[0] == "uv" and (uv := uv_program(env.get("PATH", ""))) is not None:
        argv = (str(uv), *argv[1:])
        readable = (*readable, uv, uv.resolve())
    bench.note(f"$ {' '.join(argv)}")
    needs = SandboxNeeds(writable=writable, readable=readable, network=True)
    result = bench.execute(Command(argv, folder, env, LIMITS), needs)
    if not result.ok:
        raise NotPossible(f"{' '.join(argv[:2])} failed: {result.explanation}")
    return result
