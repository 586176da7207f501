"""The Python environment of an attempt: a cached template of the dependencies, copied, and the
project installed into the copy where it has to be.

Manifests are hostile input as far as a builder may have changed them: whatever index, URL or build
script they name is used, but inside the caller's sandbox, where only the folder being built (or the
copy, and the worktree) and the download cache of this project can be written. A changed declaration
has another key, so it never reaches a template of the original one. What only running code can tell
(computed dependencies) is installed into the copy alone.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runs.execution.environment.environment_keys import Source, copy_stamp, template_key
from runs.execution.environment.install_types import (
    INSTALL_SECONDS,
    EnvironmentFailed,
    SandboxNeeds,
    failure_explained,
)
from runs.execution.environment.interpreters import (
    PROBE,
    Interpreter,
    InterpreterMissing,
    interpreter_choose,
)
from runs.execution.environment.venvs import (
    template_copy,
    template_ensure,
    tree_remove,
    venv_fingerprint,
    venv_python,
)
from runs.execution.processes.command import Command, CommandLimits
from runs.toolchains.python_requirements import requirement_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from runs.execution.environment.install_types import Installing
    from runs.execution.processes.command import Cancellation, CommandResult
    from runs.toolchains.types import Detection, LocalProject, ProjectTree, PythonInstall


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    venv: Path
    interpreter: Interpreter
    uv: Path | None
    cached: bool
    generated: tuple[str, ...] = ()
    decisions: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    """The index options that the projects declare."""

    @property
    def install_argv(self) -> tuple[str, ...]:
        """What installs packages into this environment, names and options to be appended."""
        return _install_argv(self.uv, self.venv)


@dataclass(slots=True)
class Preparation:
    """One environment being prepared, for the projects of `detections`."""

    detections: Sequence[Detection]
    worktree: Path
    environment_dir: Path
    cache_root: Path
    tree: ProjectTree
    installing: Installing
    cancellation: Cancellation | None = None
    prefer_uv: bool = True
    decisions: list[str] = field(default_factory=list)

    @property
    def venv(self) -> Path:
        return self.environment_dir / "venv"

    @property
    def pythons(self) -> list[tuple[Detection, PythonInstall]]:
        return [(d, d.python) for d in self.detections if d.python is not None]


def python_prepare(preparation: Preparation) -> PythonEnvironment:
    """The attempt's own environment, ready to use. Raises EnvironmentFailed."""
    uv = uv_program(preparation.installing.env.get("PATH", "")) if preparation.prefer_uv else None
    interpreter = _interpreter(preparation)
    preparation.decisions.append(
        f"Python {interpreter.version_text} ({interpreter.path}), installed by"
        f" {'uv' if uv else 'pip'}"
    )
    source = Source(preparation.worktree, preparation.tree)
    key = template_key(preparation.pythons, source, "uv" if uv else "pip", interpreter)
    stamp = copy_stamp(preparation.pythons, source, key)
    state = preparation.environment_dir / "venv.json"
    if _is_untouched(preparation.venv, state, stamp):
        preparation.decisions.append(
            "the environment of the last attempt here is untouched: reused"
        )
        generated = tuple(json.loads(state.read_text(encoding="utf-8"))["generated"])
        return _environment(preparation, interpreter, uv, cached=True, generated=generated)
    state.unlink(missing_ok=True)
    template, cached = template_ensure(
        preparation.cache_root,
        key,
        lambda folder: _build(preparation, uv, interpreter, folder),
        cancellation=preparation.cancellation,
    )
    template_copy(template, preparation.venv, preparation.installing)
    generated = _install_projects(preparation, uv, interpreter)
    record = {
        "stamp": stamp,
        "fingerprint": venv_fingerprint(preparation.venv),
        "generated": generated,
    }
    state.write_text(json.dumps(record), encoding="utf-8")
    return _environment(preparation, interpreter, uv, cached=cached, generated=generated)


def uv_program(search_path: str) -> Path | None:
    """The uv that came with us, else the one on PATH."""
    beside = Path(sys.executable).with_name("uv.exe" if sys.platform == "win32" else "uv")
    if beside.is_file():
        return beside
    found = shutil.which("uv", path=search_path)
    return Path(found) if found else None


def _environment(
    preparation: Preparation,
    interpreter: Interpreter,
    uv: Path | None,
    *,
    cached: bool,
    generated: tuple[str, ...],
) -> PythonEnvironment:
    options = dict.fromkeys(o for _, install in preparation.pythons for o in install.options)
    return PythonEnvironment(
        preparation.venv,
        interpreter,
        uv,
        cached,
        generated,
        tuple(preparation.decisions),
        tuple(options),
    )


def _interpreter(preparation: Preparation) -> Interpreter:
    wanted = ",".join(filter(None, (i.requires_python for _, i in preparation.pythons)))
    env = preparation.installing.env

    def probe(path: Path) -> str | None:
        limits = CommandLimits(wall_seconds=20)
        command = Command((str(path), "-I", "-S", "-c", PROBE), preparation.worktree, env, limits)
        readable = (path.parent.parent, path.resolve().parent.parent)
        result = preparation.installing.execute(command, SandboxNeeds(readable=readable))
        return result.output if result.ok else None

    try:
        return interpreter_choose(wanted, search_path=env.get("PATH", ""), probe=probe)
    except InterpreterMissing as error:
        raise EnvironmentFailed(str(error)) from error


def _is_untouched(venv: Path, state: Path, stamp: str) -> bool:
    try:
        record = json.loads(state.read_text(encoding="utf-8"))
        return bool(
            stamp
            and record["stamp"] == stamp
            and record["fingerprint"]
            and venv_fingerprint(venv) == record["fingerprint"]
        )
    except (OSError, ValueError, KeyError):
        return False


def _build(
    preparation: Preparation, uv: Path | None, interpreter: Interpreter, folder: Path
) -> None:
    """Fill `folder` with a venv that holds the dependencies of all the projects."""
    venv = folder / "venv"
    # uv notes in its cache what it learned of the interpreter.
    writable = (folder, preparation.installing.downloads)
    needs = SandboxNeeds(writable=writable, readable=_readable(uv, interpreter))
    if uv is None:
        argv: tuple[str, ...] = (str(interpreter.path), "-m", "venv", str(venv))
    else:
        argv = (
            str(uv), "venv", "--quiet", "--no-project", "--no-config", "--relocatable",
            "--python", str(interpreter.path), str(venv),
        )  # fmt: skip
    _run(preparation, "making the virtual environment", argv, preparation.worktree, needs)
    for detection, install in preparation.pythons:
        _build_dependencies(preparation, uv, interpreter, folder, (detection, install))


def _build_dependencies(
    preparation: Preparation,
    uv: Path | None,
    interpreter: Interpreter,
    folder: Path,
    project: tuple[Detection, PythonInstall],
) -> None:
    detection, install = project
    worktree = preparation.worktree
    shared = (folder, preparation.installing.downloads)
    readable = _readable(uv, interpreter)
    if install.local_paths:  # building a local package writes beside its sources
        needs = SandboxNeeds((*shared, worktree), readable, network=True)
    else:
        needs = SandboxNeeds(shared, (worktree, *readable), network=True)
    cwd = worktree / detection.root
    what = f"installing the dependencies of {detection.root}"
    lines = [*install.requirements, *install.packages]
    if uv is not None and install.uv_lock:
        flags = ("--no-install-local", "--no-install-workspace")
        _sync(preparation, uv, interpreter, folder / "venv", project, flags, needs)
        # The lock has what is declared, local packages included; those belong into the copy.
        lines = [
            line
            for line in lines
            if requirement_name(line) not in install.locked_names and not line.startswith(".")
        ]
    hashed = [line for line in lines if "--hash=" in line]
    plain = [line for line in lines if "--hash=" not in line]
    # pip asks for a hash of every line of a call that has one.
    for number, part in enumerate((hashed, plain) if uv is None else (hashed + plain,)):
        if not part:
            continue
        constraints = install.constraints if part is not hashed else ()
        argv = (*_install_argv(uv, folder / "venv"), *install.options)
        names = _write(folder, f"{number}", part, constraints)
        try:
            _run(preparation, what, (*argv, *names), cwd, needs)
        except EnvironmentFailed as error:
            if not (constraints and install.locked_names and error.is_unresolvable):
                raise
            # The declaration was changed and the lock was not: the declaration is what counts.
            preparation.decisions.append("the lock file contradicts the declaration: left out")
            _run(preparation, what, (*argv, *names[:2]), cwd, needs)


def _write(
    folder: Path, name: str, lines: Iterable[str], constraints: Iterable[str]
) -> tuple[str, ...]:
    requirements = folder / f"requirements-{name}.txt"
    requirements.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if not constraints:
        return ("-r", str(requirements))
    pinned = folder / f"constraints-{name}.txt"
    pinned.write_text("\n".join(constraints) + "\n", encoding="utf-8")
    return ("-r", str(requirements), "-c", str(pinned))


def _install_argv(uv: Path | None, venv: Path) -> tuple[str, ...]:
    python = str(venv_python(venv))
    if uv is None:
        return (python, "-m", "pip", "install", "--no-input", "--no-warn-script-location")
    # Copies, not hard links: whoever writes into the environment would write into uv's cache.
    return (
        str(uv), "pip", "install", "--python", python, "--link-mode", "copy", "--compile-bytecode",
    )  # fmt: skip


def _sync(
    preparation: Preparation,
    uv: Path,
    interpreter: Interpreter,
    venv: Path,
    project: tuple[Detection, PythonInstall],
    flags: tuple[str, ...],
    needs: SandboxNeeds,
) -> None:
    """Install what uv.lock pins. Frozen: an outdated lock is used as it is, never rewritten."""
    detection, install = project
    chosen = [f"--extra={extra}" for extra in install.extras]
    chosen += [f"--group={group}" for group in install.groups]
    argv = (
        str(uv), "sync", "--frozen", "--inexact", "--link-mode", "copy", "--compile-bytecode",
        "--python", str(interpreter.path), *flags, *chosen,
    )  # fmt: skip
    env = {"UV_PROJECT_ENVIRONMENT": str(venv)}
    cwd = preparation.worktree / detection.root
    _run(preparation, f"installing what {install.uv_lock} pins", argv, cwd, needs, env)


def _install_projects(
    preparation: Preparation, uv: Path | None, interpreter: Interpreter
) -> tuple[str, ...]:
    """Install the projects themselves into the copy; the untracked files that this made."""
    needs = SandboxNeeds(
        writable=(preparation.venv, preparation.worktree, preparation.installing.downloads),
        readable=_readable(uv, interpreter),
        network=True,
    )
    before = _by_products(preparation)
    for detection, install in preparation.pythons:
        if uv is not None and install.uv_lock and (install.projects or install.has_locked_members):
            _sync(preparation, uv, interpreter, preparation.venv, (detection, install), (), needs)
            continue
        # Those that others may depend on first.
        for project in reversed(install.projects):
            _install_project(preparation, uv, (detection, install), project, needs)
    return tuple(sorted(_by_products(preparation) - before))


def _install_project(
    preparation: Preparation,
    uv: Path | None,
    of: tuple[Detection, PythonInstall],
    project: LocalProject,
    needs: SandboxNeeds,
) -> None:
    detection, install = of
    extras = f"[{','.join(project.extras)}]" if project.extras else ""
    alone = ("--no-deps",) if project.has_static_dependencies else ()
    target = f"{preparation.worktree / project.path}{extras}"
    argv = (*_install_argv(uv, preparation.venv), *install.options, *alone, "-e", target)
    cwd = preparation.worktree / detection.root
    _run(preparation, f"installing the project at {project.path}", argv, cwd, needs)


def _by_products(preparation: Preparation) -> frozenset[str]:
    """What builds leave beside their sources, which must not end up in a commit."""
    found: set[str] = set()
    for _, install in preparation.pythons:
        for project in install.projects:
            for folder in (project.path, f"{project.path}/src", f"{project.path}/lib"):
                base = preparation.worktree / folder
                if base.is_dir():
                    names = (n for n in os.listdir(base) if n.endswith(".egg-info") or n == "build")  # noqa: PTH208
                    found |= {os.path.normpath(f"{folder}/{n}").replace(os.sep, "/") for n in names}
    return frozenset(found)


def _readable(uv: Path | None, interpreter: Interpreter) -> tuple[Path, ...]:
    # uv may be a link from a bin folder into wherever it was unpacked.
    programs = () if uv is None else (uv, uv.resolve())
    return tuple(dict.fromkeys((interpreter.prefix, interpreter.path.parent, *programs)))


def _run(
    preparation: Preparation,
    what: str,
    argv: Sequence[str],
    cwd: Path,
    needs: SandboxNeeds,
    env: dict[str, str] | None = None,
) -> CommandResult:
    limits = CommandLimits(wall_seconds=INSTALL_SECONDS)
    command = Command(tuple(argv), cwd, {**preparation.installing.env, **(env or {})}, limits)
    result = preparation.installing.execute(command, needs)
    if not result.ok:
        raise failure_explained(what, result)
    return result


def python_remove(environment_dir: Path) -> None:
    """Remove the attempt's environment."""
    tree_remove(environment_dir / "venv")
    (environment_dir / "venv.json").unlink(missing_ok=True)
